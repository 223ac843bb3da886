//! How a member that has nothing begins: with a state that others hand it.
//!
//! Executing all blocks since the beginning would take as long as it took to make them. Instead a
//! snapshot is fetched, a few chunks at once from each of the members that have it, each chunk held
//! against what the committee made final before it is kept, and blocks are taken from there. Whoever
//! hands out chunks can only be slow; one that hands out others is asked no more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use tokio::sync::mpsc;
use tracing::{info, warn};
use wayside::ledger::{Key, Snapshot, SnapshotManifest, Value};

use crate::{
    fetching::Fetching,
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
    pub(crate) async fn run(mut self, snapshots: &mut Snapshots<E>) -> Option<Restored> {
        self.await_peers().await;
        let genesis = Arc::clone(&self.shard.genesis);
        for _ in 0..ROUNDS_MAX {
            let peers = self.shard.peers.lock().above(2 * genesis.snapshot_interval);
            let peers: Vec<_> = peers.into_iter().map(|(peer, _)| peer).collect();
            for peer in &peers {
                let Some(incoming) = self.fetch_manifest(peer).await else {
                    continue;
                };
                let manifest = incoming.manifest().clone();
                if let Some(chunks) = self.fetch_chunks(&peers, incoming).await {
                    snapshots.write(&manifest, chunks).await;
                    let height = manifest.finalized.header.height;
                    info!(shard = %self.shard.id, height, "begins with another member's snapshot");
                    return snapshots.restore(&genesis, self.shard.id).await;
                }
            }
        }
        // Nobody is that far, or whoever says so has nothing to show for it.
        None
    }

    /// Waits until enough others are there.
    async fn await_peers(&self) {
        while self.shard.peers.lock().heard() < self.shard.company() {
            self.runtime.sleep(PEERS_INTERVAL).await;
        }
    }

    /// Asks a member what its newest snapshot consists of; `None` if it does not say, or nothing
    /// that the committee made final.
    async fn fetch_manifest(&mut self, peer: &PublicKey) -> Option<Incoming> {
        self.shard.ask(Ask {
            peer: peer.clone(),
            height: NEWEST,
            index: 0,
        });
        let deadline = self.runtime.current() + self.timeout;
        let part = loop {
            select! {
                part = self.parts.recv() => {
                    let part = part?;
                    if part.peer == *peer && part.index == 0 {
                        break part;
                    }
                },
                _ = self.runtime.sleep_until(deadline) => return None,
            }
        };
        let manifest = SnapshotManifest::from_bytes(&part.bytes).ok()?;
        let genesis = &self.shard.genesis;
        let (committee, chain) = (genesis.committee(), genesis.chain());
        match Incoming::new(manifest, committee, chain, self.shard.id) {
            Ok(incoming) if incoming.manifest().finalized.link.is_empty() => Some(incoming),
            Ok(_) => None,
            Err(error) => {
                warn!(shard = %self.shard.id, ?peer, %error, "refused a snapshot");
                None
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

/// How often each member is asked before this one begins with the genesis.
const ROUNDS_MAX: usize = 3;

/// How often to look whether others are there.
const PEERS_INTERVAL: Duration = Duration::from_millis(50);
