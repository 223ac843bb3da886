//! How a member that has nothing begins: with a state that others hand it.
//!
//! Executing all blocks since the beginning would take as long as it took to make them. Instead a
//! snapshot is fetched, a few chunks at once from each of the members that have it, each chunk held
//! against what the committee made final before it is kept, and blocks are taken from there. Whose
//! votes counted by then is shown first, committee by committee from the genesis on. Whoever
//! hands out chunks can only be slow; one that hands out others is asked no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use tokio::sync::mpsc;
use tracing::{info, warn};
use wayside::ledger::{Handover, Key, Snapshot, SnapshotManifest, Value};

use crate::{
    fetching::Fetching,
    handovers::Record,
    runtime::Runtime,
    shard::{Ask, Part, Shard},
    snapshots::{Restored, Snapshots},
};

/// Fetches a snapshot.
pub(crate) struct StateSync<'a, E: Runtime> {
    runtime: &'a E,
    shard: Arc<Shard>,
    timeout: Duration,
    parts: mpsc::Receiver<Part>,
}

type Incoming = Snapshot<Key, Value>;

impl<'a, E: Runtime> StateSync<'a, E> {
    /// Takes parts for `shard` as they come, and asks another member after `timeout`.
    pub(crate) fn new(
        runtime: &'a E,
        shard: Arc<Shard>,
        timeout: Duration,
        parts: mpsc::Receiver<Part>,
    ) -> Self {
        Self {
            runtime,
            shard,
            timeout,
            parts,
        }
    }

    /// The state to begin with, once it is stored; `None` to begin with the genesis.
    pub(crate) async fn run(
        mut self,
        snapshots: &mut Snapshots<E>,
        handovers: &mut Record<E>,
    ) -> Option<Restored> {
        self.await_peers().await;
        let genesis = Arc::clone(&self.shard.genesis);
        for _ in 0..ROUNDS_MAX {
            let peers = self.shard.peers.lock().above(2 * genesis.snapshot_interval);
            let peers: Vec<_> = peers.into_iter().map(|(peer, _)| peer).collect();
            for peer in &peers {
                self.fetch_handovers(peer).await;
                let Some(incoming) = self.fetch_manifest(peer).await else {
                    continue;
                };
                let manifest = incoming.manifest().clone();
                if let Some(chunks) = self.fetch_chunks(&peers, incoming).await {
                    // Without them, nobody could tell whether the snapshot holds.
                    handovers.save().await;
                    snapshots.write(&manifest, chunks).await;
                    let height = manifest.finalized.header.height;
                    info!(shard = %self.shard.id, height, "begins with another member's snapshot");
                    return snapshots
                        .restore(&self.shard.handovers, self.shard.id)
                        .await;
                }
            }
        }
        // Nobody is that far, or whoever says so has nothing to show for it.
        None
    }

    /// Waits until enough others are there, of the newest committee that any of them can show.
    async fn await_peers(&mut self) {
        let mut asked = BTreeSet::new();
        while self.shard.standings().len() < self.shard.session().company() {
            let heard = self.shard.peers.lock().heard();
            for peer in heard {
                if asked.insert(peer.clone()) {
                    self.fetch_handovers(&peer).await;
                }
            }
            self.runtime.sleep(PEERS_INTERVAL).await;
        }
    }

    /// Asks a member for hand-overs from the newest committee that is known on, and enters the epoch
    /// of the newest that is shown.
    async fn fetch_handovers(&mut self, peer: &PublicKey) {
        let handovers = Arc::clone(&self.shard.handovers);
        while let Some(bytes) = self.fetch_handover(peer).await {
            let handover = Handover::from_bytes(&bytes);
            let known = handovers.newest().epoch();
            let added = handover.map(|it| handovers.add(&it));
            if !matches!(added, Some(Ok(()))) || handovers.newest().epoch() <= known {
                warn!(shard = %self.shard.id, ?peer, "refused a hand-over");
                break;
            }
        }
        let newest = handovers.newest();
        if newest.epoch() > self.shard.session().epoch() {
            info!(shard = %self.shard.id, epoch = newest.epoch(), "was shown a later committee");
            self.shard.enter(newest);
        }
    }

    /// Asks a member for the next hand-over; `None` if it has none.
    async fn fetch_handover(&mut self, peer: &PublicKey) -> Option<Vec<u8>> {
        let index = u32::try_from(self.shard.handovers.all().len()).ok()?;
        let bytes = self.fetch_part(peer, (HANDOVERS, index)).await?;
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Asks a member what its newest snapshot consists of; `None` if it does not say, or nothing
    /// that the committee made final.
    async fn fetch_manifest(&mut self, peer: &PublicKey) -> Option<Incoming> {
        let bytes = self.fetch_part(peer, (NEWEST, 0)).await?;
        let manifest = SnapshotManifest::from_bytes(&bytes).ok()?;
        let handovers = &self.shard.handovers;
        let committee = handovers.committee(manifest.finalized.header.epoch)?;
        match Incoming::new(manifest, &committee, handovers.chain(), self.shard.id) {
            Ok(incoming) if incoming.manifest().finalized.link.is_empty() => Some(incoming),
            Ok(_) => None,
            Err(error) => {
                warn!(shard = %self.shard.id, ?peer, %error, "refused a snapshot");
                None
            }
        }
    }

    /// Asks a member for a part of a snapshot, or a hand-over; `None` if it does not answer in time.
    async fn fetch_part(
        &mut self,
        peer: &PublicKey,
        (height, index): (u64, u32),
    ) -> Option<Vec<u8>> {
        self.shard.ask(Ask {
            peer: peer.clone(),
            height,
            index,
        });
        let deadline = self.runtime.current() + self.timeout;
        loop {
            select! {
                part = self.parts.recv() => {
                    let part = part?;
                    let is_handover = part.height == HANDOVERS;
                    let is_answer = is_handover == (height == HANDOVERS) || part.bytes.is_empty();
                    if part.peer == *peer && part.index == index && is_answer {
                        return Some(part.bytes);
                    }
                },
                _ = self.runtime.sleep_until(deadline) => return None,
            }
        }
    }

    /// Fetches all chunks of a snapshot from members that have it; `None` if none of them goes on
    /// handing them out.
    async fn fetch_chunks(
        &mut self,
        peers: &[PublicKey],
        mut incoming: Incoming,
    ) -> Option<Vec<Vec<u8>>> {
        let height = incoming.manifest().finalized.header.height;
        let count = incoming.manifest().chunks.len();
        let mut fetching = Fetching::new(peers, count, self.timeout);
        let mut chunks = BTreeMap::new();
        while chunks.len() < count {
            let now = self.runtime.current();
            fetching.expire(now);
            while let Some((peer, index)) = fetching.next(now) {
                let index = u32::try_from(index + 1).ok()?;
                self.shard.ask(Ask {
                    peer,
                    height,
                    index,
                });
            }
            let deadline = fetching.deadline()?;
            let part = select! {
                part = self.parts.recv() => part?,
                _ = self.runtime.sleep_until(deadline) => continue,
            };
            let index = usize::try_from(part.index).ok()?.checked_sub(1);
            let Some(index) = index.filter(|index| fetching.is_asked(*index, &part.peer)) else {
                continue;
            };
            if part.height != height {
                // It has not got this snapshot, or not any more.
                fetching.give_up(&part.peer);
                continue;
            }
            match incoming.add(index, &part.bytes) {
                Ok(()) => {
                    fetching.done(index);
                    chunks.insert(index, part.bytes);
                }
                Err(error) => {
                    let peer = &part.peer;
                    warn!(shard = %self.shard.id, ?peer, %error, "refused a part of a snapshot");
                    fetching.give_up(peer);
                }
            }
        }
        Some(chunks.into_values().collect())
    }
}

/// Asks for the newest snapshot, whatever its height is.
pub(crate) const NEWEST: u64 = 0;

/// Asks for a hand-over instead of a part of a snapshot.
pub(crate) const HANDOVERS: u64 = u64::MAX;

/// How often each member is asked before this one begins with the genesis.
const ROUNDS_MAX: usize = 3;

/// How often to look whether others are there.
const PEERS_INTERVAL: Duration = Duration::from_millis(50);
