use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use wayside::{
    crypto::Digest,
    id::ShardId,
    ledger::AttachRecord,
    vault::{KeptPayload, KeptShare, KeptShares, RecordName},
};

use super::{
    VaultError,
    store::{Piece, Pieces, Store},
};

/// What this unit keeps of records. All of it blocks on the disk.
pub(crate) struct Vault {
    store: Store,
    bytes_max: u64,
    held: Mutex<Held>,
    /// Wakes whoever sweeps.
    news: Notify,
}

/// What is on disk, by name and length.
struct Held {
    pieces: Pieces,
    bytes: u64,
    open: BTreeSet<ShardId>,
    fresh: BTreeSet<ShardId>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Usage {
    /// Of so many records.
    pub(crate) records: u64,
    /// So many bytes.
    pub(crate) bytes: u64,
    /// At most.
    pub(crate) bytes_max: u64,
}

impl Vault {
    /// Opens it; no shard is served yet.
    pub(crate) fn open(folder: PathBuf, bytes_max: u64) -> Result<Self, VaultError> {
        let (store, pieces) = Store::open(folder)?;
        let held = Held {
            bytes: pieces.values().sum(),
            pieces,
            open: BTreeSet::new(),
            fresh: BTreeSet::new(),
        };
        Ok(Self {
            store,
            bytes_max,
            held: Mutex::new(held),
            news: Notify::new(),
        })
    }

    /// How much is kept.
    pub(crate) fn usage(&self) -> Usage {
        let held = self.lock();
        let names: BTreeSet<_> = held.pieces.keys().map(|(name, _)| name).collect();
        Usage {
            records: u64::try_from(names.len()).unwrap_or(u64::MAX),
            bytes: held.bytes,
            bytes_max: self.bytes_max,
        }
    }

    /// Whether all that is erased in a shard has been destroyed, so that the rest may be served.
    pub(crate) fn is_open(&self, shard: ShardId) -> bool {
        self.lock().open.contains(&shard)
    }

    /// Notes that the final state of a shard holds something that was signed here since the unit
    /// started: whatever was final before that stands in it too.
    pub(crate) fn witness(&self, shard: ShardId) {
        if self.lock().fresh.insert(shard) {
            self.news.notify_one();
        }
    }

    /// Whether that was noted.
    pub(super) fn is_witnessed(&self, shard: ShardId) -> bool {
        self.lock().fresh.contains(&shard)
    }

    /// Returns once it was noted of a shard.
    pub(super) async fn witnessed(&self) {
        self.news.notified().await;
    }

    /// Serves a shard's records from now on.
    pub(super) fn serve(&self, shard: ShardId) {
        self.lock().open.insert(shard);
    }

    /// The records of a shard of which something is kept.
    pub(super) fn names(&self, shard: ShardId) -> BTreeSet<RecordName> {
        let held = self.lock();
        let names = held.pieces.keys().map(|(name, _)| *name);
        names.filter(|name| name.vehicle.home == shard).collect()
    }

    /// Keeps sealed bytes, which were compared with what the ledger says of them.
    pub(crate) fn put_payload(
        &self,
        attached: &AttachRecord,
        payload: Vec<u8>,
    ) -> Result<(), VaultError> {
        let name = RecordName::of(attached);
        let mut held = self.lock();
        self.require_same(&held, attached)?;
        if held.pieces.contains_key(&(name, Piece::Payload)) {
            return Ok(());
        }
        let kept = KeptPayload::new(attached.clone(), payload);
        self.write(&mut held, name, Piece::Payload, &kept.to_bytes())
    }

    /// Keeps a share, which was opened and is good; beside another one, if that is of an earlier deal.
    pub(crate) fn put_share(
        &self,
        attached: &AttachRecord,
        share: KeptShare,
    ) -> Result<(), VaultError> {
        let name = RecordName::of(attached);
        let mut held = self.lock();
        self.require_same(&held, attached)?;
        let kept = match self.read_shares(&name)? {
            None => KeptShares::new(attached.clone(), share)?,
            Some(mut kept) => {
                if !kept.add(share)? {
                    return Ok(());
                }
                kept
            }
        };
        self.write(&mut held, name, Piece::Shares, &kept.to_bytes())
    }

    /// Keeps the share of one deal alone; none, if there is none of that deal. Returns whether there is.
    pub(crate) fn settle(&self, name: &RecordName, deal: Digest) -> Result<bool, VaultError> {
        let mut held = self.lock();
        let Some(mut kept) = self.read_shares(name)? else {
            return Ok(false);
        };
        let is_kept = kept.settle(deal);
        if is_kept {
            self.write(&mut held, *name, Piece::Shares, &kept.to_bytes())?;
        } else {
            self.erase_piece(&mut held, name, Piece::Shares)?;
        }
        Ok(is_kept)
    }

    /// The sealed bytes of a record.
    pub(crate) fn payload(&self, name: &RecordName) -> Result<Option<KeptPayload>, VaultError> {
        let _held = self.lock();
        self.read_payload(name)
    }

    /// The custodian's shares of a record's key.
    pub(crate) fn shares(&self, name: &RecordName) -> Result<Option<KeptShares>, VaultError> {
        let _held = self.lock();
        self.read_shares(name)
    }

    /// Destroys all that is kept of a record; returns whether that was anything.
    pub(crate) fn erase(&self, name: &RecordName) -> Result<bool, VaultError> {
        let mut held = self.lock();
        let mut was_kept = false;
        // The shares first: without them the rest is noise.
        for piece in [Piece::Shares, Piece::Payload] {
            was_kept |= self.erase_piece(&mut held, name, piece)?;
        }
        Ok(was_kept)
    }

    fn erase_piece(
        &self,
        held: &mut Held,
        name: &RecordName,
        piece: Piece,
    ) -> Result<bool, VaultError> {
        // Also where it is not known to be there: a file may have been put back by hand.
        self.store.erase(name, piece)?;
        let length = held.pieces.remove(&(*name, piece));
        held.bytes = held.bytes.saturating_sub(length.unwrap_or(0));
        Ok(length.is_some())
    }

    fn write(
        &self,
        held: &mut Held,
        name: RecordName,
        piece: Piece,
        bytes: &[u8],
    ) -> Result<(), VaultError> {
        let length = bytes.len() as u64;
        let before = held.pieces.get(&(name, piece)).copied().unwrap_or(0);
        let after = held.bytes.saturating_sub(before).saturating_add(length);
        if after > self.bytes_max && after > held.bytes {
            return Err(VaultError::Full(held.bytes));
        }
        self.store.write(&name, piece, bytes)?;
        held.pieces.insert((name, piece), length);
        held.bytes = after;
        Ok(())
    }

    /// A commitment may be attached again, as another class; what was first holds.
    fn require_same(&self, held: &Held, attached: &AttachRecord) -> Result<(), VaultError> {
        let name = RecordName::of(attached);
        let mut known = None;
        if held.pieces.contains_key(&(name, Piece::Shares)) {
            known = self.read_shares(&name)?.map(|kept| kept.attached);
        } else if held.pieces.contains_key(&(name, Piece::Payload)) {
            known = self.read_payload(&name)?.map(|kept| kept.attached);
        }
        let is_same = known.is_none_or(|known| known == *attached);
        is_same.then_some(()).ok_or(VaultError::OtherAttachment)
    }

    fn read_payload(&self, name: &RecordName) -> Result<Option<KeptPayload>, VaultError> {
        let Some(bytes) = self.store.read(name, Piece::Payload)? else {
            return Ok(None);
        };
        let damaged = |_| VaultError::Damaged(self.store.path(name, Piece::Payload));
        KeptPayload::from_bytes(&bytes).map(Some).map_err(damaged)
    }

    fn read_shares(&self, name: &RecordName) -> Result<Option<KeptShares>, VaultError> {
        let Some(bytes) = self.store.read(name, Piece::Shares)? else {
            return Ok(None);
        };
        let damaged = |_| VaultError::Damaged(self.store.path(name, Piece::Shares));
        KeptShares::from_bytes(&bytes).map(Some).map_err(damaged)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // After a panic in the middle of a change only the count of bytes may be wrong.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
