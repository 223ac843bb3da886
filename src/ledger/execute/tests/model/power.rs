use std::collections::BTreeSet;

use super::{Asked, Message, Shard, refuse};
use crate::ledger::{
    AccountKey, AttachRecord, ConfirmErasure, EraseRecord, GrantAccess, GrantRole, ReadReceipt,
    RevokeAccess, RevokeRole, Role, Rule, SetShard,
};

/// Who may read, and who may do what.
impl Shard {
    pub(super) fn attach(&mut self, asked: &Asked<'_>, it: &AttachRecord) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let roles = [Role::Maker, Role::Workshop, Role::Inspection];
        let may = asked.by(car.key) || asked.consents(car) || !self.lacks(asked, &roles);
        refuse(&[(!may, Rule::ConsentMissing)])?;
        car.active()?;
        refuse(&[(car.erased.contains_key(&it.record), Rule::RecordErased)])
    }

    pub(super) fn grant_access(&mut self, asked: &Asked<'_>, it: &GrantAccess) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[(!asked.by(car.owner()), Rule::OwnerSignatureMissing)])?;
        car.active()?;
        let length_ms = it.until.unix_ms().saturating_sub(it.from.unix_ms());
        let is_odd = length_ms == 0 || length_ms > 366 * 86_400_000 || it.until <= asked.time;
        refuse(&[
            (it.reader == car.owner(), Rule::GrantToOwner),
            (is_odd, Rule::GrantSpanInvalid),
        ])?;
        let epoch = car.epoch();
        let grants = &mut self.change(it.vehicle).grants;
        grants.insert((it.reader, it.class), (it.from, it.until, epoch));
        Ok(())
    }

    pub(super) fn revoke_access(
        &mut self,
        asked: &Asked<'_>,
        it: &RevokeAccess,
    ) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let name = (it.reader, it.class);
        refuse(&[
            (!asked.by(car.owner()), Rule::OwnerSignatureMissing),
            (!car.grants.contains_key(&name), Rule::GrantUnknown),
        ])?;
        self.change(it.vehicle).grants.remove(&name);
        Ok(())
    }

    pub(super) fn read(&mut self, asked: &Asked<'_>, it: &ReadReceipt) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let is_owner = it.reader == car.owner();
        let grant = car.grants.get(&(it.reader, it.class));
        let is_valid = grant.is_some_and(|(from, until, epoch)| {
            *from <= asked.time && asked.time < *until && *epoch == car.epoch()
        });
        refuse(&[
            (self.lacks(asked, &[Role::Custodian]), Rule::RoleMissing),
            (car.erased.contains_key(&it.record), Rule::RecordErased),
            (!is_owner && grant.is_none(), Rule::GrantUnknown),
            (!is_owner && !is_valid, Rule::GrantNotValid),
        ])?;
        self.change(it.vehicle).reads += 1;
        Ok(())
    }

    pub(super) fn erase(&mut self, asked: &Asked<'_>, it: &EraseRecord) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let may = asked.by(car.owner()) || !self.lacks(asked, &[Role::Authority]);
        refuse(&[
            (!may, Rule::OwnerSignatureMissing),
            (car.erased.contains_key(&it.record), Rule::RecordErased),
        ])?;
        let erased = &mut self.change(it.vehicle).erased;
        erased.insert(it.record, BTreeSet::new());
        Ok(())
    }

    pub(super) fn confirm(&mut self, asked: &Asked<'_>, it: &ConfirmErasure) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let custodian = self.role(asked, &[Role::Custodian]);
        let custodian = custodian.ok_or(Rule::RoleMissing)?;
        let confirmed = car.erased.get(&it.record).ok_or(Rule::ErasureUnknown)?;
        refuse(&[(confirmed.contains(&custodian), Rule::ErasureConfirmed)])?;
        let erased = &mut self.change(it.vehicle).erased;
        erased.get_mut(&it.record).unwrap().insert(custodian);
        Ok(())
    }

    pub(super) fn grant_role(&mut self, asked: &Asked<'_>, it: &GrantRole) -> Result<(), Rule> {
        self.quorum(asked)?;
        refuse(&[(self.holds(it.key, &[it.role]), Rule::RoleHeld)])?;
        self.set_role(it.key, it.role, true);
        self.tell_all(&Message::Role(it.key, it.role, true));
        Ok(())
    }

    pub(super) fn revoke_role(&mut self, asked: &Asked<'_>, it: &RevokeRole) -> Result<(), Rule> {
        self.quorum(asked)?;
        refuse(&[(!self.holds(it.key, &[it.role]), Rule::RoleNotHeld)])?;
        self.set_role(it.key, it.role, false);
        self.tell_all(&Message::Role(it.key, it.role, false));
        Ok(())
    }

    pub(super) fn set_shard(&mut self, asked: &Asked<'_>, it: &SetShard) -> Result<(), Rule> {
        self.quorum(asked)?;
        let weight = *self.weights.get(&it.shard).ok_or(Rule::ShardUnknown)?;
        let mut others = self.weights.iter().filter(|(shard, _)| **shard != it.shard);
        let is_last = it.weight == 0 && others.all(|(_, weight)| *weight == 0);
        refuse(&[
            (weight == it.weight, Rule::NothingChanges),
            (is_last, Rule::NoOpenShard),
        ])?;
        self.weights.insert(it.shard, it.weight);
        self.tell_all(&Message::Weight(it.shard, it.weight));
        Ok(())
    }

    pub(super) fn set_role(&mut self, key: AccountKey, role: Role, is_held: bool) {
        let roles = self.roles.entry(key).or_default();
        if is_held {
            roles.insert(role);
            self.accounts.entry(key).or_default();
        } else {
            roles.remove(&role);
        }
    }

    /// Three of four.
    fn quorum(&self, asked: &Asked<'_>) -> Result<(), Rule> {
        let operators = asked.genesis.operators.iter();
        let signed = operators.filter(|it| asked.by(it.cold_key)).count();
        refuse(&[
            (self.id != 0, Rule::NotGovernanceShard),
            (signed < 3, Rule::QuorumMissing),
        ])
    }
}
