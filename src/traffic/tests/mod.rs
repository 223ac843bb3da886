mod liars;
mod measured;

use std::time::Duration;

use super::{Config, Interval, Sighting, Traffic, Trust};
use crate::{
    geo::{Cell, LocalFrame, Offset, Position},
    id::StationId,
    security::Slot,
    time::{Instant, Now, Timestamp},
    units::Speed,
};

/// A unit that measures over 20 s, in a street that runs east through one cell.
struct Street {
    traffic: Traffic,
    middle: Position,
}

/// A vehicle that speaks ten times a second.
#[derive(Clone, Copy)]
struct Car {
    name: u8,
    slot: u32,
    /// Where it is at first, east of the middle of the street.
    from_m: f64,
    speed: f64,
    /// What it says.
    says: f64,
    trust: Trust,
}

impl Car {
    fn driving(name: u8, speed: f64) -> Self {
        Self {
            name,
            slot: 7,
            from_m: -speed * 10.0,
            speed,
            says: speed,
            trust: Trust::Full,
        }
    }

    fn after(self, middle: Position, ms: u64) -> Sighting {
        let offset = Offset {
            east_m: self.from_m + self.speed * seconds(ms),
            north_m: 0.0,
        };
        Sighting {
            station: StationId::from_bytes([self.name; 8]),
            slot: Slot::from_number(self.slot),
            position: LocalFrame::at(middle).position(offset).unwrap(),
            speed: Speed::from_m_per_s(self.says),
            generated: now(ms).timestamp,
            trust: self.trust,
        }
    }
}

impl Street {
    fn new() -> Self {
        Self {
            traffic: Traffic::new(Config {
                interval: Duration::from_secs(20),
                ..Config::default()
            }),
            middle: middle(),
        }
    }

    /// Hears cars for 20 s, and what is told after that.
    fn hear(cars: &[Car]) -> Interval {
        let mut street = Self::new();
        street.pass(cars, 0, 20_000);
        street.end(26_000).remove(0)
    }

    fn pass(&mut self, cars: &[Car], from_ms: u64, until_ms: u64) {
        for ms in (from_ms..=until_ms).step_by(100) {
            for car in cars {
                let sighting = car.after(self.middle, ms);
                self.traffic.handle_sighting(&sighting, now(ms));
            }
            self.traffic.handle_timeout(now(ms));
        }
    }

    fn end(&mut self, at_ms: u64) -> Vec<Interval> {
        self.traffic.handle_timeout(now(at_ms));
        std::iter::from_fn(|| self.traffic.poll_interval()).collect()
    }
}

/// 1 700 000 000 s is the start of an interval of 20 s.
fn now(ms: u64) -> Now {
    Now {
        instant: Instant::from_origin(Duration::from_millis(ms)),
        timestamp: Timestamp::from_unix_ms(1_700_000_000_000 + ms).unwrap(),
    }
}

/// A place with 130 m of its cell on either side.
fn middle() -> Position {
    let frame = LocalFrame::at(Position::from_deg(44.49, 11.32).unwrap());
    let place = |east_m: f64, north_m: f64| frame.position(Offset { east_m, north_m }).unwrap();
    for step in 0..2_500 {
        let (east_m, north_m) = (f64::from(step % 50) * 10.0, f64::from(step / 50) * 10.0);
        let ends = [-130.0, 0.0, 130.0].map(|apart| Cell::at(place(east_m + apart, north_m)));
        if ends[0] == ends[1] && ends[1] == ends[2] {
            return place(east_m, north_m);
        }
    }
    panic!("a cell is 350 m wide")
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

fn is_about(speed: Speed, m_per_s: f64) -> bool {
    (speed.m_per_s() - m_per_s).abs() < 0.05
}
