//! `wayside bench risk`: whom the time to collision warns of in a recording, and what happened then.
//!
//! Five times a second each pair of vehicles is measured, without the lanes of the recording and with them.
//! Whoever comes within [`WARNED_S`] of touching another is warned of; the recording tells what became of
//! it in the same time: whether the two came within [`NEAR_M`] of each other, and whether one of them
//! slowed by [`SLOWED_M_PER_S`] within a second. A warning that is followed by neither was for nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use wayside::{
    geo::{LocalFrame, Offset},
    lanes::LaneMap,
    message::Telemetry,
    replay::{Content, Drive, Options, import, import_lanes},
    risk::{Assessor, Mover, Responses, Subject},
    time::Timestamp,
};

/// What was found in each recording.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    bench: &'static str,
    version: &'static str,
    drives: Vec<DriveRow>,
}

#[derive(Debug, Serialize)]
struct DriveRow {
    source: String,
    vehicles: usize,
    lanes: usize,
    /// How often a pair was measured.
    looks: u64,
    without_map: Warnings,
    with_map: Warnings,
}

/// What was warned of, and what followed.
#[derive(Debug, Default, Serialize)]
struct Warnings {
    /// Pairs that were warned of at least once.
    pairs: usize,
    #[serde(skip)]
    known: BTreeSet<(usize, usize)>,
    /// By how the two stood to each other.
    by_relation: BTreeMap<String, Counts>,
}

/// How often a pair was warned of.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    warned: u64,
    came_near: u64,
    slowed: u64,
    /// Neither.
    for_nothing: u64,
}

/// One vehicle of a recording.
#[derive(Debug)]
struct Track<'a> {
    vehicle: usize,
    states: BTreeMap<Timestamp, &'a Telemetry>,
}

/// Plays each recording.
pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<Report> {
    ensure!(!files.is_empty(), "name at least one recording");
    let rows = files.iter().map(|file| {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        let name = name.to_string_lossy();
        let drive = import(&name, &bytes, &Options::default())?.drive;
        let lanes = import_lanes(&name, &bytes)?.map;
        Ok(DriveRow::of(&name, &drive, Arc::new(lanes)))
    });
    Ok(Report {
        bench: "risk",
        version: env!("CARGO_PKG_VERSION"),
        drives: rows.collect::<anyhow::Result<_>>()?,
    })
}

impl DriveRow {
    fn of(source: &str, drive: &Drive, lanes: Arc<LaneMap>) -> Self {
        let tracks = tracks(drive);
        let mut row = Self {
            source: source.to_owned(),
            vehicles: drive.vehicles.len(),
            lanes: lanes.lanes_len(),
            looks: 0,
            without_map: Warnings::default(),
            with_map: Warnings::default(),
        };
        let arcs = Assessor::new(Responses::default(), None);
        let ways = Assessor::new(Responses::default(), Some(lanes));
        let mut at = drive.start;
        while at.saturating_add(WINDOW) <= drive.end() {
            let present: Vec<Present<'_>> = tracks
                .iter()
                .filter_map(|track| Present::of(track, at))
                .collect();
            for (number, own) in present.iter().enumerate() {
                for other in present.iter().skip(number + 1) {
                    row.looks += 1;
                    row.without_map.look(&arcs, own, other);
                    row.with_map.look(&ways, own, other);
                }
            }
            at = at.saturating_add(STEP);
        }
        row
    }
}

/// One vehicle at a moment.
struct Present<'a> {
    track: &'a Track<'a>,
    mover: Mover,
    at: Timestamp,
}

impl<'a> Present<'a> {
    fn of(track: &'a Track<'a>, at: Timestamp) -> Option<Self> {
        let telemetry = track.states.get(&at)?;
        let mover = Subject::of(telemetry, at).at(at)?;
        Some(Self { track, mover, at })
    }
}

impl Warnings {
    fn look(&mut self, assessor: &Assessor, own: &Present<'_>, other: &Present<'_>) {
        let risk = assessor.view(own.mover).assess(&other.mover, None);
        let warned = risk.filter(|risk| {
            let time = risk.time_to_collision_s;
            time.is_some_and(|time_s| time_s < WARNED_S)
        });
        let Some(risk) = warned else {
            return;
        };
        let outcome = Outcome::of([own.track, other.track], own.at);
        self.known.insert((own.track.vehicle, other.track.vehicle));
        self.pairs = self.known.len();
        let name = format!("{:?}", risk.relation).to_lowercase();
        let counts = self.by_relation.entry(name).or_default();
        counts.warned += 1;
        counts.came_near += u64::from(outcome.came_near);
        counts.slowed += u64::from(outcome.slowed);
        counts.for_nothing += u64::from(!outcome.came_near && !outcome.slowed);
    }

    fn sum(&self) -> Counts {
        let counts = self.by_relation.values();
        counts.fold(Counts::default(), |sum, it| Counts {
            warned: sum.warned + it.warned,
            came_near: sum.came_near + it.came_near,
            slowed: sum.slowed + it.slowed,
            for_nothing: sum.for_nothing + it.for_nothing,
        })
    }
}

/// What two vehicles did after a moment.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    came_near: bool,
    slowed: bool,
}

impl Outcome {
    fn of([own, other]: [&Track<'_>; 2], at: Timestamp) -> Self {
        let end = at.saturating_add(WINDOW);
        let together = own.states.range(at..=end).filter_map(|(at, own)| {
            let other = other.states.get(at)?;
            gap_m(own, other)
        });
        Self {
            came_near: together.fold(f64::INFINITY, f64::min) < NEAR_M,
            slowed: [own, other].into_iter().any(|track| slows(track, at)),
        }
    }
}

fn slows(track: &Track<'_>, at: Timestamp) -> bool {
    let last = at.saturating_add(WINDOW - SLOWING);
    track.states.range(at..=last).any(|(at, from)| {
        let to = track.states.get(&at.saturating_add(SLOWING));
        let speeds = from.speed.zip(to.and_then(|to| to.speed));
        speeds.is_some_and(|(from, to)| from.m_per_s() - to.m_per_s() >= SLOWED_M_PER_S)
    })
}

/// Between the nearest sides of two vehicles; `None` where one does not say its heading.
fn gap_m(own: &Telemetry, other: &Telemetry) -> Option<f64> {
    let frame = LocalFrame::at(own.position);
    let (own, other) = (Footprint::of(own, frame)?, Footprint::of(other, frame)?);
    let to_other = own.corners().map(|corner| other.distance_m(corner));
    let to_own = other.corners().map(|corner| own.distance_m(corner));
    to_other.into_iter().chain(to_own).reduce(f64::min)
}

/// A vehicle seen from above.
struct Footprint {
    centre: Offset,
    ahead: (f64, f64),
    half_m: (f64, f64),
}

impl Footprint {
    fn of(telemetry: &Telemetry, frame: LocalFrame) -> Option<Self> {
        let heading = telemetry.heading?;
        let length_m = telemetry.length.map_or(4.5, |it| it.m());
        let width_m = telemetry.width.map_or(1.8, |it| it.m());
        let front = frame.offset(telemetry.position);
        let ahead = Offset::along(heading, 1.0);
        Some(Self {
            centre: Offset {
                east_m: front.east_m - ahead.east_m * length_m / 2.0,
                north_m: front.north_m - ahead.north_m * length_m / 2.0,
            },
            ahead: (ahead.east_m, ahead.north_m),
            half_m: (length_m / 2.0, width_m / 2.0),
        })
    }

    fn corners(&self) -> [Offset; 4] {
        let (east, north) = self.ahead;
        [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)].map(|(along, right)| {
            let (along_m, right_m) = (along * self.half_m.0, right * self.half_m.1);
            Offset {
                east_m: self.centre.east_m + along_m * east + right_m * north,
                north_m: self.centre.north_m + along_m * north - right_m * east,
            }
        })
    }

    fn distance_m(&self, place: Offset) -> f64 {
        let (east, north) = self.ahead;
        let off_m = (
            place.east_m - self.centre.east_m,
            place.north_m - self.centre.north_m,
        );
        let along_m = (off_m.0 * east + off_m.1 * north).abs() - self.half_m.0;
        let right_m = (off_m.0 * north - off_m.1 * east).abs() - self.half_m.1;
        along_m.max(0.0).hypot(right_m.max(0.0))
    }
}

fn tracks(drive: &Drive) -> Vec<Track<'_>> {
    let empty = |vehicle| Track {
        vehicle,
        states: BTreeMap::new(),
    };
    let mut tracks: Vec<_> = (0..drive.vehicles.len()).map(empty).collect();
    for record in &drive.records {
        if let (Content::State(telemetry), Some(track)) =
            (&record.content, tracks.get_mut(record.vehicle))
        {
            track.states.insert(record.time, telemetry);
        }
    }
    tracks
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.drives {
            writeln!(
                f,
                "{}: {} vehicles, {} lanes, pairs measured {} times",
                row.source, row.vehicles, row.lanes, row.looks
            )?;
            for (name, warnings) in [
                ("without map", &row.without_map),
                ("with map", &row.with_map),
            ] {
                writeln!(
                    f,
                    "  {name:<12} {} pairs; {}",
                    warnings.pairs,
                    warnings.sum()
                )?;
                for (relation, counts) in &warnings.by_relation {
                    writeln!(f, "    {relation:<10} {counts}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} warnings: {} came within {NEAR_M} m, {} slowed, {} neither",
            self.warned, self.came_near, self.slowed, self.for_nothing
        )
    }
}

const STEP: Duration = Duration::from_millis(200);
/// What is looked at after a warning.
const WINDOW: Duration = Duration::from_secs(3);
const SLOWING: Duration = Duration::from_secs(1);
const WARNED_S: f64 = 3.0;
const NEAR_M: f64 = 2.0;
/// Within [`SLOWING`].
const SLOWED_M_PER_S: f64 = 2.0;
