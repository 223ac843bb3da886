use std::time::Duration;

use super::{
    Check, Finding, Judged, Judgement, Record, Surroundings, Verdict, motion,
    record::{Suspicion, Tally},
    residual, response,
};
use crate::{
    id::StationId, message::Telemetry, security::Verified, time::Timestamp, track::Sample,
};

/// One message of telemetry, as far as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who says it.
    pub station: StationId,
    /// What.
    pub telemetry: &'a Telemetry,
    /// When it was generated, by its sender's clock.
    pub generated: Timestamp,
    /// How old it was when it came; `None` where nobody knows, or the clock here was doubted.
    pub age: Option<Duration>,
}

impl<'a> Claim<'a> {
    /// What a verified message claims.
    pub fn of(verified: &'a Verified<Telemetry>) -> Self {
        let received = verified.received().timestamp;
        Self {
            station: verified.station(),
            telemetry: verified.message(),
            generated: verified.generated(),
            age: (!verified.clock_doubted()).then(|| received.since(verified.generated())),
        }
    }

    pub(super) fn sample(&self) -> Sample {
        Sample::of(self.telemetry, self.generated)
    }
}

/// Judges telemetry against what its station said before, and what others say around it.
///
/// `record` must not hold the message yet; see [`judge`].
pub fn judge_telemetry(
    verified: Verified<Telemetry>,
    record: Option<&Record>,
    surroundings: &Surroundings,
) -> Judged<Telemetry> {
    let judgement = judge(&Claim::of(&verified), record, surroundings);
    Judged {
        verified,
        judgement,
    }
}

/// Judges messages of one station, in their order, from nothing else: what anybody finds who is
/// given the signed bytes alone.
///
/// Findings that are no [proof](Check::is_proof) do not appear, except [`Check::Latch`], which
/// tells of an earlier one.
pub fn judge_evidence<'a>(messages: impl IntoIterator<Item = Claim<'a>>) -> Vec<Verdict> {
    let nothing = Surroundings::default();
    let mut record: Option<Record> = None;
    let judge_next = |claim: Claim<'a>| {
        let claim = Claim { age: None, ..claim };
        let judgement = judge(&claim, record.as_ref(), &nothing);
        match &mut record {
            Some(record) => {
                record.observe(&claim, &judgement);
            }
            None => record = Some(Record::new(&claim, &judgement)),
        }
        judgement.verdict
    };
    messages.into_iter().map(judge_next).collect()
}

/// Judges one message; a pure function of its arguments.
///
/// A first message of a station can only be a copy, driven in reverse too fast, or of one that
/// contradicted itself before it fell silent; one that is not newer than the record's latest cannot
/// be judged.
pub fn judge(claim: &Claim<'_>, record: Option<&Record>, surroundings: &Surroundings) -> Judgement {
    let now = claim.sample();
    let before = record.map(|record| record.track().latest());
    if before.is_some_and(|before| now.generated <= before.generated) {
        return Judgement {
            verdict: Verdict::NotJudged,
            tally: record.map(|record| *record.tally()).unwrap_or_default(),
        };
    }
    let mut tally = record
        .map(|record| record.tally().after(record.track().latest(), &now))
        .unwrap_or_else(|| Tally {
            suspicion: surroundings.suspicion(claim.station),
            ..Tally::default()
        });
    let around = [
        motion::reverse_speed(&now),
        late(claim, &mut tally),
        copied(&now, before, (claim.station, surroundings), &mut tally),
        overlapping(&now, (claim.station, surroundings), &mut tally),
    ];
    let mut outcomes = Vec::with_capacity(OUTCOMES_MAX);
    outcomes.extend(around);
    if let Some(record) = record {
        outcomes.extend(motion::checks(&now, record.track()));
        outcomes.extend(residual::checks(&now, &tally.sums, record.marks()));
        outcomes.push(response::check(&now, &tally.sums.response, record.marks()));
        let mark = record.marks().next();
        tally.bends = tally.bends.after(&now, &tally.sums, mark);
        outcomes.push(tally.bends.check(&record.tally().bends, &now));
        outcomes.push(Some(Check::Rate.at_most(tally.ahead_ms, AHEAD_MAX_MS)));
    } else {
        outcomes.retain(|outcome| matches!(outcome, Some(Err(_))));
    }
    let findings = || outcomes.iter().flatten().filter_map(|it| it.as_ref().err());
    let contradicts = findings().any(|finding| finding.check.is_proof());
    tally.suspicion = Suspicion::after(tally.suspicion, findings(), (before, &now));
    if let Some(suspicion) = tally.suspicion.filter(Suspicion::is_latched)
        && !contradicts
    {
        let quiet_ms = motion::between_ms(suspicion.last, now.generated);
        outcomes.push(Some(Check::Latch.at_least(quiet_ms, LATCH_MS)));
    }
    Judgement {
        verdict: Verdict::of(outcomes),
        tally,
    }
}

fn late(claim: &Claim<'_>, tally: &mut Tally) -> Option<Result<(), Finding>> {
    let age_ms = i64::try_from(claim.age?.as_millis()).unwrap_or(i64::MAX);
    let found = Check::Freshness.at_most(age_ms, AGE_MAX_MS);
    tally.late = run(tally.late, found.is_err());
    Some(if tally.late >= RUN_MIN { found } else { Ok(()) })
}

fn copied(
    now: &Sample,
    before: Option<&Sample>,
    (station, surroundings): (StationId, &Surroundings),
    tally: &mut Tally,
) -> Option<Result<(), Finding>> {
    let is_copy = surroundings.copies(station, now, before)?;
    tally.copies = if is_copy {
        tally.copies.saturating_add(1).min(2 * COPIES_MAX)
    } else {
        tally.copies.saturating_sub(1)
    };
    Some(Check::DuplicateContent.at_most(tally.copies.into(), COPIES_MAX.into()))
}

fn overlapping(
    now: &Sample,
    (station, surroundings): (StationId, &Surroundings),
    tally: &mut Tally,
) -> Option<Result<(), Finding>> {
    let nearest = surroundings.nearest(station, now);
    let other = nearest.filter(|(apart_mm, _)| *apart_mm < APART_MIN_MM);
    tally.overlaps = tally
        .overlaps
        .after(other.map(|(_, other)| other), now.generated);
    nearest?;
    let others = i64::try_from(tally.overlaps.others_len()).unwrap_or(i64::MAX);
    Some(if tally.overlaps.is_on() {
        Check::Overlap.at_most(others, OTHERS_MAX)
    } else {
        Ok(())
    })
}

fn run(length: u8, goes_on: bool) -> u8 {
    if goes_on { length.saturating_add(1) } else { 0 }
}

const OUTCOMES_MAX: usize = 15;
/// So many in a row are no accident of the network or of the satellites.
const RUN_MIN: u8 = 3;
/// EN 302 637-2 sends what is at most 50 ms old; the rest is for networks and clocks.
const AGE_MAX_MS: i64 = 500;
/// Messages of one station that another one said before, in excess of those that it said first.
const COPIES_MAX: u8 = 3;
/// The middle of two fronts: the width of a narrow car.
const APART_MIN_MM: i64 = 1_500;
/// In how many others' places a station may have been: two may have agreed to place themselves where
/// an honest one is.
const OTHERS_MAX: i64 = 2;
/// A burst of five after a pause; see [`Tally::ahead_ms`].
const AHEAD_MAX_MS: i64 = 400;
/// How long a grave contradiction is remembered.
pub(super) const LATCH_MS: i64 = 60_000;
