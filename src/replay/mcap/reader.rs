use std::collections::BTreeMap;

use ::mcap::{
    McapError, parse_record,
    records::{Channel, MessageHeader, Record as McapRecord, op},
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};
use bytes::Bytes;
use prost::Message as _;

use super::{
    METADATA_PROVENANCE, METADATA_WAYSIDE, NANOS_PER_MS, PROFILE, TOPIC_LABEL, TRUST_DOMAIN,
    VERSION, wire,
};
use crate::{
    geo::Position,
    message::{Cause, HazardStatement, Telemetry},
    replay::{Content, Cut, Drive, ImportError, Imported, Label, Provenance, Record, VehicleInfo},
    time::Timestamp,
};

/// Reads a recording, as far as it goes.
pub fn read(bytes: &[u8]) -> Result<Imported, ImportError> {
    let mut recording = Recording::default();
    let outcome = recording.read(bytes);
    let cut = match outcome {
        Ok(cut) => cut,
        Err(Stop::Foreign) => {
            return Err(ImportError::ForeignMcap {
                profile: recording.profile.unwrap_or_default(),
                version: recording.version.unwrap_or_default(),
            });
        }
    };
    if let Some(cut) = &cut
        && recording.records.is_empty()
    {
        return Err(ImportError::Damaged {
            format: "MCAP",
            cut: cut.clone(),
        });
    }
    Ok(Imported {
        drive: recording.finish(),
        cut,
    })
}

/// What has been read so far.
#[derive(Default)]
struct Recording {
    profile: Option<String>,
    version: Option<String>,
    start: Option<Timestamp>,
    provenance: Provenance,
    trust_domain: Option<String>,
    notes: Vec<String>,
    channels: BTreeMap<u16, Topic>,
    vehicles: Vec<VehicleInfo>,
    by_name: BTreeMap<String, usize>,
    records: Vec<Record>,
    labels: Vec<(Label, Option<String>)>,
    content_len: usize,
    left_out: BTreeMap<&'static str, u64>,
}

/// What a channel carries.
#[derive(Clone)]
enum Topic {
    State(String),
    Hazard(String),
    Wire(String),
    Label,
    Other,
}

/// Why reading stops without a cut.
enum Stop {
    Foreign,
}

impl Recording {
    fn read(&mut self, bytes: &[u8]) -> Result<Option<Cut>, Stop> {
        let mut reader = LinearReader::new_with_options(
            LinearReaderOptions::default()
                .with_prevalidate_chunk_crcs(true)
                .with_validate_data_section_crc(true)
                .with_record_length_limit(RECORD_LEN_MAX),
        );
        let mut rest = bytes;
        let mut good = 0;
        while let Some(event) = reader.next_event() {
            let cut = |why: String| {
                Ok(Some(Cut {
                    at: u64::try_from(good).unwrap_or(u64::MAX),
                    why,
                }))
            };
            match event {
                Ok(LinearReadEvent::ReadRequest(wanted)) => {
                    let (now, later) = rest.split_at(wanted.min(rest.len()));
                    reader.insert(now.len()).copy_from_slice(now);
                    reader.notify_read(now.len());
                    rest = later;
                }
                Ok(LinearReadEvent::Record { opcode, data }) => match self.record(opcode, data)? {
                    Ok(()) => good = bytes.len() - rest.len(),
                    Err(why) => return cut(why),
                },
                Err(error) => return cut(describe(&error)),
            }
        }
        Ok(None)
    }

    /// Takes one record; the inner error is why nothing after it can be read.
    fn record(&mut self, opcode: u8, data: &[u8]) -> Result<Result<(), String>, Stop> {
        let known = [
            op::HEADER,
            op::CHANNEL,
            op::MESSAGE,
            op::METADATA,
            op::ATTACHMENT,
        ];
        if !known.contains(&opcode) {
            return Ok(Ok(()));
        }
        if opcode == op::ATTACHMENT && !attachment_is_whole(data) {
            return Ok(Err("an attachment is damaged".to_owned()));
        }
        let record = match parse_record(opcode, data) {
            Ok(record) => record,
            Err(error) => return Ok(Err(describe(&error))),
        };
        match record {
            McapRecord::Header(header) => {
                let ours = header.profile == PROFILE;
                self.profile = Some(header.profile);
                if !ours {
                    return Err(Stop::Foreign);
                }
            }
            McapRecord::Metadata(metadata) => self.metadata(&metadata.name, metadata.metadata)?,
            McapRecord::Attachment { header, data, .. } => {
                if header.name == TRUST_DOMAIN {
                    self.trust_domain = Some(String::from_utf8_lossy(&data).into_owned());
                }
            }
            McapRecord::Channel(channel) => self.channel(&channel),
            McapRecord::Message { header, data } => {
                if self.version.is_none() {
                    return Err(Stop::Foreign);
                }
                return Ok(self.message(&header, &data));
            }
            McapRecord::Footer(_)
            | McapRecord::Schema { .. }
            | McapRecord::Chunk { .. }
            | McapRecord::MessageIndex(_)
            | McapRecord::ChunkIndex(_)
            | McapRecord::AttachmentIndex(_)
            | McapRecord::Statistics(_)
            | McapRecord::MetadataIndex(_)
            | McapRecord::SummaryOffset(_)
            | McapRecord::DataEnd(_)
            | McapRecord::Unknown { .. } => {}
        }
        Ok(Ok(()))
    }

    fn metadata(&mut self, name: &str, mut values: BTreeMap<String, String>) -> Result<(), Stop> {
        if name == METADATA_WAYSIDE {
            self.version = values.remove("version");
            if self.version.as_deref() != Some(VERSION) {
                return Err(Stop::Foreign);
            }
            self.start = values
                .get("start_unix_ms")
                .and_then(|start| start.parse().ok())
                .and_then(Timestamp::from_unix_ms);
            self.notes = values
                .into_iter()
                .filter(|(key, _)| key.starts_with("note."))
                .map(|(_, note)| note)
                .collect();
        } else if name == METADATA_PROVENANCE {
            self.provenance = Provenance {
                source: values.remove("source").unwrap_or_default(),
                source_digest: values.remove("source_digest"),
                importer: values.remove("importer").unwrap_or_default(),
                licence: values.remove("licence"),
            };
        }
        Ok(())
    }

    fn channel(&mut self, channel: &Channel) {
        let topic = channel.topic.as_str();
        let of_vehicle = |suffix: &str| {
            topic
                .strip_prefix("/vehicle/")
                .and_then(|rest| rest.strip_suffix(suffix))
                .map(str::to_owned)
        };
        let kind = if topic == TOPIC_LABEL {
            Topic::Label
        } else if let Some(vehicle) = of_vehicle("/state") {
            Topic::State(vehicle)
        } else if let Some(vehicle) = of_vehicle("/hazard") {
            Topic::Hazard(vehicle)
        } else if let Some(vehicle) = topic.strip_prefix("/wire/") {
            Topic::Wire(vehicle.to_owned())
        } else {
            Topic::Other
        };
        self.channels.insert(channel.id, kind);
    }

    fn message(&mut self, header: &MessageHeader, data: &[u8]) -> Result<(), String> {
        let (Some(generated), Some(received)) = (
            Timestamp::from_unix_ms(header.publish_time / NANOS_PER_MS),
            Timestamp::from_unix_ms(header.log_time / NANOS_PER_MS),
        ) else {
            self.leave_out("records out of time");
            return Ok(());
        };
        self.content_len += data.len();
        if self.content_len > CONTENT_LEN_MAX {
            return Err(format!("a drive holds at most {CONTENT_LEN_MAX} bytes"));
        }
        let topic = self.channels.get(&header.channel_id).cloned();
        let (vehicle, content) = match topic {
            Some(Topic::State(vehicle)) => match Telemetry::decode(data) {
                Ok(telemetry) => (vehicle, Content::State(telemetry)),
                Err(_) => {
                    self.leave_out("states that cannot be decoded");
                    return Ok(());
                }
            },
            Some(Topic::Hazard(vehicle)) => {
                match HazardStatement::decode(&Bytes::copy_from_slice(data)) {
                    Ok(hazard) => (vehicle, Content::Hazard(hazard)),
                    Err(_) => {
                        self.leave_out("hazards that cannot be decoded");
                        return Ok(());
                    }
                }
            }
            Some(Topic::Wire(vehicle)) => {
                let signed = Bytes::copy_from_slice(data);
                (vehicle, Content::Wire { signed, received })
            }
            Some(Topic::Label) => {
                self.label(generated, data);
                return Ok(());
            }
            Some(Topic::Other) | None => {
                self.leave_out("records of other topics");
                return Ok(());
            }
        };
        let vehicle = self.vehicle(vehicle);
        self.records.push(Record {
            time: generated,
            vehicle,
            content,
        });
        Ok(())
    }

    fn label(&mut self, from: Timestamp, data: &[u8]) {
        let Some((label, vehicle)) = label(from, data) else {
            self.leave_out("labels that cannot be decoded");
            return;
        };
        self.labels.push((label, vehicle));
    }

    fn vehicle(&mut self, name: String) -> usize {
        if let Some(index) = self.by_name.get(&name) {
            return *index;
        }
        let index = self.vehicles.len();
        self.by_name.insert(name.clone(), index);
        self.vehicles.push(VehicleInfo { name });
        index
    }

    fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }

    fn finish(mut self) -> Drive {
        let mut labels = Vec::new();
        for (mut label, vehicle) in std::mem::take(&mut self.labels) {
            label.vehicle = vehicle.map(|name| self.vehicle(name));
            labels.push(label);
        }
        for (what, count) in &self.left_out {
            self.notes.push(format!("{count} {what}: left out"));
        }
        let mut drive = Drive {
            vehicles: self.vehicles,
            start: Timestamp::from_unix_ms(0).expect("below 2^48"),
            records: self.records,
            provenance: self.provenance,
            labels,
            trust_domain: self.trust_domain,
            notes: self.notes,
        };
        drive.put_in_order();
        let first = drive.records.first().map(|record| record.time);
        if let Some(start) = first.or(self.start) {
            drive.start = start;
        }
        drive
    }
}

fn label(from: Timestamp, data: &[u8]) -> Option<(Label, Option<String>)> {
    let raw = wire::Label::decode(data).ok()?;
    let cause = match raw.cause_code {
        None => None,
        Some(code) => Some(Cause::from_codes(
            code.try_into().ok()?,
            raw.sub_cause_code.try_into().ok()?,
        )?),
    };
    let label = Label {
        from,
        until: match raw.until_unix_ms {
            None => None,
            Some(until) => Some(Timestamp::from_unix_ms(until)?),
        },
        vehicle: None,
        name: raw.name,
        cause,
        position: match raw.latitude_e7.zip(raw.longitude_e7) {
            None => None,
            Some((latitude, longitude)) => Some(Position::from_e7(latitude, longitude)?),
        },
    };
    Some((label, raw.vehicle))
}

/// Whether the lengths inside an attachment fit it, which `parse_record` takes for granted.
fn attachment_is_whole(data: &[u8]) -> bool {
    let skip_text = |rest: &[u8]| -> Option<usize> {
        let len = rest.get(..4)?.try_into().ok().map(u32::from_le_bytes)?;
        usize::try_from(len).ok()?.checked_add(4)
    };
    let whole = || -> Option<bool> {
        // Two times, name, media type, length, data, checksum (MCAP specification, Attachment).
        let rest = data.get(16..)?;
        let rest = rest.get(skip_text(rest)?..)?;
        let rest = rest.get(skip_text(rest)?..)?;
        let len = rest.get(..8)?.try_into().ok().map(u64::from_le_bytes)?;
        let held = u64::try_from(rest.len()).ok()?;
        Some(len.checked_add(8 + 4)? == held)
    };
    whole().unwrap_or(false)
}

fn describe(error: &McapError) -> String {
    if matches!(error, McapError::UnexpectedEof | McapError::UnexpectedEoc) {
        "the recording ends in the middle of a record".to_owned()
    } else {
        format!("damaged MCAP: {error}")
    }
}

/// Most bytes of a record or of an unpacked chunk.
const RECORD_LEN_MAX: usize = 64 << 20;
/// Most bytes of all records together, against chunks that unpack to very much.
const CONTENT_LEN_MAX: usize = 1 << 30;
