use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use super::{
    Claim, Record,
    judge::LATCH_MS,
    motion::{between_ms, distance_mm, mm_per_s, place_noise_mm},
    record::Suspicion,
};
use crate::{geo::Position, id::StationId, time::Timestamp, track::Sample};

/// What stations around said last, and where, for checks that hold one station against others.
///
/// Give it every message that was taken, and forget stations that are gone. It holds one place of
/// each station, at most [`SAID_MAX`] statements of the last seconds, and at most [`SUSPECTS_MAX`]
/// stations that contradicted themselves before they fell silent.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    squares: BTreeMap<Square, BTreeMap<StationId, Place>>,
    stations: BTreeMap<StationId, Square>,
    /// Who was the first to be heard saying just this.
    said: BTreeMap<Content, (StationId, Timestamp)>,
    /// Who was the first of late to be heard moving just so.
    moved: BTreeMap<Motion, (StationId, Timestamp, Position)>,
    order: VecDeque<(Timestamp, Content)>,
    /// Who contradicted itself of late and is not heard any more: silence explains nothing.
    suspects: BTreeMap<StationId, Suspicion>,
    suspects_by_time: BTreeSet<(Timestamp, StationId)>,
}

/// A few metres on each side.
type Square = (i32, i32);

/// Speed, heading and acceleration.
type Motion = (u32, u16, i32);

/// Latitude and longitude, and the motion.
type Content = (i32, i32, Motion);

#[derive(Clone, Copy, Debug)]
struct Place {
    position: Position,
    noise_mm: i64,
    speed_mm_per_s: i64,
    generated: Timestamp,
}

impl Surroundings {
    /// Takes what a station says.
    pub fn observe(&mut self, claim: &Claim<'_>) {
        let sample = claim.sample();
        self.place(claim.station, &sample);
        let Some(motion) = motion(&sample) else {
            return;
        };
        let (at, station) = (sample.generated, claim.station);
        let content = content(&sample, motion);
        if let Entry::Vacant(vacant) = self.said.entry(content) {
            vacant.insert((station, at));
            self.order.push_back((at, content));
        }
        let is_free = self
            .moved
            .get(&motion)
            .is_none_or(|(_, before, _)| apart_ms(*before, at) > TOGETHER_MS);
        if is_free {
            self.moved.insert(motion, (station, at, sample.position));
        }
        self.expire(at);
    }

    /// Forgets where a station is, of which this was remembered; what it said may still be copied, and
    /// if it contradicted itself, that is remembered for as long as if it had gone on speaking.
    pub fn forget(&mut self, station: StationId, record: &Record) {
        self.displace(station);
        if let Some(suspicion) = record.tally().suspicion.filter(Suspicion::is_latched) {
            self.suspect(station, suspicion);
        }
    }

    /// What a station that is heard again contradicted before it fell silent.
    pub(super) fn suspicion(&self, station: StationId) -> Option<Suspicion> {
        self.suspects.get(&station).copied()
    }

    fn suspect(&mut self, station: StationId, suspicion: Suspicion) {
        if let Some(before) = self.suspects.insert(station, suspicion) {
            self.suspects_by_time.remove(&(before.last, station));
        }
        self.suspects_by_time.insert((suspicion.last, station));
        if self.suspects.len() > SUSPECTS_MAX
            && let Some((_, oldest)) = self.suspects_by_time.pop_first()
        {
            self.suspects.remove(&oldest);
        }
    }

    fn displace(&mut self, station: StationId) {
        if let Some(square) = self.stations.remove(&station)
            && let Some(crowd) = self.squares.get_mut(&square)
        {
            crowd.remove(&station);
            if crowd.is_empty() {
                self.squares.remove(&square);
            }
        }
    }

    /// How many statements it holds, of which later ones could be copies.
    pub fn statements_len(&self) -> usize {
        self.said.len().max(self.moved.len())
    }

    /// How many silent stations it still holds something against.
    pub fn suspects_len(&self) -> usize {
        self.suspects.len()
    }

    /// Whether somebody else said just this before, or moves just so close by and was heard first;
    /// `None` where that could be chance, because the station hardly moves or goes on unchanged.
    pub(super) fn copies(
        &self,
        station: StationId,
        now: &Sample,
        before: Option<&Sample>,
    ) -> Option<bool> {
        let motion = motion(now).filter(|it| before.and_then(motion) != Some(*it))?;
        let is_said = self
            .said
            .get(&content(now, motion))
            .is_some_and(|(other, at)| {
                *other != station && apart_ms(*at, now.generated) <= SAID_MS
            });
        // Real sensors never agree to the last digit; simulated cars in a row do, and claim no
        // accuracy.
        let is_moved = now.speed_accuracy.is_some()
            && self
                .moved
                .get(&motion)
                .is_some_and(|(other, at, position)| {
                    *other != station
                        && apart_ms(*at, now.generated) <= TOGETHER_MS
                        && distance_mm(*position, now.position) <= TOGETHER_MM
                });
        Some(is_said || is_moved)
    }

    /// The nearest other station, and how far it is apart at most, all noise counted; `None` if none
    /// is near.
    pub(super) fn nearest(&self, station: StationId, now: &Sample) -> Option<(i64, StationId)> {
        let (row, column) = square(now.position);
        let around =
            (-1..=1).flat_map(|north| (-1..=1).map(move |east| (row + north, column + east)));
        let crowd = around
            .filter_map(|square| self.squares.get(&square))
            .flat_map(|crowd| crowd.iter().take(CROWD_MAX));
        let own_mm = place_noise_mm(now);
        crowd
            .filter(|(other, _)| **other != station)
            .map(|(other, place)| {
                let driven_mm =
                    place.speed_mm_per_s * apart_ms(place.generated, now.generated) / 1_000;
                let apart_mm = distance_mm(place.position, now.position);
                (apart_mm + own_mm + place.noise_mm + driven_mm, *other)
            })
            .min()
    }

    fn place(&mut self, station: StationId, sample: &Sample) {
        let square = square(sample.position);
        if self.stations.get(&station) != Some(&square) {
            self.displace(station);
            self.stations.insert(station, square);
        }
        let place = Place {
            position: sample.position,
            noise_mm: place_noise_mm(sample),
            // One that does not tell its speed could be anywhere by now.
            speed_mm_per_s: sample.speed.map_or(90_000, mm_per_s),
            generated: sample.generated,
        };
        self.squares
            .entry(square)
            .or_default()
            .insert(station, place);
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((at, content)) = self.order.front().copied()
            && (between_ms(at, now) > SAID_MS || self.order.len() > SAID_MAX)
        {
            self.order.pop_front();
            self.said.remove(&content);
            let (_, _, motion) = content;
            if self
                .moved
                .get(&motion)
                .is_some_and(|(_, moved, _)| *moved <= at)
            {
                self.moved.remove(&motion);
            }
        }
        if self.moved.len() > SAID_MAX {
            self.moved.clear();
        }
        while let Some((at, station)) = self.suspects_by_time.first().copied()
            && between_ms(at, now) > LATCH_MS
        {
            self.suspects_by_time.remove(&(at, station));
            self.suspects.remove(&station);
        }
    }
}

/// `None` unless all of it is told, and by a vehicle that moves.
fn motion(sample: &Sample) -> Option<Motion> {
    let speed = sample
        .speed
        .filter(|speed| mm_per_s(*speed) >= MOVING_MM_PER_S)?;
    let acceleration = sample.longitudinal_acceleration?;
    Some((
        speed.mm_per_s(),
        sample.heading?.centideg(),
        acceleration.mm_per_s2(),
    ))
}

fn content(sample: &Sample, motion: Motion) -> Content {
    let position = sample.position;
    (position.latitude_e7(), position.longitude_e7(), motion)
}

fn square(position: Position) -> Square {
    (
        position.latitude_e7().div_euclid(SQUARE_E7),
        position.longitude_e7().div_euclid(SQUARE_E7),
    )
}

fn apart_ms(one: Timestamp, other: Timestamp) -> i64 {
    between_ms(one, other).max(between_ms(other, one))
}

/// Statements kept; beyond, the oldest are forgotten. Five seconds of 300 cars at 10 Hz.
pub const SAID_MAX: usize = 16_384;

/// Silent stations that something is held against; beyond, the oldest are forgotten. As many as the
/// world holds stations.
pub const SUSPECTS_MAX: usize = 4_096;

/// 5.6 m from south to north.
const SQUARE_E7: i32 = 500;
/// Stations looked at in one square: a crowd of invented ones must not cost more.
const CROWD_MAX: usize = 8;
const MOVING_MM_PER_S: i64 = 1_000;
/// A copy of what was said longer ago is stale by its own place.
const SAID_MS: i64 = 5_000;
/// Invented companions speak with the one that invents them.
const TOGETHER_MS: i64 = 300;
const TOGETHER_MM: i64 = 100_000;
