use std::collections::BTreeMap;

use super::{ImportError, Options, place::EPOCH_UNIX_MS};
use crate::{
    crypto::{Digest, Purpose},
    message::Telemetry,
    replay::{Content, Cut, Drive, Label, Provenance, Record, VehicleInfo},
    time::Timestamp,
};

/// A drive in the making: takes states in any order, and counts what had to be left out.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    vehicles: Vec<VehicleInfo>,
    by_name: BTreeMap<String, usize>,
    records: Vec<Record>,
    labels: Vec<Label>,
    notes: Vec<String>,
    left_out: BTreeMap<&'static str, u64>,
    out_of_range: BTreeMap<&'static str, u64>,
    /// The time of each vehicle's latest state in the order of the recording.
    last: Vec<Timestamp>,
    backward: u64,
    at_centre: u64,
}

/// What an importer hands back: all that it could read, and where it had to stop.
pub(super) type Read = (Assembly, Option<Cut>);

impl Assembly {
    /// Converts a value that is present, and counts it under `field` where it is out of range.
    pub(super) fn take<R, T>(
        &mut self,
        field: &'static str,
        raw: Option<R>,
        convert: impl FnOnce(R) -> Option<T>,
    ) -> Option<T> {
        let converted = convert(raw?);
        if converted.is_none() {
            *self.out_of_range.entry(field).or_default() += 1;
        }
        converted
    }

    /// Counts something that is left out as a whole.
    pub(super) fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }

    /// Counts a state whose position could not be moved from the vehicle's centre to its front.
    pub(super) fn stays_at_centre(&mut self) {
        self.at_centre += 1;
    }

    /// Says something about the whole drive.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The index of a vehicle that has spoken.
    pub(super) fn known_vehicle(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The index of the vehicle with this name.
    pub(super) fn vehicle(&mut self, name: &str) -> usize {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let index = self.vehicles.len();
        self.vehicles.push(VehicleInfo {
            name: name.to_owned(),
        });
        self.by_name.insert(name.to_owned(), index);
        index
    }

    /// Adds what a vehicle said. Refuses, with the reason, what is more than a drive may hold.
    pub(super) fn add(
        &mut self,
        name: &str,
        time: Timestamp,
        telemetry: Telemetry,
    ) -> Result<(), String> {
        if self.records.len() >= RECORDS_MAX {
            return Err(format!("a drive holds at most {RECORDS_MAX} records"));
        }
        if name.is_empty() || name.len() > NAME_LEN_MAX {
            self.leave_out("states of vehicles with an empty or overlong name");
            return Ok(());
        }
        if !self.by_name.contains_key(name) && self.vehicles.len() >= VEHICLES_MAX {
            return Err(format!("a drive holds at most {VEHICLES_MAX} vehicles"));
        }
        let vehicle = self.vehicle(name);
        self.watch_order(vehicle, time);
        self.records.push(Record {
            time,
            vehicle,
            content: Content::State(telemetry),
        });
        Ok(())
    }

    fn watch_order(&mut self, vehicle: usize, time: Timestamp) {
        if self.last.len() <= vehicle {
            self.last.resize(vehicle + 1, time);
        }
        if let Some(last) = self.last.get_mut(vehicle) {
            self.backward += u64::from(*last > time);
            *last = time;
        }
    }

    /// Adds a label.
    pub(super) fn label(&mut self, label: Label) {
        self.labels.push(label);
    }

    /// Says that the times of the recording count from the fixed epoch.
    pub(super) fn note_epoch(&mut self) {
        self.note(format!(
            "the recording has no date: its time 0 is taken as 2026-01-01T00:00:00Z \
             (Unix {EPOCH_UNIX_MS} ms)"
        ));
    }

    /// Orders everything and closes the drive.
    pub(super) fn finish(
        mut self,
        format: &'static str,
        cut: Option<&Cut>,
        source: Source<'_>,
    ) -> Result<Drive, ImportError> {
        let left_out = self.left_out();
        if self.records.is_empty() {
            return Err(match cut {
                Some(cut) => ImportError::Damaged {
                    format,
                    cut: cut.clone(),
                },
                None => ImportError::NoVehicles {
                    format,
                    notes: left_out,
                },
            });
        }
        self.records
            .sort_by_key(|record| (record.time, record.vehicle));
        let before = self.records.len();
        self.records.dedup_by(|later, earlier| {
            (later.time, later.vehicle) == (earlier.time, earlier.vehicle)
        });
        self.notes.extend(left_out);
        let repeated = before - self.records.len();
        if repeated > 0 {
            self.notes.push(format!(
                "{repeated} further states of a vehicle at a time that it had a state for: left out"
            ));
        }
        let start = self
            .records
            .first()
            .map_or_else(epoch, |record| record.time);
        let mut drive = Drive {
            vehicles: self.vehicles,
            records: self.records,
            start,
            provenance: Provenance {
                source: source.name.to_owned(),
                source_digest: Some(Digest::of(Purpose::Recording, &[source.bytes]).to_string()),
                importer: format!("wayside {} {format}", env!("CARGO_PKG_VERSION")),
                licence: source.options.licence.clone(),
            },
            labels: self.labels,
            trust_domain: None,
            notes: self.notes,
        };
        drive.put_in_order();
        Ok(drive)
    }

    /// What was said of the whole, and what had to be left out.
    pub(super) fn into_notes(mut self) -> Vec<String> {
        let left_out = self.left_out();
        self.notes.extend(left_out);
        self.notes
    }

    fn left_out(&self) -> Vec<String> {
        let fields = self
            .out_of_range
            .iter()
            .map(|(field, count)| format!("{field}: {count} unreadable or out of range: left out"));
        let wholes = self
            .left_out
            .iter()
            .map(|(what, count)| format!("{count} {what}: left out"));
        let mut notes: Vec<_> = fields.chain(wholes).collect();
        if self.at_centre > 0 {
            notes.push(format!(
                "{} states lack heading or length: their position stays the centre's",
                self.at_centre
            ));
        }
        if self.backward > 0 {
            notes.push(format!(
                "{} states stood after later ones of their vehicle: put in order",
                self.backward
            ));
        }
        notes
    }
}

/// What is imported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) options: &'a Options,
}

fn epoch() -> Timestamp {
    Timestamp::from_unix_ms(EPOCH_UNIX_MS).expect("far below 2^48")
}

/// Most states of a drive: a hundred vehicles at 10 Hz for two hours and a half.
pub(super) const RECORDS_MAX: usize = 10_000_000;
/// MCAP has 65 536 channels, and a vehicle may need three.
pub(super) const VEHICLES_MAX: usize = 20_000;
pub(super) const NAME_LEN_MAX: usize = 256;
