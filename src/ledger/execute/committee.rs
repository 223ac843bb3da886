use std::collections::BTreeMap;

use super::{delivery::Premature, step::Step};
use crate::{
    id::ShardId,
    ledger::{
        AccountKey, AddOperator, ChangeCommittee, Committee, EpochState, Key, NextEpoch,
        OPERATORS_MAX, OPERATORS_MIN, OperatorState, OperatorStatus, ReceiptBody, RemoveOperator,
        ReplaceSeat, Rule, Seat, SeatChange, SeatFact, StateView, Value,
    },
};

/// The vote key of every operator that has a seat.
type Seats = BTreeMap<u16, AccountKey>;

impl Step<'_, '_> {
    pub(super) fn change_committee(&mut self, change: &ChangeCommittee) -> Result<(), Rule> {
        self.require_quorum()?;
        self.require_cold_keys(change)?;
        let epoch = self.require_settled()?;
        let mut seats = self.seats(&epoch.committee);
        let mut facts = BTreeMap::new();
        for seat in &change.seats {
            let fact = match seat {
                SeatChange::Add(it) => self.add_operator(&mut seats, it)?,
                SeatChange::Replace(it) => self.replace_seat(&mut seats, it)?,
                SeatChange::Remove(it) => {
                    self.remove_operator(&mut seats, it)?;
                    continue;
                }
            };
            self.put_seat(&fact);
            facts.insert(fact.vote_key, fact);
        }
        if change.seats.is_empty() {
            return Err(Rule::NothingChanges);
        }
        // Whoever has left has no seat, however it left.
        seats.retain(|operator, _| !self.has_left(*operator));
        self.require_size(seats.len())?;
        let committee = Committee::new(epoch.epoch() + 1, seats.into_values());
        self.await_committee(epoch, committee.clone());
        self.send_to_all(&ReceiptBody::CommitteeChanged {
            committee,
            seats: facts.into_values().collect(),
        });
        Ok(())
    }

    /// Hears of the next committee from shard 0.
    pub(super) fn take_committee(
        &mut self,
        committee: &Committee,
        seats: &[SeatFact],
    ) -> Result<(), Premature> {
        let epoch = self.overlay.epoch_state(self.context.genesis);
        // Shard 0 decides on the next change once every shard has begun the epoch of the last one.
        if epoch.next.is_some() || epoch.epoch().checked_add(1) != Some(committee.epoch()) {
            return Err(Premature);
        }
        for fact in seats {
            self.put_seat(fact);
        }
        self.await_committee(epoch, committee.clone());
        Ok(())
    }

    /// Begins the epoch that was awaited, if this is its first block.
    pub(super) fn begin_epoch(&mut self) {
        let before = self.overlay.epoch_state(self.context.genesis);
        let number = before.epoch();
        let epoch = before.begun_at(self.context.height, self.context.parent);
        if epoch.epoch() != number {
            let epoch_begun = ReceiptBody::EpochBegun {
                epoch: epoch.epoch(),
            };
            self.put(Key::Epoch, Value::Epoch(epoch));
            self.send_to_all(&epoch_begun);
        }
    }

    fn await_committee(&mut self, epoch: EpochState, committee: Committee) {
        let key = Key::Committee(committee.epoch());
        self.put(key, Value::Committee(committee.clone()));
        let (height, genesis) = (self.context.height, self.context.genesis);
        let epoch = EpochState {
            next: Some(NextEpoch::after(height, committee, genesis)),
            ..epoch
        };
        self.put(Key::Epoch, Value::Epoch(epoch));
    }

    /// Holds that everybody who gets a vote key, or another address, signed with its own cold key.
    fn require_cold_keys(&self, change: &ChangeCommittee) -> Result<(), Rule> {
        for seat in &change.seats {
            let cold_key = match seat {
                SeatChange::Add(it) => it.cold_key,
                SeatChange::Replace(it) => {
                    let operator = self.overlay.operator(it.operator);
                    operator.ok_or(Rule::OperatorUnknown)?.cold_key
                }
                SeatChange::Remove(_) => continue,
            };
            self.require_signed(cold_key, Rule::ColdKeySignatureMissing)?;
        }
        Ok(())
    }

    /// The epoch, once every shard is known to have begun it and no other is awaited.
    fn require_settled(&self) -> Result<EpochState, Rule> {
        let (genesis, own) = (self.context.genesis, self.shard());
        let epoch = self.overlay.epoch_state(genesis);
        let mut others = genesis.shards.iter().filter(|shard| shard.id != own);
        let is_settled = epoch.next.is_none()
            && others.all(|shard| self.overlay.shard_epoch(shard.id) == epoch.epoch());
        is_settled.then_some(epoch).ok_or(Rule::CommitteeChanging)
    }

    fn seats(&self, committee: &Committee) -> Seats {
        let genesis = self.context.genesis;
        let keys = committee.keys().iter();
        keys.map(|key| {
            let seat = self.overlay.seat(genesis, *key);
            (seat.expect("a committee's keys have seats").operator, *key)
        })
        .collect()
    }

    fn add_operator(&mut self, seats: &mut Seats, added: &AddOperator) -> Result<SeatFact, Rule> {
        if added.cold_key == added.vote_key {
            return Err(Rule::OperatorKeyUsed);
        }
        self.require_fresh(added.cold_key)?;
        self.require_fresh(added.vote_key)?;
        let operators = self.overlay.operators().count();
        let index = u16::try_from(operators).map_err(|_| Rule::CommitteeTooLarge)?;
        let operator = OperatorState {
            name: added.name.as_str().to_owned(),
            cold_key: added.cold_key,
            status: OperatorStatus::Active,
            misconduct: 0,
            evidence: None,
        };
        self.spread_operator(index, operator);
        seats.insert(index, added.vote_key);
        let seat = Seat {
            operator: index,
            address: added.address.clone(),
        };
        Ok(SeatFact {
            vote_key: added.vote_key,
            seat,
        })
    }

    fn replace_seat(&self, seats: &mut Seats, replaced: &ReplaceSeat) -> Result<SeatFact, Rule> {
        let held = seats.get_mut(&replaced.operator);
        let held = held.ok_or(Rule::OperatorWithoutSeat)?;
        let seat = self.overlay.seat(self.context.genesis, *held);
        let before = seat.ok_or(Rule::OperatorWithoutSeat)?;
        let mut seat = before.clone();
        if let Some(address) = &replaced.address {
            seat.address.clone_from(address);
        }
        match replaced.vote_key {
            Some(key) => {
                self.require_fresh(key)?;
                *held = key;
            }
            None if seat == before => return Err(Rule::NothingChanges),
            None => {}
        }
        Ok(SeatFact {
            vote_key: *held,
            seat,
        })
    }

    fn remove_operator(&mut self, seats: &mut Seats, removed: &RemoveOperator) -> Result<(), Rule> {
        let operator = self.overlay.operator(removed.operator);
        let mut operator = operator.ok_or(Rule::OperatorUnknown)?.clone();
        let held = seats.remove(&removed.operator);
        held.ok_or(Rule::OperatorWithoutSeat)?;
        operator.status = OperatorStatus::Left;
        self.spread_operator(removed.operator, operator);
        Ok(())
    }

    /// Writes down whose a vote key is, and lets its owner send transactions.
    fn put_seat(&mut self, fact: &SeatFact) {
        let operator = self.overlay.operator(fact.seat.operator);
        if let Some(cold_key) = operator.map(|operator| operator.cold_key) {
            self.open_account(cold_key);
        }
        if self.shard() == ShardId::GOVERNANCE {
            // Its units report there who voted twice, and have no other key.
            self.open_account(fact.vote_key);
        }
        self.put(Key::Seat(fact.vote_key), Value::Seat(fact.seat.clone()));
    }

    /// Holds that no operator ever had a key, neither to vote nor to govern.
    pub(super) fn require_fresh(&self, key: AccountKey) -> Result<(), Rule> {
        let has_voted = self.overlay.seat(self.context.genesis, key).is_some();
        let mut operators = self.overlay.operators();
        let is_used = has_voted || operators.any(|(_, operator)| operator.cold_key == key);
        (!is_used).then_some(()).ok_or(Rule::OperatorKeyUsed)
    }

    fn require_size(&self, members: usize) -> Result<(), Rule> {
        let least = if self.context.genesis.development {
            1
        } else {
            OPERATORS_MIN
        };
        if members < least {
            return Err(Rule::CommitteeTooSmall);
        }
        if members > OPERATORS_MAX {
            return Err(Rule::CommitteeTooLarge);
        }
        let is_governed = self.active().next().is_some();
        is_governed.then_some(()).ok_or(Rule::TooFewOperators)
    }

    fn has_left(&self, operator: u16) -> bool {
        let operator = self.overlay.operator(operator);
        operator.is_none_or(|operator| operator.status == OperatorStatus::Left)
    }
}
