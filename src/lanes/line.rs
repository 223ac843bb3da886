use std::collections::VecDeque;

use crate::geo::Offset;

/// The place on a line that is nearest to somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    /// The stretch that it is on: from the point of this number to the next one.
    pub(super) stretch: usize,
    /// How far into the stretch, 0 to 1.
    pub(super) share: f64,
    /// Where it is.
    pub(super) place: Offset,
    /// The direction of the stretch, clockwise from north.
    pub(super) heading_rad: f64,
    /// How far somewhere is to the right of the line; negative to the left.
    pub(super) right_m: f64,
    /// How far away it is.
    pub(super) distance_m: f64,
}

/// The nearest place on a line; `None` of a line without length.
pub(super) fn nearest(line: &[Offset], at: Offset) -> Option<Nearest> {
    let stretches = stretches(line).enumerate();
    let places = stretches.filter_map(|(stretch, ends)| on_stretch(stretch, ends, at));
    places.min_by(|one, other| one.distance_m.total_cmp(&other.distance_m))
}

fn on_stretch(stretch: usize, (from, to): (Offset, Offset), at: Offset) -> Option<Nearest> {
    let way = apart(from, to);
    let length_m = way.length_m();
    if length_m < LENGTH_MIN_M {
        return None;
    }
    let off = apart(from, at);
    let (east, north) = (way.east_m / length_m, way.north_m / length_m);
    let share = (off.east_m * east + off.north_m * north) / length_m;
    let share = share.clamp(0.0, 1.0);
    let place = between(from, to, share);
    Some(Nearest {
        stretch,
        share,
        place,
        heading_rad: east.atan2(north),
        right_m: off.east_m * north - off.north_m * east,
        distance_m: apart(place, at).length_m(),
    })
}

/// Of each stretch of a line, how sharply the line bends at most from there to its end: one by the
/// radius, over [`BEND_M`].
pub(super) fn bends_per_m(line: &[Offset]) -> Vec<f64> {
    let mut corners = Vec::with_capacity(line.len());
    let (mut length_m, mut heading_rad) = (0.0, None);
    for (from, to) in stretches(line) {
        let way = apart(from, to);
        let turn_rad = if way.length_m() < LENGTH_MIN_M {
            0.0
        } else {
            let next_rad = way.east_m.atan2(way.north_m);
            let turn_rad = heading_rad.map_or(0.0, |before: f64| next_rad - before);
            heading_rad = Some(next_rad);
            turn_rad.sin().atan2(turn_rad.cos())
        };
        corners.push((length_m, turn_rad));
        length_m += way.length_m();
    }
    let mut bends = VecDeque::with_capacity(corners.len());
    let mut window = VecDeque::new();
    let mut sharpest_per_m = 0.0_f64;
    for (at_m, turn_rad) in corners.into_iter().rev() {
        window.push_front((at_m, turn_rad));
        while window
            .back()
            .is_some_and(|(end_m, _)| end_m - at_m >= BEND_M)
        {
            window.pop_back();
        }
        let turned_rad: f64 = window.iter().map(|(_, turn_rad)| turn_rad).sum();
        sharpest_per_m = sharpest_per_m.max(turned_rad.abs() / BEND_M);
        bends.push_front(sharpest_per_m);
    }
    bends.into()
}

/// From each point of a line to the next one.
pub(super) fn stretches(line: &[Offset]) -> impl Iterator<Item = (Offset, Offset)> {
    line.iter().copied().zip(line.iter().copied().skip(1))
}

/// The way from one place to another.
pub(super) fn apart(from: Offset, to: Offset) -> Offset {
    Offset {
        east_m: to.east_m - from.east_m,
        north_m: to.north_m - from.north_m,
    }
}

/// The place that is such a share of the way from one place to another.
pub(super) fn between(from: Offset, to: Offset, share: f64) -> Offset {
    let way = apart(from, to);
    Offset {
        east_m: from.east_m + way.east_m * share,
        north_m: from.north_m + way.north_m * share,
    }
}

/// Two points of a map that are one.
const LENGTH_MIN_M: f64 = 1e-3;
/// A corner where two streets meet; drawn lines jitter over less.
const BEND_M: f64 = 10.0;
