//! How a member that has nothing begins: with a state that others hand it.
//!
//! Executing all blocks since the beginning would take as long as it took to make them. Instead the
//! newest snapshot of another member is fetched, chunk by chunk, each held against what the
//! committee made final, and blocks are taken from there. Whoever hands out the chunks can only be
//! slow.

use std::{sync::Arc, time::Duration};

use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use tokio::sync::mpsc;
use tracing::{info, warn};
use wayside::ledger::{Key, Snapshot, SnapshotManifest, Value};

use crate::{
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
        let mut round = 0;
        loop {
            let peers = self.shard.peers.lock().above(2 * genesis.snapshot_interval);
            if round >= ROUNDS_MAX * peers.len() {
                // Nobody is that far, or whoever says so has nothing to show for it.
                return None;
            }
            let peer = peers.into_iter().map(|(peer, _)| peer).cycle().nth(round)?;
            round += 1;
            let Some(manifest) = self.fetch_manifest(&peer).await else {
                continue;
            };
            let (committee, chain) = (genesis.committee(), genesis.chain());
            let incoming = Incoming::new(manifest.clone(), committee, chain, self.shard.id);
            let incoming = match incoming {
                Ok(incoming) if manifest.finalized.link.is_empty() => incoming,
                Ok(_) => continue,
                Err(error) => {
                    warn!(shard = %self.shard.id, ?peer, %error, "refused a snapshot");
                    continue;
                }
            };
            if let Some(chunks) = self.fetch_chunks(&peer, incoming).await {
                snapshots.write(&manifest, chunks).await;
                let height = manifest.finalized.header.height;
                info!(shard = %self.shard.id, height, "begins with another member's snapshot");
                return snapshots.restore(&genesis, self.shard.id).await;
            }
        }
    }

    /// Waits until enough others are there.
    async fn await_peers(&self) {
        while self.shard.peers.lock().heard() < self.shard.company() {
            self.runtime.sleep(PEERS_INTERVAL).await;
        }
    }

    async fn fetch_manifest(&mut self, peer: &PublicKey) -> Option<SnapshotManifest> {
        let part = self.fetch(peer, 0).await?;
        SnapshotManifest::from_bytes(&part.bytes).ok()
    }

    /// Fetches all chunks of a snapshot from one member; `None` if it does not go on handing them
    /// out.
    async fn fetch_chunks(
        &mut self,
        peer: &PublicKey,
        mut incoming: Incoming,
    ) -> Option<Vec<Vec<u8>>> {
        let height = incoming.manifest().finalized.header.height;
        let mut chunks = Vec::new();
        while let Some(index) = incoming.missing() {
            let part = self.fetch(peer, index + 1).await?;
            if part.height != height {
                return None;
            }
            if let Err(error) = incoming.add(index, &part.bytes) {
                warn!(shard = %self.shard.id, ?peer, %error, "refused a part of a snapshot");
                return None;
            }
            chunks.push(part.bytes);
        }
        Some(chunks)
    }

    async fn fetch(&mut self, peer: &PublicKey, index: usize) -> Option<Part> {
        let index = u32::try_from(index).ok()?;
        let ask = Ask {
            peer: peer.clone(),
            index,
        };
        self.shard.ask(ask);
        let deadline = self.runtime.current() + self.timeout;
        loop {
            select! {
                part = self.parts.recv() => {
                    let part = part?;
                    if part.peer == *peer && part.index == index {
                        return Some(part);
                    }
                },
                _ = self.runtime.sleep_until(deadline) => return None,
            }
        }
    }
}

/// How often each member is asked before this one begins with the genesis.
const ROUNDS_MAX: usize = 3;

/// How often to look whether others are there.
const PEERS_INTERVAL: Duration = Duration::from_millis(50);
