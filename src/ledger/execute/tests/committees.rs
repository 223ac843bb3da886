//! Random changes of the committee, by seed: what becomes of each is held against a model, and what
//! must always be is held all along.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    committee::{add_with, change, handover, remove, replace},
    history::Numbers,
    world::{World, who},
};
use crate::{
    id::ShardId,
    ledger::{
        AccountKey, Committees, Genesis, OperatorStatus, Outcome, Rule, SeatChange, StateView,
        sample::account,
    },
};

/// Operators as they are, without any ledger: keys are the numbers that they are made from.
#[derive(Clone)]
struct Model {
    operators: Vec<Operator>,
    /// All keys that any operator ever had.
    used: BTreeSet<u8>,
    epoch: u64,
    is_changing: bool,
}

#[derive(Clone, Copy)]
struct Operator {
    cold: u8,
    is_active: bool,
    vote: Option<u8>,
}

/// A change in the model's words.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Add { cold: u8, vote: u8 },
    Replace { operator: u16, vote: u8 },
    Remove { operator: u16 },
}

impl Model {
    fn of(genesis: &Genesis) -> Self {
        let number = |first: u8, key: AccountKey| {
            let mut numbers = first..first + 4;
            numbers.find(|number| account(*number) == key).unwrap()
        };
        let operators = genesis.operators.iter().map(|it| Operator {
            cold: number(200, it.cold_key),
            is_active: true,
            vote: Some(number(100, it.vote_key)),
        });
        Self {
            operators: operators.collect(),
            used: (100..104).chain(200..204).collect(),
            epoch: 0,
            is_changing: false,
        }
    }

    fn change(&mut self, signers: &BTreeSet<u8>, wishes: &[Wish]) -> Result<(), Rule> {
        let active = self.operators.iter().filter(|it| it.is_active);
        let (signed, count) = active.fold((0, 0), |(signed, count), it| {
            (signed + usize::from(signers.contains(&it.cold)), count + 1)
        });
        if 3 * signed < 2 * count + 1 {
            return Err(Rule::QuorumMissing);
        }
        for wish in wishes {
            let cold = match wish {
                Wish::Add { cold, .. } => *cold,
                Wish::Replace { operator, .. } => {
                    self.operator(*operator).ok_or(Rule::OperatorUnknown)?.cold
                }
                Wish::Remove { .. } => continue,
            };
            if !signers.contains(&cold) {
                return Err(Rule::ColdKeySignatureMissing);
            }
        }
        if self.is_changing {
            return Err(Rule::CommitteeChanging);
        }
        let mut then = self.clone();
        for wish in wishes {
            then.grant(*wish)?;
        }
        if then.votes().len() < 4 {
            return Err(Rule::CommitteeTooSmall);
        }
        then.is_changing = true;
        *self = then;
        Ok(())
    }

    fn grant(&mut self, wish: Wish) -> Result<(), Rule> {
        match wish {
            Wish::Add { cold, vote } => {
                if !self.used.insert(cold) || !self.used.insert(vote) {
                    return Err(Rule::OperatorKeyUsed);
                }
                self.operators.push(Operator {
                    cold,
                    is_active: true,
                    vote: Some(vote),
                });
            }
            Wish::Replace { operator, vote } => {
                let held = self.operator(operator).and_then(|it| it.vote);
                held.ok_or(Rule::OperatorWithoutSeat)?;
                if !self.used.insert(vote) {
                    return Err(Rule::OperatorKeyUsed);
                }
                self.operators[usize::from(operator)].vote = Some(vote);
            }
            Wish::Remove { operator } => {
                let known = self.operator(operator).ok_or(Rule::OperatorUnknown)?;
                known.vote.ok_or(Rule::OperatorWithoutSeat)?;
                self.operators[usize::from(operator)] = Operator {
                    is_active: false,
                    vote: None,
                    ..known
                };
            }
        }
        Ok(())
    }

    fn operator(&self, index: u16) -> Option<Operator> {
        self.operators.get(usize::from(index)).copied()
    }

    fn votes(&self) -> BTreeSet<AccountKey> {
        let votes = self.operators.iter().filter_map(|it| it.vote);
        votes.map(who).collect()
    }
}

fn wish(numbers: &mut Numbers, model: &Model) -> Wish {
    let number =
        |numbers: &mut Numbers, first: u64| u8::try_from(first + numbers.below(40)).unwrap();
    let count = u64::try_from(model.operators.len()).unwrap();
    let operator = u16::try_from(numbers.below(count + 1)).unwrap();
    match numbers.below(5) {
        0 | 1 => Wish::Add {
            cold: number(numbers, 200),
            vote: number(numbers, 100),
        },
        2 | 3 => Wish::Replace {
            operator,
            vote: number(numbers, 100),
        },
        _ => Wish::Remove { operator },
    }
}

/// All active operators, all but some, or anybody; and mostly those who have to agree.
fn signers(numbers: &mut Numbers, model: &Model, wishes: &[Wish]) -> Vec<u8> {
    let active = model.operators.iter().filter(|it| it.is_active);
    let mut signers: BTreeSet<u8> = active.map(|it| it.cold).collect();
    signers.retain(|_| !numbers.one_in(8));
    for wish in wishes {
        let cold = match wish {
            Wish::Add { cold, .. } => Some(*cold),
            Wish::Replace { operator, .. } => model.operator(*operator).map(|it| it.cold),
            Wish::Remove { .. } => None,
        };
        signers.extend(cold.filter(|_| !numbers.one_in(10)));
    }
    // Somebody with an account has to send it.
    signers.remove(&200);
    [200].into_iter().chain(signers).collect()
}

fn asked(wishes: &[Wish]) -> Vec<SeatChange> {
    let change = |wish: &Wish| match wish {
        Wish::Add { cold, vote } => add_with(*cold, *vote),
        Wish::Replace { operator, vote } => replace(*operator, *vote),
        Wish::Remove { operator } => remove(*operator),
    };
    wishes.iter().map(change).collect()
}

/// What must be, whatever was asked for.
fn hold(world: &World, model: &Model) {
    let governance = world.state(0);
    let epoch = governance.epoch_state(&world.genesis);
    let newest = epoch
        .next
        .as_ref()
        .map_or(&epoch.committee, |it| &it.committee);
    let keys: BTreeSet<_> = newest.keys().iter().copied().collect();
    assert_eq!(keys, model.votes());
    // One operator, one vote, and enough of them to lose one.
    let owners = newest.keys().iter();
    let owners: BTreeSet<_> = owners
        .map(|key| governance.seat(&world.genesis, *key).unwrap().operator)
        .collect();
    assert_eq!(owners.len(), newest.keys().len());
    assert!(newest.keys().len() >= 4 && 3 * newest.quorum() > 2 * newest.keys().len());
    for (index, operator) in (0..).zip(&model.operators) {
        let known = governance.operator(index).unwrap();
        assert_eq!(known.cold_key, who(operator.cold));
        assert_eq!(known.status == OperatorStatus::Active, operator.is_active);
    }
    for shard in 0..3 {
        let epoch = world.state(shard).epoch_state(&world.genesis).epoch();
        assert!(epoch == model.epoch || (model.is_changing && epoch == model.epoch + 1));
    }
}

fn run(seed: u64) -> BTreeMap<Option<Rule>, u32> {
    let mut numbers = Numbers(seed);
    let mut world = World::new();
    let mut model = Model::of(&world.genesis);
    let mut counts = BTreeMap::new();
    for _ in 0..60 {
        let wishes = (0..=numbers.below(2)).map(|_| wish(&mut numbers, &model));
        let wishes: Vec<_> = wishes.collect();
        let signers = signers(&mut numbers, &model, &wishes);
        let expected = model.change(&signers.iter().copied().collect(), &wishes);
        let outcome = world.send(0, &signers, change(asked(&wishes)));
        let rule = match outcome {
            Outcome::Applied => None,
            Outcome::Refused(rule) => Some(rule),
        };
        assert_eq!(rule, expected.err(), "{wishes:?} by {signers:?}");
        *counts.entry(rule).or_default() += 1;
        match numbers.below(4) {
            0 => {
                let shard = u16::try_from(numbers.below(3)).unwrap();
                world.cross(shard);
            }
            1 => {
                let (source, destination) = numbers.pick(&[(0, 1), (0, 2), (1, 2), (2, 1)]);
                world.try_deliver(source, destination);
            }
            2 if model.is_changing => {
                world.cross_all();
                model.epoch += 1;
                model.is_changing = false;
            }
            _ => {}
        }
        hold(&world, &model);
    }
    prove(&mut world);
    counts
}

/// Whoever holds the genesis follows all of it, and every block is final by its own committee alone.
fn prove(world: &mut World) {
    world.cross_all();
    let epoch = world.state(0).epoch_state(&world.genesis).epoch();
    let mut committees = Committees::of(&world.genesis);
    for epoch in 1..=epoch {
        committees.follow(&handover(world, epoch)).unwrap();
    }
    for shard in 0..3 {
        let blocks = &world.shards[&ShardId(shard)].blocks;
        let headers: Vec<_> = blocks
            .iter()
            .map(|(block, _)| block.header.clone())
            .collect();
        assert!(headers.is_sorted_by_key(|header| header.epoch));
        for header in headers.iter().step_by(7) {
            let mut finalized = world.finalized(shard, header.height);
            assert_eq!(committees.verify(&finalized).unwrap().epoch, header.epoch);
            finalized.certificate.epoch += 1;
            assert!(committees.verify(&finalized).is_err());
        }
    }
}

#[test]
fn l15_random_changes_of_the_committee_follow_the_model() {
    let mut counts: BTreeMap<Option<Rule>, u32> = BTreeMap::new();
    for seed in 0..12 {
        for (rule, count) in run(seed) {
            *counts.entry(rule).or_default() += count;
        }
    }
    let seen: BTreeSet<_> = counts.keys().copied().collect();
    for rule in [
        None,
        Some(Rule::QuorumMissing),
        Some(Rule::ColdKeySignatureMissing),
        Some(Rule::OperatorUnknown),
        Some(Rule::OperatorWithoutSeat),
        Some(Rule::OperatorKeyUsed),
        Some(Rule::CommitteeChanging),
        Some(Rule::CommitteeTooSmall),
    ] {
        assert!(seen.contains(&rule), "{rule:?} never happened: {counts:?}");
    }
}
