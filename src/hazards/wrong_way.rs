use std::{collections::BTreeMap, time::Duration};

use crate::{id::StationId, time::Timestamp, units::Speed};

use super::{Config, neighbour::Look};

/// Whether traffic comes towards the vehicle on both sides, and nobody goes its way.
///
/// On a road for both directions whoever comes passes on one side; on a carriageway for one,
/// whoever drives against it is passed on both. A parallel road is further away than a lane or two.
#[derive(Debug, Default)]
pub(super) struct WrongWay {
    /// Who came on which side, when last.
    left: BTreeMap<StationId, Timestamp>,
    right: BTreeMap<StationId, Timestamp>,
    since: Option<Timestamp>,
    is_on: bool,
}

impl WrongWay {
    /// Takes the next look; returns whether the vehicle drives the wrong way.
    pub(super) fn observe(
        &mut self,
        (measured, speed): (Timestamp, Option<Speed>),
        look: &Look,
        config: &Config,
    ) -> bool {
        if speed.is_none_or(|speed| speed.mm_per_s() <= SPEED_MIN_MM_PER_S) {
            self.forget();
            return false;
        }
        let is_accompanied = look.seen.iter().any(|it| {
            it.is_along()
                && it.speed_mm_per_s > SPEED_MIN_MM_PER_S
                && it.right_m.abs() <= BESIDE_MAX_M
        });
        if is_accompanied {
            self.forget();
            return false;
        }
        for it in look.seen.iter().filter(|it| {
            it.is_against()
                && it.speed_mm_per_s > SPEED_MIN_MM_PER_S
                && (0.0..=AHEAD_M).contains(&it.ahead_m)
        }) {
            // Further ahead, a bend moves somebody from one side to the other.
            let side = it.right_m;
            if (BESIDE_MIN_M..=BESIDE_MAX_M).contains(&side) {
                self.right.insert(it.station, measured);
            } else if (BESIDE_MIN_M..=BESIDE_MAX_M).contains(&-side) {
                self.left.insert(it.station, measured);
            }
        }
        let is_recent = |_: &StationId, at: &mut Timestamp| measured.since(*at) <= REMEMBERED_FOR;
        self.left.retain(is_recent);
        self.right.retain(is_recent);
        let is_between = self.left.len() >= SIDE_MIN && self.right.len() >= SIDE_MIN;
        if is_between {
            let since = *self.since.get_or_insert(measured);
            self.is_on |= measured.since(since) >= config.wrong_way_after;
        } else {
            self.since = None;
        }
        self.is_on
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// 3 m/s.
const SPEED_MIN_MM_PER_S: u32 = 3_000;
const AHEAD_M: f64 = 25.0;
/// Nearer, it is not beside but in front.
const BESIDE_MIN_M: f64 = 1.5;
/// Two lanes.
const BESIDE_MAX_M: f64 = 7.0;
/// So many on each side: one may only overtake.
const SIDE_MIN: usize = 2;
const REMEMBERED_FOR: Duration = Duration::from_secs(20);
