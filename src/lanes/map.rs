use std::{
    collections::{BTreeMap, BTreeSet},
    f64::consts::FRAC_PI_4,
};

use super::{
    line::{Nearest, apart, bends_per_m, between, nearest, stretches},
    route::Route,
};
use crate::{
    geo::{LocalFrame, Offset, Position},
    units::Speed,
};

/// One lane as a map draws it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Its name, which other lanes lead to.
    pub name: u64,
    /// Its left border in the direction of travel, from the map's origin.
    pub left: Vec<Offset>,
    /// Its right border, with as many points.
    pub right: Vec<Offset>,
    /// The lanes that it leads into.
    pub successors: Vec<u64>,
    /// How fast one may drive there; `None` if the map does not say.
    pub speed_limit: Option<Speed>,
}

/// The lanes of some roads.
#[derive(Clone, Debug)]
pub struct LaneMap {
    frame: LocalFrame,
    lanes: Vec<Lane>,
    /// Lanes by the squares that they touch.
    squares: BTreeMap<(i32, i32), BTreeSet<usize>>,
    left_out: usize,
}

#[derive(Clone, Debug)]
struct Lane {
    left: Vec<Offset>,
    right: Vec<Offset>,
    centre: Vec<Offset>,
    half_widths_m: Vec<f64>,
    /// How sharply it bends from each stretch on.
    bends_per_m: Vec<f64>,
    successors: Vec<usize>,
    speed_limit: Option<Speed>,
}

/// A way that is still followed: its points, and the lane that they end in.
struct Draft {
    points: Vec<Offset>,
    length_m: f64,
    lane: usize,
}

impl LaneMap {
    /// A map whose lanes are drawn from an origin. Those that make no sense are left out: whose borders
    /// have no two points or not equally many, or points further from the origin than 100 km or from
    /// each other than 2 km, and all but the first of one name.
    pub fn new(origin: Position, outlines: &[Outline]) -> Self {
        let mut sound = BTreeMap::new();
        for outline in outlines.iter().filter(|outline| outline.is_sound()) {
            sound.entry(outline.name).or_insert(outline);
        }
        let numbers: BTreeMap<u64, usize> = sound.keys().copied().zip(0..).collect();
        let lanes = sound.values().map(|outline| Lane::of(outline, &numbers));
        let lanes: Vec<Lane> = lanes.collect();
        let mut squares: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
        for (number, lane) in lanes.iter().enumerate() {
            for square in lane.squares() {
                squares.entry(square).or_default().insert(number);
            }
        }
        Self {
            frame: LocalFrame::at(origin),
            left_out: outlines.len() - lanes.len(),
            lanes,
            squares,
        }
    }

    /// How many lanes it has.
    pub fn lanes_len(&self) -> usize {
        self.lanes.len()
    }

    /// How many lanes made no sense.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Where a position is, from the map's origin.
    pub fn offset(&self, position: Position) -> Offset {
        self.frame.offset(position)
    }

    /// The left and the right border of each lane, in its direction of travel.
    pub fn borders(&self) -> impl Iterator<Item = [Vec<Position>; 2]> {
        let positions = |border: &[Offset]| {
            let places = border
                .iter()
                .filter_map(|place| self.frame.position(*place));
            places.collect()
        };
        let lanes = self.lanes.iter();
        lanes.map(move |lane| [positions(&lane.left), positions(&lane.right)])
    }

    /// Whether somebody who drives so is on any lane; directions are clockwise from north.
    pub fn is_on_lane(&self, at: Offset, heading_rad: f64) -> bool {
        self.lanes_at(at, heading_rad).next().is_some()
    }

    /// How fast somebody may drive there: the highest limit of the lanes that it may be on, `None` if
    /// one of them has none.
    pub fn speed_limit(&self, at: Offset, heading_rad: f64) -> Option<Speed> {
        let limits = self.lanes_at(at, heading_rad);
        let limits: Option<Vec<Speed>> = limits.map(|(_, lane, _)| lane.speed_limit).collect();
        limits?.into_iter().max()
    }

    /// The ways that somebody may follow from there, each as far as the horizon or the map goes; none
    /// of somebody who is on no lane, and no more than eight. Where lanes part, nobody takes one that
    /// bends too sharply for his speed, unless all do.
    pub fn routes(
        &self,
        at: Offset,
        (heading_rad, speed_m_per_s): (f64, f64),
        horizon_m: f64,
    ) -> Vec<Route> {
        let mut routes = Vec::new();
        let mut steps = 0..STEPS_MAX;
        let bend_max_per_m = ACROSS_MAX_M_PER_S2 / (speed_m_per_s * speed_m_per_s);
        let mut starts: Vec<_> = self.lanes_at(at, heading_rad).collect();
        keep_drivable(&mut starts, bend_max_per_m, |(_, lane, found)| {
            lane.bend_per_m(found.stretch)
        });
        for (lane, _, found) in starts {
            let first = Draft {
                points: vec![found.place],
                length_m: 0.0,
                lane,
            };
            let mut drafts = vec![self.follow(first, found.stretch + 1, horizon_m)];
            while let Some(draft) = drafts.pop() {
                if routes.len() >= ROUTES_MAX || steps.next().is_none() {
                    return routes;
                }
                let mut next = self.successors(draft.lane).to_vec();
                keep_drivable(&mut next, bend_max_per_m, |lane| {
                    let lane = self.lanes.get(*lane);
                    lane.map_or(0.0, |lane| lane.bend_per_m(0))
                });
                if next.is_empty() || draft.length_m >= horizon_m || draft.is_full() {
                    routes.extend(Route::along(draft.points, found.right_m));
                    continue;
                }
                // The first successor first.
                for lane in next.iter().rev() {
                    let branch = Draft {
                        points: draft.points.clone(),
                        lane: *lane,
                        ..draft
                    };
                    drafts.push(self.follow(branch, 0, horizon_m));
                }
            }
        }
        routes
    }

    /// Goes on along the draft's lane from one of its points, to its end or the horizon.
    fn follow(&self, mut draft: Draft, from: usize, horizon_m: f64) -> Draft {
        let points = self
            .lanes
            .get(draft.lane)
            .map(|lane| lane.centre.as_slice());
        for point in points.unwrap_or_default().iter().skip(from) {
            if draft.length_m >= horizon_m || draft.is_full() {
                break;
            }
            if let Some(last) = draft.points.last() {
                draft.length_m += apart(*last, *point).length_m();
            }
            draft.points.push(*point);
        }
        draft
    }

    fn successors(&self, lane: usize) -> &[usize] {
        let lane = self.lanes.get(lane);
        lane.map(|lane| lane.successors.as_slice())
            .unwrap_or_default()
    }

    /// The lanes that somebody fits into by place and direction.
    fn lanes_at(
        &self,
        at: Offset,
        heading_rad: f64,
    ) -> impl Iterator<Item = (usize, &Lane, Nearest)> {
        let near = self.squares.get(&square(at)).into_iter().flatten();
        near.filter_map(move |number| {
            let lane = self.lanes.get(*number)?;
            let found = nearest(&lane.centre, at)?;
            let turn = heading_rad - found.heading_rad;
            let fits = turn.cos() >= FRAC_PI_4.cos()
                && found.distance_m <= lane.half_width_m(&found) + PLACE_SLACK_M;
            fits.then_some((*number, lane, found))
        })
    }
}

/// Leaves out ways that bend more than so much, unless all do.
fn keep_drivable<T>(ways: &mut Vec<T>, bend_max_per_m: f64, bend_per_m: impl Fn(&T) -> f64) {
    let is_drivable = |way: &T| bend_per_m(way) <= bend_max_per_m;
    if ways.iter().any(is_drivable) {
        ways.retain(is_drivable);
    }
}

impl Draft {
    fn is_full(&self) -> bool {
        self.points.len() >= ROUTE_POINTS_MAX
    }
}

impl Outline {
    fn is_sound(&self) -> bool {
        let is_near = |place: &Offset| place.length_m() <= RADIUS_MAX_M;
        let is_short = |border: &[Offset]| {
            stretches(border)
                .map(|(from, to)| apart(from, to).length_m())
                .all(|length_m| length_m <= STRETCH_MAX_M)
        };
        let borders = [&self.left, &self.right];
        self.left.len() == self.right.len()
            && (2..=LANE_POINTS_MAX).contains(&self.left.len())
            // Nothing that is not a number is near.
            && borders.iter().all(|border| border.iter().all(is_near))
            && borders.iter().all(|border| is_short(border))
    }
}

impl Lane {
    fn of(outline: &Outline, numbers: &BTreeMap<u64, usize>) -> Self {
        let pairs = || outline.left.iter().zip(&outline.right);
        let successors = outline.successors.iter();
        let centre: Vec<Offset> = pairs()
            .map(|(left, right)| between(*left, *right, 0.5))
            .collect();
        Self {
            left: outline.left.clone(),
            right: outline.right.clone(),
            bends_per_m: bends_per_m(&centre),
            centre,
            half_widths_m: pairs()
                .map(|(left, right)| apart(*left, *right).length_m() / 2.0)
                .collect(),
            successors: successors
                .filter_map(|name| numbers.get(name).copied())
                .collect(),
            speed_limit: outline.speed_limit,
        }
    }

    /// How sharply it bends at most from one of its stretches to its end.
    fn bend_per_m(&self, stretch: usize) -> f64 {
        self.bends_per_m.get(stretch).copied().unwrap_or(0.0)
    }

    fn half_width_m(&self, at: &Nearest) -> f64 {
        let width = |point: usize| self.half_widths_m.get(point).copied().unwrap_or(0.0);
        let (from, to) = (width(at.stretch), width(at.stretch + 1));
        let half_width_m = from + (to - from) * at.share;
        half_width_m.min(HALF_WIDTH_MAX_M)
    }

    /// The squares that it may touch.
    fn squares(&self) -> BTreeSet<(i32, i32)> {
        let reach_m = HALF_WIDTH_MAX_M + PLACE_SLACK_M;
        let mut squares = BTreeSet::new();
        for (from, to) in stretches(&self.centre) {
            let corner = |of: fn(f64, f64) -> f64, reach_m: f64| Offset {
                east_m: of(from.east_m, to.east_m) + reach_m,
                north_m: of(from.north_m, to.north_m) + reach_m,
            };
            let (low, high) = (
                square(corner(f64::min, -reach_m)),
                square(corner(f64::max, reach_m)),
            );
            for east in low.0..=high.0 {
                squares.extend((low.1..=high.1).map(|north| (east, north)));
            }
        }
        squares
    }
}

fn square(at: Offset) -> (i32, i32) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a lane is within 100 km of the origin; what is further away saturates"
    )]
    let number = |metres: f64| (metres / SQUARE_M).floor() as i32;
    (number(at.east_m), number(at.north_m))
}

/// Most ways that somebody is taken to follow; of more, the last are not looked at.
pub(super) const ROUTES_MAX: usize = 8;
/// Most lanes that are looked at for that.
const STEPS_MAX: usize = 256;
/// Most points of one way: at the bound it ends there.
const ROUTE_POINTS_MAX: usize = 512;
const LANE_POINTS_MAX: usize = 10_000;
/// Across their way, drivers take no more.
const ACROSS_MAX_M_PER_S2: f64 = 4.0;
/// Half of the widest lane.
const HALF_WIDTH_MAX_M: f64 = 5.0;
/// By how much somebody may be beside a lane and still be on it.
const PLACE_SLACK_M: f64 = 0.5;
const SQUARE_M: f64 = 50.0;
const RADIUS_MAX_M: f64 = 100_000.0;
/// The longest straight stretch of a border.
const STRETCH_MAX_M: f64 = 2_000.0;
