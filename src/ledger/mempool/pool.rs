use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ledger::{
        AccountKey, CheckedTransaction, Genesis, Inadmissible, StateView, TransactionId, admit,
    },
    time::Timestamp,
};

/// How much may wait.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolConfig {
    /// How many transactions of one shard.
    pub count_max: usize,
    /// How many bytes they may have together.
    pub bytes_max: usize,
    /// How many of one sender.
    pub sender_max: usize,
}

/// Transactions of one shard that wait for a block.
#[derive(Debug)]
pub struct Mempool {
    config: MempoolConfig,
    senders: BTreeMap<AccountKey, BTreeMap<u64, CheckedTransaction>>,
    places: BTreeMap<TransactionId, (AccountKey, u64)>,
    /// How many each sender has waiting, to find who has the most.
    loads: BTreeSet<(usize, AccountKey)>,
    bytes: usize,
    /// Who was served last.
    served: Option<AccountKey>,
    /// Who was pruned last.
    pruned: Option<AccountKey>,
}

/// Why a transaction may not wait here.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum MempoolRefusal {
    /// The very same is waiting already.
    #[error("it is waiting already")]
    Waiting,
    /// Another transaction of the sender with this nonce is waiting; only one can be executed.
    #[error("another transaction with this nonce is waiting")]
    NonceWaiting,
    /// It will never have a place in a block.
    #[error(transparent)]
    Inadmissible(Inadmissible),
    /// The sender has as many waiting as anybody may; later there may be room.
    #[error("the sender has too many transactions waiting")]
    SenderFull,
    /// As many wait as may, and no sender has more of them; later there may be room.
    #[error("too many transactions are waiting")]
    Full,
}

impl Mempool {
    /// Without transactions.
    pub fn new(config: MempoolConfig) -> Self {
        Self {
            config,
            senders: BTreeMap::new(),
            places: BTreeMap::new(),
            loads: BTreeSet::new(),
            bytes: 0,
            served: None,
            pruned: None,
        }
    }

    /// Lets a transaction wait, if on this state and at this time it may have a place in a block, be
    /// it later.
    pub fn insert(
        &mut self,
        transaction: CheckedTransaction,
        genesis: &Genesis,
        state: &impl StateView,
        time: Timestamp,
    ) -> Result<(), MempoolRefusal> {
        if self.places.contains_key(&transaction.id()) {
            return Err(MempoolRefusal::Waiting);
        }
        match admit(genesis, state, transaction.transaction(), time) {
            Err(error) if !error.is_for_now() => return Err(MempoolRefusal::Inadmissible(error)),
            Err(_) | Ok(()) => {}
        }
        self.push(transaction)
    }

    /// Lets a transaction wait without asking whether it may ever have a place in a block.
    pub fn push(&mut self, transaction: CheckedTransaction) -> Result<(), MempoolRefusal> {
        if self.places.contains_key(&transaction.id()) {
            return Err(MempoolRefusal::Waiting);
        }
        let sender = transaction.transaction().sender;
        let nonce = transaction.transaction().nonce;
        let load = self.load(&sender);
        let own = self.senders.get(&sender);
        if own.is_some_and(|own| own.contains_key(&nonce)) {
            return Err(MempoolRefusal::NonceWaiting);
        }
        if load >= self.config.sender_max {
            return Err(MempoolRefusal::SenderFull);
        }
        while !self.has_room(transaction.length()) {
            if !self.make_room(load) {
                return Err(MempoolRefusal::Full);
            }
        }
        self.bytes += transaction.length();
        self.places.insert(transaction.id(), (sender, nonce));
        let own = self.senders.entry(sender).or_default();
        own.insert(nonce, transaction);
        self.set_load(sender, load);
        Ok(())
    }

    /// One that waits.
    pub fn get(&self, id: &TransactionId) -> Option<&CheckedTransaction> {
        let (sender, nonce) = self.places.get(id)?;
        self.senders.get(sender)?.get(nonce)
    }

    /// All that wait.
    pub fn iter(&self) -> impl Iterator<Item = &CheckedTransaction> {
        self.senders.values().flat_map(BTreeMap::values)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Copies of those that a block has room for, one of each sender in turn, without those in
    /// `except`; they go on waiting.
    pub fn take(
        &mut self,
        bytes_max: usize,
        count_max: usize,
        except: &BTreeSet<TransactionId>,
    ) -> Vec<CheckedTransaction> {
        let after = self.senders.range(bounds_after(self.served));
        let before = self.senders.iter();
        let turn = after.chain(before).take(self.senders.len());
        let mut queues: Vec<_> = turn.map(|(sender, own)| (*sender, own.values())).collect();
        let (mut taken, mut bytes_left) = (Vec::new(), bytes_max);
        while !queues.is_empty() {
            let mut rest = Vec::with_capacity(queues.len());
            for (sender, mut queue) in queues {
                if taken.len() >= count_max {
                    return taken;
                }
                let next = queue.find(|waiting| !except.contains(&waiting.id()));
                let Some(next) = next.filter(|next| next.length() <= bytes_left) else {
                    continue;
                };
                bytes_left -= next.length();
                taken.push(next.clone());
                self.served = Some(sender);
                rest.push((sender, queue));
            }
            queues = rest;
        }
        taken
    }

    /// Drops one that waits, if it does.
    pub fn remove(&mut self, id: &TransactionId) {
        if let Some((sender, nonce)) = self.places.get(id).copied() {
            self.drop_nonce(sender, nonce);
        }
    }

    /// Drops whatever waits with a nonce that a final block has used.
    pub fn remove_nonce(&mut self, sender: AccountKey, nonce: u64) {
        self.drop_nonce(sender, nonce);
    }

    /// Drops what will never have a place in a block any more, of a few senders at each call, each
    /// in its turn; returns how many.
    pub fn prune(&mut self, genesis: &Genesis, state: &impl StateView, time: Timestamp) -> usize {
        let after = self.senders.range(bounds_after(self.pruned));
        let turn: Vec<_> = after.map(|(sender, _)| *sender).take(PRUNED_MAX).collect();
        self.pruned = turn.last().copied();
        let mut lost = Vec::new();
        for (sender, own) in turn.iter().filter_map(|it| self.senders.get_key_value(it)) {
            for (nonce, waiting) in own {
                let admitted = admit(genesis, state, waiting.transaction(), time);
                if admitted.is_err_and(|error| !error.is_for_now()) {
                    lost.push((*sender, *nonce));
                }
            }
        }
        for (sender, nonce) in &lost {
            self.drop_nonce(*sender, *nonce);
        }
        lost.len()
    }

    fn has_room(&self, length: usize) -> bool {
        self.places.len() < self.config.count_max
            && self.bytes.saturating_add(length) <= self.config.bytes_max
    }

    /// Drops the last one of whoever has the most waiting, if that is more than `load` and one.
    fn make_room(&mut self, load: usize) -> bool {
        let Some((most, sender)) = self.loads.last().copied() else {
            return false;
        };
        let own = self.senders.get(&sender);
        let last = own.and_then(|own| own.last_key_value());
        match last.map(|(nonce, _)| *nonce) {
            Some(nonce) if most > load + 1 => {
                self.drop_nonce(sender, nonce);
                true
            }
            Some(_) | None => false,
        }
    }

    fn drop_nonce(&mut self, sender: AccountKey, nonce: u64) {
        let load = self.load(&sender);
        let Some(own) = self.senders.get_mut(&sender) else {
            return;
        };
        let Some(dropped) = own.remove(&nonce) else {
            return;
        };
        if own.is_empty() {
            self.senders.remove(&sender);
        }
        self.bytes -= dropped.length();
        self.places.remove(&dropped.id());
        self.set_load(sender, load);
    }

    fn load(&self, sender: &AccountKey) -> usize {
        self.senders.get(sender).map_or(0, BTreeMap::len)
    }

    fn set_load(&mut self, sender: AccountKey, before: usize) {
        self.loads.remove(&(before, sender));
        let load = self.load(&sender);
        if load > 0 {
            self.loads.insert((load, sender));
        }
    }
}

impl Default for MempoolConfig {
    fn default() -> Self {
        Self {
            count_max: 65_536,
            bytes_max: 64 << 20,
            sender_max: 16_384,
        }
    }
}

/// Everybody after somebody; everybody if there is nobody.
fn bounds_after(sender: Option<AccountKey>) -> (Bound<AccountKey>, Bound<AccountKey>) {
    (
        sender.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

/// How many senders one call of [`Mempool::prune`] looks at.
const PRUNED_MAX: usize = 64;
