use std::time::{Duration, UNIX_EPOCH};

use wayside::{
    rpc::{from_wire_time, ledger::v1::Tip},
    time::Timestamp,
};

/// A moment of a message as people read it; empty where it is none.
pub(super) fn wire_time(time: &prost_types::Timestamp) -> String {
    let moment = from_wire_time(Some(*time), "time").ok().flatten();
    moment.map_or_else(String::new, utc)
}

/// A moment as people read it.
pub(crate) fn utc(moment: Timestamp) -> String {
    let since = Duration::from_millis(moment.unix_ms());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// A block, by its shard, height and time.
pub(super) fn tip(tip: &Tip) -> String {
    format!(
        "shard {} block {} of {}",
        tip.shard_id,
        tip.height,
        tip.time.as_ref().map(wire_time).unwrap_or_default()
    )
}
