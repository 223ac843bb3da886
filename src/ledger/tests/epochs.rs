//! One of each thing that changes of the committee write to bytes, made from fixed seeds.

use std::collections::BTreeMap;

use super::samples;
use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        Action, AddOperator, ChangeCommittee, Committee, EpochState, FinalizedHeader, Handover,
        Key, NextEpoch, Receipt, ReceiptBody, RemoveOperator, ReplaceSeat, Seat, SeatChange,
        SeatFact, SignedTransaction, State, Transaction, Value,
        sample::{account, block, certify, genesis, key},
    },
};

/// A change with all its kinds, signed by those who have to sign it.
pub(super) fn change() -> SignedTransaction {
    let seats = vec![
        SeatChange::Add(AddOperator {
            name: "newcomer".parse().unwrap(),
            cold_key: account(220),
            vote_key: account(120),
            address: "ledger.example:7445".to_owned(),
        }),
        SeatChange::Replace(ReplaceSeat {
            operator: 1,
            vote_key: Some(account(121)),
            address: None,
        }),
        SeatChange::Replace(ReplaceSeat {
            operator: 2,
            vote_key: None,
            address: Some("127.0.0.1:7445".to_owned()),
        }),
        SeatChange::Remove(RemoveOperator { operator: 3 }),
    ];
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: genesis(4).chain(),
        shard: ShardId::GOVERNANCE,
        sender: account(200),
        nonce: 0,
        expires: None,
        approvers: Vec::new(),
        action: Action::ChangeCommittee(ChangeCommittee { seats }),
    };
    let others = [201, 202, 203, 220];
    let transaction = transaction.with_approvers(others.map(account));
    let approvals = others.map(|number| transaction.approve(&key(number)));
    let signed = transaction.sign(&key(200));
    let approvals = approvals.into_iter();
    approvals.fold(signed, SignedTransaction::with_approval)
}

/// What stands in a state about it.
pub(super) fn entries() -> BTreeMap<Key, Value> {
    let epoch = EpochState {
        committee: committee(1),
        first_height: 20,
        parent: Digest::from_bytes([3; 32]),
        next: Some(NextEpoch {
            committee: committee(2),
            first_height: 44,
        }),
    };
    BTreeMap::from([
        (Key::Committee(2), Value::Committee(committee(2))),
        (Key::Epoch, Value::Epoch(epoch)),
        (Key::Seat(account(120)), Value::Seat(seat())),
        (Key::ShardEpoch(ShardId(1)), Value::ShardEpoch(1)),
    ])
}

/// What shards tell each other about it.
pub(super) fn receipts() -> Vec<Receipt> {
    let bodies = [
        ReceiptBody::CommitteeChanged {
            committee: committee(2),
            seats: vec![SeatFact {
                vote_key: account(120),
                seat: seat(),
            }],
        },
        ReceiptBody::EpochBegun { epoch: 2 },
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

/// How the first committee hands over.
pub(super) fn handover() -> Handover {
    let next = Value::Committee(committee(1));
    let state = State::new().apply(BTreeMap::from([(Key::Committee(1), Some(next))]));
    let genesis = samples::first();
    let mut header = block(&genesis, ShardId::GOVERNANCE, 19).header;
    header.state_root = state.root();
    let finalized = FinalizedHeader {
        certificate: certify(&genesis, &header),
        header,
        link: Vec::new(),
    };
    Handover::of(finalized, &state).unwrap()
}

fn committee(epoch: u64) -> Committee {
    Committee::new(epoch, [100, 102, 120, 121].map(account))
}

fn seat() -> Seat {
    Seat {
        operator: 4,
        address: "ledger.example:7445".to_owned(),
    }
}
