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
use serde::{Serialize, Serializer};
use wayside::{
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
    /// Those that were warned of at least once; told as how many they are.
    #[serde(serialize_with = "count")]
    pairs: BTreeSet<(usize, usize)>,
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
        let mover = track.mover(at)?;
        Some(Self { track, mover, at })
    }
}

impl Track<'_> {
    fn mover(&self, at: Timestamp) -> Option<Mover> {
        Subject::of(self.states.get(&at)?, at).at(at)
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
        self.pairs.insert((own.track.vehicle, other.track.vehicle));
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
        let together = own.states.range(at..=end);
        let gaps_m = together.filter_map(|(at, _)| own.mover(*at)?.gap_m(&other.mover(*at)?));
        Self {
            came_near: gaps_m.fold(f64::INFINITY, f64::min) < NEAR_M,
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

fn count<S: Serializer>(pairs: &BTreeSet<(usize, usize)>, to: S) -> Result<S::Ok, S::Error> {
    pairs.len().serialize(to)
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
                    warnings.pairs.len(),
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
