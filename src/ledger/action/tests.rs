use super::{Action, Birth, Correct, Correction, RecordTrip, Stop, TagCertificate, TagKind};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{
        Label, PartTag, RecordCommitment, ScrapPart,
        sample::{account, genesis, key},
    },
    time::Timestamp,
};

#[test]
fn people_write_actions_as_text() {
    let vehicle = format!("1-{}", "07".repeat(32));
    let text = format!(
        r#"{{"action":"record_odometer","vehicle":"{vehicle}","odometer_km":12,
            "read_unix_ms":1800000000000,"source":"workshop"}}"#
    );
    let action: Action = serde_json::from_str(&text).unwrap();
    assert_eq!(action.name(), "record_odometer");
    assert_eq!(action.shard(), Some(ShardId(1)));
    let toml = format!(
        "action = \"record_odometer\"\nvehicle = \"{vehicle}\"\nodometer_km = 12\n\
         read_unix_ms = 1800000000000\nsource = \"workshop\"\n"
    );
    assert_eq!(toml::from_str::<Action>(&toml).unwrap(), action);
    let misspelt = text.replace("odometer_km", "odometer_miles");
    assert!(serde_json::from_str::<Action>(&misspelt).is_err());
    let more = text.replace("\"source\"", "\"colour\":\"red\",\"source\"");
    assert!(serde_json::from_str::<Action>(&more).is_err());
}

#[test]
fn text_and_bytes_say_the_same() {
    for action in samples() {
        let json = serde_json::to_string(&action).unwrap();
        assert!(json.contains(&format!(r#""action":"{}""#, action.name())));
        assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), action);
        let toml = toml::to_string(&action).unwrap();
        assert_eq!(toml::from_str::<Action>(&toml).unwrap(), action);
        let bytes = borsh::to_vec(&action).unwrap();
        assert_eq!(borsh::from_slice::<Action>(&bytes).unwrap(), action);
    }
}

#[test]
fn labels_are_short_words() {
    for text in ["a", "C1201", "model-1", &"x".repeat(32)] {
        let label: Label = text.parse().unwrap();
        let bytes = borsh::to_vec(&label).unwrap();
        assert_eq!(borsh::from_slice::<Label>(&bytes).unwrap(), label);
    }
    for text in ["", "two words", "ä", "a\n", &"x".repeat(33)] {
        assert!(text.parse::<Label>().is_err());
        let bytes = borsh::to_vec(&text.to_owned()).unwrap();
        assert!(borsh::from_slice::<Label>(&bytes).is_err());
    }
}

/// Actions with everything that a layout can hold: options, lists, enums with fields, signatures.
fn samples() -> Vec<Action> {
    let vehicle = VehicleId {
        home: ShardId(1),
        commitment: [7; 32],
    };
    let time = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let label: Label = "model-1".parse().unwrap();
    let evidence = RecordCommitment::from_bytes([9; 32]);
    let vin = TagCertificate::issue(
        genesis(4).chain(),
        TagKind::Vehicle,
        Digest::from_bytes([3; 32]),
        account(1),
        &key(4),
    );
    vec![
        Birth {
            vehicle,
            vin,
            model: label.clone(),
            built: time,
            enrolment_key: account(40),
            attestation: Digest::from_bytes([0; 32]),
            owner: account(20),
        }
        .into(),
        Correct {
            vehicle,
            reason: label,
            evidence,
            correction: Correction::Odometer { odometer_km: 5 },
        }
        .into(),
        RecordTrip {
            vehicle,
            route: evidence,
            started: time,
            ended: time,
            started_odometer_km: 1,
            ended_odometer_km: 2,
            distance_m: 1_000,
            stops: vec![Stop {
                from: time,
                until: time,
                ignition_off: true,
            }],
        }
        .into(),
        ScrapPart {
            part: PartTag::from_bytes([4; 32]),
        }
        .into(),
    ]
}
