use std::{collections::BTreeSet, io, net::SocketAddr, time::Duration};

use tokio::{net::lookup_host, task::JoinSet};
use tracing::debug;
use wayside::transport::door::{Client, ConnectError};

use super::{
    Records,
    calls::{Called, call},
    writer::at,
};
use crate::tickets::in_turn;

/// Carries records to whatever unit is in reach, for as long as the agent runs.
///
/// Each visit is a connection of its own, from a port of its own, at a moment of its own; the next
/// one goes to the next unit of the list, so that no single one can keep records from the ledger.
pub(crate) async fn carry(records: Records) {
    let mut pause = PAUSE_MIN;
    let mut turn = random_below(u64::MAX);
    loop {
        wait_for_work(&records).await;
        tokio::time::sleep(random_part(records.config().jitter)).await;
        match reach(&records, turn).await {
            Some(client) => {
                pause = PAUSE_MIN;
                visit(&records, &client).await;
                client.close().await;
            }
            None => {
                tokio::time::sleep(pause / 2 + random_part(pause)).await;
                pause = (pause * 2).min(records.config().dial_pause_max.max(PAUSE_MIN));
            }
        }
        turn = turn.wrapping_add(1);
    }
}

/// Every unit of the list once, beginning with another one each turn.
pub(super) fn by_turn(records: &Records, turn: u64) -> Vec<String> {
    let units = records.doors();
    let units = in_turn(&units, &BTreeSet::new(), turn).into_iter();
    units.map(|unit| unit.door.clone()).collect()
}

/// Connects to one of the units; `None` if none is in reach.
async fn reach(records: &Records, turn: u64) -> Option<Client> {
    let units = by_turn(records, turn);
    if units.is_empty() {
        records.note_reach(Err("no unit is configured".to_owned()));
        return None;
    }
    for unit in units {
        match connect(records, &unit).await {
            Ok(client) => {
                records.note_reach(Ok(()));
                return Some(client);
            }
            Err(error) => {
                debug!(unit, error, "no unit there");
                records.note_reach(Err(error));
            }
        }
    }
    None
}

/// Gives the unit what waits, until nothing more is due for a while or the connection is lost.
async fn visit(records: &Records, client: &Client) {
    records.call(|outbox, now| outbox.handle_connected(client.operator(), now));
    let mut calls = JoinSet::new();
    let end = tokio::time::Instant::now() + VISIT_MAX;
    let lost = loop {
        while let Some(request) = records.call_quietly(|outbox, now| outbox.poll_transmit(now)) {
            let (records, client) = (records.clone(), client.clone());
            calls.spawn(async move { call(&records, &client, request).await });
        }
        let linger = records.config().linger;
        let is_idle = calls.is_empty();
        // While an answer is owed, it decides what comes next.
        let next = records.look(|outbox| outbox.poll_timeout().filter(|_| is_idle));
        tokio::select! {
            Some(called) = calls.join_next() => match called {
                Ok(Called::Answered(answer)) => {
                    records.note_reach(Ok(()));
                    records.call(|outbox, now| outbox.handle_answer(answer, now));
                }
                Ok(Called::Lost(reason)) => break Some(reason),
                Err(error) => break Some(error.to_string()),
            },
            () = records.courier().notified() => {}
            () = at(records, next) => {}
            () = tokio::time::sleep(linger), if is_idle => break None,
            () = tokio::time::sleep_until(end) => break None,
        }
    };
    calls.shutdown().await;
    records.call(|outbox, now| outbox.handle_disconnected(now));
    if let Some(reason) = lost {
        records.note_reach(Err(reason));
    }
}

async fn wait_for_work(records: &Records) {
    loop {
        let now = records.now();
        let (wanted, next) = records.look(|outbox| (outbox.wants_unit(now), outbox.poll_timeout()));
        if wanted {
            return;
        }
        tokio::select! {
            () = records.courier().notified() => {}
            () = at(records, next) => {}
        }
    }
}

/// Connects to one unit and believes that it is one.
pub(crate) async fn connect(records: &Records, unit: &str) -> Result<Client, String> {
    let address = resolve(unit)
        .await
        .map_err(|error| format!("{unit}: {error}"))?;
    let (trust, config) = (records.trust(), records.config().door.clone());
    let now = records.now().timestamp;
    let connected: Result<Client, ConnectError> =
        Client::connect(address, &trust, config, now).await;
    let client = connected.map_err(|error| error.to_string())?;
    records.note_operator(unit, client.operator());
    Ok(client)
}

async fn resolve(unit: &str) -> io::Result<SocketAddr> {
    let mut addresses = lookup_host(unit).await?;
    addresses
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

/// Somewhere between nothing and all of it.
pub(crate) fn random_part(whole: Duration) -> Duration {
    let ms = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random_below(ms.saturating_add(1)))
}

/// A number below `bound`; what the division leaves uneven does not matter for a pause.
pub(crate) fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without randomness the pause is the same each time, which costs privacy and nothing else.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound.max(1)
}

/// Longest visit: a unit that keeps the car busy with refusals and half answers keeps it from no
/// other unit for longer. A record that is not done comes back.
const VISIT_MAX: Duration = Duration::from_secs(120);
const PAUSE_MIN: Duration = Duration::from_secs(1);
