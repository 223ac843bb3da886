use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use wayside::{
    crypto::Digest,
    id::ShardId,
    ledger::{AccountKey, HistoryLog, Key, NonceWindow, Peaks, State, Value},
    vault::RecordName,
};
use wayside_engine::Handle;

use super::Pending;
use crate::index::Index;

/// What the engine has made final, as far as it was followed.
pub(crate) struct Followed {
    engine: Handle,
    index: Index,
    pending: Pending,
    shards: Mutex<BTreeMap<ShardId, Shard>>,
    /// Everybody who holds a role, and some who did before.
    holders: Mutex<BTreeSet<AccountKey>>,
    /// Records that were erased, until they are taken.
    erasures: Mutex<Vec<RecordName>>,
    turns: watch::Sender<u64>,
}

/// How far a shard was followed.
#[derive(Default)]
struct Shard {
    /// The headers of all blocks so far, or of those after the snapshot with which the unit began.
    log: HistoryLog,
    /// The first block that is not followed yet.
    next: u64,
    /// How often blocks were passed over.
    jumps: u64,
}

impl Followed {
    /// Nothing is followed yet but what the index holds.
    pub(crate) fn new(engine: Handle, index: Index) -> Self {
        Self {
            engine,
            index,
            pending: Pending::default(),
            shards: Mutex::default(),
            holders: Mutex::default(),
            erasures: Mutex::default(),
            turns: watch::Sender::new(0),
        }
    }

    /// Where things stand.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Transactions that were handed in here and are not final.
    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Changes whenever more blocks were followed.
    pub(crate) fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    /// The height that is followed next.
    pub(crate) fn next_height(&self, shard: ShardId) -> u64 {
        let shards = self.lock();
        shards.get(&shard).map_or(0, |shard| shard.next)
    }

    /// Reads a shard's headers, as far back as they are known.
    pub(crate) fn with_log<T>(&self, shard: ShardId, read: impl FnOnce(&HistoryLog) -> T) -> T {
        read(&self.lock().entry(shard).or_default().log)
    }

    /// Everybody who holds a role in the shard that governs, and some who did before; sorted.
    pub(crate) fn role_holders(&self) -> Vec<AccountKey> {
        self.lock_holders().iter().copied().collect()
    }

    /// Waits until the block that is the newest now has been followed, or the unit ends.
    pub(crate) async fn wait_for_tip(&self, shard: ShardId) {
        let Some(tip) = self.engine.tip(shard) else {
            return;
        };
        let mut turns = self.turns();
        while self.next_height(shard) <= tip.header.height {
            if turns.changed().await.is_err() {
                return;
            }
        }
    }

    /// Looks through the whole state of the shard that governs for those who hold a role; whoever is
    /// granted one later, a followed block tells.
    pub(super) fn find_role_holders(&self) {
        let Some(tip) = self.engine.tip(ShardId::GOVERNANCE) else {
            return;
        };
        let mut holders = self.lock_holders();
        for (key, _) in tip.state.iter() {
            if let Key::Role(holder) = key {
                holders.insert(*holder);
            }
        }
    }

    /// Notes that somebody was granted a role.
    pub(super) fn add_role_holder(&self, holder: AccountKey) {
        self.lock_holders().insert(holder);
    }

    /// Adds a followed block's header.
    pub(super) fn append(&self, shard: ShardId, height: u64, digest: Digest) {
        let mut shards = self.lock();
        let shard = shards.entry(shard).or_default();
        assert_eq!(
            shard.next, height,
            "blocks are followed one after the other"
        );
        shard.next += 1;
        // The log may begin above the blocks that are kept: those prove themselves by own votes.
        if shard.log.count() == height {
            shard.log.append(digest);
        }
    }

    /// Goes on at a height, since what comes before is not kept here. `past` has the tops over the
    /// headers before it, or over some more.
    pub(super) fn skip_to(&self, shard: ShardId, height: u64, past: &Peaks) {
        let mut shards = self.lock();
        let followed = shards.entry(shard).or_default();
        followed.log = HistoryLog::after(past);
        followed.next = height;
        followed.jumps += 1;
    }

    /// How often blocks of a shard were passed over, since they are not kept here.
    pub(crate) fn jumps(&self, shard: ShardId) -> u64 {
        let shards = self.lock();
        shards.get(&shard).map_or(0, |shard| shard.jumps)
    }

    /// Takes the names of records that were erased since this was called last.
    pub(crate) fn take_erasures(&self) -> Vec<RecordName> {
        // Every change is one call that leaves it whole.
        let mut erasures = self.erasures.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *erasures)
    }

    /// Notes that a record was erased.
    pub(super) fn add_erasure(&self, name: RecordName) {
        let mut erasures = self.erasures.lock().unwrap_or_else(PoisonError::into_inner);
        erasures.push(name);
    }

    /// Wakes whoever waits.
    pub(super) fn turn(&self) {
        self.turns.send_modify(|turns| *turns += 1);
    }

    fn lock_holders(&self) -> MutexGuard<'_, BTreeSet<AccountKey>> {
        // Every change is one call that leaves it whole.
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, Shard>> {
        // Every change is one call that leaves it whole.
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which nonces an account has used.
pub(crate) fn nonces(state: &State, key: AccountKey) -> NonceWindow {
    if let Some(Value::Account(account)) = state.get(&Key::Account(key)) {
        account.nonces
    } else {
        NonceWindow::default()
    }
}
