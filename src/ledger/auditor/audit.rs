use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Genesis, Key, PartTag, State, StateView, TagKind, Value, Vehicle,
        VehicleStatus, VinTag,
    },
};

/// The latest final state of each shard of a ledger.
#[derive(Default)]
pub struct Auditor {
    states: BTreeMap<ShardId, State>,
}

/// What a look at all shards found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audit {
    /// A shard has taken receipts of one whose state is older than that, or was never observed; look
    /// again when that is newer.
    Waits(ShardId),
    /// What must never be, or nothing.
    Done(Vec<Violation>),
}

/// Something that must never be: either more than a third of the operators lie, or the rules are
/// wrong.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Violation {
    /// A part is in several places.
    #[error("part {0} is in {1} places")]
    PartTwice(PartTag, usize),
    /// A part is nowhere.
    #[error("part {0} is nowhere")]
    PartLost(PartTag),
    /// Several vehicles that count have one tag.
    #[error("vehicles {0} and {1} have the tag {2}")]
    VinTwice(VehicleId, VehicleId, VinTag),
    /// A vehicle's history became shorter.
    #[error("the history of vehicle {0} became shorter")]
    HistoryCut(VehicleId),
    /// A vehicle is gone.
    #[error("vehicle {0} is gone")]
    VehicleLost(VehicleId),
    /// A vehicle's count of owners went back.
    #[error("the owners of vehicle {0} were counted back")]
    OwnerCountedBack(VehicleId),
    /// An odometer went down without a correction.
    #[error("the odometer of vehicle {0} went down without a correction")]
    OdometerWentBack(VehicleId),
    /// An account's nonces may be used again.
    #[error("nonces of account {0} may be used again")]
    NonceFree(AccountKey),
}

impl Auditor {
    /// Takes a shard's next final state, and holds it against the one that was observed before.
    pub fn observe(&mut self, shard: ShardId, state: State) -> Vec<Violation> {
        let before = self.states.insert(shard, state);
        let (Some(before), Some(after)) = (before, self.states.get(&shard)) else {
            return Vec::new();
        };
        let found = before.iter().filter_map(|(key, value)| match (key, value) {
            (Key::Vehicle(id), Value::Vehicle(vehicle)) => check_vehicle(*id, vehicle, after),
            (Key::Account(key), Value::Account(account)) => {
                let nonces = after.account(*key).map(|it| it.nonces.next());
                let is_kept = nonces.is_some_and(|next| next >= account.nonces.next());
                (!is_kept).then_some(Violation::NonceFree(*key))
            }
            _ => None,
        });
        found.collect()
    }

    /// Holds the states of all shards against each other.
    pub fn check(&self, genesis: &Genesis) -> Audit {
        for shard in &genesis.shards {
            let Some(state) = self.states.get(&shard.id) else {
                return Audit::Waits(shard.id);
            };
            let mut others = self.states.iter();
            let is_ahead = |(other, sender): &(&ShardId, &State)| {
                state.received(**other) > sender.sent(shard.id)
            };
            if let Some((late, _)) = others.find(is_ahead) {
                return Audit::Waits(*late);
            }
        }
        let mut violations = self.check_parts();
        violations.extend(self.check_vins());
        Audit::Done(violations)
    }

    /// Each part whose tag was given is in one place: in a shard, or on its way from one.
    fn check_parts(&self) -> Vec<Violation> {
        let mut places: BTreeMap<PartTag, Places> = BTreeMap::new();
        for (shard, key, value) in self.entries() {
            match (key, value) {
                (Key::Part(tag), _) => places.entry(*tag).or_default().sure += 1,
                (Key::PendingPart(tag), _) => places.entry(*tag).or_default().possible += 1,
                (Key::Transit(tag), Value::Transit(transit)) => {
                    let place = places.entry(*tag).or_default();
                    if self.has_taken(transit.destination, shard, transit.sequence) {
                        place.possible += 1;
                    } else {
                        place.sure += 1;
                    }
                }
                (Key::Tag(TagKind::Part, tag), _) => {
                    places
                        .entry(PartTag::from_bytes(*tag))
                        .or_default()
                        .is_given = true;
                }
                _ => {}
            }
        }
        let found = places.into_iter().filter_map(|(tag, place)| {
            if place.sure > 1 {
                return Some(Violation::PartTwice(tag, place.sure));
            }
            let is_lost = place.is_given && place.sure + place.possible == 0;
            is_lost.then_some(Violation::PartLost(tag))
        });
        found.collect()
    }

    fn check_vins(&self) -> Vec<Violation> {
        let mut vehicles: BTreeMap<VinTag, VehicleId> = BTreeMap::new();
        let mut found = Vec::new();
        for (_, key, value) in self.entries() {
            let (Key::Vehicle(id), Value::Vehicle(vehicle)) = (key, value) else {
                continue;
            };
            let counts = match vehicle.status {
                VehicleStatus::Active | VehicleStatus::Retired => true,
                VehicleStatus::Pending | VehicleStatus::Refused => false,
            };
            if counts && let Some(other) = vehicles.insert(vehicle.vin, *id) {
                found.push(Violation::VinTwice(other, *id, vehicle.vin));
            }
        }
        found
    }

    fn has_taken(&self, destination: ShardId, source: ShardId, sequence: u64) -> bool {
        let state = self.states.get(&destination);
        state.is_some_and(|state| state.received(source) > sequence)
    }

    fn entries(&self) -> impl Iterator<Item = (ShardId, &Key, &Value)> {
        let all = self.states.iter();
        all.flat_map(|(shard, state)| state.iter().map(|(key, value)| (*shard, key, value)))
    }
}

/// Where a part was found.
#[derive(Default)]
struct Places {
    /// Where it is for sure.
    sure: usize,
    /// Where it may be: waiting for its tag, or on its way back, which the source cannot tell from
    /// having arrived until it is told.
    possible: usize,
    /// Whether its tag was given to it.
    is_given: bool,
}

fn check_vehicle(id: VehicleId, before: &Vehicle, after: &State) -> Option<Violation> {
    let Some(after) = after.vehicle(id) else {
        return Some(Violation::VehicleLost(id));
    };
    if after.history.sequence < before.history.sequence {
        return Some(Violation::HistoryCut(id));
    }
    if after.owner_epoch < before.owner_epoch {
        return Some(Violation::OwnerCountedBack(id));
    }
    let is_corrected = after.odometer.corrections > before.odometer.corrections;
    let went_back = after.odometer.km < before.odometer.km && !is_corrected;
    went_back.then_some(Violation::OdometerWentBack(id))
}
