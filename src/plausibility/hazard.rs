use super::{
    Check, Judged, Judgement, Tally, Verdict,
    motion::{SPEED_MAX_MM_PER_S, between_ms, distance_mm},
};
use crate::{
    message::{Hazard, HazardStatement},
    security::Verified,
    track::{Sample, Track},
};

/// Judges a hazard report against where its sender is; `sender` is that station's track.
///
/// Nothing a station says about elsewhere can be checked by its own word alone, so a report is
/// [`Verdict::NotJudged`] unless its sender cannot have seen the place.
pub fn judge_hazard(
    verified: Verified<HazardStatement>,
    sender: Option<&Track>,
) -> Judged<HazardStatement> {
    let verdict = sender.map_or(Verdict::NotJudged, |track| {
        verdict(&verified.message().hazard, track.latest())
    });
    let judgement = Judgement {
        verdict,
        tally: Tally::default(),
    };
    Judged {
        verified,
        judgement,
    }
}

pub(super) fn verdict(hazard: &Hazard, sender: &Sample) -> Verdict {
    let apart_mm = distance_mm(sender.position, hazard.position);
    // It may have driven since it saw the event, or see it before it is heard again.
    let elapsed_ms = between_ms(hazard.detected, sender.generated)
        .max(between_ms(sender.generated, hazard.detected));
    let driven_mm = SPEED_MAX_MM_PER_S.saturating_mul(elapsed_ms) / 1_000;
    match Check::HazardDistance.at_most(apart_mm, SIGHT_MAX_MM.saturating_add(driven_mm)) {
        Ok(()) => Verdict::NotJudged,
        Err(finding) => Verdict::Implausible(vec![finding]),
    }
}

/// Ten times the farthest that a car or its driver sees a danger, for maps and relayed knowledge.
const SIGHT_MAX_MM: i64 = 5_000_000;
