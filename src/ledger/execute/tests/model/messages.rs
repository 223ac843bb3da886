use super::{Model, Part, Place, Shard};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, Label, Outcome, PartTag, RecallCriteria, Role, Rule, TagKind,
        VehicleStatus,
    },
    time::Timestamp,
};

type Tag = (TagKind, [u8; 32]);

/// What one shard tells another.
#[derive(Clone)]
pub(in super::super) enum Message {
    Claim(Tag, Option<VehicleId>),
    Won(Tag, Option<VehicleId>),
    Lost(Tag, Option<VehicleId>),
    Move(PartTag, Part, VehicleId, Timestamp, Vec<AccountKey>),
    Arrived(PartTag),
    Returned(PartTag),
    Role(AccountKey, Role, bool),
    Weight(ShardId, u32),
    Recall(AccountKey, Label, RecallCriteria),
}

impl Model {
    /// Takes the next messages of a source in a destination.
    pub(in super::super) fn deliver(
        &mut self,
        (source, destination): (ShardId, ShardId),
        count: usize,
        time: Timestamp,
        entry: Digest,
    ) {
        let mut touched = std::collections::BTreeSet::new();
        for _ in 0..count {
            let place = self.shards[&destination].taken.get(&source).copied();
            let place = place.unwrap_or(0);
            let message = self.shards[&source].sent[&destination][place].clone();
            let shard = self.shards.get_mut(&destination).unwrap();
            shard.taken.insert(source, place + 1);
            touched.extend(shard.hear(source, message, time));
        }
        let shard = self.shards.get_mut(&destination).unwrap();
        for vehicle in touched {
            shard.link(vehicle, entry, Outcome::Applied);
        }
    }
}

impl Shard {
    pub(super) fn tell(&mut self, destination: ShardId, message: Message) {
        self.sent.entry(destination).or_default().push(message);
    }

    pub(super) fn tell_all(&mut self, message: &Message) {
        let all = self.weights.keys().copied();
        let others: Vec<_> = all.filter(|shard| shard.0 != self.id).collect();
        for shard in others {
            self.tell(shard, message.clone());
        }
    }

    /// The second claim of a tag, in the shard that keeps it, raises an alarm although it is refused.
    pub(super) fn alarm(&mut self, action: &Action, rule: Rule) {
        let tag = match (action, rule) {
            (Action::Birth(it), Rule::VinTagTaken) => (TagKind::Vehicle, it.vin.tag),
            (Action::MakePart(it), Rule::PartTagTaken) => (TagKind::Part, it.certificate.tag),
            _ => return,
        };
        *self.alarms.entry((tag.0, *tag.1.as_bytes())).or_default() += 1;
    }

    fn hear(&mut self, source: ShardId, message: Message, time: Timestamp) -> Option<VehicleId> {
        match message {
            Message::Claim(tag, vehicle) => {
                let answer = if self.tags.insert(tag) {
                    Message::Won(tag, vehicle)
                } else {
                    *self.alarms.entry(tag).or_default() += 1;
                    Message::Lost(tag, vehicle)
                };
                self.tell(source, answer);
                None
            }
            Message::Won(_, Some(vehicle)) => {
                self.change(vehicle).status = VehicleStatus::Active;
                Some(vehicle)
            }
            Message::Won((_, tag), None) => {
                let tag = PartTag::from_bytes(tag);
                let part = self.pending.remove(&tag).unwrap();
                self.parts.insert(tag, part);
                None
            }
            Message::Lost(tag, vehicle) => {
                *self.alarms.entry(tag).or_default() += 1;
                match vehicle {
                    Some(vehicle) => self.change(vehicle).status = VehicleStatus::Refused,
                    None => drop(self.pending.remove(&PartTag::from_bytes(tag.1))),
                }
                vehicle
            }
            Message::Move(tag, part, vehicle, fitted, signers) => {
                self.arrive(source, (tag, part), (vehicle, fitted), (&signers, time))
            }
            Message::Arrived(tag) => {
                self.transits.remove(&tag);
                None
            }
            Message::Returned(tag) => {
                let part = self.transits.remove(&tag).unwrap();
                let vehicle = match part.place {
                    Place::In(vehicle, _) => Some(vehicle),
                    Place::Made | Place::Shipped | Place::Removed | Place::Scrapped => None,
                };
                self.parts.insert(tag, part);
                vehicle
            }
            Message::Role(key, role, is_held) => {
                self.set_role(key, role, is_held);
                None
            }
            Message::Weight(shard, weight) => {
                self.weights.insert(shard, weight);
                None
            }
            Message::Recall(maker, name, criteria) => {
                self.recalls.insert((maker, name), criteria);
                None
            }
        }
    }

    fn arrive(
        &mut self,
        source: ShardId,
        (tag, mut part): (PartTag, Part),
        (vehicle, fitted): (VehicleId, Timestamp),
        (signers, time): (&[AccountKey], Timestamp),
    ) -> Option<VehicleId> {
        let car = self.cars.get(&vehicle);
        let may = car
            .is_some_and(|car| car.consents(signers, time) && car.status == VehicleStatus::Active);
        if !may {
            self.tell(source, Message::Returned(tag));
            return None;
        }
        part.place = Place::In(vehicle, fitted);
        part.moves += 1;
        self.accounts.entry(part.holder).or_default();
        self.parts.insert(tag, part);
        self.tell(source, Message::Arrived(tag));
        Some(vehicle)
    }
}
