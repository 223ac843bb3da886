use super::{Check, Finding, plane::Way};
use crate::{
    geo::Position,
    message::DriveDirection,
    time::Timestamp,
    track::{Sample, Track},
    units::{HeadingAccuracy, Length, Speed},
};

/// Holds one message against the last seconds of its station's track, which it must be newer than.
pub(super) fn checks(now: &Sample, track: &Track) -> [Option<Result<(), Finding>>; 4] {
    [
        Some(position_jump(now, track.latest())),
        speed_displacement(now, track),
        heading_displacement(now, track),
        speed_possible(now, track.latest())
            .map(|possible| possible.and_then(|()| speed_as_claimed(now, track).unwrap_or(Ok(())))),
    ]
}

/// Two samples of a station that follow each other.
struct Step<'a> {
    older: &'a Sample,
    newer: &'a Sample,
    length_ms: i64,
    /// From the older one to the message that is judged.
    span_ms: i64,
}

/// The way back from a message through the track, as far as it can be judged: without a long gap
/// and not beyond a few seconds.
fn steps<'a>(now: &'a Sample, track: &'a Track) -> impl Iterator<Item = Step<'a>> {
    let newer = std::iter::once(now).chain(track.newest_first());
    newer
        .zip(track.newest_first())
        .map(|(newer, older)| Step {
            older,
            newer,
            length_ms: between_ms(older.generated, newer.generated),
            span_ms: between_ms(older.generated, now.generated),
        })
        .take_while(|step| step.length_ms <= GAP_MAX_MS && step.span_ms <= SPAN_MAX_MS)
}

fn position_jump(now: &Sample, before: &Sample) -> Result<(), Finding> {
    let moved_mm = distance_mm(before.position, now.position);
    let elapsed_ms = between_ms(before.generated, now.generated);
    let possible_mm = SPEED_MAX_MM_PER_S.saturating_mul(elapsed_ms) / 1_000;
    let limit_mm = possible_mm.saturating_add(position_noise_mm(now, before) + POSITION_SLACK_MM);
    Check::PositionJump.at_most(moved_mm, limit_mm)
}

fn speed_displacement(now: &Sample, track: &Track) -> Option<Result<(), Finding>> {
    let mut path = Path::default();
    for step in steps(now, track) {
        let (Some(older), Some(newer)) = (step.older.speed, step.newer.speed) else {
            break;
        };
        // Millimetres per second × milliseconds, of which a thousand are a millimetre.
        path.length_um += (mm_per_s(older) + mm_per_s(newer)) * step.length_ms / 2;
        // What a speed may do between two samples, at the acceleration of an emergency.
        path.sampling_um += EMERGENCY_MM_PER_S2 * step.length_ms * step.length_ms / 8_000;
        path.turned_centideg = path
            .turned_centideg
            .zip(turned_centideg(&step))
            .map(|(so_far, more)| so_far + more);
        path.span_ms = step.span_ms;
        path.start = Some(step.older);
    }
    let start = path.start.filter(|_| path.span_ms >= SPAN_MIN_MS)?;
    let moved_mm = distance_mm(start.position, now.position);
    let claimed_mm = path.length_um / 1_000;
    let speed_noise = speed_noise_mm_per_s(now).max(speed_noise_mm_per_s(start));
    let tolerance_mm = position_noise_mm(now, start)
        + POSITION_SLACK_MM
        + claimed_mm / 10
        + speed_noise * path.span_ms / 1_000
        + path.sampling_um / 1_000;
    let fast_enough =
        Check::SpeedDisplacement.at_most(moved_mm, claimed_mm.saturating_add(tolerance_mm));
    // On a bend the straight line is shorter than the way, so only a straight drive has a least.
    let straight = path
        .turned_centideg
        .is_some_and(|turned| turned <= STRAIGHT_CENTIDEG);
    Some(fast_enough.and_then(|()| {
        if straight {
            Check::SpeedDisplacement.at_least(moved_mm, claimed_mm - tolerance_mm)
        } else {
            Ok(())
        }
    }))
}

struct Path<'a> {
    start: Option<&'a Sample>,
    span_ms: i64,
    length_um: i64,
    sampling_um: i64,
    /// `None` once a heading is missing or the drive direction changes.
    turned_centideg: Option<i64>,
}

impl Default for Path<'_> {
    fn default() -> Self {
        Self {
            start: None,
            span_ms: 0,
            length_um: 0,
            sampling_um: 0,
            turned_centideg: Some(0),
        }
    }
}

fn heading_displacement(now: &Sample, track: &Track) -> Option<Result<(), Finding>> {
    let claimed = now.heading?;
    let mut turned = 0;
    for step in steps(now, track) {
        let samples = [step.older, step.newer];
        let fast_forward = samples.iter().all(|sample| {
            !is_reversing(sample)
                && sample
                    .speed
                    .is_some_and(|speed| mm_per_s(speed) >= FAST_MM_PER_S)
        });
        if !fast_forward {
            return None;
        }
        turned += turned_centideg(&step)?;
        let way = Way::between(step.older.position, now.position);
        let moved_mm = way.length_mm();
        let noise_mm = position_noise_mm(now, step.older);
        if moved_mm < HEADING_WAY_MIN_MM.max(2 * noise_mm) {
            continue;
        }
        let off = angle_between_centideg(way.heading_centideg(), claimed.centideg());
        let accuracy = now.heading_accuracy.map_or(0, |accuracy| {
            i64::from(HeadingAccuracy::centideg(accuracy)).min(HEADING_ACCURACY_MAX_CENTIDEG)
        });
        // The chord of an arc lies half the turn away from its end.
        let bend = (turned / 2).min(BEND_MAX_CENTIDEG);
        let noise = noise_mm * CENTIDEG_PER_RADIAN / moved_mm;
        let limit = HEADING_OFF_MAX_CENTIDEG + accuracy + bend + noise;
        return Some(Check::HeadingDisplacement.at_most(off, limit));
    }
    None
}

/// What brakes and engines can do at all.
fn speed_possible(now: &Sample, before: &Sample) -> Option<Result<(), Finding>> {
    // Who says that it goes the other way now has come to a stand in between.
    let change = forward_mm_per_s(now)? - forward_mm_per_s(before)?;
    let elapsed_ms = between_ms(before.generated, now.generated);
    let limit = (ACCELERATION_MAX_MM_PER_S2.saturating_mul(elapsed_ms) / 1_000)
        .saturating_add(speed_tolerance_mm_per_s(now, before));
    Some(within(change, 0, limit))
}

/// What the acceleration claimed explains, over a second or more.
fn speed_as_claimed(now: &Sample, track: &Track) -> Option<Result<(), Finding>> {
    let mut expected_um_per_s = 0;
    let mut sampling_um_per_s = 0;
    let mut start = None;
    for step in steps(now, track) {
        let (older, newer) = (step.older, step.newer);
        let accelerations = older
            .acceleration_along_mm_per_s2()
            .zip(newer.acceleration_along_mm_per_s2())
            .filter(|_| older.drive_direction == newer.drive_direction);
        let Some((from, to)) = accelerations.map(|(a, b)| (i64::from(a), i64::from(b))) else {
            break;
        };
        if older.speed.is_none() || step.length_ms > SILENCE_MAX_MS {
            break;
        }
        expected_um_per_s += (from + to) * step.length_ms / 2;
        // It changed at some moment in between: at the first or at the last.
        sampling_um_per_s += (from - to).abs() * step.length_ms / 2;
        start = Some((older, step.span_ms));
    }
    let (start, span_ms) = start.filter(|(_, span_ms)| *span_ms >= SPAN_MIN_MS)?;
    let change = mm_per_s(now.speed?) - mm_per_s(start.speed?);
    let tolerance = ACCELERATION_OFF_MAX_MM_PER_S2 * span_ms / 1_000
        + sampling_um_per_s / 1_000
        + speed_tolerance_mm_per_s(now, start);
    Some(within(change, expected_um_per_s / 1_000, tolerance))
}

fn within(change: i64, expected: i64, tolerance: i64) -> Result<(), Finding> {
    Check::AccelerationSpeed
        .at_most(change, expected.saturating_add(tolerance))
        .and_then(|()| Check::AccelerationSpeed.at_least(change, expected - tolerance))
}

pub(super) fn distance_mm(from: Position, to: Position) -> i64 {
    Way::between(from, to).length_mm()
}

/// Milliseconds between two times of which the first is the earlier one.
pub(super) fn between_ms(earlier: Timestamp, later: Timestamp) -> i64 {
    i64::try_from(later.unix_ms().saturating_sub(earlier.unix_ms())).expect("both are below 2^48")
}

/// How far apart two honest positions of one place may be.
fn position_noise_mm(one: &Sample, other: &Sample) -> i64 {
    place_noise_mm(one) + place_noise_mm(other)
}

/// How far an honest position may be from its place.
pub(super) fn place_noise_mm(sample: &Sample) -> i64 {
    sample.position_accuracy.map_or(POSITION_NOISE_MM, |known| {
        i64::from(Length::mm(known)).min(POSITION_NOISE_MAX_MM)
    })
}

/// How far an honest speed may be from the true one.
pub(super) fn speed_noise_mm_per_s(sample: &Sample) -> i64 {
    sample.speed_accuracy.map_or(SPEED_NOISE_MM_PER_S, |known| {
        mm_per_s(known).min(SPEED_NOISE_MAX_MM_PER_S)
    })
}

fn speed_tolerance_mm_per_s(one: &Sample, other: &Sample) -> i64 {
    speed_noise_mm_per_s(one) + speed_noise_mm_per_s(other) + SPEED_SLACK_MM_PER_S
}

pub(super) fn mm_per_s(speed: Speed) -> i64 {
    i64::from(speed.mm_per_s())
}

/// The speed in the direction of the front.
fn forward_mm_per_s(sample: &Sample) -> Option<i64> {
    let speed = mm_per_s(sample.speed?);
    Some(match sample.drive_direction {
        None | Some(DriveDirection::Forward) => speed,
        Some(DriveDirection::Backward) => -speed,
    })
}

/// How fast a vehicle goes with its rear first, if it says so.
pub(super) fn reverse_speed(now: &Sample) -> Option<Result<(), Finding>> {
    let speed = now
        .speed
        .filter(|_| now.drive_direction == Some(DriveDirection::Backward))?;
    // ETSI TS 103 759, `Speed-ValueTooLarge-DriveDirectionReverse`.
    Some(Check::ReverseSpeed.at_most(mm_per_s(speed), REVERSE_MAX_MM_PER_S))
}

/// Whether a vehicle goes with its rear first, so that its heading may be its front's. At speeds at
/// which nobody does, that excuses nothing.
pub(super) fn is_reversing(sample: &Sample) -> bool {
    sample.drive_direction == Some(DriveDirection::Backward)
        && sample
            .speed
            .is_none_or(|speed| mm_per_s(speed) < REVERSING_MM_PER_S)
}

/// How far the heading turned in a step; `None` if it is unknown or the drive direction changed.
fn turned_centideg(step: &Step<'_>) -> Option<i64> {
    let (older, newer) = (step.older.heading?, step.newer.heading?);
    (step.older.drive_direction == step.newer.drive_direction)
        .then(|| i64::from(newer.difference_centideg(older)))
}

fn angle_between_centideg(one: u16, other: u16) -> i64 {
    let apart = i64::from(one.abs_diff(other));
    apart.min(36_000 - apart)
}

/// Faster than road vehicles drive: 324 km/h.
pub(super) const SPEED_MAX_MM_PER_S: i64 = 90_000;
/// Harder than tyres hold: honest emergency braking reaches 9 m/s².
const ACCELERATION_MAX_MM_PER_S2: i64 = 12_000;
/// What a speed may do unseen between two samples.
pub(super) const EMERGENCY_MM_PER_S2: i64 = 9_000;
/// How far a claimed acceleration may be from the true one: noise, and gravity on a slope.
const ACCELERATION_OFF_MAX_MM_PER_S2: i64 = 3_000;

/// The accuracy of a position whose sender gave none.
const POSITION_NOISE_MM: i64 = 5_000;
/// The widest accuracy of a position that is believed.
const POSITION_NOISE_MAX_MM: i64 = 20_000;
/// Rounding, lane changes of simulated cars, and times that are not quite those of the position.
const POSITION_SLACK_MM: i64 = 3_000;
const SPEED_NOISE_MM_PER_S: i64 = 500;
const SPEED_NOISE_MAX_MM_PER_S: i64 = 2_000;
/// A speed that follows its position's filter late.
const SPEED_SLACK_MM_PER_S: i64 = 1_500;

/// Over a shorter time, noise hides what the position did.
const SPAN_MIN_MS: i64 = 1_000;
/// Over a longer time, too little is known of what happened meanwhile.
const SPAN_MAX_MS: i64 = 3_500;
/// Longest silence inside a span.
pub(super) const GAP_MAX_MS: i64 = 2_500;

/// In a longer silence, a driver may brake, let go and brake again: both ends claim the same, and the
/// speed is another. A little more than a second, since some say no more than one message a second.
const SILENCE_MAX_MS: i64 = 1_200;
/// A drive that turns less than this is as good as straight: chord and arc differ by 1.1 %.
const STRAIGHT_CENTIDEG: i64 = 3_000;
/// Slower vehicles manoeuvre.
const FAST_MM_PER_S: i64 = 5_000;
const HEADING_WAY_MIN_MM: i64 = 10_000;
const HEADING_OFF_MAX_CENTIDEG: i64 = 6_000;
/// The widest accuracy of a heading that is believed.
const HEADING_ACCURACY_MAX_CENTIDEG: i64 = 3_000;
/// Reverse gears end well below.
const REVERSING_MM_PER_S: i64 = 10_000;
const REVERSE_MAX_MM_PER_S: i64 = 30_000;
/// Half of a quarter turn: more cannot be driven fast within the span.
const BEND_MAX_CENTIDEG: i64 = 4_500;
const CENTIDEG_PER_RADIAN: i64 = 5_730;
