use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{sync::watch, task::spawn_blocking};
use tracing::{debug, error, info, warn};
use wayside::{
    ledger::{Applied, ApplyError, Committees, RevocationUpdate},
    pipeline::ListError,
    rpc::{
        self,
        issuing::v1::{GetRevocationsRequest, GetRevocationsResponse},
    },
    time::Timestamp,
    transport::{
        Handle,
        door::{CallError, Client},
    },
};

use super::Speaking;
use crate::{
    ledger::{ask, connect, random_below, random_part, witness},
    tickets::in_turn,
};

/// Follows the list of revoked tickets, for as long as the agent runs.
///
/// A car that drives, or hears others, keeps a connection to a unit and is told at once; a parked one
/// asks now and then.
/// Nothing on the connection says whose it is.
pub(crate) async fn listen(speaking: Speaking, station: Handle) {
    let mut pause = PAUSE_MIN;
    let mut turn = random_below(u64::MAX);
    loop {
        tokio::time::sleep(random_part(speaking.records().config().jitter)).await;
        let is_reached = visit_one(&speaking, &station, turn).await;
        turn = turn.wrapping_add(1);
        if is_reached && !is_on_road(&speaking, &station) {
            rest(&speaking, &station).await;
        } else if is_reached {
            pause = PAUSE_MIN;
        } else {
            tokio::time::sleep(pause / 2 + random_part(pause)).await;
            let longest = speaking.records().config().dial_pause_max;
            pause = (pause * 2).min(longest.max(PAUSE_MIN));
        }
    }
}

/// Whether the vehicle has to know at once: it is driven, or hears others.
fn is_on_road(speaking: &Speaking, station: &Handle) -> bool {
    let is_driving = speaking.poll(|preloader, now| preloader.is_driving(now));
    is_driving || station.call(|station, _| station.peers().next().is_some())
}

/// Waits until a parked car asks again, drives off, or meets others.
async fn rest(speaking: &Speaking, station: &Handle) {
    let refresh = speaking.records().config().revocations.refresh;
    let end = tokio::time::Instant::now() + refresh / 2 + random_part(refresh / 2);
    while tokio::time::Instant::now() < end && !is_on_road(speaking, station) {
        tokio::time::sleep(REST_STEP.min(refresh)).await;
    }
}

/// Listens to the first unit in reach until it is lost, or the visit has lasted long enough; whether it
/// told the list.
async fn visit_one(speaking: &Speaking, station: &Handle, turn: u64) -> bool {
    let units = speaking.records().doors();
    for unit in in_turn(&units, &BTreeSet::new(), turn) {
        let client = match connect(speaking.records(), &unit.door).await {
            Ok(client) => client,
            Err(error) => {
                debug!(unit = unit.door, error, "no unit there");
                continue;
            }
        };
        let told = visit(speaking, station, &client).await;
        client.close().await;
        match told {
            Ok(()) => return true,
            Err(error) => {
                debug!(
                    unit = unit.door,
                    error, "a unit does not tell the list of revoked tickets"
                );
            }
        }
    }
    false
}

/// Asks again and again, and leaves a unit that is behind; fails if not even the first answer was good.
async fn visit(speaking: &Speaking, station: &Handle, client: &Client) -> Result<(), String> {
    let end = tokio::time::Instant::now() + VISIT_MAX;
    let mut wait = Duration::ZERO;
    loop {
        let next_at = tokio::time::Instant::now() + QUIET_MIN;
        let asked = fetch(speaking, station, client, wait).await;
        let is_first = wait.is_zero();
        match asked {
            Ok(Told::Changes) => {}
            // A unit that answers at once each time does not make the car ask all the time.
            Ok(Told::Nothing) => tokio::time::sleep_until(next_at).await,
            Err(error) if is_first => return Err(error),
            Err(error) => {
                debug!(
                    error,
                    "lost the unit that tells the list of revoked tickets"
                );
                return Ok(());
            }
        }
        if !is_on_road(speaking, station) || tokio::time::Instant::now() >= end {
            return Ok(());
        }
        let config = speaking.records().config();
        // The answer has to come before the call is given up.
        wait = config.revocations.wait.min(config.door.call_timeout / 2);
    }
}

/// What a unit told.
enum Told {
    Changes,
    /// That the list is as it was.
    Nothing,
}

/// Asks once for what is new.
async fn fetch(
    speaking: &Speaking,
    station: &Handle,
    client: &Client,
    wait: Duration,
) -> Result<Told, String> {
    let have_next = station.call(|station, _| {
        let list = station.revocation_list();
        list.time().map(|_| list.next())
    });
    let request = GetRevocationsRequest {
        have_next,
        wait: (!wait.is_zero()).then(|| rpc::to_wire_duration(wait)),
    };
    let answer: Result<GetRevocationsResponse, CallError> =
        ask(client, "GetRevocations", &request).await;
    let update = answer.map_err(|error| error.to_string())?.update;
    let mut taken = take(speaking, station, &update);
    // Of an epoch of which nothing is known yet: the unit can show who votes there.
    if matches!(&taken, Err(ListError::Update(error)) if error.is_of_unknown_epoch())
        && witness(speaking.records(), client, &[]).await
    {
        taken = take(speaking, station, &update);
    }
    match taken {
        Ok(Applied::Confirmed) => Ok(Told::Nothing),
        Ok(Applied::Changed { revoked, lifted }) => {
            let (revoked, lifted) = (revoked.len(), lifted.len());
            info!(revoked, lifted, "the list of revoked tickets changed");
            Ok(Told::Changes)
        }
        // Another unit, or another car, was faster.
        Err(ListError::Apply(ApplyError::Older { update, known })) if update == known => {
            Ok(Told::Nothing)
        }
        Err(error @ ListError::Apply(ApplyError::Older { .. })) => Err(error.to_string()),
        Err(error @ ListError::Apply(ApplyError::Forked)) => {
            error!(%error, "a quorum of the ledger's operators signed two lists of revoked tickets");
            Err(error.to_string())
        }
        Err(error) => {
            warn!(%error, "a unit's list of revoked tickets is not believed");
            Err(error.to_string())
        }
    }
}

/// Takes what is newer; the proof is checked while the station goes on.
fn take(speaking: &Speaking, station: &Handle, bytes: &[u8]) -> Result<Applied, ListError> {
    let update = RevocationUpdate::from_bytes(bytes)?;
    let time = update.head.finalized.header.time;
    let known = station.call(|station, _| station.revocation_list().time());
    if let Some(known) = known.filter(|known| time < *known) {
        let update = time;
        return Err(ApplyError::Older { update, known }.into());
    }
    let committees = speaking.records().with_keeper(|keeper| keeper.committees());
    let verified = update.verify(&committees)?;
    let taken = station.call(|station, now| {
        station.handle_committees(Committees::clone(&committees));
        station.handle_verified_revocations(verified, now)
    });
    Ok(taken?)
}

/// Keeps the list on disk, whoever told it, and tells the station whose votes prove it; for as long as
/// the agent runs.
pub(crate) async fn keep_list(
    speaking: Speaking,
    station: Handle,
    mut turns: watch::Receiver<u64>,
) {
    let mut told: Option<Arc<Committees>> = None;
    // How far the list on disk goes, and as of when.
    let mut kept: Option<(u64, Timestamp)> = None;
    loop {
        let committees = speaking.records().with_keeper(|keeper| keeper.committees());
        if told
            .as_ref()
            .is_none_or(|told| !Arc::ptr_eq(told, &committees))
        {
            station.call(|station, _| station.handle_committees(Committees::clone(&committees)));
            told = Some(committees);
        }
        let newest = station.call(|station, _| {
            let list = station.revocation_list();
            let newest = (list.next(), list.time()?);
            let is_to_be_kept = kept.is_none_or(|(next, as_of)| {
                next != newest.0 || newest.1.since(as_of) >= KEPT_AGE_MAX
            });
            is_to_be_kept.then(|| list.update(0).map(|update| (newest, update)))?
        });
        if let Some((newest, update)) = newest
            && write(&speaking, &update).await
        {
            kept = Some(newest);
        }
        tokio::select! {
            turned = turns.changed() => if turned.is_err() {
                return;
            },
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// Whether the disk has it.
async fn write(speaking: &Speaking, update: &RevocationUpdate) -> bool {
    let (file, bytes) = (speaking.list_file().clone(), update.to_bytes());
    match spawn_blocking(move || file.write(&bytes)).await {
        Ok(Ok(())) => true,
        // The next one is tried again; until then a restart knows an older one.
        Ok(Err(error)) => {
            error!(%error, "cannot write the list of revoked tickets");
            false
        }
        Err(error) => {
            error!(%error, "writing the list of revoked tickets panicked");
            false
        }
    }
}

/// A list without news is written down so often, so that a restart knows how new it was.
const KEPT_AGE_MAX: Duration = Duration::from_secs(600);
/// Shortest time from one answer without news to the next.
const QUIET_MIN: Duration = Duration::from_secs(1);
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How soon a car that begins to drive asks for the list.
const REST_STEP: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest visit, so that no unit sees one car for long.
const VISIT_MAX: Duration = Duration::from_secs(600);
