use std::time::Duration;

use super::brakes::MEMORY;

/// What one measure adds to a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The measure's name.
    pub name: &'static str,
    /// Above 0; all parts of a score together are at most 100.
    pub score: f64,
}

/// What a score is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measures {
    /// The shorter of both times to collision.
    pub(super) time_to_collision_s: Option<f64>,
    pub(super) deceleration_to_avoid_m_per_s2: Option<f64>,
    pub(super) post_encroachment_time_s: Option<f64>,
    pub(super) headway_s: Option<f64>,
    /// How much of the safe distance is missing, 0 to 1, where both distances are too short.
    pub(super) distance_missing: Option<f64>,
    pub(super) since_hard_brake: Option<Duration>,
    /// By which share of the limit it is faster.
    pub(super) over_limit: Option<f64>,
}

impl Measures {
    /// The parts that add something, the gravest measure first.
    ///
    /// Each measure is a danger of 0 to 1, by the thresholds in use; each takes that share of what the
    /// ones before it left of 100, so that the sum is bounded and never falls when one rises.
    pub(super) fn parts(&self) -> Vec<Part> {
        let faded = |since: Duration| {
            let age = since.as_secs_f64() / MEMORY.as_secs_f64();
            ramp(age, 1.0, 0.0)
        };
        let dangers = [
            (
                "time_to_collision",
                // 4 s is where drivers feel uneasy, 1.5 s FHWA's threshold of a conflict.
                self.time_to_collision_s.map(|time| ramp(time, 4.0, 1.5)),
            ),
            (
                "deceleration_to_avoid",
                // 3.4 m/s² is what AASHTO expects of drivers.
                self.deceleration_to_avoid_m_per_s2
                    .map(|braking| 0.8 * ramp(braking, 1.0, 3.4)),
            ),
            (
                "post_encroachment_time",
                // 5 s is where SSAM begins to look, 1.5 s a serious conflict.
                self.post_encroachment_time_s
                    .map(|time| 0.5 * ramp(time, 5.0, 1.5)),
            ),
            (
                "headway",
                // Half the speedometer, and half of that.
                self.headway_s.map(|time| 0.3 * ramp(time, 1.8, 0.9)),
            ),
            (
                "rss_margin",
                self.distance_missing
                    .map(|share| 0.3 * share.clamp(0.0, 1.0)),
            ),
            (
                "hard_brake",
                self.since_hard_brake.map(|since| 0.15 * faded(since)),
            ),
            (
                "speed_limit",
                // A tenth is within what speedometers and maps are wrong by.
                self.over_limit.map(|share| 0.15 * ramp(share, 0.1, 0.5)),
            ),
        ];
        let mut left = SCORE_MAX;
        let mut parts = Vec::new();
        for (name, danger) in dangers {
            let score = left * danger.unwrap_or(0.0);
            if score > 0.0 {
                left -= score;
                parts.push(Part { name, score });
            }
        }
        parts
    }
}

/// 0 at `none`, 1 at `full`, between them a straight line; either may be the greater one.
fn ramp(value: f64, none: f64, full: f64) -> f64 {
    ((value - none) / (full - none)).clamp(0.0, 1.0)
}

const SCORE_MAX: f64 = 100.0;
