use super::{
    Action, ActionError, AddOperator, Birth, ChangeCommittee, Correct, Correction,
    KEY_PART_BYTES_MAX, PostKeyPart, RecordTrip, RemoveOperator, ReplaceSeat, SEATS_MAX,
    SeatChange, Stop, TagCertificate, TagKind,
};
use crate::{
    crypto::Digest,
    id::{GroupId, ShardId, VehicleId},
    ledger::{
        KeyCache, Label, PartTag, RecordCommitment, ScrapPart,
        sample::{account, genesis, key},
        tests::issuing,
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
    for action in samples().into_iter().chain(issuing::actions()) {
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
fn people_say_who_joins_the_committee() {
    let text = format!(
        "action = \"change_committee\"\n[[seats]]\nchange = \"add\"\nname = \"newcomer\"\n\
         cold_key = \"{}\"\nvote_key = \"{}\"\naddress = \"127.0.0.1:7445\"\n\
         [[seats]]\nchange = \"remove\"\noperator = 3\n",
        account(220),
        account(120)
    );
    let action: Action = toml::from_str(&text).unwrap();
    assert_eq!(action.shard(), Some(ShardId(0)));
    let Action::ChangeCommittee(change) = &action else {
        panic!("{action:?}");
    };
    assert_eq!(change.seats.len(), 2);
    let more = text.replace("operator = 3", "operator = 3\nvote_key = \"\"");
    assert!(toml::from_str::<Action>(&more).is_err());
}

#[test]
fn a_seat_has_an_address_and_there_are_not_too_many() {
    let check = |seats: Vec<SeatChange>| {
        let action = Action::ChangeCommittee(ChangeCommittee { seats });
        action.check(&genesis(4), &mut KeyCache::default())
    };
    let at = |address: &str| {
        SeatChange::Replace(ReplaceSeat {
            operator: 0,
            vote_key: None,
            address: Some(address.to_owned()),
        })
    };
    for address in ["127.0.0.1:1", "[::1]:7445", "ledger.example:65535"] {
        assert_eq!(check(vec![at(address)]), Ok(()));
    }
    let long = format!("{}:1", "a".repeat(300));
    for address in [
        "",
        "host",
        "host:0",
        ":1",
        "host:65536",
        "a b:1",
        "h\n:1",
        &long,
    ] {
        let refused = check(vec![at(address)]).unwrap_err();
        assert_eq!(refused, ActionError::Address(address.to_owned()));
    }
    let many = vec![at("host:1"); SEATS_MAX + 1];
    assert_eq!(check(many), Err(ActionError::ListTooLong(SEATS_MAX + 1)));
}

#[test]
fn m18_what_a_member_posts_and_accuses_has_bounds() {
    let check = |action: Action| action.check(&genesis(4), &mut KeyCache::default());
    for action in issuing::actions() {
        assert_eq!(check(action), Ok(()));
    }
    let part = |length| PostKeyPart {
        group: GroupId(0),
        ceremony: 0,
        round: 1,
        part: vec![0; length],
    };
    assert_eq!(check(part(KEY_PART_BYTES_MAX).into()), Ok(()));
    let long = part(KEY_PART_BYTES_MAX + 1);
    let refused = ActionError::ListTooLong(KEY_PART_BYTES_MAX + 1);
    assert_eq!(check(long.into()), Err(refused));
    let swaps = [
        ("ledger.example:7446".to_owned(), "nowhere".to_owned()),
        (account(70).to_string(), "00".repeat(32)),
        (account(90).to_string(), "ff".repeat(32)),
        (format!("0101{}", "03".repeat(118)), "09".repeat(120)),
        ("[2,3]".to_owned(), format!("[{}0]", "0,".repeat(64))),
    ];
    for (from, to) in swaps {
        let texts = issuing::actions()
            .into_iter()
            .map(|action| serde_json::to_string(&action).unwrap());
        let mut found = texts.filter(|text| text.contains(&from)).peekable();
        assert!(found.peek().is_some(), "{from}");
        for text in found {
            let changed = serde_json::from_str(&text.replace(&from, &to)).unwrap();
            assert!(check(changed).is_err(), "{text}");
        }
    }
}

#[test]
fn people_write_what_a_vehicle_is_accused_of() {
    let ticket = "01".repeat(120);
    let text = format!(
        "action = \"order_revocation\"\nticket = \"{ticket}\"\nreason = \"jammer\"\n\
         [kind.suspend]\nuntil_unix_ms = 1800000000000\n"
    );
    let action: Action = toml::from_str(&text).unwrap();
    assert_eq!(action.shard(), Some(ShardId(0)));
    let text = r#"{"action":"post_key_part","group":0,"ceremony":1,"round":1,"part":"0aff"}"#;
    let Action::PostKeyPart(posted) = serde_json::from_str(text).unwrap() else {
        panic!("another action");
    };
    assert_eq!(posted.part, [10, 255]);
    assert!(serde_json::from_str::<Action>(&text.replace("0aff", "0af")).is_err());
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
        committee_change(),
    ]
}

fn committee_change() -> Action {
    let seats = vec![
        SeatChange::Add(AddOperator {
            name: "newcomer".parse().unwrap(),
            cold_key: account(220),
            vote_key: account(120),
            address: "ledger.example:7445".to_owned(),
        }),
        SeatChange::Replace(ReplaceSeat {
            operator: 1,
            vote_key: Some(account(121)),
            address: None,
        }),
        SeatChange::Replace(ReplaceSeat {
            operator: 2,
            vote_key: None,
            address: Some("[::1]:7445".to_owned()),
        }),
        SeatChange::Remove(RemoveOperator { operator: 3 }),
    ];
    ChangeCommittee { seats }.into()
}
