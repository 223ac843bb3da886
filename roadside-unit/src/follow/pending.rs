use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wayside::{
    id::ShardId,
    ledger::{AccountKey, SignedTransaction, TransactionId},
    time::Instant,
};

/// The transactions that were handed in at this unit and are not final yet.
///
/// For answers only: the engine keeps what it will propose. At the bound the oldest is forgotten, and
/// whoever asks for it is told that it is unknown until it is final.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    by_id: BTreeMap<TransactionId, Waiter>,
    nonces: BTreeSet<(ShardId, AccountKey, u64)>,
    order: VecDeque<TransactionId>,
}

#[derive(Clone, Copy)]
struct Waiter {
    shard: ShardId,
    sender: AccountKey,
    nonce: u64,
    since: Instant,
}

impl Pending {
    /// Notes a transaction.
    pub(crate) fn note(&self, id: TransactionId, signed: &SignedTransaction, now: Instant) {
        let mut waiting = self.lock();
        while waiting.order.len() >= PENDING_MAX
            && let Some(oldest) = waiting.order.pop_front()
        {
            waiting.remove(&oldest);
        }
        let transaction = &signed.transaction;
        let waiter = Waiter {
            shard: transaction.shard,
            sender: transaction.sender,
            nonce: transaction.nonce,
            since: now,
        };
        waiting.order.push_back(id);
        waiting.nonces.insert(waiter.place());
        waiting.by_id.insert(id, waiter);
    }

    /// Forgets a transaction, which is final or was not taken; returns since when it waited.
    pub(crate) fn forget(&self, id: &TransactionId) -> Option<Instant> {
        self.lock().remove(id)
    }

    /// The shard of a transaction that waits.
    pub(crate) fn shard(&self, id: &TransactionId) -> Option<ShardId> {
        self.lock().by_id.get(id).map(|waiter| waiter.shard)
    }

    /// The first nonce from `next` on that no waiting transaction of the account uses.
    pub(crate) fn next_nonce(&self, shard: ShardId, sender: AccountKey, next: u64) -> u64 {
        let waiting = self.lock();
        let used = waiting
            .nonces
            .range((shard, sender, next)..=(shard, sender, u64::MAX));
        used.last()
            .map_or(next, |(_, _, nonce)| nonce.saturating_add(1))
    }

    /// Forgets what has waited for so long that no block will ever hold it, for instance because it
    /// has expired.
    pub(crate) fn expire(&self, now: Instant) {
        let mut waiting = self.lock();
        while let Some(oldest) = waiting.order.front().copied() {
            let waits = waiting.by_id.get(&oldest);
            if waits.is_some_and(|it| now.since(it.since) < WAIT_MAX) {
                return;
            }
            waiting.order.pop_front();
            waiting.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whatever of it a panic has left, nothing but answers depends on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn remove(&mut self, id: &TransactionId) -> Option<Instant> {
        let waiter = self.by_id.remove(id)?;
        self.nonces.remove(&waiter.place());
        Some(waiter.since)
    }
}

impl Waiter {
    fn place(&self) -> (ShardId, AccountKey, u64) {
        (self.shard, self.sender, self.nonce)
    }
}

pub(super) const PENDING_MAX: usize = 65_536;
const WAIT_MAX: Duration = Duration::from_secs(600);
