use std::time::Duration;

use super::{
    measure::{
        deceleration_to_avoid_m_per_s2, headway_s, modified_time_to_collision_s,
        post_encroachment_time_s, time_to_collision_s,
    },
    mover::{Mover, View},
    path::{Course, InPath, crossing, touch},
    rss::{self, Party},
    score::{Measures, Part},
    viewer::{Placed, Viewer},
};
use crate::units::Speed;

/// How a neighbour stands to the own vehicle.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Relation {
    /// In the own path, going the same way.
    Ahead,
    /// The own vehicle is in its path, going the same way.
    Behind,
    /// In the own path, coming.
    Oncoming,
    /// Going the same or the opposite way, but not in the path.
    Beside,
    /// Going across.
    Crossing,
}

/// How dangerous a neighbour is to the own vehicle; what cannot be computed is `None`, and no value
/// is NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// How the two stand to each other.
    pub relation: Relation,
    /// Until they touch if nothing changes; `None` while they do not close in.
    pub time_to_collision_s: Option<f64>,
    /// Until they touch if both keep their acceleration; of two in one path.
    pub modified_time_to_collision_s: Option<f64>,
    /// The gap by the speed of the one behind.
    pub headway_s: Option<f64>,
    /// What the one behind must brake with.
    pub deceleration_to_avoid_m_per_s2: Option<f64>,
    /// Of two that cross: from when the first has left to when the second arrives. Below zero, they
    /// meet.
    pub post_encroachment_time_s: Option<f64>,
    /// The gap along the road less the safe one; of two that go the same or the opposite way.
    pub rss_longitudinal_margin_m: Option<f64>,
    /// The same across the road.
    pub rss_lateral_margin_m: Option<f64>,
    /// Since the neighbour braked hard, for a minute.
    pub since_hard_brake: Option<Duration>,
    /// By how much the neighbour is faster than it may be where it drives, above zero; where a map
    /// says.
    pub over_speed_limit_m_per_s: Option<f64>,
    /// What the score is made of.
    pub parts: Vec<Part>,
}

impl Risk {
    /// 0 (none) to 100.
    pub fn score(&self) -> f64 {
        let sum: f64 = self.parts.iter().map(|part| part.score).sum();
        sum.min(100.0)
    }
}

impl Viewer<'_> {
    /// How dangerous another one is; `None` if it is too far away to be.
    pub fn assess(&self, other: &Mover, since_hard_brake: Option<Duration>) -> Option<Risk> {
        let other = self.assessor.place(*other);
        let view = self.own.view(&other)?;
        let situation = Situation::of((&self.own, &other), view, self.assessor.response_times_s());
        let following = situation.following();
        let closing = following.map(|following| following.closing_m_per_s());
        let gap = following.map(|following| following.gap_m);
        let along = |measure: fn(f64, f64) -> Option<f64>| {
            gap.zip(closing).and_then(|(g, c)| measure(g, c))
        };
        let time_to_collision = along(time_to_collision_s).or_else(|| situation.touch_s());
        let modified = following.and_then(|following| {
            let gaining = following.gaining_m_per_s2;
            modified_time_to_collision_s(following.gap_m, following.closing_m_per_s(), gaining)
        });
        // Nobody avoids who comes towards it by braking alone.
        let same_way = following.filter(|_| situation.relation != Relation::Oncoming);
        let needed =
            same_way.and_then(|it| deceleration_to_avoid_m_per_s2(it.gap_m, it.closing_m_per_s()));
        let headway = same_way.and_then(|it| headway_s(it.gap_m, it.behind_m_per_s));
        let encroachment =
            crossing(situation.own, situation.other, view).and_then(post_encroachment_time_s);
        let safe = situation.safe_distances();
        let limit = other.speed_limit().map(Speed::m_per_s);
        let over_m_per_s = limit
            .map(|limit| other.mover.speed_m_per_s - limit)
            .filter(|over| *over > 0.0);
        let shortest = time_to_collision
            .into_iter()
            .chain(modified)
            .reduce(f64::min);
        let measures = Measures {
            time_to_collision_s: shortest,
            deceleration_to_avoid_m_per_s2: needed,
            post_encroachment_time_s: encroachment,
            headway_s: headway,
            distance_missing: safe.and_then(|safe| safe.missing()),
            since_hard_brake,
            over_limit: over_m_per_s
                .zip(limit)
                .map(|(over, limit)| over / limit.max(1.0)),
        };
        Some(Risk {
            relation: situation.relation,
            time_to_collision_s: time_to_collision,
            modified_time_to_collision_s: modified,
            headway_s: headway,
            deceleration_to_avoid_m_per_s2: needed,
            post_encroachment_time_s: encroachment,
            rss_longitudinal_margin_m: safe.and_then(|safe| safe.longitudinal_margin_m()),
            rss_lateral_margin_m: safe.map(|safe| safe.lateral_gap_m - safe.lateral_safe_m),
            since_hard_brake,
            over_speed_limit_m_per_s: over_m_per_s,
            parts: measures.parts(),
        })
    }
}

/// Two road users and how they stand to each other.
struct Situation<'a> {
    own: &'a Mover,
    other: &'a Mover,
    view: View,
    relation: Relation,
    /// The one of them that is in the other one's path.
    in_path: Option<InPath>,
    own_response_s: f64,
    other_response_s: f64,
}

/// One behind another in one path.
#[derive(Clone, Copy)]
struct Following {
    gap_m: f64,
    behind_m_per_s: f64,
    /// The speed of the one ahead away along the path.
    away_m_per_s: f64,
    /// By how much the one behind accelerates more.
    gaining_m_per_s2: f64,
}

/// The distances of two that go the same or the opposite way.
#[derive(Clone, Copy)]
struct Distances {
    /// The gap along the road, and the safe one; `None` of two that drive apart.
    longitudinal_m: Option<(f64, f64)>,
    lateral_gap_m: f64,
    lateral_safe_m: f64,
}

impl<'a> Situation<'a> {
    fn of(
        (own, other): (&'a Placed<'_>, &'a Placed<'_>),
        view: View,
        (own_response_s, other_response_s): (f64, f64),
    ) -> Self {
        let ahead = own.in_path(other, Course::Along);
        let behind = || other.in_path(own, Course::Along);
        let oncoming = || own.oncoming(other);
        let (relation, in_path) = if ahead.is_some() {
            (Relation::Ahead, ahead)
        } else if let Some(found) = behind() {
            (Relation::Behind, Some(found))
        } else if let Some(found) = oncoming() {
            (Relation::Oncoming, Some(found))
        } else {
            match Course::of(view.turn_rad) {
                Course::Along | Course::Against => (Relation::Beside, None),
                Course::Across => (Relation::Crossing, None),
            }
        };
        Self {
            own: &own.mover,
            other: &other.mover,
            view,
            relation,
            in_path,
            own_response_s,
            other_response_s,
        }
    }

    fn following(&self) -> Option<Following> {
        let InPath {
            gap_m,
            away_m_per_s,
        } = self.in_path?;
        let (behind, ahead) = match self.relation {
            Relation::Behind => (self.other, self.own),
            Relation::Ahead | Relation::Oncoming | Relation::Beside | Relation::Crossing => {
                (self.own, self.other)
            }
        };
        // Who comes and brakes gains less, too.
        let gaining = match self.relation {
            Relation::Oncoming => behind.acceleration_m_per_s2 + ahead.acceleration_m_per_s2,
            Relation::Ahead | Relation::Behind | Relation::Beside | Relation::Crossing => {
                behind.acceleration_m_per_s2 - ahead.acceleration_m_per_s2
            }
        };
        Some(Following {
            gap_m,
            behind_m_per_s: behind.speed_m_per_s,
            away_m_per_s,
            gaining_m_per_s2: gaining,
        })
    }

    /// Of two that are not in one path.
    fn touch_s(&self) -> Option<f64> {
        if self.in_path.is_some() {
            return None;
        }
        touch(self.own, self.other, self.view, STRAIGHT_HORIZON_S).map(|touch| touch.begins_s)
    }

    /// `None` of two that cross each other.
    fn safe_distances(&self) -> Option<Distances> {
        let (is_against, is_ahead) = match self.relation {
            Relation::Crossing => return None,
            Relation::Ahead => (false, true),
            Relation::Behind => (false, false),
            Relation::Oncoming => (true, true),
            Relation::Beside => {
                let course = Course::of(self.view.turn_rad);
                (course == Course::Against, self.view.ahead_m >= 0.0)
            }
        };
        let own = party(self.own.speed_m_per_s, self.own_response_s);
        let other = party(self.other.speed_m_per_s, self.other_response_s);
        let (along_m, across_m) = self.other.reach_m(self.view.turn_rad);
        let straight_m = self.view.ahead_m.abs() - self.own.half_length_m - along_m;
        let gap_m = self
            .in_path
            .map_or(straight_m.max(0.0), |found| found.gap_m);
        let safe_m = match (is_against, is_ahead) {
            (true, true) => Some(rss::opposite_m(own, other)),
            // They drive apart.
            (true, false) => None,
            (false, true) => Some(rss::same_direction_m(own, other.speed_m_per_s)),
            (false, false) => Some(rss::same_direction_m(other, own.speed_m_per_s)),
        };
        let beside_m = self.view.right_m.abs() - self.own.half_width_m - across_m;
        let (lateral_gap_m, drift) = match self.in_path {
            // Along a bend, straight on is not where it goes.
            Some(_) => (0.0, 0.0),
            None => {
                let drift = self.other.speed_m_per_s * self.view.turn_rad.sin();
                (beside_m.max(0.0), drift)
            }
        };
        let own_drift = party(0.0, self.own_response_s);
        let other_drift = party(drift, self.other_response_s);
        let lateral_safe_m = if self.view.right_m >= 0.0 {
            rss::lateral_m(own_drift, other_drift)
        } else {
            rss::lateral_m(other_drift, own_drift)
        };
        Some(Distances {
            longitudinal_m: safe_m.map(|safe_m| (gap_m, safe_m)),
            lateral_gap_m,
            lateral_safe_m,
        })
    }
}

fn party(speed_m_per_s: f64, response_s: f64) -> Party {
    Party {
        speed_m_per_s,
        response_s,
    }
}

impl Following {
    fn closing_m_per_s(&self) -> f64 {
        self.behind_m_per_s - self.away_m_per_s
    }
}

impl Distances {
    fn longitudinal_margin_m(&self) -> Option<f64> {
        self.longitudinal_m.map(|(gap_m, safe_m)| gap_m - safe_m)
    }

    /// How much of the longitudinal distance is missing where the lateral one is too short as well.
    fn missing(&self) -> Option<f64> {
        let (gap_m, safe_m) = self.longitudinal_m?;
        let is_beside = self.lateral_gap_m < self.lateral_safe_m;
        (is_beside && gap_m < safe_m).then(|| (safe_m - gap_m) / safe_m)
    }
}

/// Those who are not in one path go straight on no longer than this, as far as anybody knows.
const STRAIGHT_HORIZON_S: f64 = 10.0;
