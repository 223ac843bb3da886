use std::{collections::BTreeMap, io::Write};

use serde::Serialize;
use wayside::{
    geo::{LocalFrame, Position},
    message::Telemetry,
    replay::{Content, Imported},
};

/// What a drive holds, in figures.
#[derive(Debug, Serialize)]
pub(super) struct Info {
    vehicles: usize,
    records: usize,
    states: usize,
    hazards: usize,
    signed_messages: usize,
    start_unix_ms: u64,
    duration_s: f64,
    /// States per second of a vehicle's presence, over all vehicles.
    state_rate_hz: Option<f64>,
    area: Option<Area>,
    /// How many per cent of the states have a value.
    present_percent: BTreeMap<&'static str, f64>,
    labels: Vec<LabelInfo>,
    trust_domain: bool,
    provenance: Provenance,
    notes: Vec<String>,
    cut: Option<CutInfo>,
}

#[derive(Debug, Serialize)]
struct Area {
    south_deg: f64,
    west_deg: f64,
    north_deg: f64,
    east_deg: f64,
    width_m: f64,
    height_m: f64,
}

#[derive(Debug, Serialize)]
struct LabelInfo {
    from_s: f64,
    until_s: Option<f64>,
    vehicle: Option<String>,
    name: String,
    cause: Option<String>,
}

#[derive(Debug, Serialize)]
struct Provenance {
    source: String,
    source_digest: Option<String>,
    importer: String,
    licence: Option<String>,
}

#[derive(Debug, Serialize)]
struct CutInfo {
    at_byte: u64,
    why: String,
}

impl Info {
    pub(super) fn of(imported: &Imported) -> Self {
        let drive = &imported.drive;
        let states: Vec<&Telemetry> = drive
            .records
            .iter()
            .filter_map(|record| match &record.content {
                Content::State(telemetry) => Some(telemetry),
                Content::Hazard(_) | Content::Wire { .. } => None,
            })
            .collect();
        let count = |wanted: fn(&Content) -> bool| {
            let contents = drive.records.iter().map(|record| &record.content);
            contents.filter(|content| wanted(content)).count()
        };
        let name = |index: usize| {
            drive
                .vehicles
                .get(index)
                .map(|vehicle| vehicle.name.clone())
        };
        let seconds = |time: wayside::time::Timestamp| {
            time.since(drive.start).as_secs_f64() - drive.start.since(time).as_secs_f64()
        };
        Self {
            vehicles: drive.vehicles.len(),
            records: drive.records.len(),
            states: states.len(),
            hazards: count(|content| matches!(content, Content::Hazard(_))),
            signed_messages: count(|content| matches!(content, Content::Wire { .. })),
            start_unix_ms: drive.start.unix_ms(),
            duration_s: drive.end().since(drive.start).as_secs_f64(),
            state_rate_hz: rate_hz(imported),
            area: area(&states),
            present_percent: present_percent(&states),
            labels: drive
                .labels
                .iter()
                .map(|label| LabelInfo {
                    from_s: seconds(label.from),
                    until_s: label.until.map(seconds),
                    vehicle: label.vehicle.and_then(name),
                    name: label.name.clone(),
                    cause: label.cause.map(|cause| cause.to_string()),
                })
                .collect(),
            trust_domain: drive.trust_domain.is_some(),
            provenance: Provenance {
                source: drive.provenance.source.clone(),
                source_digest: drive.provenance.source_digest.clone(),
                importer: drive.provenance.importer.clone(),
                licence: drive.provenance.licence.clone(),
            },
            notes: drive.notes.clone(),
            cut: imported.cut.as_ref().map(|cut| CutInfo {
                at_byte: cut.at,
                why: cut.why.clone(),
            }),
        }
    }

    pub(super) fn write_json(&self, output: &mut impl Write) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *output, self)?;
        writeln!(output)?;
        Ok(())
    }

    pub(super) fn write_text(&self, output: &mut impl Write) -> anyhow::Result<()> {
        writeln!(output, "vehicles       {}", self.vehicles)?;
        writeln!(
            output,
            "records        {} ({} states, {} hazards, {} signed messages)",
            self.records, self.states, self.hazards, self.signed_messages
        )?;
        writeln!(output, "start          Unix {} ms", self.start_unix_ms)?;
        writeln!(output, "duration       {:.1} s", self.duration_s)?;
        if let Some(rate_hz) = self.state_rate_hz {
            writeln!(
                output,
                "rate           {rate_hz:.2} states per second and vehicle"
            )?;
        }
        if let Some(area) = &self.area {
            writeln!(
                output,
                "area           {:.0} m × {:.0} m, latitude {:.5}° to {:.5}°, longitude {:.5}° to {:.5}°",
                area.width_m,
                area.height_m,
                area.south_deg,
                area.north_deg,
                area.west_deg,
                area.east_deg
            )?;
        }
        let present: Vec<_> = self
            .present_percent
            .iter()
            .map(|(field, percent)| format!("{field} {percent:.0} %"))
            .collect();
        writeln!(output, "present        {}", present.join(", "))?;
        writeln!(
            output,
            "trust domain   {}",
            if self.trust_domain {
                "attached"
            } else {
                "none"
            }
        )?;
        writeln!(output, "source         {}", self.provenance.source)?;
        if let Some(digest) = &self.provenance.source_digest {
            writeln!(output, "source digest  {digest}")?;
        }
        writeln!(output, "importer       {}", self.provenance.importer)?;
        writeln!(
            output,
            "licence        {}",
            self.provenance.licence.as_deref().unwrap_or("not stated")
        )?;
        self.write_labels(output)?;
        for note in &self.notes {
            writeln!(output, "note           {note}")?;
        }
        Ok(())
    }

    fn write_labels(&self, output: &mut impl Write) -> anyhow::Result<()> {
        writeln!(output, "labels         {}", self.labels.len())?;
        for label in self.labels.iter().take(LABELS_SHOWN) {
            let until = label
                .until_s
                .map_or_else(String::new, |until| format!(" to {until:.1}"));
            let cause = label
                .cause
                .as_ref()
                .map_or_else(String::new, |cause| format!(", {cause}"));
            writeln!(
                output,
                "               at {:.1}{until} s: {} {}{cause}",
                label.from_s,
                label.name,
                label.vehicle.as_deref().unwrap_or("")
            )?;
        }
        if self.labels.len() > LABELS_SHOWN {
            let more = self.labels.len() - LABELS_SHOWN;
            writeln!(output, "               and {more} more (--json shows all)")?;
        }
        Ok(())
    }
}

/// Intervals between a vehicle's states, so that one state alone does not count.
fn rate_hz(imported: &Imported) -> Option<f64> {
    let mut seen = BTreeMap::new();
    for record in &imported.drive.records {
        if matches!(record.content, Content::State(_)) {
            let (_, last, count) =
                seen.entry(record.vehicle)
                    .or_insert((record.time, record.time, 0_u32));
            *last = record.time;
            *count += 1;
        }
    }
    let intervals: f64 = seen
        .values()
        .map(|(_, _, count)| f64::from(count - 1))
        .sum();
    let presence_s: f64 = seen
        .values()
        .map(|(first, last, _)| last.since(*first).as_secs_f64())
        .sum();
    (presence_s > 0.0).then(|| intervals / presence_s)
}

fn area(states: &[&Telemetry]) -> Option<Area> {
    let latitudes = || states.iter().map(|state| state.position.latitude_e7());
    let longitudes = || states.iter().map(|state| state.position.longitude_e7());
    let south_west = Position::from_e7(latitudes().min()?, longitudes().min()?)?;
    let north_east = Position::from_e7(latitudes().max()?, longitudes().max()?)?;
    let diagonal = LocalFrame::at(south_west).offset(north_east);
    Some(Area {
        south_deg: south_west.latitude_deg(),
        west_deg: south_west.longitude_deg(),
        north_deg: north_east.latitude_deg(),
        east_deg: north_east.longitude_deg(),
        width_m: diagonal.east_m.abs(),
        height_m: diagonal.north_m,
    })
}

fn present_percent(states: &[&Telemetry]) -> BTreeMap<&'static str, f64> {
    type Field = (&'static str, fn(&Telemetry) -> bool);
    let fields: [Field; 12] = [
        ("acceleration", |state| {
            state.longitudinal_acceleration.is_some()
        }),
        ("altitude", |state| state.altitude.is_some()),
        ("brake", |state| state.acceleration_control.is_some()),
        ("direction", |state| state.drive_direction.is_some()),
        ("heading", |state| state.heading.is_some()),
        ("length", |state| state.length.is_some()),
        ("lights", |state| state.exterior_lights.is_some()),
        ("position accuracy", |state| {
            state.position_accuracy.is_some()
        }),
        ("speed", |state| state.speed.is_some()),
        ("station type", |state| state.station_type.is_some()),
        ("width", |state| state.width.is_some()),
        ("yaw rate", |state| state.yaw_rate.is_some()),
    ];
    fields
        .into_iter()
        .map(|(name, present)| {
            let count = states.iter().filter(|state| present(state)).count();
            #[expect(
                clippy::cast_precision_loss,
                reason = "a percentage of at most ten million"
            )]
            let percent = if states.is_empty() {
                0.0
            } else {
                100.0 * count as f64 / states.len() as f64
            };
            (name, percent)
        })
        .collect()
}

const LABELS_SHOWN: usize = 20;
