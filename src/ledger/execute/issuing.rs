use std::time::Duration;

use super::step::Step;
use crate::{
    id::{GroupId, ShardId},
    ledger::{
        AccountKey, CertifyIssuingKey, Group, IssuingKey, IssuingKeyOwner, IssuingSeat, Key,
        NextReplicas, OperatorState, OperatorStatus, ReceiptBody, ReplaceOperatorKey, Rule,
        SetGroup, SetTicketPolicy, StateView, TicketPolicy, Value, action::ISSUING_RULES,
    },
    security::SlotClock,
};

/// What shard 0 decides about who issues tickets, and all others hear of.
impl Step<'_, '_> {
    pub(super) fn set_ticket_policy(&mut self, set: &SetTicketPolicy) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_quorum()?;
        let slots = SlotClock::from_length_s(set.slot_length_s);
        let slots = slots.ok_or(Rule::TicketPolicyOutOfRange)?;
        let is_usable = (1..=PRELOAD_SLOTS_MAX).contains(&set.preload_slots)
            && (1..=BATCH_VEHICLES_MAX).contains(&set.batch_vehicles_min)
            && set.batch_wait_ms <= BATCH_WAIT_MAX_MS;
        if !is_usable {
            return Err(Rule::TicketPolicyOutOfRange);
        }
        let known = self.overlay.ticket_policy().copied();
        let begins = slots.slot_at(self.time()).number();
        let policy = TicketPolicy {
            domain: set.domain,
            slot_length_s: set.slot_length_s,
            origin_slot: known.map_or(begins, |known| known.origin_slot),
            preload_slots: set.preload_slots,
            batch_vehicles_min: set.batch_vehicles_min,
            batch_wait_ms: set.batch_wait_ms,
        };
        if let Some(known) = known {
            if (known.domain, known.slot_length_s) != (set.domain, set.slot_length_s) {
                return Err(Rule::TicketPolicyFixed);
            }
            if known == policy {
                return Err(Rule::NothingChanges);
            }
        }
        self.put(Key::TicketPolicy, Value::TicketPolicy(policy));
        self.send_to_all(&ReceiptBody::TicketPolicySet { policy });
        Ok(())
    }

    pub(super) fn set_group(&mut self, set: &SetGroup) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_quorum()?;
        let policy = self.ticket_policy()?;
        self.require_offices(set)?;
        if !(1..=REPLICAS_MAX).contains(&set.replicas) {
            return Err(Rule::ReplicaInvalid);
        }
        let known = self.overlay.group(set.group).cloned();
        let state = match known {
            None => self.founded(set)?,
            Some(known) => {
                let state = self.changed(&known, set, &policy)?;
                if (&state.members, state.threshold) != (&known.members, known.threshold) {
                    self.abandon_ceremony(set.group);
                }
                state
            }
        };
        let group = set.group;
        self.put(Key::Group(group), Value::Group(state.clone()));
        self.send_to_all(&ReceiptBody::GroupSet { group, state });
        Ok(())
    }

    pub(super) fn certify_issuing_key(&mut self, asked: &CertifyIssuingKey) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        let operator = self.known_operator(asked.operator)?;
        self.require_signed(operator.cold_key, Rule::ColdKeySignatureMissing)?;
        require_taking_part(&operator)?;
        let seats = self.overlay.issuing_seats(asked.operator).count();
        let is_next = usize::from(asked.replica) <= seats && asked.replica < REPLICAS_MAX;
        if !is_next {
            return Err(Rule::ReplicaInvalid);
        }
        let current = IssuingKey {
            key: asked.key,
            from: asked.from,
            until: asked.until,
        };
        self.require_span(&current, ISSUING_KEY_MAX)?;
        let seat = self.overlay.issuing_seat(asked.operator, asked.replica);
        let seat = seat.cloned();
        let is_its_own = seat.as_ref().is_some_and(|it| it.current.key == asked.key);
        if !is_its_own && self.overlay.account(asked.key).is_some() {
            return Err(Rule::IssuingKeyUsed);
        }
        let previous = seat.as_ref().and_then(|seat| {
            if is_its_own {
                seat.previous
            } else {
                Some(seat.current)
            }
        });
        let renewed = IssuingSeat {
            current,
            previous,
            door: asked.door.clone(),
        };
        if seat.as_ref() == Some(&renewed) {
            return Err(Rule::NothingChanges);
        }
        self.put_seat_of((asked.operator, asked.replica), renewed.clone());
        self.send_to_all(&ReceiptBody::SeatCertified {
            operator: asked.operator,
            replica: asked.replica,
            seat: renewed,
        });
        Ok(())
    }

    pub(super) fn replace_operator_key(&mut self, asked: &ReplaceOperatorKey) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        self.require_quorum_without(asked.operator)?;
        self.require_signed(asked.cold_key, Rule::NewKeySignatureMissing)?;
        self.known_operator(asked.operator)?;
        self.require_fresh(asked.cold_key)?;
        if self.overlay.issuing_key_owner(asked.cold_key).is_some() {
            return Err(Rule::OperatorKeyUsed);
        }
        let (operator, cold_key) = (asked.operator, asked.cold_key);
        self.take_operator_key(operator, cold_key);
        self.send_to_all(&ReceiptBody::OperatorKeyReplaced { operator, cold_key });
        Ok(())
    }

    /// Writes down by which keys an operator's replica speaks, and lets it send transactions.
    pub(super) fn put_seat_of(&mut self, (operator, replica): (u16, u16), seat: IssuingSeat) {
        let key = seat.current.key;
        let owner = IssuingKeyOwner { operator, replica };
        self.open_account(key);
        self.put(Key::IssuingKeyOwner(key), Value::IssuingKeyOwner(owner));
        let place = Key::IssuingSeat(operator, replica);
        self.put(place, Value::IssuingSeat(seat));
    }

    /// Gives an operator another cold key, and lets none of its issuing keys count.
    pub(super) fn take_operator_key(&mut self, index: u16, cold_key: AccountKey) {
        let seats = self.overlay.issuing_seats(index);
        let replicas: Vec<_> = seats.map(|(replica, _)| replica).collect();
        for replica in replicas {
            self.remove(Key::IssuingSeat(index, replica));
        }
        if let Some(mut operator) = self.overlay.operator(index).cloned() {
            operator.cold_key = cold_key;
            self.put(Key::Operator(index), Value::Operator(operator));
        }
        self.open_account(cold_key);
    }

    fn founded(&self, set: &SetGroup) -> Result<Group, Rule> {
        let groups = self.overlay.groups().count();
        let is_next = usize::from(set.group.0) == groups && groups < GROUPS_MAX;
        is_next.then_some(()).ok_or(Rule::GroupNumberSkipped)?;
        Ok(Group {
            enrolment: set.enrolment,
            linkage: set.linkage,
            members: set.members.clone(),
            threshold: set.threshold,
            replicas: set.replicas,
            next_replicas: None,
        })
    }

    fn changed(&self, known: &Group, set: &SetGroup, policy: &TicketPolicy) -> Result<Group, Rule> {
        if (known.enrolment, known.linkage) != (set.enrolment, set.linkage) {
            return Err(Rule::GroupFixed);
        }
        let current = policy.slot_at(self.time());
        let next = known.next_replicas;
        let awaited = next.filter(|next| current.number() < next.from_slot);
        let mut group = Group {
            members: set.members.clone(),
            threshold: set.threshold,
            replicas: known.replicas_at(current),
            next_replicas: awaited,
            ..known.clone()
        };
        let coming = awaited.map_or(group.replicas, |next| next.replicas);
        if set.replicas != coming {
            if awaited.is_some() {
                return Err(Rule::ReplicasChanging);
            }
            group.next_replicas = Some(NextReplicas {
                replicas: set.replicas,
                from_slot: policy.first_untouched(self.time()),
            });
        }
        let is_same = (&group.members, group.threshold, coming)
            == (&known.members, known.threshold, set.replicas);
        (!is_same).then_some(group).ok_or(Rule::NothingChanges)
    }

    /// Holds that the operators of a group take part, and that none holds two offices that must be apart.
    fn require_offices(&self, set: &SetGroup) -> Result<(), Rule> {
        let authorities = [set.enrolment, set.linkage];
        for operator in authorities.iter().chain(&set.members) {
            require_taking_part(&self.known_operator(*operator)?)?;
        }
        let development = self.context.genesis.development;
        let least = if development { 1 } else { 2 };
        let members = u16::try_from(set.members.len()).unwrap_or(u16::MAX);
        let is_sorted = set.members.is_sorted_by(|a, b| a < b);
        if !is_sorted || !(least..=members).contains(&set.threshold) {
            return Err(Rule::ThresholdInvalid);
        }
        let is_apart =
            set.enrolment != set.linkage && authorities.iter().all(|it| !set.members.contains(it));
        let may = is_apart || development;
        may.then_some(()).ok_or(Rule::AuthoritiesJoined)
    }

    /// Holds that a key has a time that is not over, and not longer than it may be.
    pub(super) fn require_span(&self, key: &IssuingKey, longest: Duration) -> Result<(), Rule> {
        let longest = if self.context.genesis.development {
            DEVELOPMENT_KEY_MAX
        } else {
            longest
        };
        let is_span =
            key.from < key.until && self.time() < key.until && key.until.since(key.from) <= longest;
        is_span.then_some(()).ok_or(Rule::KeySpanInvalid)
    }

    /// Holds that the shard follows a version of the rules that knows who issues tickets.
    pub(super) fn require_issuing_rules(&self) -> Result<(), Rule> {
        let knows = self.knows_issuing();
        knows.then_some(()).ok_or(Rule::RulesTooOld)
    }

    /// Whether the shard follows a version of the rules that knows who issues tickets.
    pub(super) fn knows_issuing(&self) -> bool {
        self.context.rules >= ISSUING_RULES
    }

    pub(super) fn require_governance(&self) -> Result<(), Rule> {
        let governs = self.shard() == ShardId::GOVERNANCE;
        governs.then_some(()).ok_or(Rule::NotGovernanceShard)
    }

    pub(super) fn ticket_policy(&self) -> Result<TicketPolicy, Rule> {
        let policy = self.overlay.ticket_policy();
        policy.copied().ok_or(Rule::TicketPolicyMissing)
    }

    pub(super) fn group(&self, id: GroupId) -> Result<Group, Rule> {
        let group = self.overlay.group(id);
        group.cloned().ok_or(Rule::GroupUnknown)
    }

    /// The first of those who signed that speaks with an issuing key for one of these operators.
    pub(super) fn speaker_among(&self, operators: &[u16]) -> Result<u16, Rule> {
        let mut speakers = self.speakers();
        let speaker = speakers.find(|operator| operators.contains(operator));
        speaker.ok_or(Rule::IssuingSignatureMissing)
    }

    /// The operators that signed with issuing keys that count now.
    pub(super) fn speakers(&self) -> impl Iterator<Item = u16> {
        let signers = self.signers.iter();
        signers.filter_map(|key| self.overlay.issuing_operator(*key, self.time()))
    }

    /// Holds that all but fewer than a third of the active operators signed, with cold or issuing keys.
    pub(super) fn require_operators(&self) -> Result<(), Rule> {
        let speakers: Vec<_> = self.speakers().collect();
        let signed = self.overlay.operators().filter(|(index, operator)| {
            operator.status == OperatorStatus::Active
                && (speakers.contains(index) || self.has_signed(operator.cold_key))
        });
        let is_quorum = signed.count() >= self.quorum();
        is_quorum.then_some(()).ok_or(Rule::OperatorsMissing)
    }

    /// Holds that as many operators as a quorum has signed with their cold keys, one of them left out.
    fn require_quorum_without(&self, operator: u16) -> Result<(), Rule> {
        let others = self.overlay.operators().filter(|(index, other)| {
            *index != operator
                && other.status == OperatorStatus::Active
                && self.has_signed(other.cold_key)
        });
        let is_quorum = others.count() >= self.quorum();
        is_quorum.then_some(()).ok_or(Rule::QuorumMissing)
    }

    fn known_operator(&self, index: u16) -> Result<OperatorState, Rule> {
        let operator = self.overlay.operator(index);
        operator.cloned().ok_or(Rule::OperatorUnknown)
    }
}

fn require_taking_part(operator: &OperatorState) -> Result<(), Rule> {
    let takes_part = operator.status == OperatorStatus::Active;
    takes_part.then_some(()).ok_or(Rule::OperatorInactive)
}

/// Bounds what every proof of who issues tickets has.
const GROUPS_MAX: usize = 64;
const REPLICAS_MAX: u16 = 16;
/// A week of slots of five minutes.
const PRELOAD_SLOTS_MAX: u32 = 2_016;
const BATCH_VEHICLES_MAX: u32 = 4_096;
const BATCH_WAIT_MAX_MS: u32 = 3_600_000;
/// The longest that an issuing key counts.
const ISSUING_KEY_MAX: Duration = Duration::from_secs(92 * 86_400);
/// The longest that any key counts in a ledger for development.
const DEVELOPMENT_KEY_MAX: Duration = Duration::from_secs(3_660 * 86_400);
