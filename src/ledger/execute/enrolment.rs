use super::step::{Step, require_active};
use crate::{
    id::VehicleId,
    ledger::{
        Enrol, Enrolment, EnrolmentStatus, EnrolmentVoice, Key, Role, Rule, SetEnrolment,
        StateView, Value, Vehicle,
    },
};

/// Who of those that may speak about an enrolment signed.
struct Voices {
    enrolment_authority: bool,
    owner: bool,
    authority: bool,
}

impl Step<'_, '_> {
    pub(super) fn enrol_vehicle(&mut self, asked: &Enrol) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        let vehicle = self.vehicle(asked.vehicle)?;
        self.require_signed(vehicle.enrolment_key, Rule::VehicleSignatureMissing)?;
        let policy = self.ticket_policy()?;
        let group = self.group(asked.group)?;
        self.speaker_among(&[group.enrolment])?;
        require_active(&vehicle)?;
        let now = self.time();
        let (first_slot, generation) = match self.overlay.enrolment(asked.vehicle) {
            None => (policy.slot_at(now).number(), 0),
            Some(known) if known.status_at(now) != EnrolmentStatus::Active => {
                return Err(Rule::EnrolmentNotActive);
            }
            Some(known) if known.group == asked.group => return Err(Rule::EnrolledAlready),
            Some(known) => (policy.first_untouched(now), known.generation_at(now)),
        };
        let enrolment = Enrolment {
            group: asked.group,
            status: EnrolmentStatus::Active,
            by: EnrolmentVoice::Operator,
            since: now,
            first_slot,
            generation,
        };
        self.put_enrolment(asked.vehicle, enrolment);
        Ok(())
    }

    pub(super) fn set_enrolment(&mut self, set: &SetEnrolment) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        let vehicle = self.vehicle(set.vehicle)?;
        let known = self.overlay.enrolment(set.vehicle).copied();
        let voices = self.voices(&vehicle, known.as_ref());
        if !voices.any() {
            return Err(Rule::EnrolmentVoiceMissing);
        }
        let known = known.ok_or(Rule::EnrolmentUnknown)?;
        let (now, status) = (self.time(), set.status);
        let before = known.status_at(now);
        if !voices.may(&known, before, status) {
            return Err(Rule::EnrolmentVoiceMissing);
        }
        if before == status {
            return Err(Rule::NothingChanges);
        }
        if matches!(status, EnrolmentStatus::Suspended { until } if until <= now) {
            return Err(Rule::SuspensionInvalid);
        }
        let is_back = status == EnrolmentStatus::Active;
        let earlier = (before != EnrolmentStatus::Active && !is_back).then_some(known.by);
        let enrolment = Enrolment {
            status,
            by: earlier.map_or(voices.strongest(), |by| by.max(voices.strongest())),
            since: now,
            generation: known.generation_at(now).saturating_add(u32::from(is_back)),
            ..known
        };
        self.put_enrolment(set.vehicle, enrolment);
        Ok(())
    }

    /// Lets a vehicle that is off the road for ever have no more tickets.
    pub(super) fn end_enrolment(&mut self, vehicle: VehicleId) {
        if let Some(known) = self.overlay.enrolment(vehicle).copied() {
            let enrolment = Enrolment {
                status: EnrolmentStatus::Revoked,
                by: EnrolmentVoice::Authority,
                since: self.time(),
                generation: known.generation_at(self.time()),
                ..known
            };
            self.put_enrolment(vehicle, enrolment);
        }
    }

    /// Holds that the enrolment authority agreed, if a vehicle is enrolled.
    pub(super) fn require_enrolment_authority(&self, vehicle: VehicleId) -> Result<(), Rule> {
        match self.overlay.enrolment(vehicle) {
            None => Ok(()),
            Some(enrolment) => {
                let group = self.group(enrolment.group)?;
                self.speaker_among(&[group.enrolment]).map(drop)
            }
        }
    }

    fn voices(&self, vehicle: &Vehicle, enrolment: Option<&Enrolment>) -> Voices {
        let group = enrolment.and_then(|it| self.overlay.group(it.group));
        Voices {
            enrolment_authority: group
                .is_some_and(|group| self.speaker_among(&[group.enrolment]).is_ok()),
            owner: self.has_signed(vehicle.owner),
            authority: self.signer_with(&[Role::Authority]).is_some()
                || self.require_operators().is_ok(),
        }
    }

    fn put_enrolment(&mut self, vehicle: VehicleId, enrolment: Enrolment) {
        self.put(Key::Enrolment(vehicle), Value::Enrolment(enrolment));
    }
}

impl Voices {
    fn any(&self) -> bool {
        self.enrolment_authority || self.owner || self.authority
    }

    fn strongest(&self) -> EnrolmentVoice {
        if self.authority {
            EnrolmentVoice::Authority
        } else if self.enrolment_authority {
            EnrolmentVoice::Operator
        } else {
            EnrolmentVoice::Owner
        }
    }

    /// Whether they may say how an enrolment stands, which stood otherwise before.
    fn may(&self, known: &Enrolment, before: EnrolmentStatus, after: EnrolmentStatus) -> bool {
        if self.authority {
            return true;
        }
        if !loosens(before, after) {
            return self.enrolment_authority || (self.owner && after == EnrolmentStatus::Revoked);
        }
        match known.by {
            EnrolmentVoice::Operator => self.enrolment_authority,
            EnrolmentVoice::Owner => self.enrolment_authority && self.owner,
            EnrolmentVoice::Authority => false,
        }
    }
}

/// Whether a vehicle gets tickets earlier after a change than before.
fn loosens(before: EnrolmentStatus, after: EnrolmentStatus) -> bool {
    match (before, after) {
        (EnrolmentStatus::Active, _) | (_, EnrolmentStatus::Revoked) => false,
        (EnrolmentStatus::Suspended { until }, EnrolmentStatus::Suspended { until: later }) => {
            later < until
        }
        (EnrolmentStatus::Suspended { .. }, EnrolmentStatus::Active)
        | (EnrolmentStatus::Revoked, EnrolmentStatus::Active | EnrolmentStatus::Suspended { .. }) => {
            true
        }
    }
}
