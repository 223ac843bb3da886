use std::{num::NonZeroUsize, time::Duration};

use super::{Road, cruising, place};
use crate::{
    geo::{Area, LocalFrame},
    plausibility::{Check, Verdict},
    world::{Config, Observed, Removal, WorldEvent},
};

#[test]
fn a_message_becomes_an_object_with_its_bytes_and_verdict() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    assert_eq!(road.say(&mut alice, cruising(0.0)), Observed::Added);
    let object = road.world.object(alice.station).unwrap();
    assert_eq!(*object.telemetry(), cruising(0.0));
    assert_eq!(*object.verdict(), Verdict::NotJudged);
    assert_eq!(object.verified().received(), road.now);
    assert_eq!(object.verified().generated(), road.now.timestamp);
    assert!(!object.verified().bytes().is_empty());
    let events = road.events();
    assert!(matches!(&events[..], [WorldEvent::ObjectChanged(changed)]
        if changed.station() == alice.station));
}

#[test]
fn an_implausible_message_is_in_the_picture_with_its_finding() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    road.say(&mut alice, cruising(0.0));
    road.pass(100);
    assert_eq!(road.say(&mut alice, cruising(500.0)), Observed::Updated);
    let findings = road
        .world
        .object(alice.station)
        .unwrap()
        .verdict()
        .findings();
    assert!(findings.iter().any(|it| it.check == Check::PositionJump));
}

#[test]
fn a_station_that_contradicted_itself_is_not_believed_again_for_its_silence() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    road.say(&mut alice, cruising(0.0));
    road.pass(100);
    road.say(&mut alice, cruising(500.0));
    road.pass(4_000);
    assert!(road.world.object(alice.station).is_none());
    assert_eq!(road.say(&mut alice, cruising(540.0)), Observed::Added);
    let object = road.world.object(alice.station).unwrap();
    assert_eq!(object.verdict().findings()[0].check, Check::Latch);
}

#[test]
fn an_older_message_changes_nothing() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    let late = alice.sign(&crate::message::Message::Telemetry(cruising(0.0)), road.now);
    road.pass(100);
    road.say(&mut alice, cruising(1.0));
    assert_eq!(road.take(late), Observed::Outdated);
    assert_eq!(
        road.world
            .object(alice.station)
            .unwrap()
            .telemetry()
            .position,
        place(1.0)
    );
    assert_eq!(road.world.counters().telemetry[&Observed::Outdated], 1);
}

#[test]
fn a_silent_station_is_forgotten_after_its_age() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    road.say(&mut alice, cruising(0.0));
    road.pass(1_000);
    road.say(&mut bob, cruising(50.0));
    // 3 s after alice's message, 2 s after bob's.
    assert_eq!(
        road.world.poll_timeout(),
        Some(road.now.instant + Duration::from_secs(2))
    );
    road.pass(1_999);
    assert_eq!(road.stations().len(), 2);
    road.events();
    road.pass(1);
    assert_eq!(road.stations(), [bob.station]);
    assert!(
        matches!(&road.events()[..], [WorldEvent::ObjectRemoved { station, reason: Removal::Silent }]
        if *station == alice.station)
    );
    road.pass(1_000);
    assert_eq!(road.world.objects_len(), 0);
    assert_eq!(road.world.poll_timeout(), None);
}

#[test]
fn a_station_that_goes_on_is_kept() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    for second in 0..10 {
        road.say(&mut alice, cruising(f64::from(second) * 10.0));
        road.pass(1_000);
        assert_eq!(road.stations(), [alice.station]);
    }
    assert_eq!(road.world.counters().telemetry[&Observed::Updated], 9);
}

#[test]
fn a_full_world_forgets_the_one_unheard_for_longest() {
    let mut road = Road::new(Config {
        stations_max: NonZeroUsize::new(3).unwrap(),
        ..Config::default()
    });
    let mut speakers: Vec<_> = (10..14).map(|seed| road.speaker(seed)).collect();
    for (index, east_m) in [(0, 0.0), (1, 0.0), (2, 0.0), (0, 1.0)] {
        road.say(&mut speakers[index], cruising(east_m));
        road.pass(100);
    }
    assert_eq!(road.say(&mut speakers[3], cruising(0.0)), Observed::Added);
    assert_eq!(road.world.objects_len(), 3);
    assert!(road.world.object(speakers[1].station).is_none());
    assert_eq!(road.world.counters().removed[&Removal::WorldFull], 1);
}

#[test]
fn a_crowded_cell_displaces_only_its_own() {
    let mut road = Road::new(Config {
        cell_stations_max: NonZeroUsize::new(4).unwrap(),
        ..Config::default()
    });
    let mut alice = road.speaker(10);
    // 5 km away: another cell.
    road.say(&mut alice, cruising(5_000.0));
    for seed in 20..40 {
        let mut invented = road.speaker(seed);
        road.pass(10);
        road.say(&mut invented, cruising(0.0));
    }
    assert_eq!(road.world.objects_len(), 5);
    assert!(road.world.object(alice.station).is_some());
    // 20 in a cell of 4.
    assert_eq!(road.world.counters().removed[&Removal::CellFull], 16);
}

#[test]
fn a_station_that_drives_into_a_full_cell_is_kept() {
    let mut road = Road::new(Config {
        cell_stations_max: NonZeroUsize::new(1).unwrap(),
        ..Config::default()
    });
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    road.say(&mut alice, cruising(0.0));
    road.say(&mut bob, cruising(5_000.0));
    road.pass(100);
    assert_eq!(road.say(&mut bob, cruising(0.0)), Observed::Updated);
    assert_eq!(road.stations(), [bob.station]);
    // And is found where it is now.
    assert_eq!(road.world.objects_in(&circle(0.0, 10)).len(), 1);
    assert!(road.world.objects_in(&circle(5_000.0, 10)).is_empty());
}

#[test]
fn areas_find_what_lies_in_them_by_any_way() {
    let mut road = Road::new(Config::default());
    let mut inside = Vec::new();
    for index in 0..40_u8 {
        let mut speaker = road.speaker(10 + index);
        let east_m = f64::from(index) * 100.0;
        road.say(&mut speaker, cruising(east_m));
        if (500.0..=1_500.0).contains(&east_m) {
            inside.push(speaker.station);
        }
    }
    inside.sort_unstable();
    let found = |area: &Area| -> Vec<_> {
        let objects = road.world.objects_in(area);
        objects.iter().map(|object| object.station()).collect()
    };
    // 12 cells: by the index. The same as a box: one by one.
    assert_eq!(found(&circle(1_000.0, 501)), inside);
    let frame = LocalFrame::at(place(1_000.0));
    let corner = |east_m: f64, north_m: f64| {
        frame
            .position(crate::geo::Offset { east_m, north_m })
            .unwrap()
    };
    let square = Area::from_corners(corner(-501.0, -10.0), corner(501.0, 10.0)).unwrap();
    assert_eq!(found(&square), inside);
}

#[test]
fn the_world_is_extrapolated_with_its_age() {
    let mut road = Road::new(Config::default());
    let mut alice = road.speaker(10);
    road.say(&mut alice, cruising(0.0));
    road.pass(2_000);
    let world = road.world.world_at(road.now.timestamp, None);
    assert_eq!(world.len(), 1);
    // 10 m/s × 2 s.
    assert!(world[0].estimate.position.distance_m(place(20.0)) < 0.1);
    assert_eq!(world[0].estimate.age, Duration::from_secs(2));
    // The area is asked of the extrapolated place.
    let at = |area: &Area| road.world.world_at(road.now.timestamp, Some(area)).len();
    assert_eq!(at(&circle(20.0, 5)), 1);
    assert_eq!(at(&circle(0.0, 5)), 0);
}

#[test]
fn nobody_listening_costs_no_memory() {
    let mut road = Road::new(Config {
        stations_max: NonZeroUsize::new(2).unwrap(),
        hazards_max: NonZeroUsize::new(1).unwrap(),
        ..Config::default()
    });
    let mut alice = road.speaker(10);
    for step in 0..20 {
        road.say(&mut alice, cruising(f64::from(step)));
        road.pass(100);
    }
    // 2 + 1 + 3 are kept of 20.
    assert_eq!(road.events().len(), 6);
    assert_eq!(road.world.counters().events_lost, 14);
}

fn circle(east_m: f64, radius_m: u32) -> Area {
    Area::Circle {
        centre: place(east_m),
        radius_m,
    }
}
