use std::{cell::OnceCell, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    mover::{Mover, View},
    path::{Course, InPath, in_arc, on_route, wrapped},
};
use crate::{
    geo::Offset,
    lanes::{LaneMap, OnRoute, Route},
    units::Speed,
};

/// How long it takes until somebody brakes, for the safe distances of the RSS model.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Responses {
    /// The own vehicle; at most 10 s.
    #[serde(with = "humantime_serde")]
    pub own: Duration,
    /// Others, whom people may drive; at most 10 s.
    #[serde(with = "humantime_serde")]
    pub other: Duration,
}

/// How dangers are measured: with which response times, and with the lanes if there is a map.
#[derive(Clone, Debug, Default)]
pub struct Assessor {
    responses: Responses,
    lanes: Option<Arc<LaneMap>>,
}

/// The own vehicle at one moment, for which dangers are measured.
#[derive(Debug)]
pub struct Viewer<'a> {
    pub(super) assessor: &'a Assessor,
    pub(super) own: Placed<'a>,
}

/// A road user, and where it is on the map.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) mover: Mover,
    on_map: Option<OnMap<'a>>,
}

#[derive(Debug)]
struct OnMap<'a> {
    lanes: &'a LaneMap,
    at: Offset,
    /// Found when they are needed.
    routes: OnceCell<Vec<Route>>,
}

impl Responses {
    /// The key of a time that is too long to be one of response, with what would be right.
    pub fn out_of_range(&self) -> Option<(&'static str, &'static str)> {
        let keys = [("own", self.own), ("other", self.other)];
        let found = keys.into_iter().find(|(_, time)| *time > RESPONSE_MAX);
        found.map(|(key, _)| (key, "at most 10 s"))
    }
}

impl Default for Responses {
    fn default() -> Self {
        Self {
            own: Duration::from_secs(1),
            other: Duration::from_secs(2),
        }
    }
}

impl Assessor {
    /// Measures with the lanes of a map, or without.
    pub fn new(responses: Responses, lanes: Option<Arc<LaneMap>>) -> Self {
        Self { responses, lanes }
    }

    /// The own vehicle at a moment.
    pub fn view(&self, own: Mover) -> Viewer<'_> {
        Viewer {
            assessor: self,
            own: self.place(own),
        }
    }

    pub(super) fn place(&self, mover: Mover) -> Placed<'_> {
        let on_map = self.lanes.as_ref().and_then(|lanes| {
            let at = lanes.offset(mover.centre);
            lanes.is_on_lane(at, mover.heading_rad).then(|| OnMap {
                lanes,
                at,
                routes: OnceCell::new(),
            })
        });
        Placed { mover, on_map }
    }

    /// Until the own vehicle and others brake.
    pub(super) fn response_times_s(&self) -> (f64, f64) {
        let Responses { own, other } = self.responses;
        (own.as_secs_f64(), other.as_secs_f64())
    }
}

impl Placed<'_> {
    /// How it sees another: along the road, where the map knows that both go the same or the opposite
    /// way, else straight on. `None` of those too far away.
    pub(super) fn view(&self, other: &Self) -> Option<View> {
        let straight = self.mover.view(&other.mover)?;
        let along = || {
            let (found, turn_rad) = self.nearest_on_way(other)?;
            Some(View {
                ahead_m: found.along_m,
                right_m: found.right_m,
                turn_rad,
            })
        };
        let behind = || {
            let (found, turn_rad) = other.nearest_on_way(self)?;
            Some(View {
                ahead_m: -found.along_m,
                right_m: -found.right_m,
                turn_rad: -turn_rad,
            })
        };
        Some(along().or_else(behind).unwrap_or(straight))
    }

    /// The other, if it comes: of two on lanes, each is in the way of the other. Who waits to turn has
    /// those in its way who pass beside it.
    pub(super) fn oncoming(&self, other: &Self) -> Option<InPath> {
        let found = self.in_path(other, Course::Against)?;
        let is_mapped = self.on_map.is_some() && other.on_map.is_some();
        let is_mutual = !is_mapped || other.in_path(self, Course::Against).is_some();
        is_mutual.then_some(found)
    }

    /// The other, if it is in the way of this one, ahead of it, and goes that course.
    pub(super) fn in_path(&self, ahead: &Self, course: Course) -> Option<InPath> {
        if self.on_map.is_none() || ahead.on_map.is_none() {
            return in_arc(&self.mover, &ahead.mover, course);
        }
        let on_way = self.on_way(ahead);
        on_way
            .filter_map(|found| on_route(&self.mover, &ahead.mover, found, course))
            .min_by(|one, other| one.gap_m.total_cmp(&other.gap_m))
    }

    /// How fast it may drive.
    pub(super) fn speed_limit(&self) -> Option<Speed> {
        let OnMap { lanes, at, .. } = self.on_map.as_ref()?;
        lanes.speed_limit(*at, self.mover.heading_rad)
    }

    /// Where the other is along the nearest of the ways that this one may follow, and how far it is
    /// turned from it; `None` where it goes across.
    fn nearest_on_way(&self, other: &Self) -> Option<(OnRoute, f64)> {
        let nearest = self
            .on_way(other)
            .min_by(|one, another| one.right_m.abs().total_cmp(&another.right_m.abs()))?;
        let turn_rad = wrapped(other.mover.heading_rad - nearest.heading_rad);
        (Course::of(turn_rad) != Course::Across).then_some((nearest, turn_rad))
    }

    /// Where the other is along each of the ways that this one may follow; none without a map.
    fn on_way(&self, other: &Self) -> impl Iterator<Item = OnRoute> {
        let at = other.on_map.as_ref().map(|on_map| on_map.at);
        let routes = self.on_map.iter().flat_map(|on_map| {
            let motion = (self.mover.heading_rad, self.mover.speed_m_per_s);
            on_map
                .routes
                .get_or_init(|| on_map.lanes.routes(on_map.at, motion, HORIZON_M))
        });
        routes.filter_map(move |route| route.find(at?))
    }
}

/// Whoever takes longer to brake does not respond.
const RESPONSE_MAX: Duration = Duration::from_secs(10);
/// How far ways are followed: what 150 km/h need to stop, twice.
const HORIZON_M: f64 = 300.0;
