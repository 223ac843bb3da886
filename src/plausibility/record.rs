use std::collections::VecDeque;

use super::{
    Check, Claim, Finding, Judgement,
    bends::Bends,
    judge::LATCH_MS,
    motion::{between_ms, mm_per_s, place_noise_mm, speed_noise_mm_per_s},
    overlaps::Overlaps,
    residual::{Mark, Sums},
};
use crate::{
    time::Timestamp,
    track::{HISTORY_LEN_MAX, Sample, Track},
};

/// What the checks remember of one station: its track, sums at moments of the last seconds, and
/// what they found. Below 5 KiB.
///
/// Give it each message that was judged by it, in the order in which they were judged.
#[derive(Clone, Debug)]
pub struct Record {
    track: Track,
    tally: Tally,
    /// Oldest first, apart as [`Mark::is_due`] has it.
    marks: VecDeque<Mark>,
}

/// What the checks count of a station.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub(super) sums: Sums,
    /// By how many milliseconds the station is ahead of one message in [`INTERVAL_MIN_MS`].
    pub(super) ahead_ms: i64,
    /// Messages in a row that were too old when they came.
    pub(super) late: u8,
    /// Messages that another station said before, less those that none did.
    pub(super) copies: u8,
    /// Whose places it was in.
    pub(super) overlaps: Overlaps,
    /// Its ways round bends.
    pub(super) bends: Bends,
    pub(super) suspicion: Option<Suspicion>,
}

/// That a station contradicted itself of late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Suspicion {
    /// The last finding; later while the station stands.
    pub(super) last: Timestamp,
    /// The first one.
    first: Timestamp,
    strikes: u8,
}

impl Record {
    /// A record that begins with one message.
    pub fn new(claim: &Claim<'_>, judgement: &Judgement) -> Self {
        let mut record = Self {
            track: Track::new(claim.telemetry, claim.generated),
            tally: judgement.tally,
            marks: VecDeque::with_capacity(MARKS_MAX),
        };
        record.mark();
        record
    }

    /// Adds a message and what was found of it; returns `false`, and changes nothing, if it is not
    /// newer than the latest.
    pub fn observe(&mut self, claim: &Claim<'_>, judgement: &Judgement) -> bool {
        if !self.track.observe(claim.telemetry, claim.generated) {
            return false;
        }
        self.tally = judgement.tally;
        self.mark();
        true
    }

    /// The station over time.
    pub fn track(&self) -> &Track {
        &self.track
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().rev()
    }

    fn mark(&mut self) {
        let now = self.track.latest();
        if self.marks.back().is_none_or(|last| last.is_due(now)) {
            if self.marks.len() == MARKS_MAX {
                self.marks.pop_front();
            }
            self.marks.push_back(Mark {
                at: now.generated,
                position: now.position,
                sums: self.tally.sums,
                place_noise_mm: place_noise_mm(now),
                speed_noise_mm_per_s: speed_noise_mm_per_s(now),
                is_speed_sure: now.speed_accuracy.is_some(),
            });
        }
    }
}

impl Tally {
    /// The counts after one more message, as far as they follow from the station's own words.
    pub(super) fn after(&self, before: &Sample, now: &Sample) -> Self {
        let elapsed_ms = between_ms(before.generated, now.generated);
        Self {
            sums: self.sums.after(before, now, elapsed_ms),
            ahead_ms: (self.ahead_ms - elapsed_ms).max(0) + INTERVAL_MIN_MS,
            ..*self
        }
    }
}

impl Suspicion {
    /// What is left of a suspicion after a message with these findings.
    ///
    /// Who contradicts itself and then stands has explained nothing, so that time is not counted,
    /// for [`STANDING_MAX_MS`] at most.
    pub(super) fn after<'a>(
        before: Option<Self>,
        findings: impl Iterator<Item = &'a Finding>,
        (from, now): (Option<&Sample>, &Sample),
    ) -> Option<Self> {
        let more = findings.filter(|it| it.check.is_proof()).map(weight).max();
        let mut kept = before.filter(|it| {
            let memory_ms = if it.is_latched() { LATCH_MS } else { STRIKE_MS };
            between_ms(it.last, now.generated) < memory_ms
        });
        if let (Some(kept), Some(from)) = (&mut kept, from)
            && now
                .speed
                .is_some_and(|speed| mm_per_s(speed) < STANDING_MM_PER_S)
            && between_ms(kept.first, now.generated) < STANDING_MAX_MS
        {
            kept.last = kept
                .last
                .saturating_add(now.generated.since(from.generated));
        }
        match more {
            Some(more) => Some(Self {
                last: now.generated,
                first: kept.map_or(now.generated, |it| it.first),
                strikes: kept.map_or(0, |it| it.strikes).saturating_add(more),
            }),
            None => kept,
        }
    }

    pub(super) fn is_latched(&self) -> bool {
        self.strikes >= STRIKES_MIN
    }
}

/// A finding that misses its threshold by half, and by more than chance adds to it, counts as two; so
/// does one that rests on many messages.
fn weight(finding: &Finding) -> u8 {
    debug_assert!(
        finding.check != Check::Latch,
        "a latch does not renew itself"
    );
    let grave = (finding.threshold.abs() / 2).max(finding.check.grave_min());
    if finding.check == Check::PlacedAside || finding.margin() >= grave {
        STRIKES_MIN
    } else {
        1
    }
}

/// Samples of the sums kept; with [`Mark::is_due`] sixteen seconds.
const MARKS_MAX: usize = 20;
const _: () = assert!(
    size_of::<Record>() + MARKS_MAX * size_of::<Mark>() + HISTORY_LEN_MAX * size_of::<Sample>()
        < 5 * 1_024
);
/// 80 % of the shortest interval of EN 302 637-2, as ETSI TS 103 759 has it.
const INTERVAL_MIN_MS: i64 = 80;
const STRIKES_MIN: u8 = 2;
/// How long a single slight finding is remembered.
const STRIKE_MS: i64 = 10_000;
const STANDING_MM_PER_S: i64 = 500;
const STANDING_MAX_MS: i64 = 300_000;
