use std::collections::BTreeSet;

use super::{
    part::Arrival,
    step::Step,
    tag::{raise_alarm, register},
};
use crate::{
    id::{ShardId, VehicleId},
    ledger::{
        ChannelIn, Key, PartState, PartTag, Receipt, ReceiptBody, ShardState, StateView, TagClaim,
        TagSubject, Value, VehicleStatus,
    },
};

/// Something arrives for which this shard is not ready: a part that is still here, or the committee
/// after one that it still waits for.
///
/// The other shard's block is final, so this shard has got ready in a final block; but that is
/// not among the ancestors of the block being executed, which therefore never becomes final.
pub(super) struct Premature;

impl Step<'_, '_> {
    /// Takes the next receipt of a source: whatever it says happens, or an answer says why not.
    ///
    /// Returns the vehicles in whose history that belongs. Fails if a part arrives that is still
    /// here, or a committee too early; something may have changed then.
    pub(super) fn take(&mut self, receipt: &Receipt) -> Result<BTreeSet<VehicleId>, Premature> {
        let source = receipt.source;
        self.count(receipt);
        match &receipt.body {
            ReceiptBody::RegisterTag { subject, claim } => {
                self.answer_claim(source, *subject, claim);
            }
            ReceiptBody::TagRegistered { subject } => return Ok(self.win_tag(*subject)),
            ReceiptBody::TagRefused {
                subject,
                first,
                refused,
            } => return Ok(self.lose_tag(*subject, first, refused)),
            ReceiptBody::PartMoved {
                tag,
                part,
                vehicle,
                fitted,
                signers,
            } => {
                let arrival = Arrival {
                    tag: *tag,
                    part,
                    vehicle: *vehicle,
                    fitted: *fitted,
                    signers,
                };
                return self.answer_part(source, &arrival);
            }
            ReceiptBody::PartArrived { tag } => self.remove(Key::Transit(*tag)),
            ReceiptBody::PartReturned { tag, .. } => return Ok(self.put_back(*tag)),
            ReceiptBody::RoleGranted { key, role, name } => self.add_role(*key, *role, name),
            ReceiptBody::RoleRevoked { key, role } => self.drop_role(*key, *role),
            ReceiptBody::OperatorFact { operator, state } => {
                self.put(Key::Operator(*operator), Value::Operator(state.clone()));
            }
            ReceiptBody::ShardFact { shard, weight } => {
                let state = ShardState { weight: *weight };
                self.put(Key::Shard(*shard), Value::Shard(state));
            }
            // A shard that follows a later version already stays with it.
            ReceiptBody::RulesScheduled { next } => drop(self.take_rules(*next)),
            ReceiptBody::RecallIssued {
                maker,
                name,
                recall,
            } => {
                let key = Key::Recall(*maker, name.clone());
                self.put(key, Value::Recall(recall.clone()));
            }
            ReceiptBody::CommitteeChanged { committee, seats } => {
                self.take_committee(committee, seats)?;
            }
            ReceiptBody::EpochBegun { epoch } => {
                self.put(Key::ShardEpoch(source), Value::ShardEpoch(*epoch));
            }
            ReceiptBody::TicketPolicySet { policy } => {
                self.put(Key::TicketPolicy, Value::TicketPolicy(*policy));
            }
            ReceiptBody::GroupSet { group, state } => {
                self.put(Key::Group(*group), Value::Group(state.clone()));
            }
            ReceiptBody::SeatCertified {
                operator,
                replica,
                seat,
            } => self.put_seat_of((*operator, *replica), seat.clone()),
            ReceiptBody::OperatorKeyReplaced { operator, cold_key } => {
                self.take_operator_key(*operator, *cold_key);
            }
        }
        Ok(BTreeSet::new())
    }

    /// Holds that a receipt is the next of its source, and counts it.
    fn count(&mut self, receipt: &Receipt) {
        let source = receipt.source;
        assert_eq!(
            receipt.sequence,
            self.overlay.received(source),
            "receipts come in order, once each"
        );
        let next = ChannelIn {
            next: receipt.sequence + 1,
        };
        self.put(Key::ChannelIn(source), Value::ChannelIn(next));
    }

    fn answer_claim(&mut self, source: ShardId, subject: TagSubject, claim: &TagClaim) {
        let answer = match register(self, &subject, claim.clone()) {
            Ok(()) => ReceiptBody::TagRegistered { subject },
            Err(first) => {
                let name = (subject.kind(), subject.tag());
                raise_alarm(self, name, first.clone(), claim.clone());
                ReceiptBody::TagRefused {
                    subject,
                    first,
                    refused: claim.clone(),
                }
            }
        };
        self.send(source, answer);
    }

    fn win_tag(&mut self, subject: TagSubject) -> BTreeSet<VehicleId> {
        match subject {
            TagSubject::Vehicle { vehicle, .. } => self.settle(vehicle, VehicleStatus::Active),
            TagSubject::Part { tag } => {
                if let Some(part) = self.overlay.pending_part(tag).cloned() {
                    assert!(
                        self.overlay.part(tag).is_none(),
                        "a tag that was free names no part"
                    );
                    self.remove(Key::PendingPart(tag));
                    self.put_part(tag, part);
                }
                BTreeSet::new()
            }
        }
    }

    fn lose_tag(
        &mut self,
        subject: TagSubject,
        first: &TagClaim,
        refused: &TagClaim,
    ) -> BTreeSet<VehicleId> {
        let name = (subject.kind(), subject.tag());
        raise_alarm(self, name, first.clone(), refused.clone());
        match subject {
            TagSubject::Vehicle { vehicle, .. } => self.settle(vehicle, VehicleStatus::Refused),
            TagSubject::Part { tag } => {
                self.remove(Key::PendingPart(tag));
                BTreeSet::new()
            }
        }
    }

    /// Ends a vehicle's wait for its tag.
    fn settle(&mut self, id: VehicleId, status: VehicleStatus) -> BTreeSet<VehicleId> {
        let vehicle = self.overlay.vehicle(id);
        let Some(mut vehicle) = vehicle
            .filter(|it| it.status == VehicleStatus::Pending)
            .cloned()
        else {
            return BTreeSet::new();
        };
        vehicle.status = status;
        self.put_vehicle(id, vehicle);
        BTreeSet::from([id])
    }

    fn answer_part(
        &mut self,
        source: ShardId,
        arrival: &Arrival<'_>,
    ) -> Result<BTreeSet<VehicleId>, Premature> {
        let tag = arrival.tag;
        if self.overlay.part(tag).is_some() {
            return Err(Premature);
        }
        Ok(match self.arrive(arrival) {
            Ok(()) => {
                self.send(source, ReceiptBody::PartArrived { tag });
                BTreeSet::from([arrival.vehicle])
            }
            Err(rule) => {
                self.send(source, ReceiptBody::PartReturned { tag, rule });
                BTreeSet::new()
            }
        })
    }

    /// Makes a part what it was before it left.
    fn put_back(&mut self, tag: PartTag) -> BTreeSet<VehicleId> {
        let Some(transit) = self.overlay.transit(tag).cloned() else {
            return BTreeSet::new();
        };
        self.remove(Key::Transit(tag));
        let vehicle = match transit.part.state {
            PartState::Installed { vehicle, .. } => Some(vehicle),
            PartState::Made | PartState::Shipped | PartState::Removed | PartState::Scrapped => None,
        };
        self.put_part(tag, transit.part);
        vehicle.into_iter().collect()
    }
}
