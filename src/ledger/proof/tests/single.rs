use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::{
        CertificateError, ChannelOut, Committees, Delivery, DeliveryError, Entry, EntryProof,
        FileError, FinalityError, FinalizedHeader, Key, List, Outcome, Path, PathError, Proof,
        ProofError, Receipt, ReceiptBody, ReceiptProof, Role, StateEntryProof, StateProofError,
        TransactionError, Value,
        sample::{account, block, certify, genesis},
        sample_chain::{HOME, Shard, shards, vehicle},
    },
};

fn committees() -> Committees {
    Committees::of(&genesis(4))
}

fn receipt(sequence: u64, height: u64) -> Receipt {
    Receipt {
        version: Receipt::VERSION,
        chain: genesis(4).chain(),
        source: ShardId::GOVERNANCE,
        destination: HOME,
        sequence,
        height,
        body: ReceiptBody::RoleGranted {
            key: account(5),
            role: Role::Workshop,
            name: "garage".to_owned(),
        },
    }
}

/// Shard 0 with a block at height 1 that sends five receipts to the other shard.
fn sender() -> (Shard, Vec<Receipt>) {
    let receipts: Vec<_> = (0..5).map(|sequence| receipt(sequence, 1)).collect();
    let mut shard = Shard::new(ShardId::GOVERNANCE);
    shard.push(Vec::new(), &[], &receipts);
    (shard, receipts)
}

fn path(receipts: &[Receipt], index: usize) -> Path {
    let leaves: Vec<_> = receipts.iter().map(Receipt::digest).collect();
    List::Receipts.path(&leaves, index).unwrap()
}

fn delivery(count: usize) -> Delivery {
    let (shard, receipts) = sender();
    let receipts_with_paths = receipts.iter().enumerate().take(count);
    Delivery {
        finalized: shard.finalized(1),
        receipts: receipts_with_paths
            .map(|(index, receipt)| (receipt.clone(), path(&receipts, index)))
            .collect(),
    }
}

#[test]
fn an_entry_is_proven_with_its_outcome() {
    let (_, home) = shards();
    for height in 1..=12 {
        for index in 0..home.block(height).entries.len() {
            let proof = home.entry_proof(height, index);
            let committees = committees();
            let (header, outcome) = proof.verify(&committees).unwrap();
            assert_eq!(header.height, height);
            let is_refused = height == 5 && index == 1;
            assert_eq!(outcome != Outcome::Applied, is_refused);
        }
    }
}

#[test]
fn l10_an_entry_is_proven_for_its_own_place_and_outcome_only() {
    let (_, home) = shards();
    let good = home.entry_proof(5, 1);
    let refused = |change: &dyn Fn(&mut EntryProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof.verify(&committees()).unwrap_err()
    };
    // Inclusion alone is not acceptance.
    assert_eq!(
        refused(&|it| it.outcome = Outcome::Applied.code()),
        ProofError::Path(PathError)
    );
    assert_eq!(
        refused(&|it| it.path.index = 2),
        ProofError::Path(PathError)
    );
    assert_eq!(
        refused(&|it| it.path.count = 8),
        ProofError::Path(PathError)
    );
    assert_eq!(
        refused(&|it| it.entry = home.block(5).entries[2].clone()),
        ProofError::Path(PathError)
    );
    assert_eq!(
        refused(&|it| it.finalized = home.finalized(6)),
        ProofError::Path(PathError)
    );
    assert_eq!(
        refused(&|it| it.finalized.header.tx_root = Digest::from_bytes([0; 32])),
        ProofError::Finality(FinalityError::OtherPayload)
    );
    assert_eq!(
        refused(&|it| it.finalized.certificate.epoch = 1),
        ProofError::Finality(FinalityError::Certificate(CertificateError::Epoch(1)))
    );
}

// A quorum that lies about who signed is still found out, since the signers' own signatures are there.
#[test]
fn l10_a_committee_cannot_put_words_into_a_workshops_mouth() {
    let mut home = Shard::new(HOME);
    let (_, honest) = shards();
    let Entry::Transaction(mut forged) = honest.block(2).entries[0].clone() else {
        unreachable!()
    };
    forged.transaction.nonce += 1;
    home.push(vec![(Entry::Transaction(forged), 0)], &[], &[]);
    assert_eq!(
        home.entry_proof(1, 0).verify(&committees()),
        Err(ProofError::Transaction(TransactionError::BadSignature(
            account(2)
        )))
    );
}

#[test]
fn an_outcome_that_nobody_knows_is_not_passed_on() {
    let (_, honest) = shards();
    let mut home = Shard::new(HOME);
    let entry = honest.block(2).entries[0].clone();
    home.push(vec![(entry, 65_000)], &[], &[]);
    assert_eq!(
        home.entry_proof(1, 0).verify(&committees()),
        Err(ProofError::UnknownOutcome(65_000))
    );
}

// Design: a car verifies a record's proof of at most 2 kB.
#[test]
fn a_proof_at_four_operators_is_short() {
    let mut home = Shard::new(HOME);
    let (_, honest) = shards();
    let entries = |count: usize| vec![(honest.block(2).entries[0].clone(), 0); count];
    (0..3).for_each(|_| home.push(Vec::new(), &[], &[]));
    home.push(entries(1_000), &[], &[]);
    let proof = Proof::Entry(Box::new(home.entry_proof(4, 700)));
    assert!(home.block(4).header.snapshot_root.is_some());
    assert!(
        proof.to_bytes().len() <= 2_000,
        "{}",
        proof.to_bytes().len()
    );
}

#[test]
fn what_a_state_holds_is_proven_and_what_it_does_not() {
    let (_, home) = shards();
    let prove = |key: Key| StateEntryProof {
        finalized: home.finalized(12),
        value: home.state.get(&key).cloned(),
        proof: home.state.prove(&key),
        key,
    };
    let (there, absent) = (
        prove(Key::Vehicle(vehicle())),
        prove(Key::ChannelOut(ShardId(3))),
    );
    assert!(there.value.is_some() && absent.value.is_none());
    for proof in [&there, &absent] {
        let committees = committees();
        assert_eq!(proof.verify(&committees).unwrap().height, 12);
    }
    let refused = |mut proof: StateEntryProof, value: Option<Value>| {
        proof.value = value;
        proof.verify(&committees()).unwrap_err()
    };
    let opposite = ProofError::State(StateProofError::Opposite);
    assert_eq!(refused(there.clone(), None), opposite);
    let other = Value::ChannelOut(ChannelOut { next: 7 });
    assert_eq!(refused(absent, Some(other.clone())), opposite);
    assert_eq!(
        refused(there.clone(), Some(other)),
        ProofError::State(StateProofError::OtherRoot)
    );
    let earlier = StateEntryProof {
        finalized: home.finalized(11),
        ..there
    };
    assert_eq!(
        earlier.verify(&committees()),
        Err(ProofError::State(StateProofError::OtherRoot))
    );
}

#[test]
fn a_receipt_is_proven_where_it_was_sent() {
    let (shard, receipts) = sender();
    let good = ReceiptProof {
        finalized: shard.finalized(1),
        receipt: receipts[3].clone(),
        path: path(&receipts, 3),
    };
    assert!(good.verify(&committees()).is_ok());
    let refused = |change: &dyn Fn(&mut ReceiptProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof.verify(&committees()).unwrap_err()
    };
    let other_path = ProofError::Delivery(DeliveryError::Path(3));
    assert_eq!(refused(&|it| it.path = path(&receipts, 2)), other_path);
    assert_eq!(
        refused(&|it| it.receipt.version = 2),
        ProofError::Delivery(DeliveryError::Misdirected(3))
    );
    for change in [
        (|it| it.receipt.height = 2) as fn(&mut ReceiptProof),
        |it| it.receipt.source = HOME,
        |it| it.receipt.destination = ShardId::GOVERNANCE,
        |it| it.receipt.chain = ChainId::from_bytes([0; 32]),
    ] {
        assert_eq!(
            refused(&change),
            ProofError::Delivery(DeliveryError::Misdirected(3))
        );
    }
    assert_eq!(
        refused(&|it| it.receipt.destination = ShardId(2)),
        other_path
    );
}

#[test]
fn l3_a_delivery_holds_what_was_sent_to_this_shard_in_order() {
    let committees = committees();
    assert!(delivery(5).verify(&committees, HOME).is_ok());
    assert_eq!(
        delivery(5).verify(&committees, ShardId(2)),
        Err(DeliveryError::Misdirected(0))
    );
    assert_eq!(
        delivery(0).verify(&committees, HOME),
        Err(DeliveryError::Empty)
    );
    let refused = |change: &dyn Fn(&mut Delivery)| {
        let mut delivery = delivery(5);
        change(&mut delivery);
        delivery.verify(&committees, HOME).unwrap_err()
    };
    assert_eq!(
        refused(&|it| it.receipts.swap(1, 2)),
        DeliveryError::Order(2)
    );
    assert_eq!(
        refused(&|it| {
            it.receipts.remove(2);
        }),
        DeliveryError::Order(3)
    );
    assert_eq!(
        refused(&|it| it.receipts[2] = it.receipts[1].clone()),
        DeliveryError::Order(1)
    );
    assert_eq!(
        refused(&|it| it.receipts[4].1.index = 3),
        DeliveryError::Path(4)
    );
    assert!(matches!(
        refused(&|it| it.finalized.certificate.signers.clear()),
        DeliveryError::Finality(_)
    ));
}

#[test]
fn a_delivery_is_proven_as_an_entry() {
    let mut home = Shard::new(HOME);
    home.push(vec![(Entry::Delivery(delivery(5)), 0)], &[], &[]);
    assert!(home.entry_proof(1, 0).verify(&committees()).is_ok());
    let mut forged = delivery(5);
    forged.receipts[0].1.siblings.clear();
    let mut home = Shard::new(HOME);
    home.push(vec![(Entry::Delivery(forged), 0)], &[], &[]);
    assert_eq!(
        home.entry_proof(1, 0).verify(&committees()),
        Err(ProofError::Delivery(DeliveryError::Path(0)))
    );
}

#[test]
fn every_byte_of_a_proof_counts() {
    let (_, home) = shards();
    let (shard, receipts) = sender();
    let key = Key::Vehicle(vehicle());
    let proofs = [
        Proof::Entry(Box::new(home.entry_proof(5, 1))),
        Proof::State(Box::new(StateEntryProof {
            finalized: home.finalized(12),
            value: home.state.get(&key).cloned(),
            proof: home.state.prove(&key),
            key,
        })),
        Proof::Receipt(Box::new(ReceiptProof {
            finalized: shard.finalized(1),
            receipt: receipts[3].clone(),
            path: path(&receipts, 3),
        })),
    ];
    let committees = committees();
    for proof in proofs {
        let bytes = proof.to_bytes();
        assert_eq!(Proof::from_bytes(&bytes), Ok(proof.clone()));
        assert!(proof.verify(&committees).is_ok());
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x01;
            let is_refused =
                Proof::from_bytes(&changed).map_or(true, |it| it.verify(&committees).is_err());
            assert!(is_refused, "byte {index} is not checked");
            assert!(Proof::from_bytes(&bytes[..index]).is_err());
        }
    }
}

#[test]
fn files_of_another_kind_or_version_are_named() {
    let (_, home) = shards();
    let bytes = Proof::Entry(Box::new(home.entry_proof(5, 1))).to_bytes();
    let mut version = bytes;
    version[8] = 9;
    assert_eq!(
        Proof::from_bytes(&version),
        Err(ProofError::File(FileError::Version(9)))
    );
    assert_eq!(
        Proof::from_bytes(b"{\"not\": \"a proof\"}"),
        Err(ProofError::File(FileError::OtherKind("proof")))
    );
}

#[test]
fn a_header_that_its_descendants_make_final_carries_a_proof() {
    let (_, home) = shards();
    let mut proof = home.entry_proof(5, 1);
    let link: Vec<_> = (6..=9)
        .map(|height| home.block(height).header.clone())
        .collect();
    proof.finalized = FinalizedHeader {
        header: proof.finalized.header,
        certificate: certify(&home.genesis, link.last().unwrap()),
        link,
    };
    let committees = committees();
    let (header, outcome) = proof.verify(&committees).unwrap();
    assert_eq!(header.height, 5);
    assert!(matches!(outcome, Outcome::Refused(_)));
    proof.finalized.link[1] = block(&home.genesis, HOME, 7).header;
    assert!(proof.verify(&committees).is_err());
}
