use super::step::Step;
use crate::{
    crypto::{Digest, Purpose},
    id::ShardId,
    ledger::{
        GrantRole, Key, Misconduct, NextRules, OperatorState, OperatorStatus, ReceiptBody,
        ReportMisconduct, RevokeRole, Rule, ScheduleRules, SetOperator, SetShard, ShardState,
        StateView, Value, encoding::encode,
    },
};

impl Step<'_, '_> {
    pub(super) fn grant_role(&mut self, granted: &GrantRole) -> Result<(), Rule> {
        self.require_quorum()?;
        if self.overlay.has_role(granted.key, granted.role) {
            return Err(Rule::RoleHeld);
        }
        let name = granted.name.as_str();
        self.add_role(granted.key, granted.role, name);
        self.send_to_all(&ReceiptBody::RoleGranted {
            key: granted.key,
            role: granted.role,
            name: name.to_owned(),
        });
        Ok(())
    }

    pub(super) fn revoke_role(&mut self, revoked: &RevokeRole) -> Result<(), Rule> {
        self.require_quorum()?;
        if !self.overlay.has_role(revoked.key, revoked.role) {
            return Err(Rule::RoleNotHeld);
        }
        self.drop_role(revoked.key, revoked.role);
        self.send_to_all(&ReceiptBody::RoleRevoked {
            key: revoked.key,
            role: revoked.role,
        });
        Ok(())
    }

    pub(super) fn set_operator(&mut self, set: &SetOperator) -> Result<(), Rule> {
        self.require_quorum()?;
        let operator = self.overlay.operator(set.operator);
        let mut operator = operator.ok_or(Rule::OperatorUnknown)?.clone();
        if operator.status == set.status {
            return Err(Rule::NothingChanges);
        }
        let is_last = operator.status == OperatorStatus::Active && self.active().count() == 1;
        if is_last {
            return Err(Rule::TooFewOperators);
        }
        operator.status = set.status;
        self.spread_operator(set.operator, operator);
        Ok(())
    }

    pub(super) fn set_shard(&mut self, set: &SetShard) -> Result<(), Rule> {
        self.require_quorum()?;
        let state = self.overlay.shard(set.shard);
        let weight = state.ok_or(Rule::ShardUnknown)?.weight;
        if weight == set.weight {
            return Err(Rule::NothingChanges);
        }
        let genesis = self.context.genesis;
        let is_open = |shard: ShardId| self.overlay.shard(shard).is_some_and(|it| it.weight != 0);
        let mut others = genesis.shards.iter().filter(|it| it.id != set.shard);
        if set.weight == 0 && !others.any(|it| is_open(it.id)) {
            return Err(Rule::NoOpenShard);
        }
        let state = ShardState { weight: set.weight };
        self.put(Key::Shard(set.shard), Value::Shard(state));
        self.send_to_all(&ReceiptBody::ShardFact {
            shard: set.shard,
            weight: set.weight,
        });
        Ok(())
    }

    pub(super) fn schedule_rules(&mut self, scheduled: &ScheduleRules) -> Result<(), Rule> {
        self.require_quorum()?;
        if !self.context.genesis.has_shard(scheduled.shard) {
            return Err(Rule::ShardUnknown);
        }
        let next = NextRules {
            rules: scheduled.rules,
            height: scheduled.height,
        };
        if scheduled.shard != self.shard() {
            self.send(scheduled.shard, ReceiptBody::RulesScheduled { next });
            return Ok(());
        }
        self.take_rules(next)
    }

    /// Writes down who contradicted itself.
    pub(super) fn report_misconduct(&mut self, report: &ReportMisconduct) -> Result<(), Rule> {
        if self.shard() != ShardId::GOVERNANCE {
            return Err(Rule::NotGovernanceShard);
        }
        let index = self.culprit(&report.misconduct)?;
        let operator = self.overlay.operator(index);
        let mut operator = operator.ok_or(Rule::OperatorUnknown)?.clone();
        let evidence = Digest::of(Purpose::LedgerMisconduct, &[&encode(&report.misconduct)]);
        let key = Key::Misconduct(evidence);
        if self.overlay.value(&key).is_some() {
            return Err(Rule::MisconductKnown);
        }
        self.put(key, Value::Misconduct(index));
        operator.misconduct = operator.misconduct.saturating_add(1);
        operator.evidence = Some(evidence);
        self.spread_operator(index, operator);
        Ok(())
    }

    /// The operator that gave both votes, as a member of the committee of their epoch.
    fn culprit(&self, misconduct: &Misconduct) -> Result<u16, Rule> {
        let genesis = self.context.genesis;
        let committee = self.overlay.committee(genesis, misconduct.epoch());
        let committee = committee.ok_or(Rule::MisconductUnproven)?;
        // Against the first committee, that was seen before the transaction came here.
        let signer = if committee.epoch() == genesis.committee().epoch() {
            misconduct.first.signer
        } else {
            let proven = misconduct.verify(committee, genesis.chain());
            proven.map_err(|_| Rule::MisconductUnproven)?
        };
        let key = committee.key(signer).ok_or(Rule::MisconductUnproven)?;
        let seat = self.overlay.seat(genesis, key);
        Ok(seat.ok_or(Rule::OperatorUnknown)?.operator)
    }

    pub(super) fn spread_operator(&mut self, index: u16, state: OperatorState) {
        self.send_to_all(&ReceiptBody::OperatorFact {
            operator: index,
            state: state.clone(),
        });
        self.put(Key::Operator(index), Value::Operator(state));
    }

    /// Holds that this is shard 0, and that all but fewer than a third of the active operators
    /// signed with their cold keys.
    pub(super) fn require_quorum(&self) -> Result<(), Rule> {
        if self.shard() != ShardId::GOVERNANCE {
            return Err(Rule::NotGovernanceShard);
        }
        let signed = self
            .active()
            .filter(|it| self.has_signed(it.cold_key))
            .count();
        let is_quorum = signed >= self.quorum();
        is_quorum.then_some(()).ok_or(Rule::QuorumMissing)
    }

    /// All but fewer than a third of the active operators.
    pub(super) fn quorum(&self) -> usize {
        let active = self.active().count();
        active - active.saturating_sub(1) / 3
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &OperatorState> {
        let operators = self.overlay.operators().map(|(_, operator)| operator);
        operators.filter(|operator| operator.status == OperatorStatus::Active)
    }
}
