use super::{
    odometer::{Reading, observe},
    step::{Step, consents, require_active},
    warranty::{days, require_service},
};
use crate::{
    id::VehicleId,
    ledger::{
        AccountKey, Claim, ClaimId, ClaimState, DecideClaim, Key, OdometerSource, OpenClaim,
        PartState, Policy, PolicyId, Role, Rule, Service, SettleClaim, StateView, Value, Vehicle,
        WithdrawClaim,
    },
};

impl Step<'_, '_> {
    pub(super) fn open_claim(&mut self, opened: &OpenClaim) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(opened.vehicle)?;
        let claimant = self.require_claimant(&vehicle)?;
        let policy = self.policy_of(opened.policy, opened.vehicle)?;
        require_active(&vehicle)?;
        if self.overlay.claim(opened.claim).is_some() {
            return Err(Rule::ClaimIdUsed);
        }
        self.require_past(opened.failed)?;
        if self.time().since(opened.failed) > days(CLAIM_DAYS) {
            return Err(Rule::ClaimTooLate);
        }
        require_within(&policy, opened)?;
        self.require_covered(&policy, opened)?;
        let fault = Service {
            odometer_km: opened.odometer_km,
            served: opened.failed,
        };
        require_service(&policy, self.overlay.services(opened.vehicle), &fault)?;
        let slot = Key::OpenClaim(opened.part, opened.fault.clone());
        if self.overlay.value(&slot).is_some() {
            return Err(Rule::ClaimAlreadyOpen);
        }
        let reading = Reading {
            km: opened.odometer_km,
            read: opened.failed,
            source: OdometerSource::Other,
        };
        observe(&mut vehicle.odometer, &reading)?;
        let claim = Claim {
            policy: opened.policy,
            vehicle: opened.vehicle,
            part: opened.part,
            fault: opened.fault.clone(),
            claimant,
            opened: self.time(),
            decide_by: self.time().saturating_add(days(policy.decision_days)),
            state: ClaimState::Open,
        };
        self.put(slot, Value::OpenClaim(opened.claim));
        self.put(Key::Claim(opened.claim), Value::Claim(claim));
        self.put_vehicle(opened.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn withdraw_claim(&mut self, withdrawn: &WithdrawClaim) -> Result<(), Rule> {
        let vehicle = self.vehicle(withdrawn.vehicle)?;
        let claim = self.claim_of(withdrawn.claim, withdrawn.vehicle)?;
        let may = [claim.claimant, vehicle.owner, vehicle.enrolment_key];
        if !may.into_iter().any(|key| self.has_signed(key)) {
            return Err(Rule::NotClaimant);
        }
        require_open(&claim)?;
        self.close(withdrawn.claim, claim, ClaimState::Withdrawn);
        Ok(())
    }

    pub(super) fn decide_claim(&mut self, decided: &DecideClaim) -> Result<(), Rule> {
        self.vehicle(decided.vehicle)?;
        let claim = self.claim_of(decided.claim, decided.vehicle)?;
        self.require_provider(&claim)?;
        require_open(&claim)?;
        let state = if decided.accepted {
            ClaimState::Accepted
        } else if self.time() <= claim.decide_by {
            ClaimState::Rejected
        } else {
            return Err(Rule::DecisionTooLate);
        };
        self.close(decided.claim, claim, state);
        Ok(())
    }

    pub(super) fn settle_claim(&mut self, settled: &SettleClaim) -> Result<(), Rule> {
        self.vehicle(settled.vehicle)?;
        let mut claim = self.claim_of(settled.claim, settled.vehicle)?;
        self.require_provider(&claim)?;
        if claim.state != ClaimState::Accepted {
            return Err(Rule::ClaimNotAccepted);
        }
        claim.state = ClaimState::Settled {
            payout: settled.payout,
        };
        self.put(Key::Claim(settled.claim), Value::Claim(claim));
        Ok(())
    }

    /// Who makes a claim: the vehicle itself, its owner or custodian, or a workshop.
    fn require_claimant(&self, vehicle: &Vehicle) -> Result<AccountKey, Rule> {
        let is_entitled = |key: &AccountKey| {
            *key == vehicle.enrolment_key
                || consents(&[*key], vehicle, self.time())
                || self.overlay.has_role(*key, Role::Workshop)
        };
        let claimant = self.signers.iter().copied().find(|key| is_entitled(key));
        claimant.ok_or(Rule::ConsentMissing)
    }

    fn require_provider(&self, claim: &Claim) -> Result<(), Rule> {
        let policy = self.policy_of(claim.policy, claim.vehicle)?;
        self.require_signed(policy.provider, Rule::NotPolicyProvider)
    }

    fn require_covered(&self, policy: &Policy, opened: &OpenClaim) -> Result<(), Rule> {
        let part = self.overlay.part(opened.part);
        let part = part.ok_or(Rule::PartNotInVehicle)?;
        let was_in = matches!(
            part.state,
            PartState::Installed { vehicle, since }
                if vehicle == opened.vehicle && since <= opened.failed
        );
        if !was_in {
            return Err(Rule::PartNotInVehicle);
        }
        let is_covered = policy.covered.is_empty() || policy.covered.contains(&part.kind);
        is_covered.then_some(()).ok_or(Rule::PartNotCovered)
    }

    fn policy_of(&self, policy: PolicyId, vehicle: VehicleId) -> Result<Policy, Rule> {
        let policy = self.overlay.policy(policy).ok_or(Rule::PolicyUnknown)?;
        if policy.vehicle != vehicle {
            return Err(Rule::PolicyOfOtherVehicle);
        }
        Ok(policy.clone())
    }

    fn claim_of(&self, claim: ClaimId, vehicle: VehicleId) -> Result<Claim, Rule> {
        let claim = self.overlay.claim(claim).ok_or(Rule::ClaimUnknown)?;
        if claim.vehicle != vehicle {
            return Err(Rule::PolicyOfOtherVehicle);
        }
        Ok(claim.clone())
    }

    /// Ends what was open, so that the same fault of the same part may be claimed again.
    fn close(&mut self, id: ClaimId, mut claim: Claim, state: ClaimState) {
        self.remove(Key::OpenClaim(claim.part, claim.fault.clone()));
        claim.state = state;
        self.put(Key::Claim(id), Value::Claim(claim));
    }
}

fn require_open(claim: &Claim) -> Result<(), Rule> {
    let is_open = claim.state == ClaimState::Open;
    is_open.then_some(()).ok_or(Rule::ClaimNotOpen)
}

fn require_within(policy: &Policy, opened: &OpenClaim) -> Result<(), Rule> {
    if opened.failed < policy.from {
        return Err(Rule::ClaimBeforePolicy);
    }
    if opened.failed >= policy.until {
        return Err(Rule::ClaimAfterExpiry);
    }
    let is_within = opened.odometer_km <= policy.odometer_max_km;
    is_within.then_some(()).ok_or(Rule::ClaimBeyondKm)
}

/// How long a fault may wait until it is claimed.
const CLAIM_DAYS: u32 = 90;
