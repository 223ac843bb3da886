use super::{
    odometer::{Reading, observe},
    step::{Step, require_active},
};
use crate::{
    id::ShardId,
    ledger::{
        IssueRecall, Key, OdometerSource, PartState, Recall, ReceiptBody, Remedy, RemedyRecall,
        Role, Rule, StateView, Value, Vehicle,
    },
};

impl Step<'_, '_> {
    pub(super) fn issue_recall(&mut self, issued: &IssueRecall) -> Result<(), Rule> {
        if self.shard() != ShardId::GOVERNANCE {
            return Err(Rule::NotGovernanceShard);
        }
        let maker = self.require_role(&[Role::Maker])?;
        if self.overlay.recall(maker, issued.recall.clone()).is_some() {
            return Err(Rule::RecallExists);
        }
        let criteria = &issued.criteria;
        if criteria.built_until < criteria.built_from {
            return Err(Rule::RecallCriteriaInvalid);
        }
        let recall = Recall {
            criteria: criteria.clone(),
            remedy: issued.remedy,
            due: issued.due,
        };
        self.send_to_all(&ReceiptBody::RecallIssued {
            maker,
            name: issued.recall.clone(),
            recall: recall.clone(),
        });
        let key = Key::Recall(maker, issued.recall.clone());
        self.put(key, Value::Recall(recall));
        Ok(())
    }

    pub(super) fn remedy_recall(&mut self, remedied: &RemedyRecall) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(remedied.vehicle)?;
        let workshop = self.require_role(&[Role::Workshop])?;
        require_active(&vehicle)?;
        let recall = self.overlay.recall(remedied.maker, remedied.recall.clone());
        let recall = recall.ok_or(Rule::RecallUnknown)?.clone();
        if !is_for(&recall, remedied, &vehicle) {
            return Err(Rule::RecallNotForVehicle);
        }
        let key = Key::Remedy(remedied.maker, remedied.recall.clone(), remedied.vehicle);
        if self.overlay.value(&key).is_some() {
            return Err(Rule::RecallRemedied);
        }
        self.require_past(remedied.remedied)?;
        self.require_part(&recall, remedied)?;
        let reading = Reading {
            km: remedied.odometer_km,
            read: remedied.remedied,
            source: OdometerSource::Workshop,
        };
        observe(&mut vehicle.odometer, &reading)?;
        let remedy = Remedy {
            workshop,
            remedied: remedied.remedied,
            part: remedied.part,
        };
        self.put(key, Value::Remedy(remedy));
        self.put_vehicle(remedied.vehicle, vehicle);
        Ok(())
    }

    /// Holds that the part which a remedy fits is in the vehicle, and of the right kind.
    fn require_part(&self, recall: &Recall, remedied: &RemedyRecall) -> Result<(), Rule> {
        if recall.criteria.part_kind.is_none() && remedied.part.is_none() {
            return Ok(());
        }
        let part = remedied.part.and_then(|tag| self.overlay.part(tag));
        let part = part.ok_or(Rule::RecallPartMissing)?;
        let kind = recall.criteria.part_kind.as_ref();
        let is_kind = kind.is_none_or(|kind| *kind == part.kind);
        let is_in = matches!(
            part.state,
            PartState::Installed { vehicle, .. } if vehicle == remedied.vehicle
        );
        (is_kind && is_in)
            .then_some(())
            .ok_or(Rule::RecallPartMissing)
    }
}

fn is_for(recall: &Recall, remedied: &RemedyRecall, vehicle: &Vehicle) -> bool {
    let criteria = &recall.criteria;
    vehicle.maker == remedied.maker
        && vehicle.model == criteria.model
        && (criteria.built_from..=criteria.built_until).contains(&vehicle.built)
}
