use super::{place, start};
use crate::{
    message::Telemetry,
    replay::{Content, Drive, Provenance, Record, VehicleInfo},
    sim::{Attack, Falsity, Said, Seed, Traffic, TrafficOptions},
    units::{Acceleration, Heading, Speed},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Twelve cars behind each other at 10 Hz for 20 s, that speed up and slow down.
fn drive() -> Drive {
    let mut records = Vec::new();
    for vehicle in 0..12_u32 {
        let (mut north_m, mut speed) = (f64::from(vehicle) * -40.0, 8.0);
        for step in 0..200_u32 {
            let acceleration = if step / 40 % 2 == 0 { 1.5 } else { -1.5 };
            records.push(Record {
                time: start().saturating_add(Duration::from_millis(u64::from(step) * 100)),
                vehicle: usize::try_from(vehicle).unwrap(),
                content: Content::State(Telemetry {
                    speed: Speed::from_m_per_s(speed),
                    heading: Heading::from_deg(0.0),
                    longitudinal_acceleration: Acceleration::from_m_per_s2(acceleration),
                    ..Telemetry::at(place(north_m))
                }),
            });
            north_m += speed * 0.1;
            speed += acceleration * 0.1;
        }
    }
    records.sort_by_key(|record| (record.time, record.vehicle));
    Drive {
        vehicles: (0..12)
            .map(|vehicle| VehicleInfo {
                name: format!("car {vehicle}"),
            })
            .collect(),
        records,
        start: start(),
        provenance: Provenance::default(),
        labels: Vec::new(),
        trust_domain: None,
        notes: Vec::new(),
    }
}

fn traffic(attack: Option<Attack>, seed: u64) -> Traffic {
    let options = TrafficOptions {
        seed: Seed(seed),
        attack,
        liars: 0.4,
        loss: 0.05,
        noise: true,
    };
    Traffic::of(&drive(), &options)
}

fn lies(traffic: &Traffic) -> impl Iterator<Item = &Said> {
    let messages = traffic.messages.iter();
    messages.filter(|said| said.falsity >= Falsity::Changed)
}

#[test]
fn nobody_lies_without_an_attack() {
    let traffic = traffic(None, 1);
    assert!(
        traffic
            .messages
            .iter()
            .all(|said| said.falsity == Falsity::None)
    );
    assert!(traffic.senders.iter().all(|sender| !sender.is_liar));
    // 12 × 200 messages, of which 5 % are lost and some fall into a silence.
    assert!((1_900..2_350).contains(&traffic.messages.len()));
}

#[test]
fn without_noise_and_loss_a_drive_is_its_own_word() {
    let options = TrafficOptions {
        seed: Seed(1),
        attack: None,
        liars: 0.0,
        loss: 0.0,
        noise: false,
    };
    let traffic = Traffic::of(&drive(), &options);
    assert_eq!(traffic.messages.len(), 2_400);
    let said: BTreeSet<_> = traffic
        .messages
        .iter()
        .map(|said| (said.generated, said.sender, format!("{:?}", said.telemetry)))
        .collect();
    for record in &drive().records {
        let Content::State(telemetry) = &record.content else {
            panic!("a state");
        };
        assert!(said.contains(&(record.time, record.vehicle, format!("{telemetry:?}"))));
    }
}

#[test]
fn every_attack_lies_and_only_liars_lie() {
    for attack in Attack::ALL {
        let traffic = traffic(Some(attack), 3);
        let lies: Vec<_> = lies(&traffic).collect();
        assert!(lies.len() > 100, "{}: {} lies", attack.name(), lies.len());
        assert!(lies.iter().all(|said| traffic.senders[said.sender].is_liar));
        assert!(traffic.senders.iter().any(|sender| !sender.is_liar));
    }
}

#[test]
fn braking_that_nobody_does_is_no_lie_beyond_noise() {
    let mut drive = drive();
    for record in &mut drive.records {
        if let Content::State(telemetry) = &mut record.content {
            telemetry.position = place(0.0);
            telemetry.speed = Speed::from_m_per_s(0.0);
            telemetry.longitudinal_acceleration = Acceleration::from_mm_per_s2(0);
        }
    }
    let falsities = |attack| {
        let options = TrafficOptions {
            seed: Seed(3),
            attack: Some(attack),
            liars: 1.0,
            loss: 0.0,
            noise: false,
        };
        let messages = Traffic::of(&drive, &options).messages;
        let falsities = messages.into_iter().map(|said| said.falsity);
        falsities.collect::<BTreeSet<_>>()
    };
    let nothing = [Falsity::None, Falsity::OfAttack].into();
    assert_eq!(falsities(Attack::FeignedBraking), nothing);
    assert_eq!(falsities(Attack::SuddenStop), nothing);
    // Who stands is not turned round by it.
    let wrong = [Falsity::None, Falsity::BeyondNoise].into();
    assert_eq!(falsities(Attack::ReversedHeading), wrong);
}

#[test]
fn a_position_within_noise_is_changed_and_not_false() {
    let traffic = traffic(Some(Attack::PositionMirroring), 3);
    let kinds: BTreeSet<_> = lies(&traffic).map(|said| said.falsity).collect();
    // 3 to 10 m to the right of a receiver that wanders by 1.5 m on each axis.
    assert_eq!(kinds, [Falsity::Changed, Falsity::BeyondNoise].into());
}

#[test]
fn honest_words_are_within_the_noise_that_lies_are_held_against() {
    let drive = drive();
    let mut truth = BTreeMap::new();
    for record in &drive.records {
        let Content::State(telemetry) = &record.content else {
            panic!("a state");
        };
        truth.insert((record.time, record.vehicle), telemetry.clone());
    }
    let (mut far, mut all) = (0, 0);
    for seed in 0..40 {
        for said in traffic(None, seed).messages {
            let truth = &truth[&(said.generated, said.sender)];
            let apart_m = said.telemetry.position.distance_m(truth.position);
            all += 1;
            far += u32::from(apart_m > 5.0);
        }
    }
    // On each axis a deviation of 1.5 m: 0.4 % are beyond 5 m. Reflections (3 % of the time) and rough
    // drivers, who are moved by up to 2 m, add to that.
    assert!(far * 100 < 2 * all, "{far} of {all}");
    assert!(far > 0);
}

#[test]
fn traffic_is_the_same_every_time_and_another_for_another_seed() {
    let text = |seed| format!("{:?}", traffic(Some(Attack::DataReplay), seed).messages);
    assert_eq!(text(5), text(5));
    assert_ne!(text(5), text(6));
}

#[test]
fn a_liar_of_delays_keeps_its_messages_for_two_to_four_seconds() {
    let traffic = traffic(Some(Attack::TimeDelay), 4);
    for said in lies(&traffic) {
        let age = said.received.since(said.generated);
        // 60 ms for the network.
        assert!((2_000..=4_060).contains(&age.as_millis()), "{age:?}");
    }
}

#[test]
fn messages_come_in_the_order_in_which_they_are_received() {
    let traffic = traffic(Some(Attack::CongestionSybil), 2);
    assert!(traffic.messages.is_sorted_by_key(|said| said.received));
}
