use std::{collections::BTreeSet, time::Duration};

use crate::demo::picture::{Event, Heard, Picture, What, percentile};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Two vehicles whose names are known, the first of which sent a message at 100 ms.
fn one_message() -> Picture {
    let mut picture = Picture::new(2);
    tell(&mut picture, 0, 0, What::Connected);
    tell(&mut picture, 0, 0, named("a"));
    tell(&mut picture, 1, 0, named("b"));
    tell(&mut picture, 0, 100, What::Published { measured_ms: 7 });
    tell(&mut picture, 0, 101, What::Sent { measured_ms: 7 });
    picture
}

fn tell(picture: &mut Picture, vehicle: usize, at_ms: u64, what: What) {
    picture.handle_event(Event {
        vehicle,
        at: ms(at_ms),
        what,
    });
}

fn named(station: &str) -> What {
    What::Named {
        station: station.to_owned(),
    }
}

fn heard(station: &str) -> What {
    What::Heard(Heard {
        station: station.to_owned(),
        measured_ms: 7,
        sequence: 3,
    })
}

fn both() -> BTreeSet<usize> {
    [0, 1].into()
}

#[test]
fn a_message_is_delivered_once_it_is_heard() {
    let mut picture = one_message();
    let before = picture.delivery(&both(), ms(0), ms(1_000));
    assert_eq!((before.expected, before.delivered), (1, 0));
    tell(&mut picture, 1, 103, heard("a"));
    let after = picture.delivery(&both(), ms(0), ms(1_000));
    assert_eq!((after.expected, after.delivered), (1, 1));
    assert_eq!(after.delays, [ms(3)]);
    assert_eq!(picture.stack(1).unwrap().neighbours[&0].sequence, 3);
}

#[test]
fn messages_outside_the_time_or_of_others_are_not_expected() {
    let picture = one_message();
    assert_eq!(picture.delivery(&both(), ms(101), ms(1_000)).expected, 0);
    assert_eq!(picture.delivery(&[1].into(), ms(0), ms(1_000)).expected, 0);
}

#[test]
fn a_state_that_was_not_sent_is_not_expected() {
    let mut picture = one_message();
    tell(&mut picture, 0, 200, What::Published { measured_ms: 8 });
    assert_eq!(picture.delivery(&both(), ms(0), ms(1_000)).expected, 1);
}

#[test]
fn a_forgotten_station_is_no_neighbour() {
    let mut picture = one_message();
    tell(&mut picture, 1, 103, heard("a"));
    let station = "a".to_owned();
    tell(&mut picture, 1, 3_103, What::Forgotten { station });
    let stack = picture.stack(1).unwrap();
    assert!(stack.neighbours.is_empty());
    assert_eq!(stack.forgotten[&0], ms(3_103));
}

#[test]
fn who_loses_its_agent_knows_nothing() {
    let mut picture = one_message();
    tell(&mut picture, 1, 103, heard("a"));
    let station = "a".to_owned();
    tell(&mut picture, 1, 104, What::Hazard { station });
    tell(&mut picture, 1, 105, What::Parted);
    let stack = picture.stack(1).unwrap();
    assert!(stack.neighbours.is_empty() && stack.hazards.is_empty());
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let ordered = [ms(1), ms(2), ms(3), ms(4)];
    assert_eq!(percentile(&ordered, 50), Some(ms(3)));
    assert_eq!(percentile(&ordered, 99), Some(ms(4)));
    assert_eq!(percentile(&[], 50), None);
}
