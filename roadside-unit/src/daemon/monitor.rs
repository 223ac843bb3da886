use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use wayside::{
    telemetry::{LedgerMetrics, Metrics, RulesKnown, ShardStanding},
    time::Timestamp,
    transport::Clock,
};
use wayside_engine::{Handle, stored_bytes};

use super::unit::{INDEX_FILE, ledger_folder};

/// Looks once a second at what nothing announces.
pub(super) struct Monitor {
    pub(super) engine: Handle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ledger: Arc<LedgerMetrics>,
    pub(super) clock: Clock,
    pub(super) folder: PathBuf,
    pub(super) certificate_end: Option<Timestamp>,
}

impl Monitor {
    /// Shows it until the unit ends.
    pub(super) async fn run(self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rounds = 0_u32;
        loop {
            ticks.tick().await;
            let now = self.clock.now().timestamp;
            self.show_shards(now);
            if let Some(end) = self.certificate_end {
                self.metrics
                    .set_certificate_expiry("grpc_server", end.since(now));
            }
            if rounds.is_multiple_of(SIZE_EVERY) {
                self.show_size().await;
            }
            rounds = rounds.wrapping_add(1);
        }
    }

    fn show_shards(&self, now: Timestamp) {
        for shard in self.engine.shards() {
            let held = self.engine.status(shard).zip(self.engine.tip(shard));
            let Some((status, tip)) = held else {
                continue;
            };
            let age = now.since(tip.header.time);
            self.ledger.set_tip(shard.0, tip.header.height, age);
            let standing = ShardStanding {
                waiting: status.mempool_len,
                operators_heard: status.peers,
                is_voting: status.voting,
                behind: status.peer_height.saturating_sub(status.height),
            };
            self.ledger.set_consensus(shard.0, &standing);
            let needed = status.rules.needed();
            self.ledger.set_rules(
                shard.0,
                &RulesKnown {
                    followed: status.rules.followed,
                    supported: status.rules.supported,
                    needed: needed.map_or(status.rules.followed, |(rules, _)| rules),
                },
            );
            let oldest = self.engine.oldest(shard).unwrap_or_default();
            self.ledger.set_archives(shard.0, status.archives, oldest);
        }
    }

    async fn show_size(&self) {
        let (folder, ledger) = (self.folder.clone(), Arc::clone(&self.ledger));
        let shards = self.engine.shards();
        let shown = spawn_blocking(move || {
            let stores = ledger_folder(&folder);
            for shard in shards {
                ledger.set_storage_bytes(shard.0, stored_bytes(&stores, shard));
            }
            // A file that is not there has no size.
            let index = fs::metadata(folder.join(INDEX_FILE));
            ledger.set_index_bytes(index.map_or(0, |index| index.len()));
        });
        // If that fails, the sizes stay as they were.
        let _ = shown.await;
    }
}

const INTERVAL: Duration = Duration::from_secs(1);
/// Of so many looks one is at the disk.
const SIZE_EVERY: u32 = 30;
