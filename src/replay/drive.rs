use std::fmt;

use bytes::Bytes;

use crate::{
    geo::Position,
    message::{Cause, HazardStatement, Telemetry},
    time::Timestamp,
};

/// A recorded drive: what several vehicles said, in the order in which they said it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drive {
    /// The vehicles, in the order in which they first speak.
    pub vehicles: Vec<VehicleInfo>,
    /// What they said, ordered by time, then by vehicle, then as recorded.
    pub records: Vec<Record>,
    /// The time of the first record.
    pub start: Timestamp,
    /// Where the recording comes from.
    pub provenance: Provenance,
    /// What is known to be true besides what the vehicles said, ordered by time.
    pub labels: Vec<Label>,
    /// The trust domain that [`Content::Wire`] verifies against, in its text form.
    pub trust_domain: Option<String>,
    /// What the importer assumed or left out, in sentences for people.
    pub notes: Vec<String>,
}

/// A vehicle of a drive; records name it by its index in [`Drive::vehicles`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VehicleInfo {
    /// Its name in the recording; unlike a station id it stays the same all through the drive.
    pub name: String,
}

/// Something that one vehicle said.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When it was said (generation time).
    pub time: Timestamp,
    /// Who said it, as an index into [`Drive::vehicles`].
    pub vehicle: usize,
    /// What.
    pub content: Content,
}

/// What a vehicle said.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Its own state, not signed.
    State(Telemetry),
    /// A hazard, not signed.
    Hazard(HazardStatement),
    /// A signed message as it was on the air.
    Wire {
        /// The whole envelope.
        signed: Bytes,
        /// When the recording station received it.
        received: Timestamp,
    },
}

/// Where a recording comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Provenance {
    /// The name of the source, for instance of the imported file.
    pub source: String,
    /// BLAKE3 (`derive_key`, [`Purpose::Recording`](crate::crypto::Purpose::Recording)) of the
    /// imported bytes in hexadecimal digits; `None` for what was not imported.
    pub source_digest: Option<String>,
    /// What made the drive of it, with its version.
    pub importer: String,
    /// The terms under which the source may be passed on, as far as somebody stated them.
    pub licence: Option<String>,
}

/// A fact about a drive that no vehicle needs to have said: an incident or a lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; `None` for a moment, or for what lasts to the end.
    pub until: Option<Timestamp>,
    /// Which vehicle it is about, as an index into [`Drive::vehicles`].
    pub vehicle: Option<usize>,
    /// What it is, for instance `emergency_brake`.
    pub name: String,
    /// The cause that a hazard about it should have.
    pub cause: Option<Cause>,
    /// Where it is.
    pub position: Option<Position>,
}

/// Where a recording ends before its time, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cut {
    /// How many bytes of the recording (unpacked, where it was packed with gzip) were usable.
    pub at: u64,
    /// What stands there instead of the next record.
    pub why: String,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut at byte {}: {}", self.at, self.why)
    }
}

impl Drive {
    /// The same drive with other records: what was said when it was played, and whose tickets
    /// count there. Labels became messages and are left out.
    pub fn with_signed(self, mut records: Vec<Record>, trust_domain: String) -> Self {
        // States before the messages that were made of them.
        records.sort_by_key(|record| {
            let rank = match record.content {
                Content::State(_) => 0,
                Content::Hazard(_) => 1,
                Content::Wire { .. } => 2,
            };
            (record.time, record.vehicle, rank)
        });
        Self {
            records,
            trust_domain: Some(trust_domain),
            provenance: Provenance {
                importer: concat!("wayside replay ", env!("CARGO_PKG_VERSION")).to_owned(),
                ..self.provenance
            },
            labels: Vec::new(),
            ..self
        }
    }

    /// The time of the last record; [`Self::start`] if there is none.
    pub fn end(&self) -> Timestamp {
        self.records.last().map_or(self.start, |record| record.time)
    }

    /// Brings the three lists into the order that their docs promise.
    ///
    /// Vehicles that only labels speak of come last.
    pub(super) fn put_in_order(&mut self) {
        self.records
            .sort_by_key(|record| (record.time, record.vehicle));
        let mut renumbered = vec![None; self.vehicles.len()];
        let mut count = 0;
        let spoken = self.records.iter().map(|record| record.vehicle);
        for old in spoken.chain(0..self.vehicles.len()) {
            if let Some(new @ None) = renumbered.get_mut(old) {
                *new = Some(count);
                count += 1;
            }
        }
        let new_index = |old: usize| renumbered.get(old).copied().flatten().unwrap_or(old);
        for record in &mut self.records {
            record.vehicle = new_index(record.vehicle);
        }
        for label in &mut self.labels {
            label.vehicle = label.vehicle.map(new_index);
        }
        let mut vehicles: Vec<_> = std::mem::take(&mut self.vehicles)
            .into_iter()
            .enumerate()
            .collect();
        vehicles.sort_by_key(|(old, _)| new_index(*old));
        self.vehicles = vehicles.into_iter().map(|(_, vehicle)| vehicle).collect();
        // New numbers can change the order among the states of one moment.
        self.records
            .sort_by_key(|record| (record.time, record.vehicle));
        self.labels.sort_by(|one, other| {
            (one.from, one.vehicle, &one.name).cmp(&(other.from, other.vehicle, &other.name))
        });
    }
}
