use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::{Cast, Seed, class_of};
use crate::{
    geo::Cell,
    message::Telemetry,
    pipeline::{Config, Event, OwnState, Station},
    replay::{Content, Drive},
    security::{Class, SlotClock},
    time::{Instant, Now, Timestamp},
    traffic::{self, Interval, Sighting, Traffic},
    units::Speed,
    world::WorldEvent,
};

/// One roadside unit that hears all of a recorded drive, some of whose vehicles lie, and measures its
/// traffic: what it finds beside what was true.
///
/// The vehicles sign and the unit verifies and judges, with the stations that daemons run.
#[derive(Clone, Copy, Debug)]
pub struct TrafficTrial {
    /// Which share of the vehicles lies, 0 to 1.
    pub liars: f64,
    /// How.
    pub lie: TrafficLie,
    /// Who, and what each of them says.
    pub seed: Seed,
}

/// What liars say of their motion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TrafficLie {
    /// A speed that is not theirs: a third, the double, none, or 36 m/s. Each keeps to one of these.
    Speed,
    /// That they stand where they were first, so that positions and speeds fit each other.
    Standing,
    /// Nothing. It is no lie, but what every other one is held against: more than all that the
    /// honest say, nobody can know.
    Silent,
}

/// What a [`TrafficTrial`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficOutcome {
    /// Vehicles that lied.
    pub liars: usize,
    /// All vehicles.
    pub vehicles: usize,
    /// Intervals of which something was told.
    pub intervals: usize,
    /// Messages that the unit heard and took.
    pub heard: u64,
    /// The cells of which something was told, over all of these intervals.
    pub cells: Vec<TrafficCell>,
}

/// The traffic of one cell over the intervals of which something was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrafficCell {
    /// Where.
    pub cell: Cell,
    /// As the unit says.
    pub told_m_per_s: f64,
    /// As it was: all ways of all vehicles by their times.
    pub true_m_per_s: f64,
    /// The time that all vehicles were there.
    pub vehicle_s: f64,
}

impl TrafficCell {
    /// By how much the unit is wrong, as a share of the truth.
    pub fn error(&self) -> f64 {
        (self.told_m_per_s - self.true_m_per_s).abs() / self.true_m_per_s.max(SPEED_MIN_M_PER_S)
    }
}

impl TrafficOutcome {
    /// The share of cells that are wrong by at most so much.
    pub fn within(&self, error: f64) -> f64 {
        let within = self.cells.iter().filter(|cell| cell.error() <= error);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 cells")]
        let share = within.count() as f64 / self.cells.len().max(1) as f64;
        share
    }

    /// The error of the cell that is most wrong.
    pub fn worst(&self) -> f64 {
        let errors = self.cells.iter().map(TrafficCell::error);
        errors.fold(0.0, f64::max)
    }
}

impl TrafficTrial {
    /// Plays a drive; `progress` is told how much of it has passed.
    pub fn run(self, drive: &Drive, mut progress: impl FnMut(Duration)) -> TrafficOutcome {
        let mut choices = self.seed.choices("traffic liars");
        let liars: Vec<Option<Liar>> = drive
            .vehicles
            .iter()
            .map(|_| {
                let is_liar = choices.happens(self.liars);
                let kind = choices.below(Liar::KINDS);
                is_liar.then_some(Liar {
                    lie: self.lie,
                    kind,
                    first: None,
                })
            })
            .collect();
        let mut trial = Run::new(self.seed, drive, liars);
        for record in &drive.records {
            if let Content::State(telemetry) = &record.content {
                trial.play(record.vehicle, telemetry, record.time);
                progress(record.time.since(drive.start));
            }
        }
        trial.finish(drive.end())
    }
}

/// Somebody who lies.
#[derive(Clone, Debug)]
struct Liar {
    lie: TrafficLie,
    kind: u64,
    first: Option<Telemetry>,
}

impl Liar {
    const KINDS: u64 = 4;

    fn says(&mut self, truth: &Telemetry) -> Option<Telemetry> {
        match self.lie {
            TrafficLie::Speed => Some(Telemetry {
                speed: self.speed(truth.speed),
                ..truth.clone()
            }),
            TrafficLie::Standing => {
                let first = self.first.get_or_insert_with(|| truth.clone());
                Some(Telemetry {
                    speed: Some(Speed::ZERO),
                    longitudinal_acceleration: None,
                    yaw_rate: None,
                    ..first.clone()
                })
            }
            TrafficLie::Silent => None,
        }
    }

    fn speed(&self, truth: Option<Speed>) -> Option<Speed> {
        let truth = truth?.mm_per_s();
        Speed::from_mm_per_s(match self.kind {
            0 => truth / 3,
            1 => (truth * 2).min(SPEED_MAX_MM_PER_S),
            2 => 0,
            _ => CONSTANT_MM_PER_S,
        })
    }
}

/// A trial under way.
struct Run<'a> {
    drive: &'a Drive,
    cast: Cast,
    liars: Vec<Option<Liar>>,
    cars: BTreeMap<usize, Station>,
    unit: Station,
    traffic: Traffic,
    next_look: Timestamp,
    told: Vec<Interval>,
    truth: Truth,
    heard: u64,
}

impl<'a> Run<'a> {
    fn new(seed: Seed, drive: &'a Drive, liars: Vec<Option<Liar>>) -> Self {
        let slots = SlotClock::from_length_s(300).expect("the usual length");
        let cast = Cast::new(seed, slots, drive.start, drive.end());
        let now = now_at(drive, drive.start);
        let wallet = cast.wallet("the unit that hears", Class::Car);
        let config = traffic::Config::default();
        Self {
            unit: Station::new(Config::default(), cast.domain(), wallet, &[], now),
            truth: Truth::new(&config),
            traffic: Traffic::new(config),
            drive,
            cast,
            liars,
            cars: BTreeMap::new(),
            next_look: drive.start,
            told: Vec::new(),
            heard: 0,
        }
    }

    fn play(&mut self, vehicle: usize, telemetry: &Telemetry, at: Timestamp) {
        let now = now_at(self.drive, at);
        if at >= self.next_look {
            self.look(now);
            self.next_look = at.saturating_add(LOOK_INTERVAL);
        }
        self.truth.add(vehicle, telemetry, at);
        let said = match self.liars.get_mut(vehicle) {
            Some(Some(liar)) => liar.says(telemetry),
            Some(None) | None => Some(telemetry.clone()),
        };
        let Some(said) = said else {
            return;
        };
        for message in self.speak(vehicle, said, now) {
            self.unit.handle_message(message, now);
            self.hear(now);
        }
    }

    /// What a vehicle sends when it has driven so.
    fn speak(&mut self, vehicle: usize, telemetry: Telemetry, now: Now) -> Vec<Bytes> {
        let cast = &self.cast;
        let car = self.cars.entry(vehicle).or_insert_with(|| {
            let name = format!("vehicle {vehicle}");
            let wallet = cast.wallet(&name, class_of(&telemetry));
            Station::new(Config::default(), cast.domain(), wallet, &[], now)
        });
        let mut said = drain(car);
        let state = OwnState {
            telemetry,
            measured: now.timestamp,
        };
        // Without a reservation, at first, nothing is sent.
        let _ = car.handle_state(state, now);
        said.extend(drain(car));
        said
    }

    fn hear(&mut self, now: Now) {
        while let Some(event) = self.unit.poll_event() {
            if let Event::World(WorldEvent::ObjectChanged(object)) = event {
                self.heard += 1;
                if let Some(sighting) = Sighting::of(&object) {
                    self.traffic.handle_sighting(&sighting, now);
                }
            }
        }
    }

    fn look(&mut self, now: Now) {
        self.unit.handle_timeout(now);
        self.hear(now);
        self.traffic.handle_timeout(now);
        self.told
            .extend(std::iter::from_fn(|| self.traffic.poll_interval()));
    }

    fn finish(mut self, end: Timestamp) -> TrafficOutcome {
        let after = end.saturating_add(traffic::Config::default().interval * 2);
        self.look(now_at(self.drive, after));
        self.told.retain(|interval| !interval.cells.is_empty());
        TrafficOutcome {
            liars: self.liars.iter().flatten().count(),
            vehicles: self.liars.len(),
            intervals: self.told.len(),
            heard: self.heard,
            cells: self.truth.beside(&self.told),
        }
    }
}

/// What all vehicles really did.
struct Truth {
    interval_ms: u64,
    last: BTreeMap<usize, (Timestamp, Telemetry)>,
    /// Way in micrometres and time in milliseconds, by interval and cell.
    sums: BTreeMap<(u64, Cell), (u64, u64)>,
}

impl Truth {
    fn new(config: &traffic::Config) -> Self {
        let interval_ms = u64::try_from(config.interval.as_millis()).unwrap_or(u64::MAX);
        Self {
            interval_ms,
            last: BTreeMap::new(),
            sums: BTreeMap::new(),
        }
    }

    fn add(&mut self, vehicle: usize, telemetry: &Telemetry, at: Timestamp) {
        let before = self.last.insert(vehicle, (at, telemetry.clone()));
        let Some((from, before)) = before else {
            return;
        };
        let time_ms = at.unix_ms().saturating_sub(from.unix_ms());
        let Some(speed) = before.speed.filter(|_| time_ms <= GAP_MAX_MS) else {
            return;
        };
        let place = (from.unix_ms() / self.interval_ms, Cell::at(before.position));
        let (way_um, sum_ms) = self.sums.entry(place).or_default();
        *way_um += u64::from(speed.mm_per_s()) * time_ms;
        *sum_ms += time_ms;
    }

    fn beside(&self, told: &[Interval]) -> Vec<TrafficCell> {
        // Told way and time, true way and time.
        let mut cells: BTreeMap<Cell, [f64; 4]> = BTreeMap::new();
        for interval in told {
            let number = interval.from.unix_ms() / self.interval_ms;
            for cell in &interval.cells {
                let truth = self.sums.get(&(number, cell.cell)).copied();
                let (way_um, time_ms) = truth.unwrap_or_default();
                let present = f64::from(cell.present_milli);
                let sums = cells.entry(cell.cell).or_default();
                let more = [
                    cell.speed.m_per_s() * present,
                    present,
                    seconds(way_um) / 1_000.0,
                    seconds(time_ms),
                ];
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum += more;
                }
            }
        }
        let finished = cells.into_iter().map(|(cell, sums)| TrafficCell {
            cell,
            told_m_per_s: sums[0] / sums[1].max(f64::MIN_POSITIVE),
            true_m_per_s: sums[2] / sums[3].max(f64::MIN_POSITIVE),
            vehicle_s: sums[3],
        });
        finished.collect()
    }
}

/// Thousandths of something.
fn seconds(milli: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds = milli as f64 / 1_000.0;
    seconds
}

/// What it sends; its disk keeps reservations at once.
fn drain(car: &mut Station) -> Vec<Bytes> {
    let mut said = Vec::new();
    while let Some(event) = car.poll_event() {
        if let Event::Reserve(reservation) = event {
            car.handle_reserved(reservation);
        } else if let Event::Published { bytes, .. } = event {
            said.push(bytes);
        }
    }
    said
}

fn now_at(drive: &Drive, at: Timestamp) -> Now {
    Now {
        instant: Instant::from_origin(at.since(drive.start)),
        timestamp: at,
    }
}

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After a longer pause nothing is known of the way.
const GAP_MAX_MS: u64 = 3_000;
const SPEED_MAX_MM_PER_S: u32 = 163_820;
const CONSTANT_MM_PER_S: u32 = 36_000;
/// Of slower traffic, a tenth is less than anybody measures.
const SPEED_MIN_M_PER_S: f64 = 1.0;
