use std::{sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::sleep};
use tracing::error;
use wayside::{
    ledger::{Audit, Auditor, Genesis, Violation},
    telemetry::{AuditResult, LedgerMetrics},
    transport::Clock,
};
use wayside_engine::Handle;

/// Holds the shards' states against each other for as long as the unit runs: every part in one place,
/// no tag twice, nothing taken back.
pub(super) struct Audits {
    pub(super) genesis: Arc<Genesis>,
    pub(super) engine: Handle,
    pub(super) metrics: Arc<LedgerMetrics>,
    pub(super) clock: Clock,
}

impl Audits {
    /// Looks again and again, at most a small part of the time; each look goes through all states.
    pub(super) async fn run(self) {
        let mut auditor = Auditor::default();
        loop {
            let began = self.clock.now().instant;
            let (genesis, engine) = (Arc::clone(&self.genesis), self.engine.clone());
            let looked = spawn_blocking(move || {
                let found = look(&mut auditor, &engine, &genesis);
                (auditor, found)
            });
            let Ok((kept, (result, violations))) = looked.await else {
                error!("the audit of the shards' states has ended: looking at them panicked");
                return;
            };
            auditor = kept;
            for violation in &violations {
                error!(%violation, "the ledger's states contradict each other");
            }
            self.metrics.count_audit(result, violations.len());
            let took = self.clock.now().instant.since(began);
            sleep(PAUSE_MIN.max(took * PAUSE_FACTOR)).await;
        }
    }
}

/// Takes the newest state of each shard, and those again that others have overtaken meanwhile.
fn look(
    auditor: &mut Auditor,
    engine: &Handle,
    genesis: &Genesis,
) -> (AuditResult, Vec<Violation>) {
    let mut found = Vec::new();
    let mut late = engine.shards();
    for _ in 0..TRIES_MAX {
        for shard in late {
            if let Some(tip) = engine.tip(shard) {
                found.extend(auditor.observe(shard, tip.state));
            }
        }
        match auditor.check(genesis) {
            Audit::Waits(shard) => late = vec![shard],
            Audit::Done(violations) => {
                found.extend(violations);
                let result = if found.is_empty() {
                    AuditResult::Held
                } else {
                    AuditResult::Violated
                };
                return (result, found);
            }
        }
    }
    let result = if found.is_empty() {
        AuditResult::Incomplete
    } else {
        AuditResult::Violated
    };
    (result, found)
}

/// Between two looks, at least.
const PAUSE_MIN: Duration = Duration::from_secs(10);
/// A look takes at most a fiftieth of one core's time.
const PAUSE_FACTOR: u32 = 49;
/// How often states are taken again until they are of one moment; a unit that does not keep all shards
/// never gets there.
const TRIES_MAX: u32 = 8;
