//! Messages and what is found in them, word for word: whoever judges the same finds the same, in
//! every build and on every machine. All of it is in whole numbers, the messages too.

use std::{collections::BTreeMap, fs, path::Path, str::FromStr, time::Duration};

use super::at_ms;
use crate::{
    geo::Position,
    id::StationId,
    message::{DriveDirection, PositionAccuracy, Telemetry},
    plausibility::{Check, Claim, Record, Surroundings, Verdict, judge},
    units::{Acceleration, Heading, Length, Speed},
};

#[test]
fn verdicts_are_those_of_the_golden_file() {
    let golden = golden();
    let made = judged_anew(&golden);
    let path = std::env::temp_dir().join("wayside-verdicts.csv");
    if made != golden {
        fs::write(&path, &made).unwrap();
    }
    let changed = made.lines().zip(golden.lines()).find(|(a, b)| a != b);
    assert_eq!(changed, None, "all of it is in {}", path.display());
    assert_eq!(made, golden);
}

#[test]
fn the_golden_file_has_every_check_of_telemetry_and_honest_drives() {
    let golden = golden();
    for check in Check::ALL {
        let is_there = golden.contains(&format!(",{}: ", check.name()))
            || golden.contains(&format!("; {}: ", check.name()));
        assert_eq!(is_there, check != Check::HazardDistance, "{check:?}");
    }
    let is_honest =
        |line: &&str| line.starts_with("honest,") || line.starts_with("emergency_brake,");
    let mut honest = golden.lines().filter(is_honest);
    assert!(honest.all(|line| line.ends_with(",plausible") || line.ends_with(",not_judged")));
}

fn golden() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plausibility/golden");
    fs::read_to_string(folder.join("verdicts.csv")).unwrap()
}

#[derive(Default)]
struct Receiver {
    records: BTreeMap<StationId, Record>,
    surroundings: Surroundings,
}

/// The same messages, each with what is found in it now.
fn judged_anew(golden: &str) -> String {
    let mut receivers: BTreeMap<&str, Receiver> = BTreeMap::new();
    let mut made = String::new();
    for (index, line) in golden.lines().enumerate() {
        let fields: Vec<&str> = line.splitn(FIELDS + 1, ',').collect();
        let verdict = if index == 0 {
            "verdict".to_owned()
        } else {
            receivers.entry(fields[0]).or_default().hear(&fields)
        };
        let said = fields[..FIELDS].join(",");
        made += &format!("{said},{verdict}\n");
    }
    made
}

impl Receiver {
    fn hear(&mut self, fields: &[&str]) -> String {
        let station = StationId::from_bytes([field(fields, 1).unwrap(); 8]);
        let telemetry = Telemetry {
            position_accuracy: field(fields, 6)
                .and_then(Length::from_mm)
                .map(PositionAccuracy::circle),
            heading: field(fields, 7).and_then(Heading::from_centideg),
            speed: field(fields, 8).and_then(Speed::from_mm_per_s),
            speed_accuracy: field(fields, 9).and_then(Speed::from_mm_per_s),
            longitudinal_acceleration: field(fields, 10).and_then(Acceleration::from_mm_per_s2),
            drive_direction: match fields[11] {
                "F" => Some(DriveDirection::Forward),
                "B" => Some(DriveDirection::Backward),
                _ => None,
            },
            ..Telemetry::at(
                Position::from_e7(field(fields, 4).unwrap(), field(fields, 5).unwrap()).unwrap(),
            )
        };
        let claim = Claim {
            station,
            telemetry: &telemetry,
            generated: at_ms(field(fields, 2).unwrap()),
            age: field(fields, 3).map(Duration::from_millis),
        };
        let judgement = judge(&claim, self.records.get(&station), &self.surroundings);
        self.surroundings.observe(&claim);
        match self.records.get_mut(&station) {
            Some(record) => assert!(record.observe(&claim, &judgement)),
            None => {
                let record = Record::new(&claim, &judgement);
                self.records.insert(station, record);
            }
        }
        told(judgement.verdict())
    }
}

fn field<T: FromStr>(fields: &[&str], index: usize) -> Option<T> {
    fields[index].parse().ok()
}

fn told(verdict: &Verdict) -> String {
    let Verdict::Implausible(findings) = verdict else {
        return verdict.name().to_owned();
    };
    let findings: Vec<_> = findings
        .iter()
        .map(|it| format!("{it}, missed by {}", it.margin()))
        .collect();
    findings.join("; ")
}

/// What is said; what is found follows.
const FIELDS: usize = 12;
