use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use tokio::{sync::watch, task::spawn_blocking};
use tracing::{debug, error, info, warn};
use wayside::{
    pipeline::NotReady,
    transport::{Handle, door::Client},
};

use super::{
    Speaking,
    errand::{Ended, run},
};
use crate::{
    grpc::OwnSighting,
    identity::{IdentityError, remove_credential, replace_credential},
    ledger::{connect, random_below, random_part},
    tickets::{RequestStore, RequestStoreError, Write, Written, in_turn},
};

/// Has tickets when the vehicle needs them, for as long as the agent runs.
///
/// Each visit to a unit is a connection of its own, from a port of its own, at a moment of its own;
/// the next one goes to the next unit.
pub(crate) async fn preload(
    speaking: Speaking,
    station: Handle,
    mut own: watch::Receiver<Option<OwnSighting>>,
) {
    let mut pause = PAUSE_MIN;
    let mut turn = random_below(u64::MAX);
    loop {
        look(&speaking, &station, &own);
        settle(&speaking, &station).await;
        if speaking.poll(|preloader, now| preloader.wants_unit(now)) {
            tokio::time::sleep(random_part(speaking.records().config().jitter)).await;
            if visit(&speaking, &station, turn).await {
                pause = PAUSE_MIN;
            } else {
                tokio::time::sleep(pause / 2 + random_part(pause)).await;
                let longest = speaking.records().config().dial_pause_max;
                pause = (pause * 2).min(longest.max(PAUSE_MIN));
            }
            turn = turn.wrapping_add(1);
            continue;
        }
        let next = speaking.poll(|preloader, now| preloader.poll_timeout(now));
        let is_parked = !speaking.poll(|preloader, now| preloader.is_driving(now));
        tokio::select! {
            () = speaking.changed().notified() => {}
            () = speaking.at(next) => {}
            // A car that drives off needs tickets at once; one that drives tells its state all the
            // time.
            Ok(()) = own.changed(), if is_parked => {}
        }
    }
}

/// Tells the preloader what the station knows.
fn look(speaking: &Speaking, station: &Handle, own: &watch::Receiver<Option<OwnSighting>>) {
    let (is_doubted, driven_ago) = station.call(|station, now| {
        let readiness = station.readiness(now);
        let mut reasons = readiness.not_ready.iter();
        let is_doubted = reasons.any(|it| matches!(it, NotReady::ClockDoubted(_)));
        let told = own.borrow().map(|own| now.instant.since(own.told));
        (is_doubted, told)
    });
    speaking.poll(|preloader, now| {
        preloader.handle_clock(is_doubted);
        if let Some(ago) = driven_ago {
            preloader.handle_driving(ago, now);
        }
    });
}

/// Writes and drafts until there is nothing to write or draft.
async fn settle(speaking: &Speaking, station: &Handle) {
    loop {
        if let Some(write) = speaking.poll(|preloader, now| preloader.poll_write(now)) {
            carry_out(speaking, station, write).await;
        } else if let Some(slots) = speaking.poll(|preloader, now| preloader.poll_draft(now)) {
            let drafting = speaking.clone();
            let drafted = spawn_blocking(move || super::errand::draft(&drafting, &slots)).await;
            let drafted = drafted.unwrap_or_else(|error| Err(error.to_string()));
            if drafted.is_err() {
                // The ledger may name a newer key by now than it did when it was asked.
                speaking.outdated().notify_one();
            }
            speaking.call(|preloader, now| match drafted {
                Ok(requests) => preloader.handle_draft(requests, now),
                Err(reason) => {
                    warn!(reason, "cannot ask for tickets");
                    preloader.handle_draft_failed(reason, now);
                }
            });
        } else {
            return;
        }
    }
}

/// Writes something down and tells of it; tickets are used once they are written.
async fn carry_out(speaking: &Speaking, station: &Handle, write: Write) {
    let (store, tickets) = (speaking.store().clone(), speaking.tickets().clone());
    let write = Arc::new(write);
    let written = {
        let write = Arc::clone(&write);
        spawn_blocking(move || to_disk(&store, &tickets, &write))
    };
    // One that panicked is tried again as one that the disk refused, and told like it.
    let written = written.await.unwrap_or_else(|error| Err(error.to_string()));
    let write = Arc::into_inner(write).expect("whoever wrote it is done with it");
    match written {
        Ok(written) => {
            if let Write::Tickets(_, credentials) = write {
                info!(count = credentials.len(), "received tickets");
                station.call(|station, now| station.handle_credentials(credentials, now));
            }
            speaking.call(|preloader, now| preloader.handle_written(written, now));
        }
        Err(reason) => {
            error!(reason, "cannot write tickets, or requests for them");
            speaking.call(|preloader, now| preloader.handle_write_failed(write, reason, now));
        }
    }
}

fn to_disk(store: &RequestStore, tickets: &Path, write: &Write) -> Result<Written, String> {
    let stored = |result: Result<(), RequestStoreError>| result.map_err(|error| words(&error));
    match write {
        Write::Keep(request) => {
            stored(store.keep(request))?;
            Ok(Written::Kept(request.token))
        }
        Write::Tickets(token, credentials) => {
            let slots = credentials.iter().map(|it| {
                // Nobody asks for a slot whose file holds a ticket that counts.
                replace_credential(tickets, it)?;
                Ok(it.ticket().slot())
            });
            let slots: Result<_, IdentityError> = slots.collect();
            let slots = slots.map_err(|error| words(&error))?;
            Ok(Written::Tickets(*token, slots))
        }
        Write::Forget(token) => {
            stored(store.forget(*token))?;
            Ok(Written::Forgotten(*token))
        }
        Write::Remove(slots) => {
            for slot in slots {
                remove_credential(tickets, *slot).map_err(|error| words(&error))?;
            }
            Ok(Written::Removed)
        }
    }
}

/// Runs errands at a unit until none is due for a while; whether there was one.
async fn visit(speaking: &Speaking, station: &Handle, turn: u64) -> bool {
    let Some(client) = reach(speaking, turn).await else {
        return false;
    };
    let end = tokio::time::Instant::now() + VISIT_MAX;
    while tokio::time::Instant::now() < end {
        let Some(errand) = speaking.poll(|preloader, now| preloader.poll_errand(now)) else {
            let next = speaking.poll(|preloader, now| preloader.poll_timeout(now));
            let pause = next.since(speaking.now().instant);
            if pause > speaking.records().config().linger || !speaking.look(|it| it.has_requests())
            {
                break;
            }
            speaking.at(next).await;
            settle(speaking, station).await;
            continue;
        };
        match run(speaking, &client, &errand).await {
            Ended::Answered(token, answer) => {
                if answer.is_outdated() || answer.is_about_enrolment() {
                    speaking.outdated().notify_one();
                }
                speaking.call(|preloader, now| preloader.handle_answer(token, answer, now));
                settle(speaking, station).await;
            }
            Ended::Lost(reason) => {
                debug!(reason, "lost the unit that carries requests for tickets");
                speaking.call(|preloader, now| preloader.handle_lost(now));
                break;
            }
        }
    }
    client.close().await;
    true
}

/// Connects to a unit, by preference of an operator that has no part in the requests.
async fn reach(speaking: &Speaking, turn: u64) -> Option<Client> {
    let units = speaking.records().doors();
    let avoid: BTreeSet<u16> = speaking.look(|preloader| preloader.operators());
    let mut reason = "no unit is known".to_owned();
    for unit in in_turn(&units, &avoid, turn) {
        match connect(speaking.records(), &unit.door).await {
            Ok(client) => return Some(client),
            Err(error) => {
                debug!(unit = unit.door, error, "no unit there");
                reason = error;
            }
        }
    }
    speaking.call(|preloader, now| preloader.handle_unreachable(reason, now));
    None
}

fn words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest visit: a unit that keeps the car busy keeps it from no other unit for longer.
const VISIT_MAX: Duration = Duration::from_secs(120);
