use crate::{
    crypto::Digest,
    id::{ChainId, ShardId, VehicleId},
    ledger::{
        AccountKey, Action, CheckedTransaction, Genesis, KeyCache, RetireVehicle,
        SignedTransaction, Transaction, TransactionError,
        sample::{account, genesis, key},
    },
    time::Timestamp,
};

const SHARD: ShardId = ShardId(1);

fn transaction(genesis: &Genesis) -> Transaction {
    Transaction {
        version: Transaction::VERSION,
        chain: genesis.chain(),
        shard: SHARD,
        sender: account(1),
        nonce: 7,
        expires: Timestamp::from_unix_ms(1_900_000_000_000),
        approvers: Vec::new(),
        action: Action::RetireVehicle(RetireVehicle {
            vehicle: VehicleId {
                home: SHARD,
                commitment: [8; 32],
            },
        }),
    }
}

/// Signed by account 1 and agreed to by 2 and 3.
fn approved() -> SignedTransaction {
    let transaction = transaction(&genesis(4)).with_approvers([account(3), account(2)]);
    let approvals = [2, 3].map(|number| transaction.approve(&key(number)));
    let signed = transaction.sign(&key(1));
    approvals
        .into_iter()
        .rev()
        .fold(signed, SignedTransaction::with_approval)
}

fn check(signed: SignedTransaction) -> Result<CheckedTransaction, TransactionError> {
    signed.check(&genesis(4), SHARD, &mut KeyCache::default())
}

fn refused(change: impl FnOnce(&mut SignedTransaction)) -> TransactionError {
    let mut signed = approved();
    change(&mut signed);
    check(signed).unwrap_err()
}

#[test]
fn what_everybody_signed_is_admitted() {
    let checked = check(approved()).unwrap();
    assert_eq!(checked.signers(), [1, 2, 3].map(account).into());
    assert_eq!(checked.id(), approved().id());
    assert_eq!(checked.length(), approved().to_bytes().len());
    assert_eq!(checked.into_signed(), approved());
}

#[test]
fn a_transaction_reads_what_it_writes_and_nothing_else() {
    let bytes = approved().to_bytes();
    let read = |bytes: &[u8]| SignedTransaction::from_bytes(bytes, 1 << 16);
    assert_eq!(read(&bytes), Ok(approved()));
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err());
    }
    assert!(read(&[&*bytes, &[0]].concat()).is_err());
    let other_version = [&[2], &bytes[1..]].concat();
    assert_eq!(read(&other_version), Err(TransactionError::Version(2)));
    let limit = bytes.len() - 1;
    assert_eq!(
        SignedTransaction::from_bytes(&bytes, limit),
        Err(TransactionError::TooLong(bytes.len()))
    );
}

#[test]
fn l2_a_transaction_counts_on_its_own_ledger_and_shard_only() {
    let other = genesis(5);
    assert_eq!(
        approved().check(&other, SHARD, &mut KeyCache::default()),
        Err(TransactionError::ForeignChain(genesis(4).chain()))
    );
    assert_eq!(
        approved().check(&genesis(4), ShardId(0), &mut KeyCache::default()),
        Err(TransactionError::ForeignShard(SHARD))
    );
    // Nor does it help to say otherwise in what was signed.
    assert_eq!(
        refused(|it| it.transaction.nonce += 1),
        TransactionError::BadSignature(account(1))
    );
    let mut moved = approved();
    moved.transaction.shard = ShardId(0);
    assert_eq!(
        moved.check(&genesis(4), ShardId(0), &mut KeyCache::default()),
        Err(TransactionError::BadSignature(account(1)))
    );
    let mut moved = approved();
    moved.transaction.chain = other.chain();
    assert_eq!(
        moved.check(&other, SHARD, &mut KeyCache::default()),
        Err(TransactionError::BadSignature(account(1)))
    );
}

#[test]
fn nobody_can_make_another_valid_form_of_a_transaction() {
    for (change, error) in [
        (
            (|it| it.approvals.clear()) as fn(&mut SignedTransaction),
            TransactionError::Approvals(0, 2),
        ),
        (
            |it| it.approvals.truncate(1),
            TransactionError::Approvals(1, 2),
        ),
        (
            |it| it.approvals.swap(0, 1),
            TransactionError::Approvals(2, 2),
        ),
        (
            |it| it.approvals.push(it.approvals[1].clone()),
            TransactionError::Approvals(3, 2),
        ),
        (
            |it| it.transaction.approvers.swap(0, 1),
            TransactionError::ApproverOrder,
        ),
        (
            |it| {
                it.approvals.clear();
                it.transaction.approvers.clear();
            },
            TransactionError::BadSignature(account(1)),
        ),
        (
            |it| it.transaction.version = 3,
            TransactionError::Version(3),
        ),
    ] {
        assert_eq!(refused(change), error);
    }
    let sorted = [account(2), account(3)];
    let last = *sorted.iter().max().unwrap();
    assert_eq!(
        refused(|it| {
            let [first, second] = &mut it.approvals[..] else {
                unreachable!()
            };
            std::mem::swap(&mut first.signature, &mut second.signature);
        }),
        TransactionError::BadSignature(*sorted.iter().min().unwrap())
    );
    assert_eq!(
        refused(|it| it.approvals[1].signature = it.signature),
        TransactionError::BadSignature(last)
    );
}

#[test]
fn the_sender_cannot_agree_with_itself() {
    let mut own = transaction(&genesis(4));
    own.approvers = vec![account(1)];
    let approval = own.approve(&key(1));
    let signed = own.sign(&key(1)).with_approval(approval);
    assert_eq!(check(signed), Err(TransactionError::ApproverOrder));
}

#[test]
fn keys_under_which_anything_verifies_sign_nothing() {
    let weak = AccountKey::from_bytes(std::array::from_fn(|index| u8::from(index == 0)));
    assert!(matches!(
        refused(|it| it.transaction.sender = weak),
        TransactionError::Key(key, _) if key == weak
    ));
}

#[test]
fn a_draft_says_who_has_not_agreed() {
    let transaction = transaction(&genesis(4)).with_approvers([account(2), account(3)]);
    let approval = transaction.approve(&key(3));
    let signed = transaction.sign(&key(1)).with_approval(approval);
    assert_eq!(signed.missing().collect::<Vec<_>>(), [account(2)]);
    assert_eq!(approved().missing().count(), 0);
}

#[test]
fn every_byte_of_a_transaction_is_part_of_its_name() {
    let bytes = approved().to_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        if let Ok(changed) = SignedTransaction::from_bytes(&changed, 1 << 16) {
            assert_ne!(changed.id(), approved().id());
            assert!(check(changed).is_err());
        }
    }
}

// A cache must never change an answer.
#[test]
fn a_full_cache_of_keys_gives_the_same_answers() {
    let (genesis, mut keys) = (genesis(4), KeyCache::default());
    for _ in 0..3 {
        assert!(approved().check(&genesis, SHARD, &mut keys).is_ok());
        let mut forged = approved();
        forged.transaction.chain = ChainId::from_bytes(*Digest::from_bytes([1; 32]).as_bytes());
        assert!(forged.check(&genesis, SHARD, &mut keys).is_err());
    }
}
