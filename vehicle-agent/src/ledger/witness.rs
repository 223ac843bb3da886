use std::{collections::BTreeMap, time::Duration};

use tokio::task::spawn_blocking;
use tracing::{debug, error};
use wayside::{
    ledger::Point,
    rpc::ledger::v1::{GetCheckpointRequest, GetCheckpointResponse, Position},
    transport::door::{CallError, Client},
};

use super::{
    Records,
    calls::ask,
    courier::{by_turn, connect, random_below, random_part},
};

/// Asks operators where the shards stand, for as long as the agent runs.
///
/// As records do, each question travels on a connection of its own, at a moment of its own.
pub(crate) async fn keep_checkpoints(records: Records) {
    let mut pause = PAUSE_MIN;
    let mut operators = BTreeMap::new();
    loop {
        let now = records.now().timestamp;
        if records.with_keeper(|keeper| keeper.is_due(now)) {
            tokio::time::sleep(random_part(records.config().jitter)).await;
            let turn = random_below(u64::MAX);
            if ask_around(&records, &mut operators, turn).await {
                pause = PAUSE_MIN;
            }
            tokio::time::sleep(pause / 2 + random_part(pause)).await;
            let is_bare = records.with_keeper(|keeper| keeper.kept().is_none());
            pause = (pause * 2).min(longest_pause(&records, is_bare));
        } else {
            tokio::time::sleep(longest_pause(&records, false)).await;
        }
    }
}

/// Asks the units whose operators have not vouched lately until enough have; whether one did.
async fn ask_around(records: &Records, operators: &mut BTreeMap<String, usize>, turn: u64) -> bool {
    let mut is_one_kept = false;
    for unit in by_turn(records, turn) {
        let now = records.now().timestamp;
        let is_fresh = |operator| records.with_keeper(|keeper| keeper.is_fresh(operator, now));
        if operators.get(&unit).copied().is_some_and(is_fresh) {
            continue;
        }
        let client = match connect(records, &unit).await {
            Ok(client) => client,
            Err(error) => {
                debug!(unit, error, "no unit there");
                continue;
            }
        };
        operators.insert(unit, client.operator());
        if !is_fresh(client.operator()) {
            is_one_kept |= witness(records, &client, &[]).await;
        }
        client.close().await;
        if !records.with_keeper(|keeper| keeper.is_due(now)) {
            break;
        }
    }
    is_one_kept
}

/// Has a unit of an operator other than `served_by` vouch for blocks; whether one did.
pub(super) async fn second_opinion(records: &Records, blocks: &[Point], served_by: usize) -> bool {
    for unit in by_turn(records, random_below(u64::MAX)) {
        let Ok(client) = connect(records, &unit).await else {
            continue;
        };
        let is_kept = client.operator() != served_by && witness(records, &client, blocks).await;
        client.close().await;
        if is_kept {
            return true;
        }
    }
    false
}

/// Asks one unit where the shards stand, with the way to `blocks` and to what is remembered; whether
/// its answer was kept.
pub(crate) async fn witness(records: &Records, client: &Client, blocks: &[Point]) -> bool {
    let mut points = records.with_keeper(|keeper| keeper.points());
    points.extend_from_slice(blocks);
    let request = GetCheckpointRequest {
        shard_ids: Vec::new(),
        earlier: positions(&points),
    };
    let answer: Result<GetCheckpointResponse, CallError> =
        ask(client, "GetCheckpoint", &request).await;
    let shown = match answer {
        Ok(answer) => answer.checkpoint,
        Err(error) => {
            debug!(%error, "a unit showed no checkpoint");
            return false;
        }
    };
    let (operator, now) = (client.operator(), records.now().timestamp);
    let taken = records.with_keeper(|keeper| keeper.handle_answer(operator, &shown, now));
    match taken {
        Ok(()) => {
            records.note_checkpoint(None);
            write(records).await;
            true
        }
        Err(refused) => {
            error!(operator, error = %refused, "a unit's checkpoint is not believed");
            records.note_checkpoint(Some(refused.to_string()));
            false
        }
    }
}

/// The newest is on disk when this returns, unless the disk refuses.
async fn write(records: &Records) {
    let file = records.checkpoint_file().lock().await;
    let Some(kept) = records.with_keeper(|keeper| keeper.kept().cloned()) else {
        return;
    };
    let to = file.clone();
    match spawn_blocking(move || to.write(&kept)).await {
        Ok(Ok(())) => {}
        // The next one is tried again; until then a restart knows an older one.
        Ok(Err(error)) => error!(%error, "cannot write the checkpoint"),
        Err(error) => error!(%error, "writing the checkpoint panicked"),
    }
}

pub(super) fn positions(points: &[Point]) -> Vec<Position> {
    let position = |point: &Point| Position {
        shard_id: point.shard.0.into(),
        height: point.height,
    };
    points.iter().map(position).collect()
}

/// Nothing is remembered yet: like a record that waits. Else there is time.
fn longest_pause(records: &Records, is_bare: bool) -> Duration {
    let config = records.config();
    let longest = if is_bare {
        config.dial_pause_max
    } else {
        config.checkpoints.refresh / 8
    };
    longest.max(PAUSE_MIN)
}

const PAUSE_MIN: Duration = Duration::from_secs(1);
