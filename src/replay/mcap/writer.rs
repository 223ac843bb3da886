use std::{
    collections::BTreeMap,
    io::{Seek, Write},
};

use ::mcap::{
    Attachment, Compression, McapError, WriteOptions,
    records::{MessageHeader, Metadata},
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use thiserror::Error;

use super::{
    ENCODING_ENVELOPE, ENCODING_PROTOBUF, METADATA_PROVENANCE, METADATA_WAYSIDE, NANOS_PER_MS,
    PROFILE, TOPIC_LABEL, TRUST_DOMAIN, VERSION, wire,
};
use crate::{
    geo::Position,
    message::{HazardStatement, Telemetry},
    replay::{Content, Drive, Label, Provenance},
    time::Timestamp,
};

/// What a recording says about itself at its beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// When it begins.
    pub start: Timestamp,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What the signed messages in it verify against, in its text form.
    pub trust_domain: Option<String>,
    /// What was assumed or left out, in sentences for people.
    pub notes: Vec<String>,
}

/// Why a recording could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The output refused the bytes, for instance because the disk is full.
    #[error("writing failed: {0}")]
    Io(#[from] std::io::Error),
    /// More topics than MCAP has channels: split the recording.
    #[error("more vehicles than MCAP has channels")]
    TooManyVehicles,
    /// MCAP counts nanoseconds and ends in the year 2554.
    #[error("the time {0} does not fit into MCAP")]
    Time(Timestamp),
    /// A write failed before, so that the output is damaged; start a new one.
    #[error("recording failed: {0}")]
    Failed(String),
}

/// Writes a recording, record by record, as things happen.
///
/// Records may come in any order. [`Self::flush`] ends a chunk, so that everything up to it
/// survives a crash; [`Self::finish`] ends the recording.
pub struct Writer<W: Write + Seek> {
    inner: ::mcap::Writer<W>,
    schemas: Schemas,
    channels: BTreeMap<String, [Option<u16>; 3]>,
    label_channel: Option<u16>,
    sequence: u32,
}

struct Schemas {
    state: u16,
    hazard: u16,
    label: u16,
}

/// The kinds of topics that each vehicle has, as indices.
#[derive(Clone, Copy)]
enum Topic {
    State,
    Hazard,
    Wire,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a recording.
    pub fn new(output: W, about: &About) -> Result<Self, WriteError> {
        let written_by = concat!("wayside ", env!("CARGO_PKG_VERSION"));
        let mut inner = WriteOptions::library(WriteOptions::new(), written_by)
            .profile(PROFILE)
            .compression(Some(Compression::Zstd))
            .chunk_size(Some(CHUNK_LEN))
            // They take 16 bytes a message, uncompressed, and nothing here seeks by message.
            .emit_message_indexes(false)
            .create(output)
            .map_err(failed)?;
        let schemas = Schemas {
            state: add_schema(&mut inner, "wayside.message.v1", "Telemetry")?,
            hazard: add_schema(&mut inner, "wayside.message.v1", "HazardStatement")?,
            label: add_schema(&mut inner, "wayside.drive.v1", "Label")?,
        };
        let mut writer = Self {
            inner,
            schemas,
            channels: BTreeMap::new(),
            label_channel: None,
            sequence: 0,
        };
        writer.write_about(about)?;
        Ok(writer)
    }

    /// Records a vehicle's unsigned state.
    pub fn write_state(
        &mut self,
        vehicle: &str,
        telemetry: &Telemetry,
        generated: Timestamp,
    ) -> Result<(), WriteError> {
        let channel = self.channel(vehicle, Topic::State)?;
        self.write(channel, generated, generated, &telemetry.encode())
    }

    /// Records an unsigned hazard.
    pub fn write_hazard(
        &mut self,
        vehicle: &str,
        hazard: &HazardStatement,
        generated: Timestamp,
    ) -> Result<(), WriteError> {
        let channel = self.channel(vehicle, Topic::Hazard)?;
        self.write(channel, generated, generated, &hazard.encode())
    }

    /// Records a signed message as it was on the air.
    pub fn write_wire(
        &mut self,
        vehicle: &str,
        signed: &[u8],
        generated: Timestamp,
        received: Timestamp,
    ) -> Result<(), WriteError> {
        let channel = self.channel(vehicle, Topic::Wire)?;
        self.write(channel, generated, received, signed)
    }

    /// Records a label about the vehicle with this name, if it is about one.
    pub fn write_label(&mut self, label: &Label, vehicle: Option<&str>) -> Result<(), WriteError> {
        let channel = match self.label_channel {
            Some(channel) => channel,
            None => {
                let channel = self
                    .inner
                    .add_channel(
                        self.schemas.label,
                        TOPIC_LABEL,
                        ENCODING_PROTOBUF,
                        &BTreeMap::new(),
                    )
                    .map_err(failed)?;
                *self.label_channel.insert(channel)
            }
        };
        let encoded = wire::Label {
            until_unix_ms: label.until.map(Timestamp::unix_ms),
            vehicle: vehicle.map(str::to_owned),
            name: label.name.clone(),
            cause_code: label.cause.map(|cause| cause.code().into()),
            sub_cause_code: label.cause.map_or(0, |cause| cause.sub_code().into()),
            latitude_e7: label.position.map(Position::latitude_e7),
            longitude_e7: label.position.map(Position::longitude_e7),
        };
        self.write(channel, label.from, label.from, &encoded.encode_to_vec())
    }

    /// Ends the chunk and hands everything to the output.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.inner.flush().map_err(failed)
    }

    /// Ends the recording and returns the output.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.inner.finish().map_err(failed)?;
        Ok(self.inner.into_inner())
    }

    fn write_about(&mut self, about: &About) -> Result<(), WriteError> {
        let fixed = [
            ("version", VERSION.to_owned()),
            ("time_scale", "UTC".to_owned()),
            ("start_unix_ms", about.start.unix_ms().to_string()),
        ];
        let notes = about
            .notes
            .iter()
            .enumerate()
            .map(|(index, note)| (format!("note.{index:04}"), note.clone()));
        let wayside = fixed
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .chain(notes)
            .collect();
        let provenance = &about.provenance;
        let sources = [
            ("source", Some(&provenance.source)),
            ("source_digest", provenance.source_digest.as_ref()),
            ("importer", Some(&provenance.importer)),
            ("licence", provenance.licence.as_ref()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.clone())))
        .collect();
        for (name, metadata) in [(METADATA_WAYSIDE, wayside), (METADATA_PROVENANCE, sources)] {
            self.inner
                .write_metadata(&Metadata {
                    name: name.to_owned(),
                    metadata,
                })
                .map_err(failed)?;
        }
        if let Some(trust_domain) = &about.trust_domain {
            let time = nanos(about.start)?;
            self.inner
                .attach(&Attachment {
                    log_time: time,
                    create_time: time,
                    name: TRUST_DOMAIN.to_owned(),
                    media_type: "application/toml".to_owned(),
                    data: trust_domain.as_bytes().into(),
                })
                .map_err(failed)?;
        }
        Ok(())
    }

    fn channel(&mut self, vehicle: &str, topic: Topic) -> Result<u16, WriteError> {
        let slot = topic as usize;
        let known = self.channels.get(vehicle).and_then(|known| known.get(slot));
        if let Some(Some(channel)) = known {
            return Ok(*channel);
        }
        let (schema, path, encoding) = match topic {
            Topic::State => (
                self.schemas.state,
                format!("/vehicle/{vehicle}/state"),
                ENCODING_PROTOBUF,
            ),
            Topic::Hazard => (
                self.schemas.hazard,
                format!("/vehicle/{vehicle}/hazard"),
                ENCODING_PROTOBUF,
            ),
            Topic::Wire => (0, format!("/wire/{vehicle}"), ENCODING_ENVELOPE),
        };
        let channel = self
            .inner
            .add_channel(schema, &path, encoding, &BTreeMap::new())
            .map_err(failed)?;
        let slots = self.channels.entry(vehicle.to_owned()).or_default();
        if let Some(slot) = slots.get_mut(slot) {
            *slot = Some(channel);
        }
        Ok(channel)
    }

    fn write(
        &mut self,
        channel_id: u16,
        generated: Timestamp,
        received: Timestamp,
        data: &[u8],
    ) -> Result<(), WriteError> {
        self.sequence = self.sequence.wrapping_add(1);
        let header = MessageHeader {
            channel_id,
            sequence: self.sequence,
            log_time: nanos(received)?,
            publish_time: nanos(generated)?,
        };
        self.inner
            .write_to_known_channel(&header, data)
            .map_err(failed)
    }
}

/// Writes a whole drive.
pub fn write<W: Write + Seek>(drive: &Drive, output: W) -> Result<W, WriteError> {
    let about = About {
        start: drive.start,
        provenance: drive.provenance.clone(),
        trust_domain: drive.trust_domain.clone(),
        notes: drive.notes.clone(),
    };
    let mut writer = Writer::new(output, &about)?;
    let name = |index: usize| {
        drive
            .vehicles
            .get(index)
            .map(|vehicle| vehicle.name.as_str())
    };
    // Labels come first, so that a cut recording keeps them.
    for label in &drive.labels {
        writer.write_label(label, label.vehicle.and_then(name))?;
    }
    for record in &drive.records {
        let Some(vehicle) = name(record.vehicle) else {
            continue;
        };
        match &record.content {
            Content::State(telemetry) => writer.write_state(vehicle, telemetry, record.time)?,
            Content::Hazard(hazard) => writer.write_hazard(vehicle, hazard, record.time)?,
            Content::Wire { signed, received } => {
                writer.write_wire(vehicle, signed, record.time, *received)?;
            }
        }
    }
    writer.finish()
}

fn add_schema<W: Write + Seek>(
    inner: &mut ::mcap::Writer<W>,
    package: &str,
    message: &str,
) -> Result<u16, WriteError> {
    let mut descriptors = FileDescriptorSet::decode(wire::DESCRIPTORS)
        .expect("the build writes them, and a test decodes them");
    descriptors.file.retain(|file| file.package() == package);
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    inner
        .add_schema(
            &format!("{package}.{message}"),
            ENCODING_PROTOBUF,
            &descriptors.encode_to_vec(),
        )
        .map_err(failed)
}

fn nanos(time: Timestamp) -> Result<u64, WriteError> {
    time.unix_ms()
        .checked_mul(NANOS_PER_MS)
        .ok_or(WriteError::Time(time))
}

fn failed(error: McapError) -> WriteError {
    if let McapError::Io(error) = error {
        return WriteError::Io(error);
    }
    if matches!(error, McapError::TooManyChannels) {
        return WriteError::TooManyVehicles;
    }
    WriteError::Failed(error.to_string())
}

/// Bytes of a chunk before compression. A reader uses whole chunks only, so this is what a cut
/// costs: about 8 s of 50 vehicles at 10 Hz.
const CHUNK_LEN: u64 = 256 * 1024;
