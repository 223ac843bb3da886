use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use wayside::{geo::Position, relay::UnitPlace, time::Instant};

use super::{address, at_m, at_s, carry_out};
use crate::roadside::{
    Answer, Chooser, Order, RoadsideConfig,
    chooser::{TOLD_MAX, UNITS_MAX},
};

#[test]
fn configured_units_are_tried_in_turn_until_one_answers() {
    let mut road = Road::new(&[3, 1]);
    assert_eq!(road.dialled(), [3]);
    road.run_until(3.0);
    assert_eq!(road.dialled(), [1], "the first one is silent");
    road.stand(1, 0.0, 500, &[]);
    road.run_until(60.0);
    assert_eq!(road.dialled(), [1]);
}

#[test]
fn without_an_own_position_the_unit_that_answers_stays() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[2]);
    road.stand(2, 900.0, 500, &[1]);
    road.run_until(60.0);
    assert_eq!(road.dialled(), [1]);
}

#[test]
fn a_drive_is_handed_over_without_a_gap() {
    let mut road = Road::new(&[1]);
    road.config.units_max = 1;
    road.begin_anew(&[1]);
    road.stand(1, 0.0, 600, &[2]);
    road.stand(2, 1_000.0, 600, &[1, 3]);
    road.stand(3, 2_000.0, 600, &[2]);
    let mut used = Vec::new();
    for step in 0..220 {
        road.drive_to(f64::from(step) * 10.0);
        road.run_for(1.0);
        assert!(!road.answering().is_empty(), "a gap at {step}");
        if let [one] = road.dialled()[..] {
            used.push(one);
        }
    }
    used.dedup();
    assert_eq!(used, [1, 2, 3], "each once, and in order");
}

#[test]
fn the_unit_before_stays_until_the_next_one_answers() {
    let mut road = Road::new(&[1]);
    road.config.units_max = 1;
    road.begin_anew(&[1]);
    road.stand(1, 0.0, 600, &[2]);
    road.run_for(1.0);
    road.drive_to(900.0 - 350.0);
    road.places.insert(2, (at_m(900.0), 600));
    road.tell(1);
    assert_eq!(road.dialled(), [1, 2]);
    road.run_for(1.0);
    assert_eq!(road.dialled(), [1, 2], "the next one is silent");
    road.alive.insert(2);
    road.run_for(0.5);
    assert_eq!(road.dialled(), [2]);
}

#[test]
fn a_silent_unit_does_not_cost_the_one_that_answers() {
    let mut road = Road::new(&[1]);
    road.config.units_max = 1;
    road.begin_anew(&[1]);
    road.stand(1, 0.0, 1_000, &[2]);
    road.places.insert(2, (at_m(500.0), 1_000));
    road.drive_to(500.0);
    for _ in 0..600 {
        road.run_for(0.1);
        assert!(road.tick < 10 || road.answering() == [1]);
    }
    // Pauses of 1, 2, 4 and then 8 s and up to half as much, after 3 s of waiting each.
    assert!((4..=9).contains(&road.dials(2)), "{}", road.dials(2));
}

#[test]
fn a_border_is_not_crossed_back_and_forth() {
    let mut road = Road::new(&[1]);
    road.config.units_max = 1;
    road.begin_anew(&[1]);
    road.stand(1, 0.0, 700, &[2]);
    road.stand(2, 1_000.0, 700, &[1]);
    road.run_for(1.0);
    for step in 0..100 {
        // 20 m to either side of the middle: the other one is nearer by 40 m at most.
        road.drive_to(if step % 2 == 0 { 480.0 } else { 520.0 });
        road.run_for(1.0);
    }
    assert_eq!((road.dials(1), road.dials(2)), (1, 0));
}

#[test]
fn the_edge_of_a_lone_unit_is_not_crossed_back_and_forth() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[]);
    road.drive_to(490.0);
    road.run_for(1.0);
    for step in 0..100 {
        road.drive_to(if step % 2 == 0 { 490.0 } else { 540.0 });
        road.run_for(1.0);
    }
    assert_eq!(road.dials(1), 1);
    road.drive_to(551.0);
    road.run_for(1.0);
    assert_eq!(road.dialled(), [] as [u16; 0], "50 m beyond its reach");
    road.drive_to(510.0);
    road.run_for(60.0);
    assert_eq!(road.dials(1), 1, "still out of its reach");
    road.drive_to(499.0);
    road.run_for(1.0);
    assert_eq!(road.answering(), [1]);
}

#[test]
fn the_two_nearest_of_many_are_used() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 2_000, &[2, 3, 4]);
    for (unit, east_m) in [(2, 400.0), (3, 800.0), (4, 1_200.0)] {
        road.stand(unit, east_m, 2_000, &[]);
    }
    road.drive_to(1_000.0);
    road.run_for(2.0);
    assert_eq!(road.answering(), [3, 4]);
}

#[test]
fn when_all_units_are_gone_they_are_found_again_within_seconds() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[2]);
    road.stand(2, 200.0, 500, &[1]);
    road.drive_to(100.0);
    road.run_for(10.0);
    assert_eq!(road.answering(), [1, 2]);
    road.alive.clear();
    road.run_for(120.0);
    assert_eq!(road.answering(), [] as [u16; 0]);
    road.alive.extend([1, 2]);
    // A pause of 8 s and half as much again, and the time to answer.
    road.run_for(13.0);
    assert_eq!(road.answering(), [1, 2]);
}

#[test]
fn who_turns_out_to_be_no_unit_is_parted_with_and_left_alone() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[7]);
    road.places.insert(7, (at_m(100.0), 500));
    road.vehicles.insert(7);
    road.drive_to(100.0);
    road.run_for(300.0);
    assert_eq!(road.dialled(), [1]);
    assert_eq!(road.dials(7), 1);
}

#[test]
fn a_unit_that_hangs_up_each_time_is_dialled_less_and_less_often() {
    let mut road = Road::new(&[1]);
    road.places.insert(1, (at_m(0.0), 500));
    for _ in 0..600 {
        let is_up = !road.alive.contains(&1);
        road.alive.retain(|_| false);
        if is_up && road.dialled() == [1] {
            road.alive.insert(1);
        }
        road.run_for(0.1);
    }
    assert!(road.dials(1) < 12, "{}", road.dials(1));
}

#[test]
fn a_thousand_units_cost_little() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[]);
    road.drive_to(0.0);
    road.run_for(1.0);
    let itself = place(1, 0.0, 500);
    let others = (1_000..2_000).map(|number| place(number, 10.0, 500));
    let told: Vec<_> = std::iter::once(itself).chain(others).collect();
    road.chooser.handle_told(address(1), &told, road.now());
    assert_eq!(road.chooser.known(), 1 + TOLD_MAX);
    for _ in 0..3_000 {
        road.run_for(0.1);
        assert!(road.dialled().len() <= 4, "{:?}", road.dialled());
        assert!(road.answering().contains(&1), "the honest one stays");
    }
}

#[test]
fn no_more_units_are_known_than_allowed_and_the_far_ones_are_forgotten() {
    let mut road = Road::new(&[1, 2, 3, 4, 5]);
    road.drive_to(0.0);
    for teller in 1..=5 {
        road.stand(teller, f64::from(teller), 10, &[]);
    }
    for teller in 1..=5_u16 {
        // Each in turn is in reach, and tells of others that are nearer than those before.
        road.drive_to(f64::from(teller));
        road.run_for(20.0);
        let others = (0..64).map(|number| {
            let far_m = 100_000.0 - 10_000.0 * f64::from(teller);
            place(1_000 * teller + number, far_m, 10)
        });
        let told: Vec<_> = std::iter::once(place(teller, f64::from(teller), 10))
            .chain(others)
            .collect();
        road.chooser.handle_told(address(teller), &told, road.now());
        assert!(road.chooser.known() <= UNITS_MAX);
    }
}

#[test]
fn addresses_that_nobody_should_dial_are_ignored() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[]);
    road.drive_to(0.0);
    road.run_for(1.0);
    let bad = [
        "192.0.2.9:0",
        "0.0.0.0:7",
        "224.0.0.1:7",
        "255.255.255.255:7",
        "127.0.0.1:7",
        "[::1]:7",
        "[::ffff:127.0.0.1]:7",
        "[ff02::1]:7",
        "[::]:7",
    ];
    let others = bad.map(|bad| UnitPlace {
        address: bad.parse().unwrap(),
        ..place(9, 0.0, 500)
    });
    let told: Vec<_> = std::iter::once(place(1, 0.0, 500)).chain(others).collect();
    road.chooser.handle_told(address(1), &told, road.now());
    assert_eq!(road.chooser.known(), 1);
}

#[test]
fn what_somebody_tells_who_is_not_dialled_is_ignored() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[]);
    road.run_for(1.0);
    let told = [place(8, 0.0, 500), place(9, 0.0, 500)];
    road.chooser.handle_told(address(8), &told, road.now());
    assert_eq!(road.chooser.known(), 1);
}

#[test]
fn a_unit_is_believed_more_of_itself_than_others_are() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[2]);
    road.stand(2, 400.0, 500, &[]);
    road.drive_to(200.0);
    road.run_for(2.0);
    let lie = [place(1, 0.0, 500), place(2, 90_000.0, 1)];
    road.chooser.handle_told(address(1), &lie, road.now());
    road.run_for(60.0);
    assert_eq!(road.answering(), [1, 2]);
}

#[test]
fn a_unit_with_two_addresses_is_dialled_once() {
    let mut road = Road::new(&[1]);
    // It is configured as 1 and calls itself 2, as its neighbour 3 does.
    road.alive.insert(1);
    road.stand(3, 100.0, 500, &[2]);
    road.places.insert(2, (at_m(0.0), 500));
    road.alive.insert(2);
    road.drive_to(50.0);
    road.run_for(1.0);
    let told = [place(2, 0.0, 500), place(3, 100.0, 500)];
    road.chooser.handle_told(address(1), &told, road.now());
    road.run_for(30.0);
    assert_eq!(road.answering(), [1, 3]);
    assert_eq!(road.dials(2), 0);
}

#[test]
fn a_unit_that_names_anothers_address_does_not_take_its_place() {
    let mut road = Road::new(&[1, 2]);
    road.stand(1, 0.0, 1_000, &[2]);
    road.stand(2, 100.0, 1_000, &[1]);
    road.drive_to(50.0);
    road.run_for(5.0);
    assert_eq!(road.answering(), [1, 2]);

    let itself = place(2, 0.0, 1_000);
    let teller = address(1);
    let now = road.now();
    road.chooser.handle_told(teller, &[itself], now);
    road.run_for(5.0);

    assert_eq!(road.answering(), [1, 2]);
}

#[test]
fn what_was_told_is_forgotten_and_configured_units_are_asked_again() {
    let mut road = Road::new(&[1]);
    road.stand(1, 0.0, 500, &[2]);
    road.places.insert(2, (at_m(5_000.0), 500));
    road.drive_to(0.0);
    road.run_for(1.0);
    assert_eq!(road.chooser.known(), 2);
    road.drive_to(50_000.0);
    road.run_for(599.0);
    assert_eq!(road.dials(1), 1, "it is known not to reach here");
    road.run_for(10.0);
    assert_eq!(road.chooser.known(), 2, "it told again");
    assert_eq!(road.dials(1), 2);
    assert_eq!(road.dialled(), [] as [u16; 0]);
}

fn place(number: u16, east_m: f64, radius_m: u32) -> UnitPlace {
    UnitPlace {
        address: address(number),
        position: at_m(east_m),
        radius_m,
    }
}

/// A car, and the units along its road, each 0.1 s away.
struct Road {
    config: RoadsideConfig,
    chooser: Chooser,
    tick: u32,
    dialled: BTreeSet<u16>,
    answering: BTreeSet<u16>,
    counts: BTreeMap<u16, u32>,
    places: BTreeMap<u16, (Position, u32)>,
    beside: BTreeMap<u16, Vec<u16>>,
    alive: BTreeSet<u16>,
    vehicles: BTreeSet<u16>,
}

impl Road {
    fn new(configured: &[u16]) -> Self {
        let config = RoadsideConfig::default();
        let mut road = Self {
            chooser: Chooser::new(config.clone(), 7),
            config,
            tick: 0,
            dialled: BTreeSet::new(),
            answering: BTreeSet::new(),
            counts: BTreeMap::new(),
            places: BTreeMap::new(),
            beside: BTreeMap::new(),
            alive: BTreeSet::new(),
            vehicles: BTreeSet::new(),
        };
        road.configure(configured);
        road
    }

    /// The same with the configuration of now.
    fn begin_anew(&mut self, configured: &[u16]) {
        self.chooser = Chooser::new(self.config.clone(), 7);
        self.dialled.clear();
        self.counts.clear();
        self.configure(configured);
    }

    fn configure(&mut self, configured: &[u16]) {
        let configured: Vec<SocketAddr> = configured.iter().map(|it| address(*it)).collect();
        let now = self.now();
        self.chooser.handle_configured(&configured, now);
        self.carry_out();
    }

    /// A unit stands here and works.
    fn stand(&mut self, unit: u16, east_m: f64, radius_m: u32, beside: &[u16]) {
        self.places.insert(unit, (at_m(east_m), radius_m));
        self.beside.insert(unit, beside.to_vec());
        self.alive.insert(unit);
    }

    fn drive_to(&mut self, east_m: f64) {
        let now = self.now();
        self.chooser.handle_position(at_m(east_m), now);
        self.carry_out();
    }

    /// A unit tells what it knows, which is all of those beside it that stand somewhere.
    fn tell(&mut self, unit: u16) {
        let Some((position, radius_m)) = self.places.get(&unit) else {
            return;
        };
        let itself = UnitPlace {
            address: address(unit),
            position: *position,
            radius_m: *radius_m,
        };
        let beside = self.beside.get(&unit).into_iter().flatten();
        let beside = beside.filter_map(|other| {
            let (position, radius_m) = self.places.get(other)?;
            Some(UnitPlace {
                address: address(*other),
                position: *position,
                radius_m: *radius_m,
            })
        });
        let told: Vec<_> = std::iter::once(itself).chain(beside).collect();
        let now = self.now();
        self.chooser.handle_told(address(unit), &told, now);
        self.carry_out();
    }

    fn run_for(&mut self, seconds: f64) {
        let begun = f64::from(self.tick) / 10.0;
        self.run_until(begun + seconds);
    }

    fn run_until(&mut self, seconds: f64) {
        while f64::from(self.tick) / 10.0 < seconds {
            self.tick += 1;
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now();
        if self.chooser.poll_timeout().is_some_and(|due| due <= now) {
            self.chooser.handle_timeout(now);
            self.carry_out();
            let next = self.chooser.poll_timeout();
            assert!(next.is_none_or(|next| next > now), "it would spin");
        }
        for unit in self.dialled.clone() {
            let answer = if self.vehicles.contains(&unit) {
                Answer::Vehicle
            } else if self.alive.contains(&unit) {
                Answer::Unit
            } else {
                Answer::Nobody
            };
            self.chooser.handle_answer(address(unit), answer, now);
            self.carry_out();
            let is_new = answer == Answer::Unit && self.answering.insert(unit);
            if answer != Answer::Unit {
                self.answering.remove(&unit);
            }
            if is_new && self.dialled.contains(&unit) {
                self.tell(unit);
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(order) = self.chooser.poll_order() {
            carry_out(&mut self.dialled, order);
            if let Order::Dial(address) = order {
                *self.counts.entry(address.port()).or_default() += 1;
            }
        }
        self.answering.retain(|unit| self.dialled.contains(unit));
    }

    fn dialled(&self) -> Vec<u16> {
        self.dialled.iter().copied().collect()
    }

    fn answering(&self) -> Vec<u16> {
        let answering = self.chooser.standings().filter(|it| it.answers);
        answering.map(|it| it.address.port()).collect()
    }

    fn dials(&self, unit: u16) -> u32 {
        self.counts.get(&unit).copied().unwrap_or_default()
    }

    fn now(&self) -> Instant {
        at_s(f64::from(self.tick) / 10.0)
    }
}
