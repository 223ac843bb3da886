use super::{
    step::{Step, require_active},
    wear::require_range,
};
use crate::ledger::{
    Correct, Correction, Key, Method, OdometerSource, Role, Rule, StateView, Value, Vehicle, Wear,
    WearSlot,
};

impl Step<'_, '_> {
    pub(super) fn correct(&mut self, correct: &Correct) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(correct.vehicle)?;
        self.require_two_roles()?;
        require_active(&vehicle)?;
        match &correct.correction {
            Correction::Odometer { odometer_km } => {
                self.correct_odometer(&mut vehicle, *odometer_km)?;
            }
            Correction::Wear {
                slot,
                thickness_um,
                method,
            } => {
                let wear = self.corrected_wear(correct, *slot, *thickness_um, *method)?;
                self.put(Key::Wear(correct.vehicle, *slot), Value::Wear(wear));
            }
            Correction::Record { sequence, .. } => {
                if *sequence >= vehicle.history.sequence {
                    return Err(Rule::RecordUnknown);
                }
            }
        }
        self.put_vehicle(correct.vehicle, vehicle);
        Ok(())
    }

    fn correct_odometer(&self, vehicle: &mut Vehicle, odometer_km: u32) -> Result<(), Rule> {
        let odometer = &mut vehicle.odometer;
        if odometer.km == odometer_km {
            return Err(Rule::CorrectionIsNoChange);
        }
        odometer.km = odometer_km;
        odometer.read = odometer.read.max(self.time());
        odometer.source = OdometerSource::Inspection;
        odometer.corrections = odometer.corrections.saturating_add(1);
        Ok(())
    }

    fn corrected_wear(
        &self,
        correct: &Correct,
        slot: WearSlot,
        thickness_um: u32,
        method: Method,
    ) -> Result<Wear, Rule> {
        require_range(slot, thickness_um)?;
        let last = self.overlay.wear(correct.vehicle, slot);
        let last = last.ok_or(Rule::WearUnknown)?;
        if last.thickness_um == thickness_um {
            return Err(Rule::CorrectionIsNoChange);
        }
        Ok(Wear {
            thickness_um,
            method,
            corrections: last.corrections.saturating_add(1),
            ..*last
        })
    }

    /// Holds that an inspection signed, and a maker or workshop with another key.
    fn require_two_roles(&self) -> Result<(), Rule> {
        let has = |key, roles: &[Role]| roles.iter().any(|it| self.overlay.has_role(key, *it));
        let inspections = self.signers.iter().copied();
        let mut inspections = inspections
            .filter(|key| has(*key, &[Role::Inspection]))
            .peekable();
        if inspections.peek().is_none() {
            return Err(Rule::RoleMissing);
        }
        let others = self.signers.iter().copied();
        let others: Vec<_> = others
            .filter(|key| has(*key, &[Role::Maker, Role::Workshop]))
            .collect();
        let are_two = inspections.any(|one| others.iter().any(|other| *other != one));
        are_two.then_some(()).ok_or(Rule::SecondRoleMissing)
    }
}
