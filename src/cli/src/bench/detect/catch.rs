use std::collections::BTreeMap;

use wayside::{
    geo::{LocalFrame, Offset, Position},
    sim::Said,
    time::Timestamp,
};

use super::detector::{Detector, Flag};

/// CaTCH, the confidence-aware detector of F2MD, from its published description.
///
/// Each check gives a factor from 0 (cannot be) to 1 (can be), in between as far as the two
/// accuracies reach over the limit; a message is flagged where one is below a half. Limits are the
/// middle of those that VeReMi NextGen found best in its four scenarios. Without a receiver's place
/// and a map, its checks of range, sudden appearance and position on the road are left out, and its
/// Kalman filters, too.
#[derive(Default)]
pub(super) struct Catch {
    last: BTreeMap<usize, State>,
}

#[derive(Clone, Copy)]
struct State {
    at: Timestamp,
    position: Position,
    place_noise: f64,
    speed: Option<f64>,
    speed_noise: f64,
    heading_deg: Option<f64>,
    heading_noise: f64,
    length: f64,
    width: f64,
}

impl Detector for Catch {
    fn hear(&mut self, said: &Said) -> Vec<Flag> {
        let now = State::of(said);
        let mut factors = vec![(
            "speed_plausibility",
            now.speed.map(|v| below(v, now.speed_noise, SPEED_MAX)),
        )];
        factors.push(("intersection", self.intersection(said.sender, &now)));
        if let Some(before) = self.last.get(&said.sender) {
            let elapsed = now.at.since(before.at).as_secs_f64();
            let pair = Pair {
                before,
                now: &now,
                elapsed,
                moved: before.position.distance_m(now.position),
            };
            factors.push((
                "beacon_frequency",
                Some(f64::from(u8::from(elapsed >= INTERVAL_MIN))),
            ));
            if elapsed > 0.0 {
                factors.push(("position_consistency", Some(pair.position())));
                factors.push(("speed_consistency", pair.speed()));
                factors.push(("position_speed_consistency", pair.position_speed()));
                factors.push(("position_heading_consistency", pair.position_heading()));
            }
        }
        let is_newer = self.last.get(&said.sender).is_none_or(|it| it.at < now.at);
        if is_newer {
            self.last.insert(said.sender, now);
        }
        let failed = factors
            .into_iter()
            .filter(|(_, factor)| factor.is_some_and(|factor| factor < 0.5));
        failed.map(|(check, _)| Flag { check, margin: 0 }).collect()
    }
}

impl State {
    fn of(said: &Said) -> Self {
        let telemetry = &said.telemetry;
        Self {
            at: said.generated,
            position: telemetry.position,
            place_noise: telemetry
                .position_accuracy
                .map_or(10.0, |it| it.semi_major().m()),
            speed: telemetry.speed.map(|it| it.m_per_s()),
            speed_noise: telemetry.speed_accuracy.map_or(0.5, |it| it.m_per_s()),
            heading_deg: telemetry.heading.map(|it| it.deg()),
            heading_noise: telemetry.heading_accuracy.map_or(20.0, |it| it.deg()),
            length: telemetry.length.map_or(4.5, |it| it.m()),
            width: telemetry.width.map_or(1.8, |it| it.m()),
        }
    }
}

struct Pair<'a> {
    before: &'a State,
    now: &'a State,
    elapsed: f64,
    moved: f64,
}

impl Pair<'_> {
    fn place_noise(&self) -> f64 {
        self.before.place_noise + self.now.place_noise
    }

    fn position(&self) -> f64 {
        below(self.moved, self.place_noise(), SPEED_MAX * self.elapsed)
    }

    fn speed(&self) -> Option<f64> {
        let change = self.now.speed? - self.before.speed?;
        let most = if change > 0.0 {
            ACCELERATION_MAX
        } else {
            BRAKING_MAX
        };
        let noise = self.before.speed_noise + self.now.speed_noise;
        Some(below(change.abs(), noise, most * self.elapsed))
    }

    fn position_speed(&self) -> Option<f64> {
        if self.elapsed >= TIME_MAX {
            return None;
        }
        let (from, to) = (self.before.speed?, self.now.speed?);
        let (least, most) = ways(from, to, self.elapsed);
        let slow = from.min(to);
        let down = (DOWN_M + 0.3571 * slow - 0.01694 * slow * slow).max(0.0);
        let noise = self.place_noise();
        let not_too_far = below(self.moved, noise, most + UP_M);
        let not_too_near = below(-self.moved, noise, down - least);
        Some(not_too_far.min(not_too_near))
    }

    fn position_heading(&self) -> Option<f64> {
        let (heading, speed) = (self.now.heading_deg?, self.now.speed?);
        if self.elapsed >= HEADING_TIME_MAX
            || self.moved < 1.0
            || speed - self.now.speed_noise < 1.0
        {
            return None;
        }
        let Offset { east_m, north_m } =
            LocalFrame::at(self.before.position).offset(self.now.position);
        let way = east_m.atan2(north_m).to_degrees();
        let off = (way - heading + 180.0).rem_euclid(360.0) - 180.0;
        Some(below(off.abs(), self.now.heading_noise, HEADING_OFF_MAX))
    }
}

impl Catch {
    fn intersection(&self, sender: usize, now: &State) -> Option<f64> {
        let heading = now.heading_deg?.to_radians();
        let frame = LocalFrame::at(now.position);
        let mut least: Option<f64> = None;
        for (_, other) in self.last.iter().filter(|(other, _)| **other != sender) {
            let near = (other.position.latitude_e7() - now.position.latitude_e7()).abs() < 2_000;
            let elapsed = now.at.since(other.at).as_secs_f64();
            if !near || elapsed >= TOGETHER_S {
                continue;
            }
            let Offset { east_m, north_m } = frame.offset(other.position);
            let ahead = east_m * heading.sin() + north_m * heading.cos();
            let right = east_m * heading.cos() - north_m * heading.sin();
            let along = ((now.length + other.length) / 2.0 - ahead.abs()).max(0.0) / now.length;
            let across = ((now.width + other.width) / 2.0 - right.abs()).max(0.0) / now.width;
            let factor = 1.0 - along.min(1.0) * across.min(1.0) * (1.0 - elapsed / TOGETHER_S);
            least = Some(least.map_or(factor, |least| least.min(factor)));
        }
        least
    }
}

/// How far a value that is sure within `noise` lies below a limit: 1 wholly, 0 not at all.
fn below(value: f64, noise: f64, limit: f64) -> f64 {
    if noise <= 0.0 {
        return if value <= limit { 1.0 } else { 0.0 };
    }
    ((limit + noise - value) / (2.0 * noise)).clamp(0.0, 1.0)
}

/// The shortest and the longest way between two speeds in a time.
fn ways(from: f64, to: f64, time: f64) -> (f64, f64) {
    let (up, down) = (1.0 / ACCELERATION_MAX, 1.0 / BRAKING_MAX);
    let top = (time + from * up + to * down) / (up + down);
    let bottom = ((from * down + to * up - time) / (up + down)).max(0.0);
    let (low, high) = (from.min(to), from.max(to));
    let most = if top < high {
        high * time
    } else {
        (top * top - from * from) * up / 2.0 + (top * top - to * to) * down / 2.0
    };
    let least = if bottom > low {
        low * time
    } else {
        (from * from - bottom * bottom) * down / 2.0 + (to * to - bottom * bottom) * up / 2.0
    };
    (least.min(most), most)
}

const SPEED_MAX: f64 = 43.5;
const ACCELERATION_MAX: f64 = 3.25;
const BRAKING_MAX: f64 = 5.35;
const TIME_MAX: f64 = 2.6;
const UP_M: f64 = 1.15;
const DOWN_M: f64 = 2.15;
const HEADING_OFF_MAX: f64 = 100.0;
const HEADING_TIME_MAX: f64 = 2.9;
const TOGETHER_S: f64 = 3.0;
/// 80 % of 0.1 s.
const INTERVAL_MIN: f64 = 0.08;
