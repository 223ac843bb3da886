use std::{collections::BTreeMap, time::Duration};

use wayside::{
    crypto::SigningKey,
    id::{DomainId, GroupId, ShardId, VehicleId},
    ledger::{
        Committees, Enrolment, EnrolmentStatus, EnrolmentVoice, Genesis, IssuerEntry, Issuers,
        IssuingKey, IssuingProof, IssuingSeat, Key, OperatorState, OperatorStatus, Proof,
        StateEntryProof, TicketPolicy, Value,
    },
    security::{IssuerKey, Slot, SlotClock, TrustDomain},
    time::Timestamp,
};

use super::{Enrolled, KeptTrust, News, TrustError, TrustKeeper};
use crate::{
    checkpoint::tests::past::{HOME, Past},
    tickets::Horizon,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn who_issues_tickets_is_taken_from_any_unit_and_kept() {
    let mut road = Road::new();
    let shown = road.issuing(&road.values());
    let mut keeper = road.keeper(None);
    assert!(keeper.domain().unwrap().is_none());

    let taken = keeper.handle_issuing(&shown, &road.committees(), road.now());

    assert_eq!(taken, Ok(News::Changed));
    let domain = keeper.domain().unwrap().unwrap();
    assert_eq!((domain.id(), domain.slots().length_s()), (DomainId(7), 300));
    assert_eq!(domain.issuers().map(|it| it.id).collect::<Vec<_>>(), [1, 2]);
    let mut again = road.keeper(None);
    again.restore(&keeper.kept(), &road.committees()).unwrap();
    assert_eq!(again.domain().unwrap().unwrap(), domain);
    assert_eq!(again.as_of(), keeper.as_of());
}

#[test]
fn a_later_block_with_the_same_is_no_news_but_newer() {
    let mut road = Road::new();
    let mut keeper = road.keeper(None);
    let first = road.issuing(&road.values());
    keeper
        .handle_issuing(&first, &road.committees(), road.now())
        .unwrap();
    let before = keeper.as_of();
    let second = road.issuing(&road.values());
    let taken = keeper.handle_issuing(&second, &road.committees(), road.now());
    assert_eq!(taken, Ok(News::Same));
    assert!(keeper.as_of() > before);
}

#[test]
fn what_was_so_before_is_refused() {
    let mut road = Road::new();
    let mut keeper = road.keeper(None);
    let with_both = road.issuing(&road.values());
    let withdrawn = road.issuing(&road.with(Key::Issuers, Some(issuers(&[2]))));
    keeper
        .handle_issuing(&withdrawn, &road.committees(), road.now())
        .unwrap();

    let taken = keeper.handle_issuing(&with_both, &road.committees(), road.now());

    assert_eq!(taken, Err(TrustError::Older));
    let domain = keeper.domain().unwrap().unwrap();
    assert_eq!(domain.issuers().map(|it| it.id).collect::<Vec<_>>(), [2]);
}

#[test]
fn what_is_a_day_old_when_it_is_shown_is_refused_and_what_was_kept_is_not() {
    let mut road = Road::new();
    let shown = road.issuing(&road.values());
    let later = road.now().saturating_add(DAY + MINUTE);
    let mut keeper = road.keeper(None);
    let taken = keeper.handle_issuing(&shown, &road.committees(), later);
    assert_eq!(taken, Err(TrustError::Stale(DAY + MINUTE)));
    assert_eq!(keeper.kept(), KeptTrust::default());
    keeper
        .handle_issuing(&shown, &road.committees(), road.now())
        .unwrap();
    let mut again = road.keeper(None);
    assert_eq!(again.restore(&keeper.kept(), &road.committees()), Ok(()));
}

#[test]
fn another_domain_than_the_files_is_refused() {
    for (id, slot_s) in [(8, 300), (7, 60)] {
        let mut road = Road::new();
        let shown = road.issuing(&road.values());
        let mut keeper = road.keeper(Some(given(id, slot_s, true)));
        let taken = keeper.handle_issuing(&shown, &road.committees(), road.now());
        assert!(
            matches!(taken, Err(TrustError::OtherDomain { .. })),
            "{taken:?}"
        );
        let domain = keeper.domain().unwrap().unwrap();
        assert_eq!(domain.id(), DomainId(id));
    }
}

#[test]
fn another_ledgers_word_is_refused() {
    let mut road = Road::new();
    let mut other = Road {
        past: Past::of(100),
    };
    let shown = other.issuing(&other.values());
    let mut keeper = road.keeper(None);
    let taken = keeper.handle_issuing(&shown, &road.committees(), road.now());
    assert!(matches!(taken, Err(TrustError::Issuing(_))), "{taken:?}");
    let mut cut = road.issuing(&road.values());
    cut.pop();
    let taken = keeper.handle_issuing(&cut, &road.committees(), road.now());
    assert!(matches!(taken, Err(TrustError::Issuing(_))), "{taken:?}");
}

#[test]
fn on_a_real_road_a_files_keys_count_no_more_once_the_ledger_speaks() {
    let mut road = Road::new();
    let mut keeper = road.keeper(Some(given(7, 300, false)));
    let ids = |keeper: &TrustKeeper| {
        let domain = keeper.domain().unwrap().unwrap();
        domain.issuers().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&keeper), [9]);
    let shown = road.issuing(&road.values());
    keeper
        .handle_issuing(&shown, &road.committees(), road.now())
        .unwrap();
    assert_eq!(ids(&keeper), [1, 2]);
}

#[test]
fn as_long_as_nobody_issues_tickets_the_file_counts() {
    let mut road = Road::new();
    let mut keeper = road.keeper(Some(given(7, 300, false)));
    let shown = road.issuing(&road.with(Key::Issuers, None));
    keeper
        .handle_issuing(&shown, &road.committees(), road.now())
        .unwrap();
    assert_eq!(keeper.domain().unwrap().unwrap(), given(7, 300, false));
}

#[test]
fn newcomers_units_are_believed_and_those_of_who_left_are_not() {
    let mut road = Road::new();
    let mut keeper = road.keeper(None);
    let genesis: BTreeMap<usize, _> = [(0, key(10).verifying_key())].into();
    let chain = road.past.genesis.chain();
    assert_eq!(keeper.units(chain, &genesis).operators, genesis);
    let left = operator(1, OperatorStatus::Left);
    let shown = road.issuing(&road.with(Key::Operator(1), Some(left)));
    keeper
        .handle_issuing(&shown, &road.committees(), road.now())
        .unwrap();

    let units = keeper.units(chain, &genesis);

    assert_eq!(units.operators.keys().copied().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(units.operators[&2], key(12).verifying_key());
    let doors = keeper.doors();
    let addresses: Vec<_> = doors.iter().map(|it| it.address.as_str()).collect();
    assert_eq!(addresses, ["unit-0:7444", "unit-2:7444"]);
}

#[test]
fn a_vehicle_knows_how_it_stands_and_until_when() {
    let mut road = Road::new();
    let mut keeper = road.keeper(None);
    assert_eq!(keeper.enrolled_at(road.now()), Enrolled::Unknown);
    let until = road.now().saturating_add(DAY);
    for (status, expected) in [
        (None, Enrolled::No),
        (Some(EnrolmentStatus::Active), Enrolled::Active),
        (
            Some(EnrolmentStatus::Suspended { until }),
            Enrolled::Suspended(until),
        ),
        (Some(EnrolmentStatus::Revoked), Enrolled::Revoked),
    ] {
        let shown = road.enrolment(VEHICLE, HOME, status);
        keeper
            .handle_enrolment(&shown, &road.committees(), road.now())
            .unwrap();
        assert_eq!(keeper.enrolled_at(road.now()), expected);
    }
    let shown = road.enrolment(VEHICLE, HOME, Some(EnrolmentStatus::Suspended { until }));
    keeper
        .handle_enrolment(&shown, &road.committees(), road.now())
        .unwrap();
    assert_eq!(keeper.enrolled_at(until), Enrolled::Active);
}

#[test]
fn another_vehicles_enrolment_or_another_shards_is_refused() {
    let mut road = Road::new();
    let mut keeper = road.keeper(None);
    let other = VehicleId {
        commitment: [4; 32],
        ..VEHICLE
    };
    let active = Some(EnrolmentStatus::Active);
    for (vehicle, shard) in [(other, HOME), (VEHICLE, ShardId(0))] {
        let shown = road.enrolment(vehicle, shard, active);
        let taken = keeper.handle_enrolment(&shown, &road.committees(), road.now());
        assert_eq!(taken, Err(TrustError::Other));
    }
}

#[test]
fn tickets_are_asked_for_from_the_first_slot_of_the_enrolment_on() {
    let mut road = Road::new();
    let mut keeper = road.keeper(None);
    let shown = road.issuing(&road.values());
    keeper
        .handle_issuing(&shown, &road.committees(), road.now())
        .unwrap();
    assert_eq!(keeper.horizon(), None);
    let shown = road.enrolment(VEHICLE, HOME, Some(EnrolmentStatus::Active));
    keeper
        .handle_enrolment(&shown, &road.committees(), road.now())
        .unwrap();
    let expected = Horizon {
        slots: SlotClock::default(),
        origin: Slot::from_number(200),
        preload_slots: 288,
    };
    assert_eq!(keeper.horizon(), Some(expected));
    assert_eq!(keeper.group(), Some(GroupId(0)));
}

struct Road {
    past: Past,
}

impl Road {
    fn new() -> Self {
        Self { past: Past::of(1) }
    }

    fn genesis(&self) -> &Genesis {
        &self.past.genesis
    }

    fn committees(&self) -> Committees {
        Committees::of(self.genesis())
    }

    fn now(&self) -> Timestamp {
        self.past.now()
    }

    fn keeper(&self, given: Option<TrustDomain>) -> TrustKeeper {
        TrustKeeper::new(VEHICLE, given)
    }

    /// Three operators, two of which issue tickets under two keys.
    fn values(&self) -> BTreeMap<Key, Option<Value>> {
        let policy = TicketPolicy {
            domain: DomainId(7),
            slot_length_s: 300,
            origin_slot: 100,
            preload_slots: 288,
            batch_vehicles_min: 1,
            batch_wait_ms: 0,
        };
        let mut values = BTreeMap::from([
            (Key::TicketPolicy, Some(Value::TicketPolicy(policy))),
            (Key::Issuers, Some(issuers(&[1, 2]))),
        ]);
        for index in 0..3 {
            values.insert(
                Key::Operator(index),
                Some(operator(index, OperatorStatus::Active)),
            );
            values.insert(Key::IssuingSeat(index, 0), Some(seat(index)));
        }
        values
    }

    fn with(&self, key: Key, value: Option<Value>) -> BTreeMap<Key, Option<Value>> {
        let mut values = self.values();
        match value {
            Some(value) => values.insert(key, Some(value)),
            None => values.remove(&key),
        };
        values
    }

    fn issuing(&mut self, values: &BTreeMap<Key, Option<Value>>) -> Vec<u8> {
        let (state, finalized) = self.past.hold(MINUTE, ShardId(0), values.clone());
        let proof = IssuingProof::of_state(&state, finalized, self.genesis());
        proof.unwrap().to_bytes()
    }

    fn enrolment(
        &mut self,
        vehicle: VehicleId,
        shard: ShardId,
        status: Option<EnrolmentStatus>,
    ) -> Vec<u8> {
        let key = Key::Enrolment(vehicle);
        let value = status.map(|status| {
            Value::Enrolment(Enrolment {
                group: GroupId(0),
                status,
                by: EnrolmentVoice::Operator,
                since: Timestamp::EPOCH,
                first_slot: 200,
                generation: 0,
            })
        });
        let values = value.iter().map(|value| (key.clone(), Some(value.clone())));
        let (state, finalized) = self.past.hold(MINUTE, shard, values.collect());
        let proof = StateEntryProof {
            finalized,
            value,
            proof: state.prove(&key),
            key,
        };
        Proof::State(Box::new(proof)).to_bytes()
    }
}

fn issuers(ids: &[u16]) -> Value {
    let entry = |id: &u16| IssuerEntry {
        id: *id,
        group: GroupId(0),
        key: key(50 + u8::try_from(*id).unwrap()).verifying_key().into(),
        from: Timestamp::EPOCH,
        until: Timestamp::EPOCH.saturating_add(DAY * 40_000),
        members: vec![2],
        threshold: 1,
    };
    Value::Issuers(Issuers {
        next: 3,
        entries: ids.iter().map(entry).collect(),
    })
}

fn operator(index: u16, status: OperatorStatus) -> Value {
    Value::Operator(OperatorState {
        name: format!("operator {index}"),
        cold_key: key(10 + u8::try_from(index).unwrap())
            .verifying_key()
            .into(),
        status,
        misconduct: 0,
        evidence: None,
    })
}

fn seat(index: u16) -> Value {
    Value::IssuingSeat(IssuingSeat {
        current: IssuingKey {
            key: key(30 + u8::try_from(index).unwrap())
                .verifying_key()
                .into(),
            from: Timestamp::EPOCH,
            until: Timestamp::EPOCH.saturating_add(DAY * 40_000),
        },
        previous: None,
        door: format!("unit-{index}:7444"),
    })
}

fn given(id: u16, slot_s: u32, development: bool) -> TrustDomain {
    let issuer = IssuerKey {
        id: 9,
        key: key(90).verifying_key(),
        from: Timestamp::EPOCH,
        until: Timestamp::EPOCH.saturating_add(DAY),
    };
    let slots = SlotClock::from_length_s(slot_s).unwrap();
    TrustDomain::new(DomainId(id), slots, vec![issuer], development).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

const VEHICLE: VehicleId = VehicleId {
    home: HOME,
    commitment: [3; 32],
};
