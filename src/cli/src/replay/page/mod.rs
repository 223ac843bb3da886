//! `--report-html`: one page with the drive on a map, as one vehicle saw it.
//!
//! The page needs nothing but a browser: what it shows stands in it as JSON, the rest is a canvas and
//! a few lines of script. Of what there is too much of to draw, it holds every n-th; what was held to
//! be implausible is kept before anything else.

mod seen;

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
pub(super) use seen::Seen;
use serde::Serialize;
use wayside::{
    geo::{LocalFrame, Position},
    lanes::LaneMap,
    message::Telemetry,
    replay::{Content, Drive, import_lanes},
    risk::{Assessor, Responses, Subject},
    sim::Report,
    time::Timestamp,
};

use crate::files::write_whole;

/// What the page holds.
#[derive(Serialize)]
struct Page<'a> {
    version: &'a str,
    source: &'a str,
    duration_ms: u64,
    delivered: u64,
    expected: u64,
    vehicles: Vec<&'a str>,
    viewer: usize,
    /// Where each vehicle was by its own word: time, east, north, heading, speed, and again.
    tracks: Vec<Vec<i64>>,
    /// Of each lane of the map, its left border there and its right one back: east, north in
    /// centimetres, and again.
    lanes: Vec<Vec<i64>>,
    #[serde(flatten)]
    seen: seen::Shown,
}

/// What is shown of, and how.
struct Scene<'a> {
    report: &'a Report,
    frame: &'a LocalFrame,
    /// Of the vehicles.
    names: &'a [&'a str],
    /// The viewer's motion by its own word, in the order of time.
    own: &'a [(Timestamp, Subject)],
    assessor: &'a Assessor,
}

/// Whose view it is: the named vehicle's, or that of whoever speaks most, of the first `most`.
pub(super) fn viewer(
    drive: &Drive,
    most: Option<usize>,
    name: Option<&str>,
) -> anyhow::Result<usize> {
    let playing = drive.vehicles.iter().take(most.unwrap_or(usize::MAX));
    let Some(name) = name else {
        let mut spoken = vec![0_u32; playing.count()];
        for record in &drive.records {
            if let Some(count) = spoken.get_mut(record.vehicle) {
                *count += 1;
            }
        }
        // The first among equals.
        let most = spoken
            .iter()
            .enumerate()
            .rev()
            .max_by_key(|(_, count)| **count);
        return most
            .map(|(vehicle, _)| vehicle)
            .context("the drive has no vehicle");
    };
    let place = playing.into_iter().position(|vehicle| vehicle.name == name);
    match place {
        Some(vehicle) => Ok(vehicle),
        None => bail!("no vehicle {name} plays in the drive"),
    }
}

/// The recording's own lanes, if it has any.
pub(super) fn lanes(recording: &Path, drive: &Drive) -> anyhow::Result<Option<Arc<LaneMap>>> {
    if !drive.provenance.importer.contains("CommonRoad") {
        return Ok(None);
    }
    let bytes = std::fs::read(recording).with_context(|| format!("{}", recording.display()))?;
    let name = recording.to_string_lossy();
    let lanes = import_lanes(&name, &bytes).ok().map(|lanes| lanes.map);
    Ok(lanes.filter(|lanes| lanes.lanes_len() > 0).map(Arc::new))
}

/// Writes the page of a drive that was played; dangers are measured with the lanes, if there are any.
pub(super) fn write(
    path: &Path,
    drive: &Drive,
    report: &Report,
    (seen, lanes): (&Seen, Option<Arc<LaneMap>>),
) -> anyhow::Result<()> {
    let first = first_place(drive).or_else(|| seen.first_place());
    // Where nobody says where it is, nothing is drawn either.
    let origin = first.or_else(|| Position::from_deg(0.0, 0.0));
    let frame = LocalFrame::at(origin.context("a place")?);
    let vehicles = drive.vehicles.iter().take(report.vehicles);
    let vehicles: Vec<_> = vehicles.map(|vehicle| vehicle.name.as_str()).collect();
    let page = Page {
        version: report.version,
        source: &report.source,
        duration_ms: report.duration_ms,
        delivered: report.delivered,
        expected: report.expected,
        viewer: seen.viewer(),
        tracks: tracks(drive, report, &frame),
        lanes: outlines(lanes.as_deref(), &frame),
        seen: seen.shown(&Scene {
            report,
            frame: &frame,
            names: &vehicles,
            own: &own(drive, seen.viewer()),
            assessor: &Assessor::new(Responses::default(), lanes),
        }),
        vehicles,
    };
    // Nothing that a recording holds may end the element that it stands in.
    let json = serde_json::to_string(&page)?.replace('<', "\\u003c");
    let html = TEMPLATE.replacen("/*DATA*/", &json, 1);
    write_whole(path, html.as_bytes())
}

/// The first place that anybody says of itself, unsigned.
fn first_place(drive: &Drive) -> Option<Position> {
    drive
        .records
        .iter()
        .find_map(|record| match &record.content {
            Content::State(telemetry) => Some(telemetry.position),
            Content::Hazard(statement) => Some(statement.hazard.position),
            Content::Wire { .. } => None,
        })
}

fn own(drive: &Drive, viewer: usize) -> Vec<(Timestamp, Subject)> {
    let states = drive
        .records
        .iter()
        .filter_map(|record| match &record.content {
            Content::State(telemetry) if record.vehicle == viewer => {
                Some((record.time, Subject::of(telemetry, record.time)))
            }
            Content::State(_) | Content::Hazard(_) | Content::Wire { .. } => None,
        });
    states.collect()
}

fn tracks(drive: &Drive, report: &Report, frame: &LocalFrame) -> Vec<Vec<i64>> {
    let states = || {
        let of_record = |record: &'_ wayside::replay::Record| match &record.content {
            Content::State(telemetry) => {
                let at_ms = record.time.unix_ms().checked_sub(report.start_unix_ms)?;
                Some((record.vehicle, at_ms, telemetry.clone()))
            }
            Content::Hazard(_) | Content::Wire { .. } => None,
        };
        drive.records.iter().filter_map(of_record)
    };
    let step_ms = STEPS_MS
        .into_iter()
        .find(|step_ms| {
            let mut last = vec![None; report.vehicles];
            let due = states()
                .filter(|(vehicle, at_ms, _)| is_due(&mut last, (*vehicle, *at_ms), *step_ms));
            due.count() <= SAMPLES_MAX
        })
        .unwrap_or(u64::MAX);
    let mut tracks = vec![Vec::new(); report.vehicles];
    let mut last = vec![None; report.vehicles];
    for (vehicle, at_ms, telemetry) in states() {
        if is_due(&mut last, (vehicle, at_ms), step_ms)
            && let Some(track) = tracks.get_mut(vehicle)
        {
            track.extend(sample(at_ms, &telemetry, frame));
        }
    }
    tracks
}

fn outlines(lanes: Option<&LaneMap>, frame: &LocalFrame) -> Vec<Vec<i64>> {
    let borders = lanes.into_iter().flat_map(LaneMap::borders);
    let outlines = borders.map(|[left, right]| {
        let places = left.into_iter().chain(right.into_iter().rev());
        let offsets = places.map(|place| frame.offset(place));
        let columns = offsets.map(|at| [centimetres(at.east_m), centimetres(at.north_m)]);
        columns.flatten().collect()
    });
    outlines.take(LANES_MAX).collect()
}

/// Whether so much time has passed since a vehicle was last due; if so, it was due now.
fn is_due(last: &mut [Option<u64>], (vehicle, at_ms): (usize, u64), step_ms: u64) -> bool {
    let Some(last) = last.get_mut(vehicle) else {
        return false;
    };
    let due = last.is_none_or(|last| at_ms.saturating_sub(last) >= step_ms);
    if due {
        *last = Some(at_ms);
    }
    due
}

/// Milliseconds from the drive's start, centimetres east and north, hundredths of a degree (−1 where
/// it is not said), centimetres per second.
fn sample(at_ms: u64, telemetry: &Telemetry, frame: &LocalFrame) -> [i64; 5] {
    let offset = frame.offset(telemetry.position);
    [
        i64::try_from(at_ms).unwrap_or(i64::MAX),
        centimetres(offset.east_m),
        centimetres(offset.north_m),
        telemetry
            .heading
            .map_or(-1, |heading| i64::from(heading.centideg())),
        telemetry
            .speed
            .map_or(0, |speed| i64::from(speed.mm_per_s() / 10)),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "nowhere on Earth is so many centimetres away"
)]
fn centimetres(metres: f64) -> i64 {
    (metres * 100.0).round() as i64
}

const TEMPLATE: &str = include_str!("page.html");

/// How far apart samples may be, at least: the first of these by which there are not too many.
const STEPS_MS: [u64; 7] = [0, 200, 500, 1_000, 2_000, 5_000, 20_000];
/// More than this, and a browser gets slow.
const SAMPLES_MAX: usize = 120_000;
/// Of a larger map, the other lanes are not drawn.
const LANES_MAX: usize = 20_000;
