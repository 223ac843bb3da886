use super::{
    step::{Step, consents, require_active},
    warranty::days,
};
use crate::{
    ledger::{
        AttachRecord, ConfirmErasure, EraseRecord, Grant, GrantAccess, Key, ReadReceipt,
        RevokeAccess, Role, Rule, StateView, Tombstone, Value, Vehicle,
    },
    time::Timestamp,
};

impl Step<'_, '_> {
    pub(super) fn attach_record(&mut self, attached: &AttachRecord) -> Result<(), Rule> {
        let vehicle = self.vehicle(attached.vehicle)?;
        let roles = [Role::Maker, Role::Workshop, Role::Inspection];
        let is_entitled = self.has_signed(vehicle.enrolment_key)
            || consents(self.signers, &vehicle, self.time())
            || self.signer_with(&roles).is_some();
        if !is_entitled {
            return Err(Rule::ConsentMissing);
        }
        require_active(&vehicle)?;
        self.require_not_erased(&Key::Tombstone(attached.vehicle, attached.record))
    }

    pub(super) fn grant_access(&mut self, granted: &GrantAccess) -> Result<(), Rule> {
        let vehicle = self.vehicle(granted.vehicle)?;
        self.require_signed(vehicle.owner, Rule::OwnerSignatureMissing)?;
        require_active(&vehicle)?;
        if granted.reader == vehicle.owner {
            return Err(Rule::GrantToOwner);
        }
        let is_span = granted.from < granted.until
            && granted.until.since(granted.from) <= days(GRANT_MAX_DAYS)
            && self.time() < granted.until;
        if !is_span {
            return Err(Rule::GrantSpanInvalid);
        }
        let grant = Grant {
            purpose: granted.purpose.clone(),
            from: granted.from,
            until: granted.until,
            owner_epoch: vehicle.owner_epoch,
        };
        let key = Key::Grant(granted.vehicle, granted.reader, granted.class);
        self.put(key, Value::Grant(grant));
        Ok(())
    }

    pub(super) fn revoke_access(&mut self, revoked: &RevokeAccess) -> Result<(), Rule> {
        let vehicle = self.vehicle(revoked.vehicle)?;
        self.require_signed(vehicle.owner, Rule::OwnerSignatureMissing)?;
        let key = Key::Grant(revoked.vehicle, revoked.reader, revoked.class);
        if self.overlay.value(&key).is_none() {
            return Err(Rule::GrantUnknown);
        }
        self.remove(key);
        Ok(())
    }

    pub(super) fn read_receipt(&mut self, read: &ReadReceipt) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(read.vehicle)?;
        self.require_role(&[Role::Custodian])?;
        may_read(&*self.overlay, read, self.time())?;
        vehicle.reads += 1;
        self.put_vehicle(read.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn erase_record(&mut self, erased: &EraseRecord) -> Result<(), Rule> {
        let vehicle = self.vehicle(erased.vehicle)?;
        let by = if self.has_signed(vehicle.owner) {
            vehicle.owner
        } else {
            self.require_role(&[Role::Authority])
                .map_err(|_| Rule::OwnerSignatureMissing)?
        };
        let key = Key::Tombstone(erased.vehicle, erased.record);
        self.require_not_erased(&key)?;
        let tombstone = Tombstone {
            by,
            reason: erased.reason.clone(),
            time: self.time(),
            confirmed: Vec::new(),
        };
        self.put(key, Value::Tombstone(tombstone));
        Ok(())
    }

    pub(super) fn confirm_erasure(&mut self, confirmed: &ConfirmErasure) -> Result<(), Rule> {
        self.vehicle(confirmed.vehicle)?;
        let custodian = self.require_role(&[Role::Custodian])?;
        let tombstone = self.overlay.tombstone(confirmed.vehicle, confirmed.record);
        let mut tombstone = tombstone.ok_or(Rule::ErasureUnknown)?.clone();
        let place = tombstone.confirmed.binary_search(&custodian);
        let (Err(place), true) = (place, tombstone.confirmed.len() < CUSTODIANS_MAX) else {
            return Err(Rule::ErasureConfirmed);
        };
        tombstone.confirmed.insert(place, custodian);
        let key = Key::Tombstone(confirmed.vehicle, confirmed.record);
        self.put(key, Value::Tombstone(tombstone));
        Ok(())
    }

    fn require_not_erased(&self, tombstone: &Key) -> Result<(), Rule> {
        let is_erased = self.overlay.value(tombstone).is_some();
        (!is_erased).then_some(()).ok_or(Rule::RecordErased)
    }
}

/// Whether a record may be read at a time: by the owner, or by whoever was granted its class.
///
/// A custodian asks this before it offers a receipt to the ledger, which asks again.
pub fn may_read(state: &impl StateView, read: &ReadReceipt, time: Timestamp) -> Result<(), Rule> {
    let vehicle = state.vehicle(read.vehicle).ok_or(Rule::VehicleUnknown)?;
    if state.tombstone(read.vehicle, read.record).is_some() {
        return Err(Rule::RecordErased);
    }
    if read.reader == vehicle.owner {
        return Ok(());
    }
    let grant = state.grant(read.vehicle, read.reader, read.class);
    let grant = grant.ok_or(Rule::GrantUnknown)?;
    let holds = is_valid(grant, vehicle, time);
    holds.then_some(()).ok_or(Rule::GrantNotValid)
}

/// Whether a grant holds at a time; it ends with the ownership of whoever gave it.
fn is_valid(grant: &Grant, vehicle: &Vehicle, time: Timestamp) -> bool {
    grant.from <= time && time < grant.until && grant.owner_epoch == vehicle.owner_epoch
}

const GRANT_MAX_DAYS: u32 = 366;
const CUSTODIANS_MAX: usize = 64;
