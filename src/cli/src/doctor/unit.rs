use std::{fs, time::Duration};

use roadside_unit::config::{Config, Profile};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use wayside::{
    crypto::{SigningKey, VerifyingKey},
    ledger::{AccountKey, Genesis},
    security::{UnitCertificate, UnitCertificateError},
    serve::{in_words, read_key},
    time::Timestamp,
};

use super::{
    files::{look_at_end, look_at_folder, look_at_genesis, look_at_key},
    network::{look_at_doors, look_at_reach, look_at_tcp, look_at_udp},
    report::Report,
};

/// Looks at what a unit's configuration names.
pub(super) async fn look(config: &Config, now: Timestamp, report: &mut Report) {
    let grpc = (&config.grpc, SOCKET);
    let runs = look_at_doors(grpc, &config.metrics, now, report);
    if let Some(folder) = &config.storage.folder {
        look_at_folder(folder, "storage", report);
    }
    look_at_keys(config, report);
    if config.is_validator() {
        look_at_tcp("engine.listen", config.engine.listen, runs, report);
        look_at_reach("engine.listen", config.engine.listen.ip(), report);
    }
    if config.profile.has(Profile::Relay) {
        let listen = config.door.server.listen;
        look_at_udp("door.server.listen", listen, runs, report);
        look_at_reach("door.server.listen", listen.ip(), report);
    }
    if let Some(relay) = &config.relay {
        look_at_udp("relay.listen", relay.listen, runs, report);
        let shown = relay.address.unwrap_or(relay.listen);
        look_at_reach("relay.address", shown.ip(), report);
    }
    let Some(genesis) = &config.identity.genesis else {
        report.doubtful(
            "genesis",
            "none: the unit is a DEVELOPMENT committee of one",
            "for a ledger that anybody may believe, set identity.genesis and identity.vote_key",
        );
        return;
    };
    if let Some(genesis) = look_at_genesis(genesis, now, report) {
        look_at_certificate(config, &genesis, now, report);
        look_at_committee(config, &genesis, runs, report).await;
    }
}

fn look_at_keys(config: &Config, report: &mut Report) {
    let identity = &config.identity;
    let keys = [
        ("vote key", &identity.vote_key),
        ("follower key", &identity.follower_key),
        ("custodian key", &identity.custodian_key),
        ("door key", &config.door.key),
    ];
    for (about, path) in keys {
        if let Some(path) = path {
            look_at_key(path, about, report);
        }
    }
    for path in &config.issuing.keys {
        look_at_key(path, "issuing key", report);
    }
}

/// Looks at what vehicles are shown.
fn look_at_certificate(config: &Config, genesis: &Genesis, now: Timestamp, report: &mut Report) {
    let about = "door certificate";
    let (Some(key), Some(path)) = (&config.door.key, &config.door.certificate) else {
        return;
    };
    // What is wrong with the key was said.
    let Ok(key) = read_key(key) else {
        return;
    };
    let remedy = "have the operator's cold key certify the door's key again";
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            report.wrong(about, format!("{}: {error}", path.display()), remedy);
            return;
        }
    };
    let operators = genesis.operators.iter();
    let operators = operators.filter_map(|it| it.cold_key.admit().ok());
    let operators: Vec<VerifyingKey> = operators.collect();
    let certificate = UnitCertificate::from_bytes(&bytes);
    let verified = certificate.and_then(|it| {
        it.verify(genesis.chain(), &operators, &key.verifying_key(), now)?;
        Ok(it.valid_until())
    });
    match verified {
        Ok(end) => look_at_end(about, end, now, report),
        Err(UnitCertificateError::UnknownOperator) => report.doubtful(
            about,
            "none of the genesis' operators gave it",
            "that is right only for an operator who joined later",
        ),
        Err(error) => report.wrong(about, in_words(&error), remedy),
    }
}

/// Looks which other operators' units can be reached.
async fn look_at_committee(config: &Config, genesis: &Genesis, runs: bool, report: &mut Report) {
    let own = config.identity.vote_key.as_ref();
    let own = own.and_then(|path| read_key(path).ok());
    let own = own
        .as_ref()
        .map(SigningKey::verifying_key)
        .map(AccountKey::from);
    let mut reached = 0;
    for operator in &genesis.operators {
        if Some(operator.vote_key) == own {
            reached += 1;
            continue;
        }
        let about = format!("operator {}", operator.name);
        let Some(address) = operator.addresses.values().next() else {
            continue;
        };
        match connect(address).await {
            Ok(()) => {
                reached += 1;
                report.well(&about, format!("{address} answers"));
            }
            Err(reason) => report.doubtful(
                &about,
                format!("{address} does not answer: {reason}"),
                "ask whether it runs; look at names, routes and firewalls (TCP)",
            ),
        }
    }
    let operators = genesis.operators.len();
    let quorum = operators - operators.saturating_sub(1) / 3;
    let found = format!("{reached} of {operators} operators, {quorum} make a quorum");
    if reached >= quorum {
        report.well("committee", found);
    } else if runs {
        let remedy = "nothing becomes final until more of them are reached";
        report.wrong("committee", found, remedy);
    } else {
        let remedy = "start the others, too: nothing becomes final before";
        report.doubtful("committee", found, remedy);
    }
}

async fn connect(address: &str) -> Result<(), String> {
    let tried = async {
        let found = lookup_host(address).await;
        let addresses: Vec<_> = found.map_err(|error| error.to_string())?.collect();
        let connected = TcpStream::connect(addresses.as_slice()).await;
        connected.map(drop).map_err(|error| error.to_string())
    };
    let tried = timeout(CONNECT_MAX, tried).await;
    tried.map_err(|_| "no answer in 2 s".to_owned())?
}

const SOCKET: &str = "unit.sock";
const CONNECT_MAX: Duration = Duration::from_secs(2);
