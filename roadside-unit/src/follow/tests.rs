use std::time::Duration;

use wayside::{
    crypto::{Digest, SigningKey},
    id::{ChainId, ShardId},
    ledger::{AccountKey, Action, SetShard, SignedTransaction, Transaction},
    time::Instant,
};

use super::{Pending, pending::PENDING_MAX};

#[test]
fn nonces_of_waiting_transactions_are_not_offered_again() {
    let pending = Pending::default();
    let (key, sender) = key();
    let one = signed(&key, 3);
    pending.note(one.id(), &one, at(0));

    assert_eq!(pending.next_nonce(SHARD, sender, 0), 4);
    assert_eq!(pending.next_nonce(SHARD, sender, 9), 9);
    assert_eq!(pending.next_nonce(ShardId(2), sender, 0), 0);

    pending.forget(&one.id());
    assert_eq!(pending.next_nonce(SHARD, sender, 0), 0);
}

#[test]
fn the_oldest_is_forgotten_at_the_bound() {
    let pending = Pending::default();
    let (key, _) = key();
    let some = signed(&key, 0);
    let id = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        wayside::ledger::TransactionId::from_digest(Digest::from_bytes(bytes))
    };
    for number in 0..=PENDING_MAX {
        pending.note(id(number), &some, at(0));
    }

    assert_eq!(pending.shard(&id(0)), None);
    assert_eq!(pending.shard(&id(1)), Some(SHARD));
    assert_eq!(pending.shard(&id(PENDING_MAX)), Some(SHARD));
}

#[test]
fn what_no_block_ever_holds_is_forgotten() {
    let pending = Pending::default();
    let (key, _) = key();
    let (old, new) = (signed(&key, 0), signed(&key, 1));
    pending.note(old.id(), &old, at(0));
    pending.note(new.id(), &new, at(500));

    pending.expire(at(700));

    assert_eq!(pending.shard(&old.id()), None);
    assert_eq!(pending.shard(&new.id()), Some(SHARD));
}

fn key() -> (SigningKey, AccountKey) {
    let key = SigningKey::from_seed(&[7; 32]);
    let account = AccountKey::from(key.verifying_key());
    (key, account)
}

fn signed(key: &SigningKey, nonce: u64) -> SignedTransaction {
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: ChainId::from_bytes([1; 32]),
        shard: SHARD,
        sender: AccountKey::from(key.verifying_key()),
        nonce,
        expires: None,
        approvers: Vec::new(),
        action: Action::SetShard(SetShard {
            shard: SHARD,
            weight: 1,
        }),
    };
    transaction.sign(key)
}

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

const SHARD: ShardId = ShardId(1);
