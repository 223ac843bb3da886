use std::collections::BTreeSet;

use super::{Mempool, MempoolConfig, MempoolRefusal, Recent};
use crate::{
    id::ShardId,
    ledger::{
        CheckedTransaction, Genesis, Inadmissible, KeyCache, ScrapPart, State, Transaction,
        sample::{self, account, key},
    },
    time::Timestamp,
};

#[test]
fn what_waits_is_served_in_turn_by_sender_and_in_order_by_nonce() {
    let mut pool = pool(100, 100);
    for (sender, nonce) in [(1, 1), (1, 0), (1, 2), (2, 0), (3, 0)] {
        pool.insert(sender, nonce, None).unwrap();
    }
    let taken = pool.take(5);
    let by = |sender: u8| {
        let own = taken.iter().filter(|(it, _)| *it == sender);
        own.map(|(_, nonce)| *nonce).collect::<Vec<_>>()
    };
    assert_eq!((by(1), by(2), by(3)), (vec![0, 1, 2], vec![0], vec![0]));
    let first_round: BTreeSet<_> = taken.iter().take(3).map(|(sender, _)| *sender).collect();
    assert_eq!(first_round, BTreeSet::from([1, 2, 3]));
}

#[test]
fn l20_one_who_floods_crowds_out_only_itself() {
    let mut pool = pool(100, 1_000);
    for nonce in 0..100 {
        pool.insert(1, nonce, None).unwrap();
    }
    assert_eq!(pool.insert(1, 100, None), Err(MempoolRefusal::Full));
    for nonce in 0..10 {
        pool.insert(2, nonce, None).unwrap();
    }
    assert_eq!(pool.pool.len(), 100);
    let taken = pool.take(20);
    let of_two = taken.iter().filter(|(sender, _)| *sender == 2).count();
    assert_eq!(of_two, 10);
}

#[test]
fn l20_one_sender_has_few_waiting() {
    let mut pool = pool(100, 3);
    for nonce in 0..3 {
        pool.insert(1, nonce, None).unwrap();
    }
    assert_eq!(pool.insert(1, 3, None), Err(MempoolRefusal::SenderFull));
    pool.insert(2, 0, None).unwrap();
}

#[test]
fn l11_what_one_proposer_leaves_out_waits_for_the_next() {
    let mut pool = pool(100, 100);
    pool.insert(1, 0, None).unwrap();
    // Proposers that take it and never finalize it, or pass it over, do not make it go away.
    for _ in 0..3 {
        assert_eq!(pool.take(10), [(1, 0)]);
    }
    let taken = pool.transaction(1, 0, None).id();
    assert!(pool.pool.get(&taken).is_some());
    pool.pool.remove(&taken);
    assert_eq!(pool.take(10), []);
}

#[test]
fn what_can_never_be_executed_does_not_wait() {
    let mut pool = pool(100, 100);
    let stranger = pool.insert(30, 0, None);
    let expired = pool.insert(1, 0, Some(Timestamp::EPOCH));
    assert_eq!(
        [stranger, expired],
        [Inadmissible::UnknownSender, Inadmissible::Expired]
            .map(|reason| Err(MempoolRefusal::Inadmissible(reason)))
    );
    pool.insert(1, 0, None).unwrap();
    assert_eq!(pool.insert(1, 0, None), Err(MempoolRefusal::Waiting));
    let other = pool.insert(1, 0, Some(pool.genesis.created));
    assert_eq!(other, Err(MempoolRefusal::NonceWaiting));
}

#[test]
fn what_expires_while_it_waits_is_pruned() {
    let mut pool = pool(100, 100);
    let created = pool.genesis.created;
    pool.insert(1, 0, Some(created)).unwrap();
    pool.insert(2, 0, None).unwrap();
    let later = created.saturating_add(std::time::Duration::from_secs(1));
    assert_eq!(pool.pool.prune(&pool.genesis, &pool.state, later), 1);
    assert_eq!(pool.take(10), [(2, 0)]);
}

#[test]
fn what_a_block_used_is_dropped_whoever_sent_the_copy() {
    let mut pool = pool(100, 100);
    pool.insert(1, 0, None).unwrap();
    pool.pool.remove_nonce(account(1), 0);
    assert!(pool.pool.is_empty());
    assert_eq!(pool.take(10), []);
}

/// A pool, and what it takes to fill it.
#[test]
fn what_was_checked_lately_is_known_and_what_was_long_ago_is_forgotten() {
    let pool = pool(100, 100);
    let mut recent = Recent::new(4);
    let all: Vec<_> = (0..7).map(|it| pool.transaction(1, it, None)).collect();
    for (count, transaction) in (1..).zip(&all) {
        recent.insert(transaction.clone());
        recent.insert(transaction.clone());
        assert_eq!(recent.get(&transaction.id()), Some(transaction));
        assert!(recent.len() <= 4.min(count));
    }
    let known = |index: usize| recent.get(&all[index].id()).is_some();
    assert!(known(4) && known(5) && known(6));
    assert!(!known(0) && !known(1));
}

struct Filled {
    pool: Mempool,
    genesis: Genesis,
    state: State,
}

fn pool(count_max: usize, sender_max: usize) -> Filled {
    let genesis = sample::genesis(4);
    Filled {
        pool: Mempool::new(MempoolConfig {
            count_max,
            bytes_max: 1 << 20,
            sender_max,
        }),
        state: State::genesis(&genesis, ShardId(0)),
        genesis,
    }
}

impl Filled {
    fn insert(
        &mut self,
        sender: u8,
        nonce: u64,
        expires: Option<Timestamp>,
    ) -> Result<(), MempoolRefusal> {
        let transaction = self.transaction(sender, nonce, expires);
        let time = self.genesis.created;
        self.pool
            .insert(transaction, &self.genesis, &self.state, time)
    }

    fn transaction(
        &self,
        sender: u8,
        nonce: u64,
        expires: Option<Timestamp>,
    ) -> CheckedTransaction {
        let part = crate::ledger::PartTag::from_bytes([1; 32]);
        let transaction = Transaction {
            version: Transaction::VERSION,
            chain: self.genesis.chain(),
            shard: ShardId(0),
            sender: account(sender),
            nonce,
            expires,
            approvers: Vec::new(),
            action: ScrapPart { part }.into(),
        };
        let signed = transaction.sign(&key(sender));
        let mut keys = KeyCache::default();
        signed.check(&self.genesis, ShardId(0), &mut keys).unwrap()
    }

    /// The senders and nonces of what is taken.
    fn take(&mut self, count_max: usize) -> Vec<(u8, u64)> {
        let taken = self.pool.take(usize::MAX, count_max, &BTreeSet::new());
        let name = |it: &CheckedTransaction| {
            let sender = it.transaction().sender;
            let number = (0..=u8::MAX).find(|number| account(*number) == sender);
            (number.unwrap(), it.transaction().nonce)
        };
        taken.iter().map(name).collect()
    }
}
