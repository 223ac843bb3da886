use super::{Case, hold, world::*};
use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{
        ClaimId, ClaimState, DecideClaim, IssuePolicy, OpenClaim, Outcome, PartTag, PolicyId,
        RecordCommitment, RecordService, Rule, SettleClaim, StateView, WithdrawClaim,
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::PolicyExists, |world| {
        let insured = insured(world);
        let policy = insured.policy(world);
        world.send(0, &[MAKER], policy)
    }),
    (Rule::PolicyTermsInvalid, |world| {
        let insured = insured(world);
        let mut policy = insured.policy(world);
        policy.policy = PolicyId::from_bytes([9; 32]);
        policy.duration_days = 0;
        world.send(0, &[MAKER], policy)
    }),
    (Rule::PolicyUnknown, |world| {
        let mut claim = insured(world).claim(world, 1);
        claim.policy = PolicyId::from_bytes([9; 32]);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::PolicyOfOtherVehicle, |world| {
        let mut claim = insured(world).claim(world, 1);
        claim.vehicle = world.car(0, 2);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ClaimIdUsed, |world| {
        let claim = insured(world).claim(world, 1);
        world.apply(0, &[OWNER], claim.clone());
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ClaimBeforePolicy, |world| {
        let mut claim = insured(world).claim(world, 1);
        claim.failed = world.time.saturating_sub(DAY);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ClaimAfterExpiry, |world| {
        let insured = insured(world);
        world.wait(365 * DAY);
        let claim = insured.claim(world, 1);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ClaimTooLate, |world| {
        let claim = insured(world).claim(world, 1);
        world.wait(91 * DAY);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ClaimBeyondKm, |world| {
        let insured = insured(world);
        world.wait(30 * DAY);
        let mut claim = insured.claim(world, 1);
        claim.odometer_km = 50_001;
        world.send(0, &[OWNER], claim)
    }),
    (Rule::OdometerDecreased, |world| {
        let insured = insured(world);
        insured.serve(world, 1_000);
        let claim = insured.claim(world, 1);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::PartNotInVehicle, |world| {
        let mut claim = insured(world).claim(world, 1);
        claim.part = world.part(0, 2);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::PartNotCovered, |world| {
        let insured = insured(world);
        let mut policy = insured.policy(world);
        policy.policy = PolicyId::from_bytes([9; 32]);
        policy.covered = vec![label("gearbox")];
        world.apply(0, &[INSURER], policy);
        let mut claim = insured.claim(world, 1);
        claim.policy = PolicyId::from_bytes([9; 32]);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ClaimAlreadyOpen, |world| {
        let insured = insured(world);
        let claim = insured.claim(world, 1);
        world.apply(0, &[OWNER], claim);
        let claim = insured.claim(world, 2);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ServiceMissed, |world| {
        let insured = insured(world);
        world.wait(101 * DAY);
        let claim = insured.claim(world, 1);
        world.send(0, &[OWNER], claim)
    }),
    (Rule::ReadingTooOld, |world| {
        let insured = insured(world);
        let mut first = None;
        for _ in 0..32 {
            first.get_or_insert(insured.service(world, 0));
            insured.serve(world, 0);
            world.wait(DAY);
        }
        let mut older = first.unwrap();
        older.served = older.served.saturating_sub(DAY / 2);
        world.send(0, &[WORKSHOP], older)
    }),
    (Rule::ClaimUnknown, |world| {
        let insured = insured(world);
        world.send(0, &[MAKER], insured.decision(true))
    }),
    (Rule::NotPolicyProvider, |world| {
        let insured = claimed(world);
        world.send(0, &[INSURER], insured.decision(true))
    }),
    (Rule::NotClaimant, |world| {
        let insured = claimed(world);
        world.send(0, &[WORKSHOP], insured.withdrawal())
    }),
    (Rule::ClaimNotOpen, |world| {
        let insured = claimed(world);
        world.apply(0, &[MAKER], insured.decision(false));
        world.send(0, &[MAKER], insured.decision(true))
    }),
    (Rule::DecisionTooLate, |world| {
        let insured = claimed(world);
        world.wait(31 * DAY);
        world.send(0, &[MAKER], insured.decision(false))
    }),
    (Rule::ClaimNotAccepted, |world| {
        let insured = claimed(world);
        world.send(0, &[MAKER], insured.settlement())
    }),
    (Rule::ConsentMissing, |world| {
        let claim = insured(world).claim(world, 1);
        world.send(0, &[INSURER], claim)
    }),
];

#[test]
fn l14_warranties_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_claim_is_accepted_and_paid_once() {
    let mut world = World::new();
    let insured = claimed(&mut world);
    world.apply(0, &[MAKER], insured.decision(true));
    world.apply(0, &[MAKER], insured.settlement());
    let claim = world.state(0).claim(claim_id(1)).unwrap();
    assert!(matches!(claim.state, ClaimState::Settled { .. }));
    assert_eq!(
        world.send(0, &[MAKER], insured.settlement()),
        Outcome::Refused(Rule::ClaimNotAccepted)
    );
}

#[test]
fn a_claim_that_was_not_decided_in_time_can_only_be_accepted() {
    let mut world = World::new();
    let insured = claimed(&mut world);
    world.wait(31 * DAY);
    world.apply(0, &[MAKER], insured.decision(true));
}

#[test]
fn the_vehicle_itself_claims_and_withdraws() {
    let mut world = World::new();
    let insured = insured(&mut world);
    let claim = insured.claim(&world, 1);
    world.apply(0, &[CAR + 1], claim);
    world.apply(0, &[CAR + 1], insured.withdrawal());
    let again = insured.claim(&world, 2);
    world.apply(0, &[CAR + 1], again);
}

#[test]
fn service_in_time_keeps_a_policy_alive() {
    let mut world = World::new();
    let insured = insured(&mut world);
    for _ in 0..2 {
        world.wait(99 * DAY);
        insured.serve(&mut world, 0);
    }
    let claim = insured.claim(&world, 1);
    world.apply(0, &[OWNER], claim);
}

/// A vehicle of shard 0 with a part and a policy.
struct Insured {
    vehicle: VehicleId,
    part: PartTag,
}

fn insured(world: &mut World) -> Insured {
    let vehicle = world.car(0, 1);
    let part = world.installed_part(vehicle, 1);
    let insured = Insured { vehicle, part };
    let policy = insured.policy(world);
    world.apply(0, &[MAKER], policy);
    insured
}

fn claimed(world: &mut World) -> Insured {
    let insured = insured(world);
    let claim = insured.claim(world, 1);
    world.apply(0, &[OWNER], claim);
    insured
}

impl Insured {
    fn policy(&self, world: &World) -> IssuePolicy {
        IssuePolicy {
            policy: PolicyId::from_bytes([1; 32]),
            vehicle: self.vehicle,
            from: world.time,
            duration_days: 365,
            odometer_max_km: 50_000,
            covered: Vec::new(),
            exclusions: Digest::from_bytes([0; 32]),
            service_interval_km: 0,
            service_interval_days: 100,
            decision_days: 30,
        }
    }

    fn claim(&self, world: &World, n: u8) -> OpenClaim {
        OpenClaim {
            claim: claim_id(n),
            policy: PolicyId::from_bytes([1; 32]),
            vehicle: self.vehicle,
            part: self.part,
            fault: label("C1201"),
            odometer_km: 0,
            failed: world.time,
            evidence: RecordCommitment::from_bytes([3; 32]),
        }
    }

    fn service(&self, world: &World, odometer_km: u32) -> RecordService {
        RecordService {
            vehicle: self.vehicle,
            odometer_km,
            served: world.time,
            report: RecordCommitment::from_bytes([4; 32]),
        }
    }

    fn serve(&self, world: &mut World, odometer_km: u32) {
        let service = self.service(world, odometer_km);
        world.apply(0, &[WORKSHOP], service);
    }

    fn withdrawal(&self) -> WithdrawClaim {
        WithdrawClaim {
            claim: claim_id(1),
            vehicle: self.vehicle,
        }
    }

    fn decision(&self, accepted: bool) -> DecideClaim {
        DecideClaim {
            claim: claim_id(1),
            vehicle: self.vehicle,
            accepted,
            reason: RecordCommitment::from_bytes([5; 32]),
        }
    }

    fn settlement(&self) -> SettleClaim {
        SettleClaim {
            claim: claim_id(1),
            vehicle: self.vehicle,
            payout: Digest::from_bytes([6; 32]),
        }
    }
}

fn claim_id(n: u8) -> ClaimId {
    ClaimId::from_bytes([n; 32])
}
