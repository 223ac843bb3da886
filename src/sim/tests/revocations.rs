//! How fast a revoked car is refused by everybody, with lists that go from car to car.

use std::{collections::BTreeMap, time::Duration};

use super::start;
use crate::{
    geo::Position,
    id::{ShardId, StationId},
    ledger::{
        Committees, FinalizedHeader, Genesis, Key, RevealedSeed, RevocationEntry, RevocationHead,
        RevocationUpdate, State, Value, sample,
    },
    message::Telemetry,
    pipeline::{Config, DisconnectReason, Event, NotReady, OwnState},
    security::{Class, RevocationNews, RevokedSeries, Slot, SlotClock},
    sim::{Cast, Choices, Conditions, NodeId, Road, Seed},
    time::{Instant, Now},
};

/// The list as the ledger has it, without the rules by which it came about.
struct PublicList {
    genesis: Genesis,
    state: State,
    head: RevocationHead,
    height: u64,
}

impl PublicList {
    fn new() -> Self {
        Self {
            genesis: sample::genesis(4),
            state: State::new(),
            head: RevocationHead::default(),
            height: 0,
        }
    }

    fn append(&mut self, series: &RevokedSeries) {
        let entry = RevocationEntry::Revoke {
            slot_from: series.slot_from.number(),
            slot_until: series.slot_until.number(),
            seeds: series.seeds.map(RevealedSeed::from_bytes),
        };
        let number = self.head.next;
        self.head.next += 1;
        self.head.peaks.append(entry.leaf());
        let head = Value::RevocationHead(self.head.clone());
        self.state = self.state.apply(BTreeMap::from([
            (Key::Revocation(number), Some(Value::Revocation(entry))),
            (Key::RevocationHead, Some(head)),
        ]));
    }

    /// What a unit hands to a car that has the first `have` entries.
    fn update(&mut self, have: u64, now: Now) -> Vec<u8> {
        self.height += 1;
        let mut header = sample::block(&self.genesis, ShardId::GOVERNANCE, self.height).header;
        header.time = now.timestamp;
        header.state_root = self.state.root();
        let finalized = FinalizedHeader {
            certificate: sample::certify(&self.genesis, &header),
            header,
            link: Vec::new(),
        };
        let update = RevocationUpdate::of_state(&self.state, finalized, have);
        update.unwrap().to_bytes()
    }
}

/// Receivers that hear their neighbours, and cars that all of them hear.
struct Town {
    road: Road,
    cast: Cast,
    list: PublicList,
    receivers: Vec<NodeId>,
    choices: Choices,
}

impl Town {
    fn new(receivers: usize, seed: u64) -> Self {
        let seed = Seed(seed);
        let slots = SlotClock::default();
        let end = start().saturating_add(Duration::from_secs(3_600));
        let cast = Cast::new(seed, slots, start(), end);
        let conditions = Conditions {
            loss: 0.05,
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(50),
        };
        let mut road = Road::new(cast.domain(), start(), conditions, seed);
        let list = PublicList::new();
        let receivers: Vec<_> = (0..receivers)
            .map(|number| {
                let wallet = cast.wallet(&format!("receiver {number}"), Class::Car);
                let node = road.add(Config::default(), wallet);
                let committees = Committees::of(&list.genesis);
                road.with(node, |station, _| station.handle_committees(committees));
                node
            })
            .collect();
        let mut choices = seed.choices("town");
        for (index, node) in receivers.iter().enumerate() {
            // A road with a few short cuts.
            let next = receivers[(index + 1) % receivers.len()];
            let other = receivers[usize::try_from(choices.below(50)).unwrap() % receivers.len()];
            assert!(road.connect(*node, next));
            assert!(*node == other || road.connect(*node, other));
        }
        Self {
            road,
            cast,
            list,
            receivers,
            choices,
        }
    }

    fn run_for(&mut self, ms: u64) {
        let until = self.road.now().instant + Duration::from_millis(ms);
        self.road.run_until(until);
    }

    /// A new car that everybody hears.
    fn car(&mut self, name: &str) -> NodeId {
        let wallet = self.cast.wallet(name, Class::Car);
        let car = self.road.add(Config::default(), wallet);
        for receiver in self.receivers.clone() {
            assert!(self.road.connect(car, receiver));
        }
        car
    }

    fn speak(&mut self, car: NodeId) {
        self.road.with(car, |station, now| {
            let state = OwnState {
                telemetry: Telemetry::at(Position::from_e7(480_000_000, 110_000_000).unwrap()),
                measured: now.timestamp,
            };
            // A car that is revoked and knows it says nothing more.
            station.handle_state(state, now).is_ok()
        });
    }

    /// Revokes a car and hands the list to a few receivers, each some time later.
    fn revoke(&mut self, name: &str, car: NodeId) -> (Instant, RevokedSeries) {
        let accused = self.road.station(car).ticket(self.road.now());
        let slot = accused.unwrap().slot();
        let until = Slot::from_number(slot.number() + 289);
        let series = self.cast.revocation(name, slot, until);
        self.list.append(&series);
        let at = self.road.now().instant;
        (at, series)
    }

    fn hand_out(&mut self) {
        let receiver = usize::try_from(self.choices.below(50)).unwrap() % self.receivers.len();
        let node = self.receivers[receiver];
        let have = self.road.station(node).revocation_list().next();
        let update = self.list.update(have, self.road.now());
        self.road.with(node, |station, now| {
            // It may have come from a neighbour already.
            let _taken: Result<_, _> = station.handle_revocation_update(&update, now);
        });
    }
}

/// One round: a car speaks, is revoked, and goes on speaking; returns how long each receiver took.
fn round(town: &mut Town, name: &str) -> Vec<Duration> {
    let car = town.car(name);
    let station = town.road.station(car).station().unwrap();
    for _ in 0..2 {
        town.speak(car);
        town.run_for(500);
    }
    town.road.take_events();
    let (revoked, series) = town.revoke(name, car);
    assert_nothing_earlier_matches(town, name, &series);
    for step in 0..20 {
        town.speak(car);
        // Three receivers are in reach of a unit, and ask it every second.
        if step % 2 == 1 && step < 7 {
            town.hand_out();
        }
        town.run_for(500);
    }
    let mut refused_after = BTreeMap::new();
    for (at, node, event) in town.road.take_events() {
        if let Event::Disconnect { reason, .. } = &event
            && *reason == DisconnectReason::Revoked
            && node != car
        {
            refused_after.entry(node).or_insert(at.since(revoked));
        }
        if let Event::Delivered(delivery) = &event
            && delivery.station == station
        {
            assert!(
                !refused_after.contains_key(&node),
                "taken after it was refused"
            );
        }
    }
    for receiver in town.receivers.clone() {
        assert!(!town.road.are_connected(car, receiver));
        assert!(forgets(town, receiver, station));
        assert!(town.road.connect(car, receiver));
    }
    town.run_for(500);
    for receiver in town.receivers.clone() {
        assert!(!town.road.are_connected(car, receiver), "let in again");
    }
    assert_eq!(refused_after.len(), town.receivers.len());
    refused_after.into_values().collect()
}

fn forgets(town: &Town, receiver: NodeId, station: StationId) -> bool {
    let world = town.road.station(receiver).world();
    world.object(station).is_none()
}

/// What the list tells leads to none of the car's tickets before the slot it is revoked from.
fn assert_nothing_earlier_matches(town: &Town, name: &str, series: &RevokedSeries) {
    let wallet = town.cast.wallet(name, Class::Car);
    let first = town.cast.domain().slots().slot_at(start()).number();
    let from = series.slot_from.number();
    let told: Vec<_> = (from..from + 300)
        .filter_map(|slot| {
            let endless = RevokedSeries {
                slot_until: Slot::from_number(u32::MAX),
                ..*series
            };
            endless.linkage_at(Slot::from_number(slot))
        })
        .collect();
    let linkage = |slot| {
        let credential = wallet.for_slot(Slot::from_number(slot));
        credential.unwrap().ticket().linkage()
    };
    assert!(told.contains(&linkage(from)));
    for slot in first..from {
        assert!(!told.contains(&linkage(slot)), "slot {slot} is tied to it");
        assert_eq!(series.linkage_at(Slot::from_number(slot)), None);
        // Nor do the seeds, taken for those of the earlier slot.
        let moved = RevokedSeries {
            slot_from: Slot::from_number(slot),
            ..*series
        };
        assert_ne!(
            moved.linkage_at(Slot::from_number(slot)),
            Some(linkage(slot))
        );
    }
}

#[test]
fn a_hundred_revoked_cars_are_refused_by_fifty_receivers_within_ten_seconds() {
    let mut town = Town::new(50, 11);
    let mut all = Vec::new();
    for number in 0..100 {
        all.extend(round(&mut town, &format!("liar {number}")));
    }
    all.sort();
    let at = |percent: usize| all[(all.len() - 1) * percent / 100];
    println!(
        "{} refusals: p50 {:?}, p99 {:?}, longest {:?}",
        all.len(),
        at(50),
        at(99),
        at(100)
    );
    assert_eq!(all.len(), 5_000);
    assert!(at(99) <= Duration::from_secs(10));
    for receiver in &town.receivers {
        let station = town.road.station(*receiver);
        assert_eq!(station.revocation_list().next(), 100);
        assert_eq!(station.counters().lists_refused.get("not_proven"), None);
    }
}

#[test]
fn a_revoked_car_signs_nothing_until_its_entry_is_over_or_lifted() {
    let slots = SlotClock::from_length_s(20).unwrap();
    let end = start().saturating_add(Duration::from_secs(200));
    let cast = Cast::new(Seed(5), slots, start(), end);
    let mut road = Road::new(cast.domain(), start(), Conditions::default(), Seed(5));
    let car = road.add(Config::default(), cast.wallet("car", Class::Car));
    let other = road.add(Config::default(), cast.wallet("other", Class::Car));
    assert!(road.connect(car, other));
    let first = slots.slot_at(start());
    let until = Slot::from_number(first.number() + 1);
    let news = |next, entries| RevocationNews {
        next,
        as_of: start(),
        entries,
    };
    let series = cast.revocation("car", first, until);
    let suspended = news(1, vec![(0, Some(series))]);
    road.with(car, |station, now| {
        station.handle_revocations(&suspended, now)
    });
    let expected = NotReady::Revoked {
        number: 0,
        until: slots.end(until),
    };
    let not_ready = |road: &Road| road.station(car).readiness(road.now_of(car)).not_ready;
    assert_eq!(not_ready(&road), [expected]);
    assert!(road.station(car).identity(road.now_of(car)).is_none());
    assert!(!road.are_connected(car, other));
    let said = road.with(car, |station, now| {
        let state = OwnState {
            telemetry: Telemetry::at(Position::from_e7(480_000_000, 110_000_000).unwrap()),
            measured: now.timestamp,
        };
        station.handle_state(state, now)
    });
    assert_eq!(said.unwrap_err().reason(), "revoked");

    road.run_until(Instant::from_origin(Duration::from_secs(21)));
    assert_eq!(not_ready(&road), [expected]);
    road.run_until(Instant::from_origin(Duration::from_secs(43)));
    assert_eq!(not_ready(&road), []);

    let revoked = cast.revocation(
        "car",
        slots.slot_at(road.now().timestamp),
        Slot::from_number(u32::MAX),
    );
    let revoked = news(2, vec![(1, Some(revoked))]);
    road.with(car, |station, now| {
        station.handle_revocations(&revoked, now)
    });
    assert_eq!(not_ready(&road).len(), 1);
    let lifted = news(3, vec![(1, None)]);
    road.with(car, |station, now| station.handle_revocations(&lifted, now));
    assert_eq!(not_ready(&road), []);
    let told: Vec<_> = road
        .take_events()
        .into_iter()
        .filter(|(_, node, _)| *node == car)
        .collect();
    let reinstated = told
        .iter()
        .filter(|(_, _, event)| matches!(event, Event::OwnReinstated));
    assert_eq!(reinstated.count(), 2);
}
