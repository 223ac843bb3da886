use super::{place, start};
use crate::{
    message::{Cause, Telemetry},
    replay::{Content, Drive, Label, Provenance, Record, VehicleInfo},
    sim::{Replay, Report, Seed},
    units::{Heading, Speed},
};
use std::time::Duration;

/// Three cars at 10 Hz for 10 s, 60 m apart; the third stands 1 km away. The first brakes at 5 s.
fn drive() -> Drive {
    let mut records = Vec::new();
    for step in 0..100_u32 {
        for vehicle in 0..3_usize {
            let north_m = match vehicle {
                0 => f64::from(step) * 1.5,
                1 => f64::from(step) * 1.5 - 60.0,
                _ => 1_200.0,
            };
            let speed = if vehicle == 2 { 0.0 } else { 15.0 };
            records.push(Record {
                time: start().saturating_add(Duration::from_millis(u64::from(step) * 100)),
                vehicle,
                content: Content::State(Telemetry {
                    speed: Speed::from_m_per_s(speed),
                    heading: Heading::from_deg(0.0),
                    ..Telemetry::at(place(north_m))
                }),
            });
        }
    }
    Drive {
        vehicles: ["first", "second", "far"]
            .map(|name| VehicleInfo { name: name.into() })
            .into(),
        records,
        start: start(),
        provenance: Provenance::default(),
        labels: vec![Label {
            from: start().saturating_add(Duration::from_secs(5)),
            until: Some(start().saturating_add(Duration::from_secs(8))),
            vehicle: Some(0),
            name: "emergency_brake".into(),
            cause: Some(Cause::EMERGENCY_BRAKE_LIGHT),
            position: None,
        }],
        trust_domain: None,
        notes: Vec::new(),
    }
}

fn report(seed: u64, loss: f64) -> Report {
    Replay::of(drive())
        .seed(Seed(seed))
        .loss(loss)
        .run()
        .unwrap()
        .report
}

#[test]
fn a_replay_without_loss_covers_everybody_in_range() {
    let report = report(1, 0.0);
    assert_eq!(report.vehicles, 3);
    assert_eq!(report.states, 300);
    assert_eq!(report.delivered, report.expected);
    // Telemetry and the hazard's report and end, heard by one car each.
    assert!(report.expected > 50);
    assert!(report.refused.is_empty());
    assert!(report.unpublished.is_empty());
    let [hazard] = report.hazards.as_slice() else {
        panic!("one hazard");
    };
    assert_eq!((hazard.expected, hazard.heard_by), (1, 1));
    assert_eq!(hazard.reported_at_ms, 5_000);
    assert_eq!(hazard.cancelled_at_ms, Some(8_000));
}

#[test]
fn a_replay_is_the_same_every_time() {
    assert_eq!(report(1, 0.1), report(1, 0.1));
    assert_ne!(report(1, 0.1).digest, report(2, 0.1).digest);
}

#[test]
fn loss_costs_coverage() {
    let coverage = report(3, 0.5).coverage;
    assert!((0.3..0.7).contains(&coverage), "{coverage}");
}

#[test]
fn delay_is_what_latency_measures() {
    let report = Replay::of(drive())
        .delay(Duration::from_millis(30))
        .run()
        .unwrap()
        .report;
    assert_eq!(report.latency_us.max / 1_000, 30);
}

#[test]
fn a_recording_of_a_replay_verifies_again() {
    let first = Replay::of(drive()).run().unwrap();
    let second = Replay::of(first.recording).run().unwrap().report;
    assert_eq!(second.published, first.report.published);
    assert_eq!(second.delivered, second.expected);
    assert!(second.refused.is_empty());
    assert_eq!(second.states, 0);
}

#[test]
fn m1_no_flipped_bit_of_a_recorded_message_reaches_a_world() {
    let recording = Replay::of(drive())
        .duration(Some(Duration::from_secs(1)))
        .run()
        .unwrap()
        .recording;
    let (index, signed) = recording
        .records
        .iter()
        .enumerate()
        .filter_map(|(index, record)| match &record.content {
            Content::Wire { signed, .. } => Some((index, signed.clone())),
            Content::State(_) | Content::Hazard(_) => None,
        })
        .nth(3)
        .unwrap();
    let whole = Replay::of(recording.clone()).run().unwrap().report;
    for bit in 0..signed.len() * 8 {
        let mut bytes = signed.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut spoilt = recording.clone();
        spoilt.records[index].content = Content::Wire {
            signed: bytes.into(),
            received: spoilt.records[index].time,
        };
        let report = Replay::of(spoilt).run().unwrap().report;
        assert_eq!(report.delivered + 1, whole.delivered, "bit {bit}");
        assert_eq!(report.refused.values().sum::<u64>(), 1, "bit {bit}");
    }
}
