use super::{
    step::{Step, require_active},
    tag,
};
use crate::{
    id::VehicleId,
    ledger::{
        Account, AccountKey, Birth, Blocks, HistoryHead, Key, Odometer, OdometerSource,
        RetireVehicle, Role, RotateKey, Rule, StateView, TagKind, TagSubject, Value, Vehicle,
        VehicleStatus, VinTag,
    },
};

impl Step<'_, '_> {
    pub(super) fn birth(&mut self, birth: &Birth) -> Result<(), Rule> {
        let maker = self.require_role(&[Role::Maker])?;
        tag::require_certificate(self, &birth.vin, maker)?;
        self.require_signed(birth.owner, Rule::OwnerSignatureMissing)?;
        self.require_signed(birth.enrolment_key, Rule::NewKeySignatureMissing)?;
        let id = birth.vehicle;
        if id.home != self.shard() {
            return Err(Rule::VehicleElsewhere);
        }
        if self.overlay.vehicle(id).is_some() {
            return Err(Rule::VehicleExists);
        }
        if birth.vin.kind != TagKind::Vehicle {
            return Err(Rule::TagKindDiffers);
        }
        let share = self.overlay.shard(id.home);
        if share.is_none_or(|share| share.weight == 0) {
            return Err(Rule::ShardClosed);
        }
        self.require_past(birth.built)?;
        self.enrol(birth.enrolment_key, id)?;
        self.open_account(birth.owner);
        let vin = VinTag::from_bytes(*birth.vin.tag.as_bytes());
        let subject = TagSubject::Vehicle {
            tag: vin,
            vehicle: id,
        };
        let status = if tag::claim(self, subject, maker)? {
            VehicleStatus::Active
        } else {
            VehicleStatus::Pending
        };
        self.put_vehicle(id, newborn(birth, maker, vin, status));
        Ok(())
    }

    pub(super) fn rotate_key(&mut self, rotation: &RotateKey) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(rotation.vehicle)?;
        let old_key = vehicle.enrolment_key;
        if !self.has_signed(vehicle.owner) && !self.has_signed(old_key) {
            return Err(Rule::OwnerSignatureMissing);
        }
        self.require_role(&[Role::Maker, Role::Workshop])?;
        self.require_signed(rotation.enrolment_key, Rule::NewKeySignatureMissing)?;
        if self.knows_issuing() {
            self.require_enrolment_authority(rotation.vehicle)?;
        }
        require_active(&vehicle)?;
        self.enrol(rotation.enrolment_key, rotation.vehicle)?;
        let mut old_account = self.account_of(old_key);
        old_account.vehicle = None;
        self.put(Key::Account(old_key), Value::Account(old_account));
        vehicle.enrolment_key = rotation.enrolment_key;
        self.put_vehicle(rotation.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn retire_vehicle(&mut self, retirement: &RetireVehicle) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(retirement.vehicle)?;
        self.require_signed(vehicle.owner, Rule::OwnerSignatureMissing)?;
        self.require_role(&[Role::Registry])?;
        require_active(&vehicle)?;
        require_unblocked(&vehicle.blocks)?;
        vehicle.status = VehicleStatus::Retired;
        self.put_vehicle(retirement.vehicle, vehicle);
        if self.knows_issuing() {
            self.end_enrolment(retirement.vehicle);
        }
        Ok(())
    }

    /// Lets a key sign for a vehicle; a key signs for one vehicle at most.
    fn enrol(&mut self, key: AccountKey, vehicle: VehicleId) -> Result<(), Rule> {
        let mut account = self.account_of(key);
        if account.vehicle.is_some() {
            return Err(Rule::EnrolmentKeyUsed);
        }
        account.vehicle = Some(vehicle);
        self.put(Key::Account(key), Value::Account(account));
        Ok(())
    }

    fn account_of(&self, key: AccountKey) -> Account {
        self.overlay.account(key).copied().unwrap_or_default()
    }
}

/// Lets nobody sell or retire a vehicle that is blocked.
pub(super) fn require_unblocked(blocks: &Blocks) -> Result<(), Rule> {
    if blocks.stolen {
        return Err(Rule::VehicleStolen);
    }
    if blocks.lien.is_some() {
        return Err(Rule::VehicleUnderLien);
    }
    if blocks.dispute {
        return Err(Rule::VehicleInDispute);
    }
    Ok(())
}

fn newborn(birth: &Birth, maker: AccountKey, vin: VinTag, status: VehicleStatus) -> Vehicle {
    Vehicle {
        status,
        maker,
        model: birth.model.clone(),
        built: birth.built,
        vin,
        attestation: birth.attestation,
        enrolment_key: birth.enrolment_key,
        owner: birth.owner,
        owner_epoch: 0,
        blocks: Blocks::default(),
        custody: None,
        odometer: Odometer {
            km: 0,
            read: birth.built,
            source: OdometerSource::Maker,
            allowance_m: super::odometer::ALLOWANCE_MAX_M,
            readings: 0,
            corrections: 0,
        },
        reads: 0,
        history: HistoryHead::EMPTY,
    }
}
