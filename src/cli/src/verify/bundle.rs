use std::fmt::Write as _;

use serde_json::{Value, json};
use wayside::ledger::{
    Anchor, Completeness, Genesis, Point, ProvenRecord, Report, Unanchored, VehicleStatus,
};

use super::{
    Finding, Verdict,
    entry::{self, Names},
};
use crate::ledger::{DEVELOPMENT, utc};

/// Says what a history proves, to people and to programs.
pub(super) fn describe(report: &Report, genesis: &Genesis) -> Finding {
    let verdict = if report.is_anchored() {
        Verdict::Verified
    } else {
        Verdict::Unanchored
    };
    let mut text = String::new();
    write_text(&mut text, report, genesis);
    Finding {
        verdict,
        text,
        json: json_of(report, verdict),
    }
}

fn write_text(text: &mut String, report: &Report, genesis: &Genesis) {
    let verdict = if report.is_anchored() {
        "VERIFIED"
    } else {
        "CONSISTENT, BUT NOT ANCHORED"
    };
    let records = report.records.len();
    let state = &report.state;
    let mut names = Names::of(genesis);
    names.add(state.enrolment_key, "the vehicle");
    names.add(state.owner, "the owner");
    // A string takes whatever is written to it.
    let mut line = |line: String| writeln!(text, "{line}").ok();
    line(format!(
        "{verdict}: the whole history of a vehicle, {records} records, as of {}",
        utc(report.as_of.time)
    ));
    if report.development {
        line(DEVELOPMENT.to_owned());
    }
    line(String::new());
    line(format!("vehicle     {}", report.vehicle));
    line(format!(
        "            {}, {} at {} km, changed hands {} times",
        status(state.status),
        state.model,
        state.odometer.km,
        state.owner_epoch
    ));
    line(format!("owner       {}", names.party(&state.owner)));
    line(format!("ledger      {} ({})", report.ledger, report.chain));
    line(format!(
        "certified   by at least {} of {} operators; every block by a quorum of its time",
        report.quorum, report.operators
    ));
    line(format!(
        "complete    to {}: none left out, none moved",
        point(&report.as_of)
    ));
    for anchored in anchor_lines(&report.anchor) {
        line(anchored);
    }
    line(String::new());
    for record in &report.records {
        line(record_line(record));
        let signers = record.signers.iter();
        let signers: Vec<String> = signers.map(|key| names.party(key)).collect();
        if signers.is_empty() {
            line("        certified by the operators in that shard".to_owned());
        } else {
            line(format!("        signed by {}", signers.join(", ")));
        }
    }
}

fn record_line(record: &ProvenRecord) -> String {
    let summary = entry::summary(&record.entry);
    let name = entry::name(&record.entry);
    let what = if summary.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: {summary}")
    };
    format!(
        "  {:>4}  {}  {what}  [{}]",
        record.sequence,
        utc(record.block.time),
        entry::outcome(record.outcome)
    )
}

fn anchor_lines(anchor: &Anchor) -> Vec<String> {
    match anchor {
        Anchor::Anchored(points) => points
            .iter()
            .map(|it| format!("checkpoint  {}: this is its past", point(it)))
            .collect(),
        Anchor::Unanchored(why) => vec![
            format!("checkpoint  none: {}", unanchored(*why)),
            "            whoever holds a quorum's retired keys could show another past".to_owned(),
        ],
    }
}

fn unanchored(why: Unanchored) -> String {
    match why {
        Unanchored::NoCheckpoint => "--checkpoint was not given".to_owned(),
        Unanchored::NoShard(shard) => format!("it says nothing of shard {shard}"),
        Unanchored::NotLinked {
            shard,
            bundle,
            checkpoint,
        } => format!(
            "in shard {shard} the history ends at block {bundle} and the checkpoint at block \
             {checkpoint}, and nothing ties them; fetch the history again"
        ),
    }
}

fn json_of(report: &Report, verdict: Verdict) -> Value {
    let state = &report.state;
    let (points, why) = match &report.anchor {
        Anchor::Anchored(points) => (points.iter().map(point_json).collect(), None),
        Anchor::Unanchored(why) => (Vec::new(), Some(unanchored(*why))),
    };
    json!({
        "verdict": verdict.word(),
        "development": report.development,
        "chain": report.chain.to_string(),
        "ledger": report.ledger,
        "operators": report.operators,
        "quorum": report.quorum,
        "vehicle": report.vehicle.to_string(),
        "status": status(state.status),
        "model": state.model.to_string(),
        "owner": state.owner.to_string(),
        "owner_epoch": state.owner_epoch,
        "odometer_km": state.odometer.km,
        "as_of": point_json(&report.as_of),
        "completeness": match report.completeness {
            Completeness::State => "state_root",
            Completeness::Snapshot => "snapshot_root",
        },
        "checkpoint": points,
        "not_anchored": why,
        "records": report.records.iter().map(record_json).collect::<Vec<_>>(),
    })
}

fn record_json(record: &ProvenRecord) -> Value {
    let signers = record.signers.iter().map(ToString::to_string);
    json!({
        "sequence": record.sequence,
        "block": point_json(&record.block),
        "record": entry::json(&record.entry),
        "outcome": entry::outcome(record.outcome),
        "signers": signers.collect::<Vec<_>>(),
    })
}

fn point(point: &Point) -> String {
    format!(
        "block {} of shard {}, {}",
        point.height,
        point.shard,
        utc(point.time)
    )
}

fn point_json(point: &Point) -> Value {
    json!({
        "shard": point.shard.0,
        "height": point.height,
        "time_unix_ms": point.time.unix_ms(),
        "header": point.header.to_string(),
    })
}

fn status(status: VehicleStatus) -> &'static str {
    match status {
        VehicleStatus::Pending => "pending",
        VehicleStatus::Active => "active",
        VehicleStatus::Refused => "refused",
        VehicleStatus::Retired => "retired",
    }
}
