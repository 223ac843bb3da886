use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use super::{
    Cause, DecodeError, Hazard, HazardStatement, InformationQuality, Message, MessageType,
    PositionAccuracy, RelevanceRadius, Telemetry, Termination, UpdateKey, Validity, wire,
};
use crate::{
    geo::Position,
    id::{ActionId, StationId},
    time::Timestamp,
    units::{Acceleration, Heading, Length, Speed},
};

fn cruising() -> Telemetry {
    Telemetry {
        speed: Speed::from_m_per_s(15.0),
        heading: Heading::from_deg(90.0),
        longitudinal_acceleration: Acceleration::from_m_per_s2(-0.5),
        position_accuracy: Length::from_m(1.5).map(PositionAccuracy::circle),
        length: Length::from_m(4.5),
        ..Telemetry::at(Position::from_deg(44.49, 11.32).unwrap())
    }
}

fn breakdown() -> Hazard {
    Hazard {
        action: ActionId {
            station: StationId::from_bytes([7; 8]),
            sequence: 3,
        },
        update: 0,
        cause: Cause::STATIONARY_VEHICLE_BREAKDOWN,
        detected: Timestamp::from_unix_ms(1_700_000_000_000).unwrap(),
        position: Position::from_deg(44.49, 11.32).unwrap(),
        altitude: None,
        heading: Heading::from_deg(10.0),
        speed: None,
        relevance_radius: RelevanceRadius::from_m(1_000).unwrap(),
        relevance_direction: None,
        validity: Validity::from_ms(30_000).unwrap(),
        termination: None,
        quality: InformationQuality::default(),
        update_key: Some(UpdateKey([9; 32])),
    }
}

#[test]
fn telemetry_survives_its_bytes() {
    assert_eq!(Telemetry::decode(&cruising().encode()), Ok(cruising()));
}

#[test]
fn unavailable_is_not_zero() {
    let silent = Telemetry::at(Position::from_e7(0, 0).unwrap());
    let standing = Telemetry {
        speed: Some(Speed::ZERO),
        ..Telemetry::at(silent.position)
    };
    assert_eq!(Telemetry::decode(&silent.encode()).unwrap().speed, None);
    assert_eq!(
        Telemetry::decode(&standing.encode()).unwrap().speed,
        Some(Speed::ZERO)
    );
}

#[test]
fn hazard_survives_its_bytes() {
    let statement = HazardStatement::unsigned(breakdown());
    assert_eq!(HazardStatement::decode(&statement.encode()), Ok(statement));
}

#[test]
fn required_fields_are_required() {
    assert_eq!(
        Telemetry::decode(&[]),
        Err(DecodeError::Missing("latitude_e7"))
    );
    assert_eq!(
        HazardStatement::decode(&Bytes::new()),
        Err(DecodeError::Missing("body"))
    );
}

#[test]
fn m19_values_out_of_range_are_refused_by_name() {
    type Spoil = fn(&mut wire::Telemetry);
    let ranges: [(Spoil, &str); 6] = [
        (|raw| raw.latitude_e7 = Some(900_000_001), "position"),
        (
            |raw| raw.heading_centideg = Some(36_000),
            "heading_centideg",
        ),
        (
            |raw| raw.heading_centideg = Some(36_100),
            "heading_centideg",
        ),
        (|raw| raw.speed_mm_per_s = Some(163_830), "speed_mm_per_s"),
        (
            |raw| raw.longitudinal_acceleration_mm_per_s2 = Some(i32::MIN),
            "longitudinal_acceleration_mm_per_s2",
        ),
        (|raw| raw.drive_direction = 9, "drive_direction"),
    ];
    for (spoil, field) in ranges {
        let mut raw = wire::Telemetry::decode(cruising().encode()).unwrap();
        spoil(&mut raw);
        assert_eq!(
            Telemetry::decode(&raw.encode_to_vec()),
            Err(DecodeError::OutOfRange(field))
        );
    }
}

#[test]
fn a_newer_stations_field_is_allowed() {
    let mut bytes = cruising().encode().to_vec();
    // Field 100, a varint: unknown to this version.
    bytes.extend([0xa0, 0x06, 0x2a]);
    assert_eq!(Telemetry::decode(&bytes), Ok(cruising()));
}

#[test]
fn only_a_negation_has_no_update_key() {
    let keyless = Hazard {
        update_key: None,
        ..breakdown()
    };
    assert_eq!(
        Hazard::decode(&keyless.encode()),
        Err(DecodeError::Missing("update_key"))
    );
    let negation = Hazard {
        termination: Some(Termination::Negation),
        ..keyless
    };
    assert_eq!(Hazard::decode(&negation.encode()), Ok(negation));
}

#[test]
fn m11_oversize_payload_is_refused_before_decoding() {
    let long = Bytes::from(vec![0; 881]);
    assert_eq!(
        Message::decode(MessageType::Telemetry, &long),
        Err(DecodeError::TooLong(881))
    );
}

proptest! {
    #[test]
    fn m12_any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        for kind in [MessageType::Telemetry, MessageType::Hazard] {
            if let Ok(message) = Message::decode(kind, &bytes) {
                prop_assert_eq!(Message::decode(kind, &message.encode()), Ok(message));
            }
        }
    }

    #[test]
    fn m12_changed_statements_decode_or_are_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let hazard = HazardStatement::unsigned(breakdown());
        for message in [Message::Telemetry(cruising()), Message::Hazard(hazard)] {
            let mut bytes = message.encode().to_vec();
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let bytes = Bytes::from(bytes);
            if let Ok(changed) = Message::decode(message.kind(), &bytes) {
                prop_assert_eq!(Message::decode(message.kind(), &changed.encode()), Ok(changed));
            }
        }
    }
}
