use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use tracing::{debug, error, info, warn};
use wayside::{
    ledger::Committees,
    rpc::{
        issuing::v1::{GetIssuingRequest, GetIssuingResponse},
        ledger::v1::{ProveRequest, ProveResponse, StateKey, prove_request},
    },
    security::{Operators, TrustDomain},
    transport::{
        Handle,
        door::{CallError, Client},
    },
};

use super::Speaking;
use crate::{
    identity::read_fetched,
    ledger::{ask, connect, random_below, random_part, witness},
    tickets::in_turn,
    trust::{News, TrustError},
};

/// Follows who issues tickets, and how the vehicle is enrolled, for as long as the agent runs.
pub(crate) async fn follow_issuing(speaking: Speaking, station: Handle) {
    let mut pause = PAUSE_MIN;
    let mut turn = random_below(u64::MAX);
    take_over(&speaking, &station).await;
    loop {
        tokio::time::sleep(random_part(speaking.records().config().jitter)).await;
        let is_known = ask_one(&speaking, &station, turn).await;
        turn = turn.wrapping_add(1);
        let longest = if is_known {
            speaking.records().config().checkpoints.refresh
        } else {
            speaking.records().config().dial_pause_max
        };
        pause = if is_known { longest } else { pause * 2 };
        pause = pause.clamp(PAUSE_MIN, longest.max(PAUSE_MIN));
        let wait = pause / 2 + random_part(pause / 2);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = speaking.outdated().notified() => {
                // Whoever refuses all the time does not make the car ask all the time.
                tokio::time::sleep(PAUSE_MIN).await;
            }
        }
    }
}

/// Asks the first unit in reach; whether it is known now who issues the vehicle's tickets.
async fn ask_one(speaking: &Speaking, station: &Handle, turn: u64) -> bool {
    let units = speaking.records().doors();
    for unit in in_turn(&units, &BTreeSet::new(), turn) {
        let client = match connect(speaking.records(), &unit.door).await {
            Ok(client) => client,
            Err(error) => {
                debug!(unit = unit.door, error, "no unit there");
                continue;
            }
        };
        let news = fetch(speaking, &client).await;
        client.close().await;
        match news {
            Ok(news) => {
                if news == News::Changed {
                    take_over(speaking, station).await;
                }
                keep(speaking).await;
                return speaking.with_trust(|trust| trust.horizon().is_some());
            }
            Err(error) => debug!(
                unit = unit.door,
                error, "a unit does not say who issues tickets"
            ),
        }
    }
    false
}

/// Asks for both, and takes what verifies.
async fn fetch(speaking: &Speaking, client: &Client) -> Result<News, String> {
    let issuing: Result<GetIssuingResponse, CallError> =
        ask(client, "GetIssuing", &GetIssuingRequest {}).await;
    let proof = issuing.map_err(|error| error.to_string())?.proof;
    let issuing = believe(speaking, client, |committees| {
        let now = speaking.now().timestamp;
        speaking.with_trust(|trust| trust.handle_issuing(&proof, committees, now))
    })
    .await;
    let issuing = issuing.map_err(not_believed)?;
    let vehicle = speaking.records().identity().vehicle;
    let request = ProveRequest {
        subject: Some(prove_request::Subject::StateKey(StateKey {
            shard_id: vehicle.home.0.into(),
            key: speaking.with_trust(|trust| trust.enrolment_key()).into(),
        })),
    };
    let enrolment: Result<ProveResponse, CallError> = ask(client, "Prove", &request).await;
    let proof = enrolment.map_err(|error| error.to_string())?.proof;
    let enrolment = believe(speaking, client, |committees| {
        let now = speaking.now().timestamp;
        speaking.with_trust(|trust| trust.handle_enrolment(&proof, committees, now))
    })
    .await;
    let enrolment = enrolment.map_err(not_believed)?;
    Ok(match (issuing, enrolment) {
        (News::Same, News::Same) => News::Same,
        (News::Changed, _) | (_, News::Changed) => News::Changed,
    })
}

fn not_believed(error: TrustError) -> String {
    warn!(%error, "what a unit says about tickets is not believed");
    error.to_string()
}

/// Takes what a unit showed; where it is of an epoch of which nothing is known yet, once more after the
/// unit has shown who votes there.
async fn believe(
    speaking: &Speaking,
    client: &Client,
    take: impl Fn(&Committees) -> Result<News, TrustError>,
) -> Result<News, TrustError> {
    let records = speaking.records();
    let taken = take(&records.with_keeper(|keeper| keeper.committees()));
    let is_of_unknown_epoch = matches!(&taken, Err(error) if error.is_of_unknown_epoch());
    if !is_of_unknown_epoch || !witness(records, client, &[]).await {
        return taken;
    }
    take(&records.with_keeper(|keeper| keeper.committees()))
}

/// Lets everybody know.
async fn take_over(speaking: &Speaking, station: &Handle) {
    take_over_domain(speaking, station).await;
    take_over_operators(speaking, station);
    speaking.pass_on();
}

/// Has the station believe the units of those who keep the ledger, and of nobody else.
pub(crate) fn take_over_operators(speaking: &Speaking, station: &Handle) {
    let trust = speaking.units();
    let operators = Operators {
        chain: trust.chain,
        keys: trust.operators.into_values().collect(),
    };
    station.call(|station, _| station.handle_operators(operators));
}

async fn take_over_domain(speaking: &Speaking, station: &Handle) {
    let domain = match speaking.with_trust(|trust| trust.domain()) {
        Ok(Some(domain)) => domain,
        Ok(None) => return,
        Err(error) => {
            error!(%error, "the ledger's issuers make no trust domain: the known ones stay");
            return;
        }
    };
    let issuers = domain.issuers().count();
    let domain = Arc::new(domain);
    let known = Arc::clone(&domain);
    let taken = station.call(|station, now| {
        if station.domain().digest() == domain.digest() {
            return Ok(false);
        }
        station.handle_domain(domain, now).map(|()| true)
    });
    match taken {
        Ok(true) => {
            info!(issuers, "took over the ledger's table of issuers");
            read_again(speaking, station, known).await;
        }
        Ok(false) => {}
        Err(error) => error!(%error, "kept the trust domain: the ledger's is another"),
    }
}

/// Tickets in the folder may count now that did not before, and others no more.
async fn read_again(speaking: &Speaking, station: &Handle, domain: Arc<TrustDomain>) {
    let folder = speaking.tickets().clone();
    let read = spawn_blocking(move || read_fetched(&folder, &domain));
    match read.await {
        Ok(Ok(read)) => {
            let slots = read.credentials.iter().map(|it| it.ticket().slot());
            speaking.handle_outdated(read.outdated);
            speaking.handle_held(slots.collect());
            station.call(|station, now| station.handle_credentials(read.credentials, now));
        }
        Ok(Err(error)) => warn!(%error, "the tickets cannot be read again"),
        Err(error) => error!(%error, "reading the tickets panicked"),
    }
}

/// The newest is on disk when this returns, unless the disk refuses.
async fn keep(speaking: &Speaking) {
    let kept = speaking.with_trust(|trust| trust.kept());
    let file = speaking.trust_file().clone();
    match spawn_blocking(move || file.write(&kept)).await {
        Ok(Ok(())) => {}
        // The next one is tried again; until then a restart knows an older one.
        Ok(Err(error)) => error!(%error, "cannot write who issues tickets"),
        Err(error) => error!(%error, "writing who issues tickets panicked"),
    }
}

const PAUSE_MIN: Duration = Duration::from_secs(1);
