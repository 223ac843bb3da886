//! One of each thing that accusing writes to bytes.

use std::collections::BTreeMap;

use crate::{
    ledger::{
        AccusedStation, AccusedTicket, Action, BelieveWitnesses, Case, Cases, Key,
        ReportMisbehaviour, Testify, Value, WitnessNote,
    },
    time::Timestamp,
};

pub(super) fn actions() -> [Action; 3] {
    [
        ReportMisbehaviour {
            evidence: vec![1, 2, 255],
        }
        .into(),
        Testify {
            testimony: vec![3, 4],
        }
        .into(),
        BelieveWitnesses {
            accused: station(1),
        }
        .into(),
    ]
}

pub(super) fn entries() -> BTreeMap<Key, Value> {
    let case = Case {
        accused: station(2),
        ticket: AccusedTicket::from_bytes([6; 120]),
        slot: 6_000_000,
        reason: "duplicate_content".parse().unwrap(),
        witnesses: vec![WitnessNote {
            station: station(3),
            at: Timestamp::from_unix_ms(1_800_000_000_000).unwrap(),
        }],
        believed_by: vec![1, 2],
    };
    BTreeMap::from([
        (Key::Accusation(station(1)), Value::Accusation(7)),
        (Key::Cases, Value::Cases(Cases(vec![case]))),
    ])
}

fn station(number: u8) -> AccusedStation {
    AccusedStation::from_bytes([number; 8])
}
