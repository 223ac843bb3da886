//! Sums over all steps of a station: what it claims, less what it does.
//!
//! One step proves little, since noise is as large as a lie. Noise does not grow with time, though,
//! while a speed that is wrong by 2 m/s is wrong by 20 m after ten seconds. So the difference is
//! summed along the claimed headings, and the sum now is held against itself some seconds ago.

use super::{
    Check, Finding,
    motion::{
        EMERGENCY_MM_PER_S2, GAP_MAX_MS, between_ms, is_reversing, mm_per_s, place_noise_mm,
        speed_noise_mm_per_s,
    },
    plane::Way,
    response::Response,
};
use crate::{geo::Position, time::Timestamp, track::Sample};

/// The sums up to a message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sums {
    /// Grows where a step cannot be judged, so that no span is judged across it.
    pub(super) way_chain: u32,
    /// The way along the headings less that by the speeds, in micrometres.
    along_um: i64,
    /// The way to the right of the headings.
    right_um: i64,
    /// The way by the speeds.
    pub(super) path_um: i64,
    /// How far the headings turned, clockwise.
    pub(super) turned_centideg: i64,
    /// What the speeds may have done between messages, and ways whose direction is not sure.
    way_slack_um: i64,
    /// As `way_chain`, for speeds.
    speed_chain: u32,
    /// The change of the speed less that by the accelerations, in µm/s.
    speed_um_per_s: i64,
    /// What the accelerations may have done between messages.
    speed_slack_um_per_s: i64,
    /// How the speed follows the accelerations.
    pub(super) response: Response,
}

/// The sums at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) at: Timestamp,
    pub(super) position: Position,
    pub(super) sums: Sums,
    pub(super) place_noise_mm: i64,
    pub(super) speed_noise_mm_per_s: i64,
    /// Whether the station says how good its speed is.
    pub(super) is_speed_sure: bool,
}

impl Mark {
    /// Whether the next mark is due.
    pub(super) fn is_due(&self, now: &Sample) -> bool {
        between_ms(self.at, now.generated) >= MARK_STEP_MIN_MS
    }
}

impl Sums {
    /// The sums after one more step.
    pub(super) fn after(&self, older: &Sample, newer: &Sample, elapsed_ms: i64) -> Self {
        let mut sums = *self;
        if elapsed_ms > GAP_MAX_MS || sums.add_way(older, newer, elapsed_ms).is_none() {
            sums.way_chain = sums.way_chain.wrapping_add(1);
        }
        if elapsed_ms > SPEED_GAP_MAX_MS || sums.add_speed(older, newer, elapsed_ms).is_none() {
            sums.speed_chain = sums.speed_chain.wrapping_add(1);
        }
        sums.response = sums.response.after(older, newer, elapsed_ms);
        sums
    }

    fn add_way(&mut self, older: &Sample, newer: &Sample, elapsed_ms: i64) -> Option<()> {
        if is_reversing(older) || is_reversing(newer) {
            return None;
        }
        let (from, to) = (older.heading?, newer.heading?);
        // Millimetres per second × milliseconds are micrometres.
        let path_um = (mm_per_s(older.speed?) + mm_per_s(newer.speed?)) * elapsed_ms / 2;
        let turn = (i64::from(to.centideg()) - i64::from(from.centideg()) + 18_000)
            .rem_euclid(36_000)
            - 18_000;
        let middle = i64::from(from.centideg()) + turn / 2;
        let way = Way::between(older.position, newer.position);
        let (along_mm, right_mm) = way.along_and_right_mm(middle);
        self.along_um = self.along_um.saturating_add(along_mm * 1_000 - path_um);
        self.right_um = self.right_um.saturating_add(right_mm * 1_000);
        self.path_um = self.path_um.saturating_add(path_um);
        self.turned_centideg = self.turned_centideg.saturating_add(turn);
        let mut slack_um = EMERGENCY_MM_PER_S2 * elapsed_ms * elapsed_ms / 8_000;
        let is_slow = path_um < SLOW_MM_PER_S * elapsed_ms;
        if is_slow || turn.abs() > TURN_SURE_CENTIDEG {
            slack_um += 2 * path_um;
        }
        self.way_slack_um = self.way_slack_um.saturating_add(slack_um);
        Some(())
    }

    fn add_speed(&mut self, older: &Sample, newer: &Sample, elapsed_ms: i64) -> Option<()> {
        let turned_round = older
            .drive_direction
            .zip(newer.drive_direction)
            .is_some_and(|(before, after)| before != after);
        if turned_round {
            return None;
        }
        let from = i64::from(older.acceleration_along_mm_per_s2()?);
        let to = i64::from(newer.acceleration_along_mm_per_s2()?);
        let change = mm_per_s(newer.speed?) - mm_per_s(older.speed?);
        let claimed_um_per_s = (from + to) * elapsed_ms / 2;
        self.speed_um_per_s = self
            .speed_um_per_s
            .saturating_add(change * 1_000 - claimed_um_per_s);
        let unsure = (from - to).abs().min(EMERGENCY_MM_PER_S2);
        self.speed_slack_um_per_s = self
            .speed_slack_um_per_s
            .saturating_add(unsure * elapsed_ms / 2);
        Some(())
    }
}

/// Holds the sums now against those at each mark; of each check, the finding that misses most.
pub(super) fn checks<'a>(
    now: &Sample,
    sums: &Sums,
    marks: impl Iterator<Item = &'a Mark>,
) -> [Option<Result<(), Finding>>; 3] {
    let mut worst = [None; 3];
    for mark in marks {
        let span_ms = between_ms(mark.at, now.generated);
        if span_ms > SPAN_MAX_MS {
            break;
        }
        if mark.sums.way_chain == sums.way_chain {
            let [along, right] = way(now, sums, mark, span_ms);
            keep_worse(&mut worst[0], along);
            keep_worse(&mut worst[1], right);
        }
        if mark.sums.speed_chain == sums.speed_chain {
            keep_worse(&mut worst[2], speed(now, sums, mark, span_ms));
        }
    }
    worst
}

fn way(now: &Sample, sums: &Sums, mark: &Mark, span_ms: i64) -> [Result<(), Finding>; 2] {
    let path_mm = (sums.path_um - mark.sums.path_um) / 1_000;
    let common_mm = place_noise_mm(now)
        + mark.place_noise_mm
        + (sums.way_slack_um - mark.sums.way_slack_um) / 1_000;
    let speed_noise = speed_noise_mm_per_s(now).max(mark.speed_noise_mm_per_s);
    let along_mm = (sums.along_um - mark.sums.along_um) / 1_000;
    let along_limit_mm = common_mm
        + ALONG_SLACK_MM
        + path_mm * SCALE_PER_MILLE / 1_000
        + speed_noise * span_ms / 1_000;
    let right_mm = (sums.right_um - mark.sums.right_um) / 1_000;
    let right_limit_mm = common_mm + RIGHT_SLACK_MM + path_mm * SIDEWAYS_PER_MILLE / 1_000;
    [
        Check::SpeedBias.within(along_mm, along_limit_mm),
        Check::SideDrift.within(right_mm, right_limit_mm),
    ]
}

fn speed(now: &Sample, sums: &Sums, mark: &Mark, span_ms: i64) -> Result<(), Finding> {
    let off = (sums.speed_um_per_s - mark.sums.speed_um_per_s) / 1_000;
    let sampling = (sums.speed_slack_um_per_s - mark.sums.speed_slack_um_per_s) / 1_000;
    let (slack, bias) = if mark.is_speed_sure && now.speed_accuracy.is_some() {
        (SPEED_SLACK_MM_PER_S, ACCELERATION_BIAS_MM_PER_S2)
    } else {
        (UNSURE_SLACK_MM_PER_S, UNSURE_BIAS_MM_PER_S2)
    };
    let claimed = now.acceleration_along_mm_per_s2().map_or(0, i64::from);
    let lag = claimed.abs().min(EMERGENCY_MM_PER_S2) * SPEED_LAG_MS / 1_000;
    let noise = speed_noise_mm_per_s(now) + mark.speed_noise_mm_per_s;
    let limit = noise + slack + lag + sampling + bias * span_ms / 1_000;
    Check::AccelerationBias.within(off, limit)
}

fn keep_worse(kept: &mut Option<Result<(), Finding>>, found: Result<(), Finding>) {
    let margin = |outcome: &Result<(), Finding>| outcome.as_ref().err().map(Finding::margin);
    if kept
        .as_ref()
        .is_none_or(|kept| margin(kept) < margin(&found))
    {
        *kept = Some(found);
    }
}

const MARK_STEP_MIN_MS: i64 = 800;
/// In a longer one, a driver may brake and let go unseen.
const SPEED_GAP_MAX_MS: i64 = 600;
/// Over a longer time, too little is known of what slow errors add up to.
pub(super) const SPAN_MAX_MS: i64 = 17_000;
/// Below this, cars reverse without saying so, and headings wander.
const SLOW_MM_PER_S: i64 = 1_500;
/// A larger turn within one step has no sure middle.
const TURN_SURE_CENTIDEG: i64 = 9_000;
/// Rounding, and times that are not quite those of the position.
const ALONG_SLACK_MM: i64 = 1_500;
/// Lane changes that a simulation makes at once, and slow ones with the heading of the lane.
const RIGHT_SLACK_MM: i64 = 7_000;
/// By how much a speedometer may be wrong, and the plane of this module.
const SCALE_PER_MILLE: i64 = 30;
/// By how much a heading may be wrong all the time: 6°.
const SIDEWAYS_PER_MILLE: i64 = 105;
/// Rounding, and times that are not quite those of the speed.
const SPEED_SLACK_MM_PER_S: i64 = 800;
/// By how much a speed may follow the acceleration late.
const SPEED_LAG_MS: i64 = 200;
/// By how much an acceleration may be wrong all the time: gravity on a slope of 8 %.
const ACCELERATION_BIAS_MM_PER_S2: i64 = 800;
/// The same of speeds and accelerations that were taken from pictures, or whose sender does not say
/// how good they are.
const UNSURE_SLACK_MM_PER_S: i64 = 4_000;
const UNSURE_BIAS_MM_PER_S2: i64 = 2_000;
