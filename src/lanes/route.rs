use super::line::{apart, nearest, stretches};
use crate::geo::Offset;

/// A way that somebody may follow along lanes, as far beside their middle as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    points: Vec<Offset>,
    /// How far each point is along the way.
    lengths_m: Vec<f64>,
    /// How far the traveller is to the right of it.
    right_m: f64,
    low: Offset,
    high: Offset,
}

/// Where somebody else is, seen along a [`Route`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnRoute {
    /// Along the route, from the traveller.
    pub along_m: f64,
    /// To the right of where the traveller will pass; negative to the left.
    pub right_m: f64,
    /// The direction of the route there, clockwise from north.
    pub heading_rad: f64,
}

impl Route {
    /// `None` of a way without length.
    pub(super) fn along(points: Vec<Offset>, right_m: f64) -> Option<Self> {
        let mut length_m = 0.0;
        let mut lengths_m = vec![length_m];
        for (from, to) in stretches(&points) {
            length_m += apart(from, to).length_m();
            lengths_m.push(length_m);
        }
        let corner = |of: fn(f64, f64) -> f64| {
            let corners = points.iter().copied();
            corners.reduce(|one, other| Offset {
                east_m: of(one.east_m, other.east_m),
                north_m: of(one.north_m, other.north_m),
            })
        };
        let (low, high) = (corner(f64::min)?, corner(f64::max)?);
        (length_m > 0.0).then_some(Self {
            points,
            lengths_m,
            right_m,
            low,
            high,
        })
    }

    /// How long it is.
    pub fn length_m(&self) -> f64 {
        self.lengths_m.last().copied().unwrap_or(0.0)
    }

    /// Where somebody is along it; `None` of those behind the traveller, beyond its end, or more than
    /// 15 m beside it.
    pub fn find(&self, at: Offset) -> Option<OnRoute> {
        let is_near = at.east_m >= self.low.east_m - BESIDE_MAX_M
            && at.east_m <= self.high.east_m + BESIDE_MAX_M
            && at.north_m >= self.low.north_m - BESIDE_MAX_M
            && at.north_m <= self.high.north_m + BESIDE_MAX_M;
        let found = is_near.then(|| nearest(&self.points, at)).flatten()?;
        let from_m = self.lengths_m.get(found.stretch)?;
        let to_m = self.lengths_m.get(found.stretch + 1)?;
        let along_m = from_m + (to_m - from_m) * found.share;
        let is_along = along_m > 0.0 && along_m < self.length_m();
        (is_along && found.distance_m <= BESIDE_MAX_M).then_some(OnRoute {
            along_m,
            right_m: found.right_m - self.right_m,
            heading_rad: found.heading_rad,
        })
    }
}

/// Who is further beside a way is on another road.
const BESIDE_MAX_M: f64 = 15.0;
