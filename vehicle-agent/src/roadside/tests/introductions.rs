use std::{collections::BTreeSet, net::SocketAddr};

use wayside::{id::StationId, relay::Neighbour};

use super::{address, at_s, carry_out};
use crate::roadside::{Introductions, Order, RoadsideConfig, introductions::LIST_MAX};

const UNIT: u16 = 1;
const OTHER_UNIT: u16 = 2;

#[test]
fn introduced_neighbours_are_dialled_and_dropped_when_no_longer_introduced() {
    let mut car = Car::new(8);
    car.introduce(UNIT, &[11, 12]);
    car.all_answer();
    assert_eq!(car.dialled(), [11, 12]);
    car.introduce(UNIT, &[12]);
    car.run_until(4.9);
    assert_eq!(car.dialled(), [11, 12], "it may come back");
    car.run_until(5.0);
    assert_eq!(car.dialled(), [12]);
}

#[test]
fn a_neighbour_who_is_introduced_again_in_time_is_kept() {
    let mut car = Car::new(8);
    car.introduce(UNIT, &[11]);
    car.all_answer();
    car.introduce(UNIT, &[]);
    car.run_until(4.0);
    car.introduce(UNIT, &[11]);
    car.run_until(60.0);
    assert_eq!(car.dialled(), [11]);
    assert_eq!(car.dials, 1);
}

#[test]
fn when_the_units_are_gone_the_neighbours_stay() {
    let mut car = Car::new(8);
    car.introduce(UNIT, &[11, 12]);
    car.all_answer();
    car.introductions.handle_unit_gone(address(UNIT), at_s(1.0));
    car.run_until(600.0);
    assert_eq!(car.dialled(), [11, 12]);
    car.introductions
        .handle_answer(address(11), false, at_s(600.0));
    car.run_until(604.0);
    assert_eq!(car.dialled(), [12], "it does not answer any more");
}

#[test]
fn after_a_hand_over_the_next_unit_decides() {
    let mut car = Car::new(8);
    car.introduce(UNIT, &[11, 12]);
    car.all_answer();
    car.introductions.handle_unit_gone(address(UNIT), at_s(0.0));
    car.introduce(OTHER_UNIT, &[12, 13]);
    car.all_answer();
    car.run_until(6.0);
    assert_eq!(car.dialled(), [12, 13]);
}

#[test]
fn at_most_so_many_are_dialled_the_nearest_first() {
    let mut car = Car::new(3);
    car.introduce(UNIT, &[11, 12, 13, 14]);
    assert_eq!(car.dialled(), [11, 12, 13]);
    car.introduce(OTHER_UNIT, &[21, 22]);
    assert_eq!(car.dialled(), [11, 12, 13], "there is no room");
}

#[test]
fn who_is_no_longer_introduced_makes_room_at_once() {
    let mut car = Car::new(2);
    car.introduce(UNIT, &[11, 12]);
    car.all_answer();
    car.introduce(UNIT, &[12, 13]);
    assert_eq!(car.dialled(), [12, 13]);
}

#[test]
fn who_does_not_answer_makes_room_and_is_left_alone_for_a_while() {
    let mut car = Car::new(1);
    car.introduce(UNIT, &[11, 12]);
    assert_eq!(car.dialled(), [11]);
    car.run_until(3.0);
    assert_eq!(car.dialled(), [12]);
    car.all_answer();
    car.introduce(UNIT, &[11]);
    car.run_until(10.0);
    assert_eq!(car.dialled(), [] as [u16; 0]);
    car.run_until(34.0);
    assert_eq!(car.dialled(), [11]);
}

#[test]
fn a_configured_peer_is_never_dialled_or_dropped() {
    let given = BTreeSet::from([address(11)]);
    let mut car = Car::with(8, given);
    car.introduce(UNIT, &[11, 12]);
    car.introduce(UNIT, &[]);
    car.run_until(60.0);
    assert_eq!(car.dials, 1, "only 12");
    assert_eq!(car.dialled(), [] as [u16; 0]);
}

#[test]
fn with_none_wanted_none_is_dialled() {
    let mut car = Car::new(0);
    car.introduce(UNIT, &[11, 12]);
    assert_eq!(car.dials, 0);
}

#[test]
fn a_thousand_neighbours_and_a_hundred_units_cost_little() {
    let mut car = Car::new(8);
    let many: Vec<u16> = (1_000..2_000).collect();
    for unit in 1..=100 {
        car.introduce(unit, &many);
    }
    for tenth in 0..6_000 {
        car.run_until(f64::from(tenth) / 10.0);
        assert!(car.dialled.len() <= 8);
    }
    // Each of the first 64 is tried, and left alone for 30 s then.
    let rounds = u32::try_from(LIST_MAX).unwrap() * (600 / 30);
    assert!(car.dials <= rounds, "{}", car.dials);
}

#[test]
fn addresses_that_nobody_should_dial_are_ignored() {
    let mut car = Car::new(8);
    let bad = ["192.0.2.9:0", "224.0.0.1:7", "127.0.0.1:7", "[::]:7"];
    let bad = bad.map(|bad| Neighbour {
        station: StationId::from_bytes([1; 8]),
        address: bad.parse().unwrap(),
    });
    car.introductions
        .handle_introduced(address(UNIT), &bad, at_s(0.0));
    assert_eq!(car.introductions.poll_order(), None);
    let here = "127.0.0.1:9".parse().unwrap();
    car.introductions.handle_introduced(here, &bad, at_s(0.0));
    car.carry_out();
    assert_eq!(car.dialled(), [7], "a unit on this machine may name it");
}

struct Car {
    introductions: Introductions,
    dialled: BTreeSet<u16>,
    dials: u32,
    tenths: u32,
}

impl Car {
    fn new(neighbours_max: usize) -> Self {
        Self::with(neighbours_max, BTreeSet::new())
    }

    fn with(neighbours_max: usize, given: BTreeSet<SocketAddr>) -> Self {
        let config = RoadsideConfig {
            neighbours_max,
            ..RoadsideConfig::default()
        };
        Self {
            introductions: Introductions::new(config, given),
            dialled: BTreeSet::new(),
            dials: 0,
            tenths: 0,
        }
    }

    fn introduce(&mut self, unit: u16, neighbours: &[u16]) {
        let list: Vec<_> = neighbours
            .iter()
            .map(|number| Neighbour {
                station: StationId::from_bytes([1; 8]),
                address: address(*number),
            })
            .collect();
        let now = at_s(f64::from(self.tenths) / 10.0);
        self.introductions
            .handle_introduced(address(unit), &list, now);
        self.carry_out();
    }

    fn all_answer(&mut self) {
        let now = at_s(f64::from(self.tenths) / 10.0);
        for neighbour in self.dialled() {
            self.introductions
                .handle_answer(address(neighbour), true, now);
        }
    }

    fn run_until(&mut self, seconds: f64) {
        while f64::from(self.tenths) / 10.0 < seconds {
            self.tenths += 1;
            let now = at_s(f64::from(self.tenths) / 10.0);
            if self
                .introductions
                .poll_timeout()
                .is_some_and(|due| due <= now)
            {
                self.introductions.handle_timeout(now);
                self.carry_out();
                let next = self.introductions.poll_timeout();
                assert!(next.is_none_or(|next| next > now), "it would spin");
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(order) = self.introductions.poll_order() {
            if matches!(order, Order::Dial(_)) {
                self.dials += 1;
            }
            carry_out(&mut self.dialled, order);
        }
    }

    fn dialled(&self) -> Vec<u16> {
        self.dialled.iter().copied().collect()
    }
}
