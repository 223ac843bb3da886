use std::{collections::BTreeSet, time::Duration};

use tokio::task::spawn_blocking;
use tracing::{debug, error, info, warn};
use wayside::{
    ledger::{Applied, ApplyError, RevocationUpdate, RevocationUpdateError, VerifiedRevocations},
    rpc::{
        self,
        issuing::v1::{GetRevocationsRequest, GetRevocationsResponse},
    },
    security::RevocationNews,
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
/// A car that drives keeps a connection to a unit and is told at once; a parked one asks now and then.
/// Nothing on the connection says whose it is.
pub(crate) async fn listen(speaking: Speaking, station: Handle) {
    hand_over(&speaking, &station, None);
    let mut pause = PAUSE_MIN;
    let mut turn = random_below(u64::MAX);
    loop {
        tokio::time::sleep(random_part(speaking.records().config().jitter)).await;
        let is_reached = visit_one(&speaking, &station, turn).await;
        turn = turn.wrapping_add(1);
        let is_driving = speaking.poll(|preloader, now| preloader.is_driving(now));
        if is_reached && !is_driving {
            rest(&speaking).await;
        } else if is_reached {
            pause = PAUSE_MIN;
        } else {
            tokio::time::sleep(pause / 2 + random_part(pause)).await;
            let longest = speaking.records().config().dial_pause_max;
            pause = (pause * 2).min(longest.max(PAUSE_MIN));
        }
    }
}

/// Waits until a parked car asks again, or drives off.
async fn rest(speaking: &Speaking) {
    let mut changes = speaking.changes();
    let refresh = speaking.records().config().revocations.refresh;
    let end = tokio::time::Instant::now() + refresh / 2 + random_part(refresh / 2);
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(end) => return,
            _ = changes.changed() => {}
        }
        if speaking.poll(|preloader, now| preloader.is_driving(now)) {
            return;
        }
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

/// Asks again and again; fails if not even the first answer was good.
async fn visit(speaking: &Speaking, station: &Handle, client: &Client) -> Result<(), String> {
    let end = tokio::time::Instant::now() + VISIT_MAX;
    let mut wait = Duration::ZERO;
    loop {
        let asked = fetch(speaking, station, client, wait).await;
        let is_first = wait.is_zero();
        match asked {
            Ok(()) => {}
            Err(error) if is_first => return Err(error),
            Err(error) => {
                debug!(
                    error,
                    "lost the unit that tells the list of revoked tickets"
                );
                return Ok(());
            }
        }
        let is_driving = speaking.poll(|preloader, now| preloader.is_driving(now));
        if !is_driving || tokio::time::Instant::now() >= end {
            return Ok(());
        }
        let config = speaking.records().config();
        // The answer has to come before the call is given up.
        wait = config.revocations.wait.min(config.door.call_timeout / 2);
    }
}

/// Asks once for what is new.
async fn fetch(
    speaking: &Speaking,
    station: &Handle,
    client: &Client,
    wait: Duration,
) -> Result<(), String> {
    let request = GetRevocationsRequest {
        have_next: speaking.with_list(|list| list.time().map(|_| list.next())),
        wait: (!wait.is_zero()).then(|| rpc::to_wire_duration(wait)),
    };
    let answer: Result<GetRevocationsResponse, CallError> =
        ask(client, "GetRevocations", &request).await;
    let update = answer.map_err(|error| error.to_string())?.update;
    let verified = believe(speaking, client, &update).await;
    let verified = verified.map_err(|error| {
        warn!(%error, "a unit's list of revoked tickets is not believed");
        error.to_string()
    })?;
    take(speaking, station, verified).await
}

/// Verifies an update; where it is of an epoch of which nothing is known yet, once more after the unit
/// has shown who votes there.
async fn believe(
    speaking: &Speaking,
    client: &Client,
    bytes: &[u8],
) -> Result<VerifiedRevocations, RevocationUpdateError> {
    let records = speaking.records();
    let verify = || {
        let committees = records.with_keeper(|keeper| keeper.committees());
        RevocationUpdate::from_bytes(bytes)?.verify(&committees)
    };
    let verified = verify();
    let is_of_unknown_epoch = matches!(&verified, Err(error) if error.is_of_unknown_epoch());
    if !is_of_unknown_epoch || !witness(records, client, &[]).await {
        return verified;
    }
    verify()
}

/// Takes in what is new.
async fn take(
    speaking: &Speaking,
    station: &Handle,
    verified: VerifiedRevocations,
) -> Result<(), String> {
    let applied = match speaking.with_list(|list| list.apply(verified)) {
        Ok(applied) => applied,
        // Another unit, or another car, was faster.
        Err(ApplyError::Older { .. }) => return Ok(()),
        Err(error @ ApplyError::Gap { .. }) => return Err(error.to_string()),
        Err(error @ ApplyError::Forked) => {
            error!(%error, "a quorum of the ledger's operators signed two lists of revoked tickets");
            return Err(error.to_string());
        }
    };
    if let Applied::Changed { revoked, lifted } = &applied {
        let (revoked, lifted) = (revoked.len(), lifted.len());
        info!(revoked, lifted, "the list of revoked tickets changed");
    }
    let is_news = matches!(applied, Applied::Changed { .. });
    hand_over(speaking, station, Some(&applied));
    if speaking.is_list_to_be_kept(is_news) {
        keep(speaking).await;
    }
    Ok(())
}

/// Tells the station what changed, or all of it.
fn hand_over(speaking: &Speaking, station: &Handle, applied: Option<&Applied>) {
    let news = speaking.with_list(|list| {
        let as_of = list.time()?;
        let (revoked, lifted) = match applied {
            Some(Applied::Changed { revoked, lifted }) => (Some(revoked), lifted.as_slice()),
            Some(Applied::Confirmed) => (Some(const { &Vec::new() }), [].as_slice()),
            None => (None, [].as_slice()),
        };
        let live = list.live();
        let live = live.filter(|(number, _)| revoked.is_none_or(|it| it.contains(number)));
        let entries = live.map(|(number, series)| (number, Some(series)));
        Some(RevocationNews {
            next: list.next(),
            as_of,
            entries: entries.chain(lifted.iter().map(|it| (*it, None))).collect(),
        })
    });
    if let Some(news) = news {
        station.call(|station, now| station.handle_revocations(&news, now));
    }
}

/// The newest is on disk when this returns, unless the disk refuses.
async fn keep(speaking: &Speaking) {
    let Some(update) = speaking.with_list(|list| list.update(0)) else {
        return;
    };
    let file = speaking.list_file().clone();
    match spawn_blocking(move || file.write(&update.to_bytes())).await {
        Ok(Ok(())) => speaking.note_list_kept(),
        // The next one is tried again; until then a restart knows an older one.
        Ok(Err(error)) => error!(%error, "cannot write the list of revoked tickets"),
        Err(error) => error!(%error, "writing the list of revoked tickets panicked"),
    }
}

const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest visit, so that no unit sees one car for long.
const VISIT_MAX: Duration = Duration::from_secs(600);
