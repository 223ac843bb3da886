use std::{io, time::Duration};

use tokio::net::lookup_host;
use vehicle_agent::{
    config::Config,
    identity::{IdentityError, read_credentials, read_trust_domain},
    ledger::LedgerIdentity,
};
use wayside::{
    security::{Credential, SlotClock, TrustDomain},
    serve::in_words,
    time::Timestamp,
    transport::door::{Client, ClientConfig, UnitTrust},
};

use super::{
    files::{look_at_folder, look_at_genesis, look_at_key},
    network::{look_at_doors, look_at_multicast, look_at_reach, look_at_udp},
    report::Report,
};
use crate::ledger::utc;

/// Looks at what an agent's configuration names.
pub(super) async fn look(config: &Config, now: Timestamp, report: &mut Report) {
    let fetches = config.ledger.genesis.is_some() && config.tickets.fetch;
    if let Some(domain) = look_at_domain(config, fetches, report) {
        look_at_tickets(config, &domain, (fetches, now), report);
    }
    look_at_folder(&config.identity.state, "state", report);
    if let Some(folder) = &config.record.folder {
        look_at_folder(folder, "recordings", report);
    }
    let grpc = (&config.grpc, SOCKET);
    let runs = look_at_doors(grpc, &config.metrics, now, report);
    let listen = config.transport.listen;
    look_at_udp("transport.listen", listen, runs, report);
    look_at_reach("transport.listen", listen.ip(), report);
    if let Some(discovery) = &config.transport.discovery {
        look_at_multicast(discovery, report);
    }
    look_at_ledger(config, now, report).await;
}

fn look_at_domain(config: &Config, fetches: bool, report: &mut Report) -> Option<TrustDomain> {
    let about = "trust domain";
    match read_trust_domain(&config.identity.trust_domain) {
        Ok(domain) if domain.is_development() => {
            report.doubtful(
                about,
                "for DEVELOPMENT: one issuer holds every role, no promise about tickets holds",
                "on a real road, take the one of the operators",
            );
            Some(domain)
        }
        Ok(domain) => {
            report.well(about, format!("{} issuers", domain.issuers().count()));
            Some(domain)
        }
        Err(IdentityError::Unusable { source, path })
            if fetches && source.kind() == io::ErrorKind::NotFound =>
        {
            let found = format!(
                "{} is not there: the ledger says who issues",
                path.display()
            );
            report.well(about, found);
            None
        }
        Err(error) => {
            let remedy =
                "take the file from who issues the tickets: identity.trust_domain names it";
            report.wrong(about, in_words(&error), remedy);
            None
        }
    }
}

fn look_at_tickets(
    config: &Config,
    domain: &TrustDomain,
    (fetches, now): (bool, Timestamp),
    report: &mut Report,
) {
    let about = "tickets";
    match read_credentials(&config.identity.tickets, domain) {
        Ok(credentials) => look_at_supply(&credentials, domain.slots(), (fetches, now), report),
        Err(IdentityError::NoTickets(_) | IdentityError::Refused { .. }) if fetches => report
            .doubtful(
                about,
                "none that counts yet",
                "let the agent reach a unit (ledger.units): it asks for them by itself",
            ),
        Err(error) => {
            let remedy = match &error {
                IdentityError::Exposed(path) => format!(
                    "chmod 600 {}; if anybody may have read it, have another issued",
                    path.display()
                ),
                IdentityError::Unusable { .. }
                | IdentityError::Malformed { .. }
                | IdentityError::Refused { .. }
                | IdentityError::NoTickets(_) => {
                    "have tickets issued (`wayside pki issue` for development), or set up the ledger"
                        .to_owned()
                }
            };
            report.wrong(about, in_words(&error), remedy);
        }
    }
}

fn look_at_supply(
    credentials: &[Credential],
    slots: SlotClock,
    (fetches, now): (bool, Timestamp),
    report: &mut Report,
) {
    let about = "tickets";
    let ends = credentials
        .iter()
        .map(|it| slots.valid_until(it.ticket().slot()));
    let left: Vec<Timestamp> = ends.filter(|end| *end > now).collect();
    let remedy = if fetches {
        "see why none come: wayside_tickets_problem in the agent's metrics"
    } else {
        "have more issued (`wayside pki issue` for development), then send the agent SIGHUP"
    };
    let Some(last) = left.iter().max() else {
        report.wrong(
            about,
            format!("all {} are over: it signs nothing", credentials.len()),
            remedy,
        );
        return;
    };
    let found = format!("{} left, the last until {}", left.len(), utc(*last));
    if last.since(now) < TICKETS_WANTED {
        report.doubtful(about, found, remedy);
    } else {
        report.well(about, found);
    }
}

async fn look_at_ledger(config: &Config, now: Timestamp, report: &mut Report) {
    let ledger = &config.ledger;
    let Some(genesis) = &ledger.genesis else {
        report.well("ledger", "none: the vehicle's records go nowhere");
        return;
    };
    let genesis = look_at_genesis(genesis, now, report);
    let has_key = look_at_key(&ledger.enrolment_key, "enrolment key", report);
    if genesis.is_none() || !has_key {
        return;
    }
    let identity = match LedgerIdentity::open(ledger) {
        Ok(Some((identity, _))) => identity,
        Ok(None) => return,
        Err(error) => {
            report.wrong(
                "ledger",
                in_words(&error),
                "put the key right that it names",
            );
            return;
        }
    };
    let trust = UnitTrust {
        chain: identity.genesis.chain(),
        operators: identity.operators,
    };
    let door = ClientConfig {
        connect_timeout: ledger.door.connect_timeout.min(CONNECT_MAX),
        ..ledger.door.clone()
    };
    if ledger.units.is_empty() {
        report.doubtful(
            "units",
            "none is named: records wait",
            "name some in ledger.units",
        );
    }
    for unit in &ledger.units {
        let about = format!("unit {unit}");
        match reach(unit, &trust, &door, now).await {
            Ok(operator) => {
                let known = identity.genesis.operators.get(operator);
                let name = known.map_or("a later operator", |it| it.name.as_str());
                report.well(&about, format!("answers, of {name}"));
            }
            Err(reason) => report.doubtful(
                &about,
                format!("not reached: {reason}"),
                "start it, or look at names, routes and firewalls (UDP); records wait until then",
            ),
        }
    }
}

/// Connects to a unit's door; returns whose it is.
async fn reach(
    unit: &str,
    trust: &UnitTrust,
    door: &ClientConfig,
    now: Timestamp,
) -> Result<usize, String> {
    let found = lookup_host(unit).await;
    let mut addresses = found.map_err(|error| error.to_string())?;
    let address = addresses.next().ok_or("the name has no address")?;
    let client = Client::connect(address, trust, door.clone(), now).await;
    let client = client.map_err(|error| in_words(&error))?;
    let operator = client.operator();
    client.close().await;
    Ok(operator)
}

const SOCKET: &str = "agent.sock";
const TICKETS_WANTED: Duration = Duration::from_secs(3_600);
const CONNECT_MAX: Duration = Duration::from_secs(2);
