use std::time::Duration;

use super::{Asked, Scene};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::*,
};

use super::super::world::*;

/// What is about papers: warranties, recalls, trips, who may read, who may do what.
impl Scene<'_> {
    pub(super) fn warranty(&mut self) -> Asked {
        let vehicle = self.any();
        let policy = PolicyId::from_bytes([vehicle.commitment[0] + 8 * self.small(2); 32]);
        let claim = ClaimId::from_bytes([self.small(20); 32]);
        let odometer_km = self.km(vehicle);
        let provider = self.numbers.pick(&[MAKER, MAKER, INSURER]);
        match self.numbers.below(7) {
            0 => {
                let covers_all = self.numbers.one_in(2);
                let covered = (!covers_all).then(|| label("gearbox"));
                let covered = covered.into_iter().collect();
                let terms = IssuePolicy {
                    policy,
                    vehicle,
                    from: self.world.time,
                    duration_days: 60 * u32::from(self.small(3)),
                    odometer_max_km: odometer_km + 2_000,
                    covered,
                    exclusions: Digest::from_bytes([0; 32]),
                    service_interval_km: 1_000,
                    service_interval_days: 40,
                    decision_days: 10,
                };
                (vec![provider], terms.into())
            }
            1 => {
                let service = RecordService {
                    vehicle,
                    odometer_km,
                    served: self.moment(),
                    report: RecordCommitment::from_bytes([2; 32]),
                };
                (vec![WORKSHOP], service.into())
            }
            2 => (
                vec![self.owner(vehicle)],
                WithdrawClaim { claim, vehicle }.into(),
            ),
            3 => {
                let decision = DecideClaim {
                    claim,
                    vehicle,
                    accepted: self.numbers.one_in(2),
                    reason: RecordCommitment::from_bytes([3; 32]),
                };
                (vec![provider], decision.into())
            }
            4 => {
                let settlement = SettleClaim {
                    claim,
                    vehicle,
                    payout: Digest::from_bytes([4; 32]),
                };
                (vec![provider], settlement.into())
            }
            _ => self.claim(vehicle, policy, claim, odometer_km),
        }
    }

    fn claim(
        &mut self,
        vehicle: VehicleId,
        policy: PolicyId,
        claim: ClaimId,
        odometer_km: u32,
    ) -> Asked {
        let shard = &self.model.shards[&ShardId(self.shard)];
        let mut fitted = shard.parts.iter().filter(|(_, part)| part.is_in(vehicle));
        let part = fitted
            .next()
            .map_or(PartTag::from_bytes([0; 32]), |(tag, _)| *tag);
        let opened = OpenClaim {
            claim,
            policy,
            vehicle,
            part,
            fault: label(self.numbers.pick(&["C1201", "C1202"])),
            odometer_km,
            failed: self.moment(),
            evidence: RecordCommitment::from_bytes([5; 32]),
        };
        let signers = [self.owner(vehicle), self.key(vehicle), WORKSHOP];
        (vec![self.numbers.pick(&signers)], opened.into())
    }

    pub(super) fn recall(&mut self) -> Asked {
        let name = label(self.numbers.pick(&["recall-1", "recall-2"]));
        if self.numbers.one_in(4) {
            let built_from = self.world.genesis.created;
            let recall = IssueRecall {
                recall: name,
                criteria: RecallCriteria {
                    model: label(self.numbers.pick(&["model-1", "model-2"])),
                    built_from,
                    built_until: self.world.time,
                    part_kind: None,
                },
                remedy: Digest::from_bytes([6; 32]),
                due: self.world.time,
            };
            return (vec![MAKER], recall.into());
        }
        let vehicle = self.any();
        let part = self.numbers.one_in(4).then(|| self.any_part().0);
        let remedy = RemedyRecall {
            maker: who(MAKER),
            recall: name,
            vehicle,
            part,
            odometer_km: self.km(vehicle),
            remedied: self.moment(),
        };
        (vec![WORKSHOP], remedy.into())
    }

    pub(super) fn trip(&mut self) -> Asked {
        let vehicle = self.any();
        let last = self
            .car(vehicle)
            .map_or(0, |car| car.readings.last().unwrap().km);
        let way_km = u32::from(self.small(40));
        let length = Duration::from_secs(self.numbers.below(7_200));
        let ended = self.moment();
        let trip = RecordTrip {
            vehicle,
            route: RecordCommitment::from_bytes([7; 32]),
            started: ended.saturating_sub(length),
            ended,
            started_odometer_km: last.saturating_sub(u32::from(self.numbers.one_in(10))),
            ended_odometer_km: last + way_km,
            distance_m: u64::from(way_km) * 1_000 + self.numbers.below(2_000),
            stops: Vec::new(),
        };
        (vec![self.key(vehicle)], trip.into())
    }

    pub(super) fn access(&mut self) -> Asked {
        let vehicle = self.any();
        let owner = self.owner(vehicle);
        let record = RecordCommitment::from_bytes([self.small(4); 32]);
        let reader = self.numbers.pick(&[INSURER, 20, 21]);
        let class = self.numbers.pick(&[RecordClass::Trip, RecordClass::Wear]);
        match self.numbers.below(7) {
            0 => {
                let grant = GrantAccess {
                    vehicle,
                    reader: who(reader),
                    class,
                    purpose: label("accident"),
                    from: self.moment(),
                    until: self
                        .world
                        .time
                        .saturating_add(DAY * u32::from(self.small(3))),
                };
                (vec![owner], grant.into())
            }
            1 => {
                let reader = who(reader);
                let revoked = RevokeAccess {
                    vehicle,
                    reader,
                    class,
                };
                (vec![owner], revoked.into())
            }
            2 | 3 => {
                let read = ReadReceipt {
                    vehicle,
                    reader: who(reader),
                    class,
                    record,
                };
                (vec![CUSTODIAN], read.into())
            }
            4 => {
                let erased = EraseRecord {
                    vehicle,
                    record,
                    reason: label("asked_for"),
                };
                (vec![owner], erased.into())
            }
            5 => (vec![CUSTODIAN], ConfirmErasure { vehicle, record }.into()),
            _ => {
                let attached = AttachRecord {
                    vehicle,
                    class,
                    record,
                    ciphertext: Digest::from_bytes([8; 32]),
                    length_bytes: 10,
                };
                (vec![self.key(vehicle)], attached.into())
            }
        }
    }

    pub(super) fn governance(&mut self) -> Asked {
        let quorum = vec![200, 201, 202];
        let key = who(self.numbers.pick(&[14, OTHER_WORKSHOP, OTHER_LENDER]));
        let role = self
            .numbers
            .pick(&[Role::Workshop, Role::Lender, Role::Inspection]);
        match self.numbers.below(5) {
            0 | 1 => {
                let name = label("somebody");
                (quorum, GrantRole { key, role, name }.into())
            }
            2 | 3 => (quorum, RevokeRole { key, role }.into()),
            _ => {
                let set = SetShard {
                    shard: ShardId(u16::from(self.small(4))),
                    weight: u32::from(self.small(9)),
                };
                (quorum, set.into())
            }
        }
    }
}
