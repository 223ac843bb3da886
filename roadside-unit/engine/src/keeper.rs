//! Writes snapshots while blocks go on, and hands them to members that have nothing.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::info;
use wayside::ledger::{FinalizedHeader, Header, SnapshotManifest, State};

use crate::{runtime::Runtime, shard::Shard, snapshots::Snapshots};

/// What the keeper is asked to do.
pub(crate) enum Order {
    /// To write a snapshot.
    Write(Box<Border>),
    /// For a part of a snapshot, and its height.
    Part {
        /// The snapshot's height; 0 for the newest.
        height: u64,
        /// Which: 0 is the manifest, then come the chunks.
        index: usize,
        /// Who waits.
        answer: oneshot::Sender<Option<(u64, Vec<u8>)>>,
    },
}

/// A state that a later header has the snapshot's root of.
pub(crate) struct Border {
    /// The header whose state it is.
    pub(crate) base: Header,
    /// The state.
    pub(crate) state: State,
    /// The header after it, final by votes of its own.
    pub(crate) finalized: FinalizedHeader,
}

/// Follows orders until the runtime stops.
pub(crate) async fn keep_snapshots<E: Runtime>(
    runtime: E,
    shard: Arc<Shard>,
    mut snapshots: Snapshots<E>,
    mut orders: mpsc::Receiver<Order>,
) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Write(border) => {
                let task = runtime.child("encode").shared(true);
                let encoded = task.spawn(move |_| async move {
                    let Border {
                        base,
                        state,
                        finalized,
                    } = *border;
                    let manifest = SnapshotManifest::new(&state, base, finalized);
                    (manifest, state.snapshot_chunks().collect::<Vec<_>>())
                });
                let Ok((manifest, chunks)) = encoded.await else {
                    return;
                };
                let height = manifest.finalized.header.height;
                snapshots.write(&manifest, chunks).await;
                shard.saw_snapshot(height);
                info!(shard = %shard.id, height, "wrote a snapshot");
            }
            Order::Part {
                height,
                index,
                answer,
            } => {
                // Whoever asked may have gone.
                let _ = answer.send(snapshots.part(height, index).await);
            }
        }
    }
}
