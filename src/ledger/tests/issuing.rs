//! One of each thing that issuing, enrolling and revoking write to bytes, made from fixed seeds.

use std::collections::{BTreeMap, BTreeSet};

use super::samples;
use crate::{
    crypto::Digest,
    id::{DomainId, GroupId, ShardId, VehicleId},
    ledger::{
        AccusedTicket, Action, AgreedHandle, AppealRevocation, CertifyIssuingKey, CommitTickets,
        ConfirmTicketKey, Enrol, Enrolment, EnrolmentStatus, EnrolmentVoice, Failure,
        FinalizedHeader, GivenSeed, Group, Issued, IssuerEntry, Issuers, IssuingKey,
        IssuingKeyOwner, IssuingProof, IssuingSeat, Key, KeyBoard, LiftRevocation, NameHandle,
        NamedHandle, NextReplicas, OperatorState, OperatorStatus, Order, OrderFailure, OrderKind,
        OrderRevocation, OrderState, Orders, PostKeyPart, Receipt, ReceiptBody, ReplaceOperatorKey,
        RevealSeed, RevealedSeed, RevocationEntry, RevocationHead, RevocationUpdate, SetEnrolment,
        SetGroup, SetTicketPolicy, SlotCount, State, TicketHandle, TicketPolicy, Value,
        WithdrawTicketKey,
        sample::{account, block, certify, genesis},
    },
    security::LinkageAuthority,
    time::Timestamp,
};

/// Every action, with everything that it can hold.
pub(in crate::ledger) fn actions() -> Vec<Action> {
    let vehicle = VehicleId {
        home: ShardId(1),
        commitment: [7; 32],
    };
    let suspended = EnrolmentStatus::Suspended { until: time(9) };
    let offices: [Action; 8] = [
        policy_asked().into(),
        SetGroup {
            group: GROUP,
            enrolment: 0,
            linkage: 1,
            members: vec![2, 3],
            threshold: 2,
            replicas: 2,
        }
        .into(),
        CertifyIssuingKey {
            operator: 1,
            replica: 0,
            key: account(60),
            door: "ledger.example:7446".to_owned(),
            from: time(0),
            until: time(9),
        }
        .into(),
        ReplaceOperatorKey {
            operator: 1,
            cold_key: account(90),
        }
        .into(),
        PostKeyPart {
            group: GROUP,
            ceremony: 4,
            round: 2,
            part: vec![1, 2, 255],
        }
        .into(),
        ConfirmTicketKey {
            group: GROUP,
            ceremony: 4,
            key: account(70),
            from: time(0),
            until: time(9),
        }
        .into(),
        WithdrawTicketKey { id: 3 }.into(),
        CommitTickets {
            group: GROUP,
            slots: vec![SlotCount {
                slot: 6_000_000,
                tickets: 64,
            }],
            root: digest(),
        }
        .into(),
    ];
    let enrolments = [
        Enrol {
            vehicle,
            group: GROUP,
        }
        .into(),
        set_enrolment(vehicle, EnrolmentStatus::Active),
        set_enrolment(vehicle, suspended),
        set_enrolment(vehicle, EnrolmentStatus::Revoked),
    ];
    let offices = offices.into_iter().chain(enrolments);
    offices.chain(revocation_actions()).collect()
}

/// What stands in a state about it.
pub(super) fn entries() -> BTreeMap<Key, Value> {
    let vehicle = VehicleId {
        home: ShardId(1),
        commitment: [7; 32],
    };
    let seat = IssuingSeat {
        current: made(60),
        previous: Some(made(61)),
        door: "ledger.example:7446".to_owned(),
    };
    let owner = IssuingKeyOwner {
        operator: 0,
        replica: 0,
    };
    let board = KeyBoard {
        ceremony: 4,
        posted: BTreeSet::from([(1, 2), (1, 3), (2, 2)]),
        confirmed: BTreeMap::from([(2, made(70))]),
    };
    let issued = Issued {
        batches: 3,
        tickets: 200,
        root: digest(),
        slots: BTreeMap::from([(6_000_000, 64), (6_000_001, 63)]),
    };
    let enrolment = Enrolment {
        group: GROUP,
        status: EnrolmentStatus::Suspended { until: time(9) },
        by: EnrolmentVoice::Authority,
        since: time(1),
        first_slot: 6_000_000,
        generation: 1,
    };
    let mut entries = BTreeMap::from([
        (Key::TicketPolicy, Value::TicketPolicy(policy())),
        (Key::Group(GROUP), Value::Group(group())),
        (Key::IssuingSeat(0, 0), Value::IssuingSeat(seat)),
        (
            Key::IssuingKeyOwner(account(60)),
            Value::IssuingKeyOwner(owner),
        ),
        (Key::Issuers, Value::Issuers(issuers())),
        (Key::KeyBoard(GROUP), Value::KeyBoard(board)),
        (Key::KeyPart(GROUP, 2, 1), Value::KeyPart(vec![9; 40])),
        (Key::Issued(GROUP), Value::Issued(issued)),
        (Key::Enrolment(vehicle), Value::Enrolment(enrolment)),
        (Key::Orders, Value::Orders(Orders { first: 4, next: 7 })),
    ]);
    entries.extend((4..).zip(orders()).map(|(number, order)| {
        let order = Value::Order(Box::new(order));
        (Key::Order(number), order)
    }));
    entries.extend(list());
    entries
}

/// What shards tell each other about it.
pub(super) fn receipts() -> Vec<Receipt> {
    let seat = IssuingSeat {
        current: made(60),
        previous: None,
        door: "ledger.example:7446".to_owned(),
    };
    let bodies = [
        ReceiptBody::TicketPolicySet { policy: policy() },
        ReceiptBody::GroupSet {
            group: GROUP,
            state: group(),
        },
        ReceiptBody::SeatCertified {
            operator: 1,
            replica: 0,
            seat,
        },
        ReceiptBody::OperatorKeyReplaced {
            operator: 1,
            cold_key: account(90),
        },
    ];
    let receipt = |(sequence, body)| Receipt {
        version: Receipt::VERSION,
        chain: genesis(4).chain(),
        source: ShardId::GOVERNANCE,
        destination: ShardId(1),
        sequence,
        height: 30,
        body,
    };
    (7..).zip(bodies).map(receipt).collect()
}

/// Who issues tickets, proven.
pub(super) fn proof() -> IssuingProof {
    let state = state();
    IssuingProof::of_state(&state, finalized(&state), &samples::first()).unwrap()
}

/// What is revoked, proven, to whoever has the first entry that is kept.
pub(super) fn update() -> RevocationUpdate {
    let state = state();
    RevocationUpdate::of_state(&state, finalized(&state), 2).unwrap()
}

/// The leaves of the entries that are kept.
pub(super) fn leaves() -> Vec<(u64, Digest)> {
    let entries = list().into_iter();
    let leaf = |(key, value)| match (key, value) {
        (Key::Revocation(number), Value::Revocation(entry)) => Some((number, entry.leaf())),
        _ => None,
    };
    entries.filter_map(leaf).collect()
}

fn state() -> State {
    let operators = (0..4).map(|index: u8| {
        let operator = OperatorState {
            name: format!("operator {index}"),
            cold_key: account(200 + index),
            status: OperatorStatus::Active,
            misconduct: 0,
            evidence: None,
        };
        (Key::Operator(index.into()), Value::Operator(operator))
    });
    let all = entries().into_iter().chain(operators);
    State::new().apply(all.map(|(key, value)| (key, Some(value))).collect())
}

fn finalized(state: &State) -> FinalizedHeader {
    let genesis = samples::first();
    let mut header = block(&genesis, ShardId::GOVERNANCE, 19).header;
    header.state_root = state.root();
    FinalizedHeader {
        certificate: certify(&genesis, &header),
        header,
        link: Vec::new(),
    }
}

fn revocation_actions() -> [Action; 7] {
    let order = |kind, evidence| OrderRevocation {
        ticket: accused(),
        kind,
        reason: "jammer".parse().unwrap(),
        evidence,
    };
    let until = time(9);
    [
        order(OrderKind::Revoke, None).into(),
        order(OrderKind::Suspend { until }, Some(digest())).into(),
        NameHandle {
            order: 4,
            handle: handle(1),
        }
        .into(),
        RevealSeed {
            order: 4,
            authority: LinkageAuthority::First,
            seed: seed(1),
        }
        .into(),
        RevealSeed {
            order: 4,
            authority: LinkageAuthority::Second,
            seed: seed(2),
        }
        .into(),
        AppealRevocation {
            order: 4,
            statement: digest(),
        }
        .into(),
        LiftRevocation { order: 4 }.into(),
    ]
}

/// Orders in each state, with each failure.
fn orders() -> [Order; 3] {
    let open = Order {
        ticket: accused(),
        group: GROUP,
        members: vec![2, 3],
        threshold: 2,
        kind: OrderKind::Revoke,
        reason: "jammer".parse().unwrap(),
        evidence: None,
        ordered: time(1),
        named: Vec::new(),
        handle: None,
        seeds: Vec::new(),
        appeal: None,
        state: OrderState::Open,
        failures: Vec::new(),
        last_slot: 6_000_300,
    };
    let [first, second] = LinkageAuthority::BOTH;
    let given = |authority, operator, number| GivenSeed {
        authority,
        operator,
        seed: seed(number),
    };
    let named = |operator, number| NamedHandle {
        operator,
        handle: handle(number),
    };
    let failures = [
        Failure::OtherHandle,
        Failure::OtherSeed { authority: first },
        Failure::Late { authority: second },
    ];
    let failures = (0..).zip(failures);
    let listed = Order {
        kind: OrderKind::Suspend { until: time(9) },
        evidence: Some(digest()),
        named: vec![named(2, 1), named(3, 2)],
        handle: Some(AgreedHandle {
            handle: handle(1),
            at: time(2),
        }),
        seeds: vec![given(first, 0, 1), given(second, 1, 2)],
        state: OrderState::Listed { entry: 2 },
        failures: failures
            .map(|(operator, failure)| OrderFailure { operator, failure })
            .collect(),
        ..open.clone()
    };
    let lifted = Order {
        appeal: Some(digest()),
        state: OrderState::Lifted { entry: Some(3) },
        ..listed.clone()
    };
    [open, listed, lifted]
}

/// A list of four entries, the first of which is over.
fn list() -> BTreeMap<Key, Value> {
    let revoke = |number: u8| RevocationEntry::Revoke {
        slot_from: 6_000_000 + u32::from(number),
        slot_until: 6_000_300,
        seeds: [seed(number), seed(number + 1)],
    };
    let all = [
        revoke(0),
        revoke(1),
        revoke(2),
        RevocationEntry::Lift { number: 2 },
    ];
    let mut head = RevocationHead {
        first: 1,
        ..RevocationHead::default()
    };
    head.first_peaks.append(all[0].leaf());
    all.iter().for_each(|entry| head.peaks.append(entry.leaf()));
    head.next = 4;
    let kept = (0..).zip(all).skip(1);
    let entries = kept.map(|(number, it)| (Key::Revocation(number), Value::Revocation(it)));
    let head = (Key::RevocationHead, Value::RevocationHead(head));
    entries.chain([head]).collect()
}

fn policy_asked() -> SetTicketPolicy {
    SetTicketPolicy {
        domain: DomainId(7),
        slot_length_s: 300,
        preload_slots: 288,
        batch_vehicles_min: 64,
        batch_wait_ms: 60_000,
    }
}

fn policy() -> TicketPolicy {
    let asked = policy_asked();
    TicketPolicy {
        domain: asked.domain,
        slot_length_s: asked.slot_length_s,
        origin_slot: 6_000_000,
        preload_slots: asked.preload_slots,
        batch_vehicles_min: asked.batch_vehicles_min,
        batch_wait_ms: asked.batch_wait_ms,
    }
}

fn group() -> Group {
    Group {
        enrolment: 0,
        linkage: 1,
        members: vec![2, 3],
        threshold: 2,
        replicas: 1,
        next_replicas: Some(NextReplicas {
            replicas: 2,
            from_slot: 6_000_290,
        }),
    }
}

fn issuers() -> Issuers {
    let made = made(70);
    let entry = |id| IssuerEntry {
        id,
        group: GROUP,
        key: made.key,
        from: made.from,
        until: made.until,
        members: vec![2, 3],
        threshold: 2,
    };
    Issuers {
        next: 6,
        entries: vec![entry(3), entry(5)],
    }
}

fn made(number: u8) -> IssuingKey {
    IssuingKey {
        key: account(number),
        from: time(0),
        until: time(9),
    }
}

fn set_enrolment(vehicle: VehicleId, status: EnrolmentStatus) -> Action {
    SetEnrolment { vehicle, status }.into()
}

/// A ticket of the first version and class, whose signature nobody made.
fn accused() -> AccusedTicket {
    let mut bytes = [3; 120];
    bytes[..2].fill(1);
    AccusedTicket::from_bytes(bytes)
}

fn seed(number: u8) -> RevealedSeed {
    RevealedSeed::from_bytes([number; 32])
}

fn handle(number: u8) -> TicketHandle {
    TicketHandle::from_bytes([number; 16])
}

fn digest() -> Digest {
    Digest::from_bytes([5; 32])
}

fn time(days: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + days * 86_400_000).unwrap()
}

const GROUP: GroupId = GroupId(0);
