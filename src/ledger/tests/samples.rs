//! One of each thing that is written to bytes, made from fixed seeds.

use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        Block, Bundle, Checkpoint, CosignedCheckpoint, Delivery, Entry, FinalizedHeader, Genesis,
        Key, List, Misconduct, Proof, Proposal, Receipt, ReceiptBody, ReceiptProof, Role,
        ShownHead, SignedTransaction, SignedVote, SnapshotManifest, StateEntryProof, Vote,
        sample::{account, certify, genesis, vote_key},
        sample_chain::{HOME, Shard, checkpoint, shards, signed_reading, vehicle},
        sample_note,
    },
};

/// Shard 0 with a block at height 1 that sends receipts.
fn sender() -> (Shard, Vec<Receipt>) {
    let receipts = [5, 6, 7].map(|number| Receipt {
        version: Receipt::VERSION,
        chain: genesis(4).chain(),
        source: ShardId::GOVERNANCE,
        destination: HOME,
        sequence: u64::from(number) - 5,
        height: 1,
        body: ReceiptBody::RoleGranted {
            key: account(number),
            role: Role::Workshop,
            name: "garage".to_owned(),
        },
    });
    let mut shard = Shard::new(ShardId::GOVERNANCE);
    shard.push(Vec::new(), &[], &receipts);
    (shard, receipts.to_vec())
}

pub(super) fn transaction() -> SignedTransaction {
    signed_reading(7)
}

/// A block with transactions and a delivery.
pub(super) fn block() -> Block {
    let (governance, receipts) = sender();
    let leaves: Vec<_> = receipts.iter().map(Receipt::digest).collect();
    let paths = (0..).map(|index| List::Receipts.path(&leaves, index).unwrap());
    let delivery = Delivery {
        finalized: governance.finalized(1),
        receipts: receipts.into_iter().zip(paths).collect(),
    };
    let mut home = Shard::new(HOME);
    let entries = vec![
        (Entry::Transaction(signed_reading(1)), 0),
        (Entry::Delivery(delivery), 0),
        (Entry::Transaction(signed_reading(2)), 1),
    ];
    home.push(entries, &[0], &[]);
    home.block(1).clone()
}

/// A header that the one after it makes final.
pub(super) fn finalized() -> FinalizedHeader {
    let (_, home) = shards();
    let next = home.block(6).header.clone();
    FinalizedHeader {
        certificate: certify(&home.genesis, &next),
        header: home.block(5).header.clone(),
        link: vec![next],
    }
}

pub(super) fn misconduct() -> Misconduct {
    let genesis = genesis(4);
    let vote = |payload: u8| {
        let vote = Vote::Finalize(Proposal {
            epoch: 0,
            view: 1_000,
            parent_view: 999,
            payload: Digest::from_bytes([payload; 32]),
        });
        let bytes = vote.to_signed_bytes(genesis.chain(), HOME);
        SignedVote {
            signer: 1,
            vote,
            signature: vote_key(&genesis, 1).sign_raw(&bytes),
        }
    };
    Misconduct::new(HOME, vote(1), vote(2))
}

pub(super) fn entry_proof() -> Proof {
    Proof::Entry(Box::new(shards().1.entry_proof(5, 1)))
}

pub(super) fn state_proof() -> Proof {
    let (_, home) = shards();
    let key = Key::Vehicle(vehicle());
    Proof::State(Box::new(StateEntryProof {
        finalized: home.finalized(12),
        value: home.state.get(&key).cloned(),
        proof: home.state.prove(&key),
        key,
    }))
}

pub(super) fn receipt_proof() -> Proof {
    let (governance, receipts) = sender();
    let leaves: Vec<_> = receipts.iter().map(Receipt::digest).collect();
    Proof::Receipt(Box::new(ReceiptProof {
        finalized: governance.finalized(1),
        receipt: receipts[2].clone(),
        path: List::Receipts.path(&leaves, 2).unwrap(),
    }))
}

pub(super) fn bundle() -> Bundle {
    let (governance, home) = shards();
    home.bundle(&governance)
}

pub(super) fn recent() -> Checkpoint {
    let (governance, home) = shards();
    checkpoint(&[&governance, &home], &[2, 5])
}

/// The same, which two witnesses have seen.
pub(super) fn cosigned() -> CosignedCheckpoint {
    let (governance, home) = shards();
    sample_note::cosigned(&[&governance, &home], &[50, 52])
}

/// What a unit shows a witness that has signed ten headers.
pub(super) fn shown() -> ShownHead {
    sample_note::show(&shards().1, 12, 10).1
}

/// The snapshot that the header at height 12 has, and its only chunk.
pub(super) fn snapshot() -> (SnapshotManifest, Vec<u8>) {
    let (_, home) = shards();
    let state = &home.states[11];
    let base = home.block(11).header.clone();
    let manifest = SnapshotManifest::new(state, base, home.finalized(12));
    (manifest, state.snapshot_chunks().next().unwrap())
}

pub(super) fn first() -> Genesis {
    genesis(4)
}
