//! Random histories of three shards, by seed: what becomes of each transaction and each receipt is
//! held against the model, and what must always be is held all along.

use std::{collections::BTreeMap, time::Duration};

use super::{
    model::{Car, Model, Place, Shard},
    scenes::Scenes,
    world::{World, entry},
};
use crate::{
    crypto::{Digest, DigestBuilder, Purpose},
    id::{ShardId, VehicleId},
    ledger::{
        Audit, Auditor, CheckedEntry, CheckedTransaction, Genesis, Key, Outcome, Part, PartState,
        Quotas, Rule, State, StateView, Vehicle,
    },
};

/// Numbers that follow from a seed (SplitMix64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        let index = usize::try_from(self.below(u64::try_from(all.len()).unwrap())).unwrap();
        all[index]
    }
}

/// A random history, and what it did.
struct History {
    world: World,
    model: Model,
    numbers: Numbers,
    scenes: Scenes,
    auditor: Auditor,
    /// Transactions of the past, to send again.
    past: Vec<(u16, CheckedTransaction)>,
    counts: BTreeMap<Option<Rule>, u64>,
    transactions: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut content = World::new().genesis.content().clone();
        for shard in &mut content.shards {
            shard.weight = 1;
        }
        content.limits.quotas = Quotas {
            window_ms: 3_600_000,
            industry_max: 120,
            trade_max: 100,
            operator_max: 20,
            vehicle_max: 60,
            owner_max: 40,
        };
        let genesis = Genesis::new(content).unwrap();
        Self {
            model: Model::new(&genesis),
            world: World::of(genesis),
            numbers: Numbers(seed),
            scenes: Scenes::default(),
            auditor: Auditor::default(),
            past: Vec::new(),
            counts: BTreeMap::new(),
            transactions: 0,
        }
    }

    fn run(&mut self, transactions: u64) {
        while self.transactions < transactions {
            let wait_ms = match self.numbers.below(40) {
                0 => self.numbers.below(10 * 86_400_000),
                1..8 => self.numbers.below(3_600_000),
                _ => self.numbers.below(60_000),
            };
            self.world.wait(Duration::from_millis(wait_ms));
            match self.numbers.below(8) {
                0 | 1 => self.deliver(),
                2 => self.deliver_again(),
                _ => self.transact(),
            }
            if self.numbers.one_in(100) {
                self.audit();
            }
        }
        self.world_settles();
        self.audit();
        self.compare();
    }

    fn transact(&mut self) {
        let shard = u16::try_from(self.numbers.below(3)).unwrap();
        let mut entries = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..=self.numbers.below(4) {
            let transaction = self.next_transaction(shard);
            self.transactions += 1;
            let time = self.world.time;
            match self.model.run(ShardId(shard), time, &transaction) {
                Some(outcome) => {
                    expected.push(outcome);
                    let rule = match outcome {
                        Outcome::Applied => None,
                        Outcome::Refused(rule) => Some(rule),
                    };
                    *self.counts.entry(rule).or_default() += 1;
                    entries.push(entry(transaction));
                }
                None => {
                    let mut with = entries.clone();
                    with.push(entry(transaction.clone()));
                    assert!(self.world.block(shard, with).is_err());
                    self.world.take_back(&transaction);
                }
            }
        }
        if !entries.is_empty() {
            let outcomes = self.world.block(shard, entries).unwrap();
            assert_eq!(outcomes, expected);
        }
    }

    fn next_transaction(&mut self, shard: u16) -> CheckedTransaction {
        if self.numbers.one_in(60)
            && let Some((_, old)) = self.past.iter().rev().find(|(it, _)| *it == shard)
        {
            return old.clone();
        }
        let (signers, action) =
            self.scenes
                .next(&mut self.numbers, &self.world, &self.model, shard);
        let transaction = self.world.transaction(shard, &signers, action);
        if self.numbers.one_in(20) {
            self.past.push((shard, transaction.clone()));
        }
        transaction
    }

    /// Brings some of what waits to somebody.
    fn deliver(&mut self) {
        let (source, destination) = self.channel();
        let Some(CheckedEntry::Delivery(checked)) = self.world.delivery(source, destination) else {
            return;
        };
        let mut delivery = checked.delivery().clone();
        if self.numbers.one_in(3) {
            let count = u64::try_from(delivery.receipts.len()).unwrap();
            let left = usize::try_from(self.numbers.below(count)).unwrap();
            delivery.receipts.truncate(left + 1);
        }
        let count = delivery.receipts.len();
        let shard = ShardId(destination);
        let checked = self.world.check_delivery(delivery, destination).unwrap();
        let digest = checked.digest();
        let time = self.world.time;
        let entries = vec![CheckedEntry::Delivery(checked)];
        self.world.block(destination, entries).unwrap();
        let channel = (ShardId(source), shard);
        self.model.deliver(channel, count, time, digest);
    }

    /// Brings what came before, or what is not next.
    fn deliver_again(&mut self) {
        let (source, destination) = self.channel();
        let next = self.world.state(destination).received(ShardId(source));
        let sequence = self.numbers.below(next + 3);
        let old = self.world.delivery_from(source, destination, sequence);
        let Some(CheckedEntry::Delivery(checked)) = old else {
            return;
        };
        let receipts = &checked.delivery().receipts;
        let first = receipts.first().unwrap().0.sequence;
        let last = receipts.last().unwrap().0.sequence;
        if first > next || last < next {
            let root = self.world.state(destination).root();
            let entries = vec![CheckedEntry::Delivery(checked)];
            assert!(self.world.block(destination, entries).is_err());
            assert_eq!(self.world.state(destination).root(), root);
        }
    }

    fn channel(&mut self) -> (u16, u16) {
        let channels = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        self.numbers.pick(&channels)
    }

    /// Lets everything arrive that is on its way.
    fn world_settles(&mut self) {
        for _ in 0..20 {
            for source in 0..3 {
                for destination in (0..3).filter(|it| *it != source) {
                    while let Some(CheckedEntry::Delivery(checked)) =
                        self.world.delivery(source, destination)
                    {
                        let count = checked.delivery().receipts.len();
                        let (digest, time) = (checked.digest(), self.world.time);
                        let entries = vec![CheckedEntry::Delivery(checked)];
                        self.world.block(destination, entries).unwrap();
                        let channel = (ShardId(source), ShardId(destination));
                        self.model.deliver(channel, count, time, digest);
                    }
                }
            }
        }
    }

    fn audit(&mut self) {
        for shard in 0..3 {
            let state = self.world.state(shard).clone();
            assert_eq!(self.auditor.observe(ShardId(shard), state), []);
        }
        let audit = self.auditor.check(&self.world.genesis);
        assert_eq!(audit, Audit::Done(Vec::new()));
        self.compare();
    }

    /// Holds everything that both know against each other.
    fn compare(&self) {
        for (id, shard) in &self.model.shards {
            let state = self.world.state(id.0);
            for (vehicle, car) in &shard.cars {
                compare_vehicle(state.vehicle(*vehicle).unwrap(), car);
                compare_measured(state, *vehicle, car);
            }
            compare_parts(state, shard);
            for (claim, known) in &shard.claims {
                assert_eq!(state.claim(*claim).unwrap().state, known.state);
            }
            compare_accounts(state, shard);
        }
    }

    /// A digest over the last header of each shard, and so over everything.
    fn digest(&self) -> Digest {
        let mut builder = DigestBuilder::new(Purpose::SimulationSeed);
        for chain in self.world.shards.values() {
            builder.update(chain.header.digest().as_bytes());
        }
        builder.finish()
    }
}

fn compare_vehicle(known: &Vehicle, car: &Car) {
    assert_eq!(known.history, car.head());
    assert_eq!(known.status, car.status);
    assert_eq!((known.owner, known.enrolment_key), (car.owner(), car.key));
    assert_eq!(known.owner_epoch, u64::try_from(car.epoch()).unwrap());
    let blocks = &known.blocks;
    assert_eq!(
        (blocks.stolen, blocks.lien, blocks.dispute),
        (car.stolen, car.lien, car.dispute)
    );
    let custody = car.custodies.last();
    let custody = custody.map(|it| (it.holder, it.purpose, it.from, it.until));
    let known_custody = known.custody.as_ref();
    let known_custody = known_custody.map(|it| (it.holder, it.purpose, it.from, it.until));
    assert_eq!(known_custody, custody);
    let reading = car.readings.last().unwrap();
    assert_eq!(
        (known.odometer.km, known.odometer.read),
        (reading.km, reading.at)
    );
    assert_eq!(known.reads, car.reads);
}

fn compare_measured(state: &State, vehicle: VehicleId, car: &Car) {
    for (slot, measured) in &car.wear {
        let wear = state.wear(vehicle, *slot).unwrap();
        let last = measured.last().unwrap();
        assert_eq!(
            (wear.thickness_um, wear.measured),
            (last.thickness_um, last.at)
        );
    }
    let battery = state.battery(vehicle).map(|it| (it.figures, it.flags));
    let last = car.batteries.last();
    assert_eq!(battery, last.map(|it| (it.figures, car.battery_flags)));
    let trips = state.trips(vehicle).map_or(0, |trips| trips.count);
    assert_eq!(trips, u64::try_from(car.trips.len()).unwrap());
}

fn compare_parts(state: &State, shard: &Shard) {
    for (tag, part) in &shard.parts {
        let known = state.part(*tag).unwrap();
        assert_eq!(place(known), part.place);
        assert_eq!((known.holder, known.moves), (part.holder, part.moves));
    }
    for tag in shard.transits.keys() {
        assert!(state.transit(*tag).is_some());
    }
    for tag in shard.pending.keys() {
        assert!(state.pending_part(*tag).is_some());
    }
    let is_part = |key: &Key| matches!(key, Key::Part(_) | Key::Transit(_) | Key::PendingPart(_));
    let known = state.iter().filter(|(key, _)| is_part(key)).count();
    let parts = shard.parts.len() + shard.transits.len() + shard.pending.len();
    assert_eq!(known, parts);
    for ((kind, tag), refused) in &shard.alarms {
        assert_eq!(state.alarm(*kind, *tag).unwrap().refused, *refused);
    }
}

fn compare_accounts(state: &State, shard: &Shard) {
    for (key, account) in &shard.accounts {
        let known = state.account(*key).unwrap();
        assert_eq!(known.vehicle, account.vehicle);
        let mut used = account.used.iter();
        assert!(used.all(|nonce| known.nonces.is_used(*nonce)));
        assert!(!account.used.contains(&known.nonces.next()));
    }
    for (key, roles) in shard.roles.iter().filter(|(_, roles)| !roles.is_empty()) {
        assert_eq!(state.role_holder(*key).unwrap().roles, *roles);
    }
}

#[test]
fn l14_random_histories_are_what_the_model_says() {
    let mut counts = BTreeMap::new();
    for seed in 1..=4 {
        let mut history = History::new(seed);
        history.run(1_500);
        for (rule, count) in history.counts {
            *counts.entry(rule).or_insert(0) += count;
        }
    }
    // A model that is never asked is no witness.
    assert!(counts[&None] > 1_500, "{counts:?}");
    assert!(counts.len() > 75, "{} {counts:?}", counts.len());
}

// The number is what every build and every machine must come to; it changes with the rules alone.
#[test]
fn l12_one_history_has_one_digest_in_every_build() {
    let transactions = std::env::var("WAYSIDE_HISTORY_TRANSACTIONS");
    let transactions = transactions.map_or(10_000, |text| text.parse().unwrap());
    let mut history = History::new(12);
    history.run(transactions);
    if transactions == 10_000 {
        assert_eq!(history.digest().to_string(), L12_DIGEST);
    } else {
        assert_eq!(history.digest(), again(transactions));
    }
}

/// The digest of the same history, run once more.
fn again(transactions: u64) -> Digest {
    let mut history = History::new(12);
    history.run(transactions);
    history.digest()
}

fn place(part: &Part) -> Place {
    match part.state {
        PartState::Made => Place::Made,
        PartState::Shipped => Place::Shipped,
        PartState::Installed { vehicle, since } => Place::In(vehicle, since),
        PartState::Removed => Place::Removed,
        PartState::Scrapped => Place::Scrapped,
    }
}

const L12_DIGEST: &str = "ad92c037c3a92cbf7762655628b08e598d330c2d86ad431d9ef2d8d5b88aa259";
