use std::io::Cursor;

use bytes::Bytes;
use proptest::prelude::*;

use super::{About, MAGIC, Writer, read, write};
use crate::{
    geo::Position,
    id::{ActionId, StationId},
    message::{
        AccelerationControl, Cause, DriveDirection, ExteriorLights, Hazard, HazardStatement,
        InformationQuality, PositionAccuracy, RelevanceRadius, StationType, Telemetry, UpdateKey,
        Validity,
    },
    replay::{Content, Drive, ImportError, Label, Provenance, Record, VehicleInfo},
    time::Timestamp,
    units::{Acceleration, Altitude, Heading, HeadingAccuracy, Length, Speed, YawRate},
};

#[test]
fn drive_is_the_same_after_writing_and_reading() {
    let drive = drive(300);
    let imported = read(&written(&drive)).unwrap();
    assert_eq!(imported.cut, None);
    assert_eq!(imported.drive, drive);
}

#[test]
fn absent_stays_absent() {
    let mut drive = drive(1);
    drive.records[0].content = Content::State(Telemetry::at(place(0)));
    drive.provenance = Provenance::default();
    drive.trust_domain = None;
    drive.notes.clear();
    drive.labels.clear();
    assert_eq!(read(&written(&drive)).unwrap().drive, drive);
}

#[test]
fn signed_bytes_keep_their_two_times() {
    let drive = drive(3);
    let bytes = written(&drive);
    let found = read(&bytes).unwrap().drive;
    let Content::Wire { signed, received } = &found.records[2].content else {
        panic!("{:?}", found.records[2])
    };
    assert_eq!(signed.as_ref(), [2; 90]);
    assert_eq!(received.since(found.records[2].time).as_millis(), 40);
}

#[test]
fn same_drive_gives_the_same_bytes() {
    assert_eq!(written(&drive(50)), written(&drive(50)));
}

#[test]
fn every_cut_gives_what_came_before_and_says_where() {
    let drive = drive(8_000);
    let bytes = written(&drive);
    let mut longest = 0;
    for len in (0..bytes.len()).step_by(3_989) {
        match read(&bytes[..len]) {
            Ok(imported) => {
                let cut = imported.cut.unwrap();
                assert!(cut.at <= u64::try_from(len).unwrap(), "{cut}");
                let records = imported.drive.records;
                assert!(records.len() >= longest);
                assert_eq!(records, drive.records[..records.len()]);
                longest = records.len();
            }
            Err(ImportError::Damaged { .. } | ImportError::ForeignMcap { .. }) => {
                assert_eq!(longest, 0, "cut at {len}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(longest > 4_000, "{longest} of 8000 records");
}

#[test]
fn damaged_chunk_is_named_and_not_used() {
    let drive = drive(8_000);
    let mut bytes = written(&drive);
    let at = bytes.len() * 6 / 10;
    bytes[at] ^= 1;
    let imported = read(&bytes).unwrap();
    let cut = imported.cut.unwrap();
    assert!(cut.why.contains("damaged MCAP"), "{cut}");
    let records = imported.drive.records;
    assert!(records.len() < 8_000);
    assert_eq!(records, drive.records[..records.len()]);
}

#[test]
fn changed_metadata_is_told() {
    let mut bytes = written(&drive(3));
    let key = b"some licence";
    let at = bytes
        .windows(key.len())
        .position(|window| window == key)
        .unwrap();
    bytes[at] ^= 1;
    let cut = read(&bytes).unwrap().cut.unwrap();
    assert!(cut.why.contains("CRC"), "{cut}");
}

#[test]
fn recording_of_another_profile_is_refused() {
    let mut writer = ::mcap::WriteOptions::new()
        .profile("ros2")
        .create(Cursor::new(Vec::new()))
        .unwrap();
    writer.finish().unwrap();
    let error = read(&writer.into_inner().into_inner()).unwrap_err();
    assert!(matches!(&error, ImportError::ForeignMcap { profile, .. } if profile == "ros2"));
}

#[test]
fn recording_without_our_metadata_is_refused() {
    let mut writer = ::mcap::WriteOptions::new()
        .profile("wayside")
        .create(Cursor::new(Vec::new()))
        .unwrap();
    let channel = writer
        .add_channel(0, "/wire/a", "wayside.envelope.v1", &Default::default())
        .unwrap();
    let header = ::mcap::records::MessageHeader {
        channel_id: channel,
        sequence: 0,
        log_time: 0,
        publish_time: 0,
    };
    writer.write_to_known_channel(&header, b"x").unwrap();
    writer.finish().unwrap();
    let error = read(&writer.into_inner().into_inner()).unwrap_err();
    assert!(matches!(error, ImportError::ForeignMcap { .. }));
}

#[test]
fn what_was_flushed_survives_a_crash() {
    let drive = drive(3);
    let about = About {
        start: drive.start,
        provenance: Provenance::default(),
        trust_domain: None,
        notes: Vec::new(),
    };
    let mut output = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut output, &about).unwrap();
    writer
        .write_wire("a/b", &[7; 90], drive.start, drive.start)
        .unwrap();
    writer.flush().unwrap();
    writer
        .write_wire("a/b", &[8; 90], drive.start, drive.start)
        .unwrap();
    // A crash runs no destructor, which would end the recording.
    std::mem::forget(writer);
    let imported = read(output.get_ref()).unwrap();
    assert!(imported.cut.is_some());
    assert_eq!(imported.drive.records.len(), 1);
    assert_eq!(imported.drive.vehicles[0].name, "a/b");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn mutated_recordings_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&drive(12));
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let len = len.index(bytes.len());
        // The outcome is free; that there is one is what is tested.
        let _ = (read(&bytes), read(&bytes[..len]));
    }

    #[test]
    fn records_of_noise_never_panic(
        opcode in 1_u8..=0x10,
        noise in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut bytes = written(&drive(2));
        let header_len = 8 + 9 + usize::from(bytes[9]);
        let mut record = vec![opcode];
        record.extend(u64::try_from(noise.len()).unwrap().to_le_bytes());
        record.extend(noise);
        bytes.splice(header_len..header_len, record);
        let _ = read(&bytes);
        prop_assert!(bytes.starts_with(MAGIC));
    }
}

fn written(drive: &Drive) -> Vec<u8> {
    write(drive, Cursor::new(Vec::new())).unwrap().into_inner()
}

/// States, hazards and signed messages of three vehicles in turn, with every field there is.
fn drive(count: usize) -> Drive {
    let start = Timestamp::from_unix_ms(1_767_225_600_000).unwrap();
    let records = (0..count).map(|index| record(start, index)).collect();
    Drive {
        vehicles: ["a/b:0#1", "ü", "c"]
            .into_iter()
            .take(count)
            .map(|name| VehicleInfo {
                name: name.to_owned(),
            })
            .collect(),
        records,
        start,
        provenance: Provenance {
            source: "town.fcd.xml.gz".to_owned(),
            source_digest: Some("00ff".to_owned()),
            importer: "wayside 0 test".to_owned(),
            licence: Some("some licence".to_owned()),
        },
        labels: vec![
            Label {
                from: start,
                until: Some(start.saturating_add(std::time::Duration::from_secs(3))),
                vehicle: Some(0),
                name: "emergency_brake".to_owned(),
                cause: Some(Cause::EMERGENCY_BRAKE_LIGHT),
                position: Some(place(9)),
            },
            Label {
                from: start.saturating_add(std::time::Duration::from_secs(1)),
                until: None,
                vehicle: None,
                name: "fog".to_owned(),
                cause: None,
                position: None,
            },
        ],
        trust_domain: Some("id = 7\n".to_owned()),
        notes: vec!["first".to_owned(), "second".to_owned()],
    }
}

fn record(start: Timestamp, index: usize) -> Record {
    let number = u32::try_from(index).unwrap();
    let time = start.saturating_add(std::time::Duration::from_millis(u64::from(number) * 10));
    let content = match index % 3 {
        0 => Content::State(telemetry(number)),
        1 => Content::Hazard(HazardStatement::unsigned(hazard(time))),
        _ => Content::Wire {
            signed: Bytes::from(vec![number.to_le_bytes()[0]; 90]),
            received: time.saturating_add(std::time::Duration::from_millis(40)),
        },
    };
    Record {
        time,
        vehicle: index % 3,
        content,
    }
}

fn place(number: u32) -> Position {
    let step = i32::try_from(number).unwrap() * 137;
    Position::from_e7(450_000_000 + step, 110_000_000 - step).unwrap()
}

fn telemetry(number: u32) -> Telemetry {
    let metre = Length::from_mm(1_000).unwrap();
    Telemetry {
        position: place(number),
        position_accuracy: Some(PositionAccuracy::circle(metre)),
        altitude: Altitude::from_mm(-5),
        altitude_accuracy: Some(metre),
        heading: Heading::from_centideg(u16::try_from(number % 36_000).unwrap()),
        heading_accuracy: HeadingAccuracy::from_centideg(100),
        speed: Speed::from_mm_per_s(number % 50_000),
        speed_accuracy: Some(Speed::ZERO),
        drive_direction: Some(DriveDirection::Forward),
        longitudinal_acceleration: Acceleration::from_mm_per_s2(-8_500),
        lateral_acceleration: Acceleration::from_mm_per_s2(0),
        vertical_acceleration: Acceleration::from_mm_per_s2(1),
        yaw_rate: YawRate::from_centideg_per_s(-7),
        length: Length::from_mm(4_500),
        width: Length::from_mm(0),
        station_type: Some(StationType::TRAM),
        exterior_lights: Some(ExteriorLights(0)),
        acceleration_control: Some(AccelerationControl(5)),
    }
}

fn hazard(time: Timestamp) -> Hazard {
    Hazard {
        action: ActionId {
            station: StationId::from_bytes([1; 8]),
            sequence: 4,
        },
        update: 0,
        cause: Cause::STATIONARY_VEHICLE_BREAKDOWN,
        detected: time,
        position: place(3),
        altitude: None,
        heading: None,
        speed: None,
        relevance_radius: RelevanceRadius::from_m(500).unwrap(),
        relevance_direction: None,
        validity: Validity::from_ms(600_000).unwrap(),
        termination: None,
        quality: InformationQuality::from_level(3).unwrap(),
        update_key: Some(UpdateKey([9; 32])),
    }
}
