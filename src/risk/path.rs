use std::f64::consts::{FRAC_PI_4, PI};

use super::mover::{Mover, View};
use crate::lanes::OnRoute;

/// Somebody who stands in another one's path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct InPath {
    /// Along the path, from box to box; zero where they touch.
    pub(super) gap_m: f64,
    /// Its speed away along the path, negative for somebody who comes.
    pub(super) away_m_per_s: f64,
}

/// When two boxes that go straight on touch each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Touch {
    /// From now; not below zero.
    pub(super) begins_s: f64,
}

/// The same stretch of road, which two that cross each other need one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossing {
    /// From when until when the first is there, from now.
    pub(super) first_s: (f64, f64),
    /// The same for the second.
    pub(super) second_s: (f64, f64),
}

/// Which way somebody goes, held against a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Course {
    /// Along it.
    Along,
    /// Against it.
    Against,
    /// Across it.
    Across,
}

impl Course {
    /// The course of somebody who is turned so far.
    pub(super) fn of(turn_rad: f64) -> Self {
        let turn = turn_rad.abs();
        if turn <= FRAC_PI_4 {
            Self::Along
        } else if turn >= PI - FRAC_PI_4 {
            Self::Against
        } else {
            Self::Across
        }
    }
}

/// The one ahead, if it stands in the arc that the one behind drives and goes that course.
pub(super) fn in_arc(behind: &Mover, ahead: &Mover, course: Course) -> Option<InPath> {
    let view = behind.view(ahead)?;
    if view.ahead_m <= 0.0 {
        return None;
    }
    let bend = Bend::at(behind.curvature_per_m, view.ahead_m)?;
    let turn_rad = wrapped(view.turn_rad - bend.turn_rad);
    let (along_m, across_m) = ahead.reach_m(turn_rad);
    let beside_m = (view.right_m - bend.right_m).abs() - behind.half_width_m - across_m;
    (Course::of(turn_rad) == course && beside_m < 0.0).then(|| InPath {
        gap_m: (bend.length_m - behind.half_length_m - along_m).max(0.0),
        away_m_per_s: ahead.speed_m_per_s * turn_rad.cos(),
    })
}

/// The one ahead, if it stands in the way that the one behind follows along its lanes and goes that
/// course.
pub(super) fn on_route(
    behind: &Mover,
    ahead: &Mover,
    found: OnRoute,
    course: Course,
) -> Option<InPath> {
    let turn_rad = wrapped(ahead.heading_rad - found.heading_rad);
    let (along_m, across_m) = ahead.reach_m(turn_rad);
    let beside_m = found.right_m.abs() - behind.half_width_m - across_m;
    (Course::of(turn_rad) == course && beside_m < 0.0).then(|| InPath {
        gap_m: (found.along_m - behind.half_length_m - along_m).max(0.0),
        away_m_per_s: ahead.speed_m_per_s * turn_rad.cos(),
    })
}

/// When two that go straight on touch, within the horizon.
pub(super) fn touch(own: &Mover, other: &Mover, view: View, horizon_s: f64) -> Option<Touch> {
    let (sin, cos) = view.turn_rad.sin_cos();
    // In the own frame, ahead and right.
    let apart = (view.ahead_m, view.right_m);
    let closing = (
        other.speed_m_per_s * cos - own.speed_m_per_s,
        other.speed_m_per_s * sin,
    );
    let (mut begins_s, mut ends_s) = (0.0_f64, horizon_s);
    let own_m = (own.reach_m(0.0), own.reach_m(view.turn_rad));
    let other_m = (other.reach_m(view.turn_rad), other.reach_m(0.0));
    // Two boxes are apart where they are along one of their sides.
    for (axis, reach_m) in [
        ((1.0, 0.0), own_m.0.0 + other_m.0.0),
        ((0.0, 1.0), own_m.0.1 + other_m.0.1),
        ((cos, sin), own_m.1.0 + other_m.1.0),
        ((-sin, cos), own_m.1.1 + other_m.1.1),
    ] {
        let at_m: f64 = apart.0 * axis.0 + apart.1 * axis.1;
        let speed: f64 = closing.0 * axis.0 + closing.1 * axis.1;
        if speed.abs() < SPEED_MIN_M_PER_S {
            if at_m.abs() >= reach_m {
                return None;
            }
            continue;
        }
        let (one, two) = ((-reach_m - at_m) / speed, (reach_m - at_m) / speed);
        begins_s = begins_s.max(one.min(two));
        ends_s = ends_s.min(one.max(two));
    }
    (begins_s < ends_s).then_some(Touch { begins_s })
}

/// Where and when two that go straight on need the same stretch; `None` if one of them is past it,
/// stands, or goes too much the same way.
pub(super) fn crossing(own: &Mover, other: &Mover, view: View) -> Option<Crossing> {
    let (sin, cos) = view.turn_rad.sin_cos();
    if sin.abs() < CROSSING_SINE_MIN || !own.is_moving() || !other.is_moving() {
        return None;
    }
    // Where the lines through both middles meet, along each of them.
    let own_way_m = view.ahead_m - view.right_m * cos / sin;
    let other_way_m = -view.right_m / sin;
    let own_half_m = (other.half_width_m + own.half_width_m * cos.abs()) / sin.abs();
    let other_half_m = (own.half_width_m + other.half_width_m * cos.abs()) / sin.abs();
    let times = |mover: &Mover, way_m: f64, half_m: f64| {
        let reach_m = half_m + mover.half_length_m;
        let speed = mover.speed_m_per_s;
        ((way_m - reach_m) / speed, (way_m + reach_m) / speed)
    };
    let own_s = times(own, own_way_m, own_half_m);
    let other_s = times(other, other_way_m, other_half_m);
    if own_s.1 < 0.0 || other_s.1 < 0.0 {
        return None;
    }
    let (first_s, second_s) = if own_s.0 <= other_s.0 {
        (own_s, other_s)
    } else {
        (other_s, own_s)
    };
    Some(Crossing { first_s, second_s })
}

/// A path that bends, so far ahead.
struct Bend {
    right_m: f64,
    turn_rad: f64,
    length_m: f64,
}

impl Bend {
    /// `None` where the path does not get so far ahead, or nearly turns back.
    fn at(curvature_per_m: f64, ahead_m: f64) -> Option<Self> {
        if curvature_per_m.abs() < CURVATURE_MIN_PER_M {
            return Some(Self {
                right_m: 0.0,
                turn_rad: 0.0,
                length_m: ahead_m,
            });
        }
        let sine = curvature_per_m * ahead_m;
        (sine.abs() <= BEND_SINE_MAX).then(|| Self {
            right_m: (1.0 - (1.0 - sine * sine).sqrt()) / curvature_per_m,
            turn_rad: sine.asin(),
            length_m: sine.asin() / curvature_per_m,
        })
    }
}

pub(super) fn wrapped(angle_rad: f64) -> f64 {
    angle_rad.sin().atan2(angle_rad.cos())
}

/// Two that close in more slowly do not.
pub(super) const SPEED_MIN_M_PER_S: f64 = 0.01;
/// 30°: at a smaller angle the stretch that two share is as long as the road.
const CROSSING_SINE_MIN: f64 = 0.5;
/// A radius of 10 km is a straight line.
const CURVATURE_MIN_PER_M: f64 = 1e-4;
/// A turn by 64°.
const BEND_SINE_MAX: f64 = 0.9;
