use super::{Asked, Claim, Message, Place, Policy, Shard, refuse};
use crate::{
    id::VehicleId,
    ledger::{
        ClaimId, ClaimState, DecideClaim, IssuePolicy, IssueRecall, OpenClaim, PolicyId,
        RecordService, RemedyRecall, Role, Rule, SettleClaim, WithdrawClaim,
    },
    time::Timestamp,
};

impl Shard {
    pub(super) fn service(&mut self, asked: &Asked<'_>, it: &RecordService) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[(self.lacks(asked, &[Role::Workshop]), Rule::RoleMissing)])?;
        car.active()?;
        refuse(&[(asked.is_future(it.served), Rule::TimeInFuture)])?;
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.served)?;
        let is_full = car.services.len() == 32;
        let is_old = car.services.iter().all(|(served, _)| *served > it.served);
        refuse(&[(is_full && is_old, Rule::ReadingTooOld)])?;
        car.services.push((it.served, it.odometer_km));
        // In the order of time, and for one time in the order of arrival.
        car.services.sort_by_key(|(served, _)| *served);
        if is_full {
            car.services.remove(0);
        }
        Ok(())
    }

    pub(super) fn policy(&mut self, asked: &Asked<'_>, it: &IssuePolicy) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let provider = self.role(asked, &[Role::Maker, Role::Insurer]);
        let provider = provider.ok_or(Rule::RoleMissing)?;
        car.active()?;
        let from_km = car.readings.last().unwrap().km;
        let is_odd = it.duration_days == 0
            || it.duration_days > 36_500
            || it.decision_days == 0
            || it.decision_days > 366
            || it.odometer_max_km <= from_km;
        refuse(&[
            (self.policies.contains_key(&it.policy), Rule::PolicyExists),
            (is_odd, Rule::PolicyTermsInvalid),
        ])?;
        let policy = Policy {
            terms: it.clone(),
            provider,
            from_km,
        };
        self.policies.insert(it.policy, policy);
        Ok(())
    }

    pub(super) fn open_claim(&mut self, asked: &Asked<'_>, it: &OpenClaim) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let mut signers = asked.signers.iter().copied();
        let claimant = signers.find(|key| {
            *key == car.key
                || car.consents(&[*key], asked.time)
                || self.holds(*key, &[Role::Workshop])
        });
        let claimant = claimant.ok_or(Rule::ConsentMissing)?;
        let policy = self.policy_for(it.policy, it.vehicle)?;
        car.active()?;
        let terms = &policy.terms;
        let ends = terms.from.unix_ms() + u64::from(terms.duration_days) * DAY_MS;
        let age_ms = asked.time.unix_ms().saturating_sub(it.failed.unix_ms());
        refuse(&[
            (self.claims.contains_key(&it.claim), Rule::ClaimIdUsed),
            (asked.is_future(it.failed), Rule::TimeInFuture),
            (age_ms > 90 * DAY_MS, Rule::ClaimTooLate),
            (it.failed < terms.from, Rule::ClaimBeforePolicy),
            (it.failed.unix_ms() >= ends, Rule::ClaimAfterExpiry),
            (it.odometer_km > terms.odometer_max_km, Rule::ClaimBeyondKm),
        ])?;
        let part = self.parts.get(&it.part).ok_or(Rule::PartNotInVehicle)?;
        let was_in = matches!(
            part.place,
            Place::In(vehicle, since) if vehicle == it.vehicle && since <= it.failed
        );
        let is_covered = terms.covered.is_empty() || terms.covered.contains(&part.kind);
        let is_open = |claim: &Claim| {
            claim.state == ClaimState::Open
                && claim.opened.part == it.part
                && claim.opened.fault == it.fault
        };
        refuse(&[
            (!was_in, Rule::PartNotInVehicle),
            (!is_covered, Rule::PartNotCovered),
            (
                missed_service(policy, &car.services, it),
                Rule::ServiceMissed,
            ),
            (self.claims.values().any(is_open), Rule::ClaimAlreadyOpen),
        ])?;
        self.change(it.vehicle).read(it.odometer_km, it.failed)?;
        let claim = Claim {
            opened: it.clone(),
            claimant,
            at: asked.time,
            state: ClaimState::Open,
        };
        self.claims.insert(it.claim, claim);
        Ok(())
    }

    pub(super) fn withdraw(&mut self, asked: &Asked<'_>, it: &WithdrawClaim) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let claim = self.claim_for(it.claim, it.vehicle)?;
        let may = asked.by(claim.claimant) || asked.by(car.owner()) || asked.by(car.key);
        refuse(&[
            (!may, Rule::NotClaimant),
            (claim.state != ClaimState::Open, Rule::ClaimNotOpen),
        ])?;
        self.claims.get_mut(&it.claim).unwrap().state = ClaimState::Withdrawn;
        Ok(())
    }

    pub(super) fn decide(&mut self, asked: &Asked<'_>, it: &DecideClaim) -> Result<(), Rule> {
        self.car(it.vehicle)?;
        let claim = self.claim_for(it.claim, it.vehicle)?;
        let policy = &self.policies[&claim.opened.policy];
        let days = u64::from(policy.terms.decision_days);
        let is_late = asked.time.unix_ms() > claim.at.unix_ms() + days * DAY_MS;
        refuse(&[
            (!asked.by(policy.provider), Rule::NotPolicyProvider),
            (claim.state != ClaimState::Open, Rule::ClaimNotOpen),
            (!it.accepted && is_late, Rule::DecisionTooLate),
        ])?;
        self.claims.get_mut(&it.claim).unwrap().state = if it.accepted {
            ClaimState::Accepted
        } else {
            ClaimState::Rejected
        };
        Ok(())
    }

    pub(super) fn settle_claim(&mut self, asked: &Asked<'_>, it: &SettleClaim) -> Result<(), Rule> {
        self.car(it.vehicle)?;
        let claim = self.claim_for(it.claim, it.vehicle)?;
        let provider = self.policies[&claim.opened.policy].provider;
        refuse(&[
            (!asked.by(provider), Rule::NotPolicyProvider),
            (claim.state != ClaimState::Accepted, Rule::ClaimNotAccepted),
        ])?;
        let payout = it.payout;
        self.claims.get_mut(&it.claim).unwrap().state = ClaimState::Settled { payout };
        Ok(())
    }

    pub(super) fn recall(&mut self, asked: &Asked<'_>, it: &IssueRecall) -> Result<(), Rule> {
        refuse(&[(self.id != 0, Rule::NotGovernanceShard)])?;
        let maker = self.role(asked, &[Role::Maker]).ok_or(Rule::RoleMissing)?;
        let name = (maker, it.recall.clone());
        let is_odd = it.criteria.built_until < it.criteria.built_from;
        refuse(&[
            (self.recalls.contains_key(&name), Rule::RecallExists),
            (is_odd, Rule::RecallCriteriaInvalid),
        ])?;
        self.tell_all(&Message::Recall(
            maker,
            it.recall.clone(),
            it.criteria.clone(),
        ));
        self.recalls.insert(name, it.criteria.clone());
        Ok(())
    }

    pub(super) fn remedy(&mut self, asked: &Asked<'_>, it: &RemedyRecall) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[(self.lacks(asked, &[Role::Workshop]), Rule::RoleMissing)])?;
        car.active()?;
        let criteria = self.recalls.get(&(it.maker, it.recall.clone()));
        let criteria = criteria.ok_or(Rule::RecallUnknown)?;
        let is_for = car.maker == it.maker
            && car.model == criteria.model
            && criteria.built_from <= car.built
            && car.built <= criteria.built_until;
        let name = (it.maker, it.recall.clone(), it.vehicle);
        let part = it.part.and_then(|tag| self.parts.get(&tag));
        let fits = part.is_some_and(|part| {
            let kind = criteria.part_kind.as_ref().unwrap_or(&part.kind);
            part.is_in(it.vehicle) && part.kind == *kind
        });
        let needs_part = criteria.part_kind.is_some() || it.part.is_some();
        refuse(&[
            (!is_for, Rule::RecallNotForVehicle),
            (self.remedies.contains(&name), Rule::RecallRemedied),
            (asked.is_future(it.remedied), Rule::TimeInFuture),
            (needs_part && !fits, Rule::RecallPartMissing),
        ])?;
        self.change(it.vehicle).read(it.odometer_km, it.remedied)?;
        self.remedies.insert(name);
        Ok(())
    }

    fn policy_for(&self, policy: PolicyId, vehicle: VehicleId) -> Result<&Policy, Rule> {
        let policy = self.policies.get(&policy).ok_or(Rule::PolicyUnknown)?;
        refuse(&[(policy.terms.vehicle != vehicle, Rule::PolicyOfOtherVehicle)])?;
        Ok(policy)
    }

    fn claim_for(&self, claim: ClaimId, vehicle: VehicleId) -> Result<&Claim, Rule> {
        let claim = self.claims.get(&claim).ok_or(Rule::ClaimUnknown)?;
        refuse(&[(claim.opened.vehicle != vehicle, Rule::PolicyOfOtherVehicle)])?;
        Ok(claim)
    }
}

/// Whether a policy's vehicle was ever too long without service, up to a fault.
fn missed_service(policy: &Policy, services: &[(Timestamp, u32)], fault: &OpenClaim) -> bool {
    let terms = &policy.terms;
    let mut points = vec![(terms.from, policy.from_km)];
    if services.len() == 32 && services[0].0 > terms.from {
        points.clear();
        // What is forgotten counts as in time.
        points.push(services[0]);
    }
    let within = |at: &Timestamp| terms.from < *at && *at <= fault.failed;
    points.extend(services.iter().filter(|(at, _)| within(at)));
    points.push((fault.failed, fault.odometer_km));
    points.windows(2).any(|pair| {
        let way_km = pair[1].1.saturating_sub(pair[0].1);
        let wait_ms = pair[1].0.unix_ms().saturating_sub(pair[0].0.unix_ms());
        let days = u64::from(terms.service_interval_days);
        (terms.service_interval_km > 0 && way_km > terms.service_interval_km)
            || (days > 0 && wait_ms > days * DAY_MS)
    })
}

const DAY_MS: u64 = 86_400_000;
