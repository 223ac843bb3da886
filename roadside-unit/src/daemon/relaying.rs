use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tracing::warn;
use wayside::{
    ledger::Genesis,
    telemetry::{Metrics, RelayMetrics},
    transport::Clock,
};
use wayside_engine::Handle;

use super::{
    StartError,
    identity::{DoorFiles, Opened},
};
use crate::{
    config::Config,
    issuing::Issuer,
    relay::{self, Relay, RelayParts},
};

/// What relays, where the unit is to, and where what vehicles are shown is read again.
pub(super) struct Relaying {
    relay: Relay,
    files: DoorFiles,
    tending: JoinHandle<()>,
}

/// Where relaying is counted.
#[derive(Clone)]
pub(super) struct RelayCounts {
    pub(super) messages: Arc<Metrics>,
    pub(super) relay: Arc<RelayMetrics>,
}

/// Begins to relay, if the configuration says so.
pub(super) async fn start(
    config: &Config,
    opened: &Opened,
    (engine, clock): (&Handle, &Clock),
    issuer: Option<Issuer>,
    counts: RelayCounts,
) -> Result<Option<Relaying>, StartError> {
    let (Some(relay), Some(files)) = (&config.relay, &opened.door) else {
        return Ok(None);
    };
    let identity = files.read(&opened.genesis, engine, clock.now().timestamp)?;
    let (relay, tending) = relay::start(RelayParts {
        config: relay.clone(),
        identity,
        genesis: Arc::clone(&opened.genesis),
        engine: engine.clone(),
        clock: clock.clone(),
        folder: opened.folder.clone(),
        metrics: counts.messages,
        relay_metrics: counts.relay,
        issuer,
    })
    .await?;
    Ok(Some(Relaying {
        relay,
        files: files.clone(),
        tending,
    }))
}

impl Relaying {
    /// What relays.
    pub(super) fn relay(&self) -> Relay {
        self.relay.clone()
    }

    /// Ends it in order.
    pub(super) async fn shutdown(self, grace: Duration) {
        self.tending.abort();
        // An aborted task says so; what counts is that it has ended.
        let _ = self.tending.await;
        self.relay.shutdown(grace).await;
    }

    /// Takes a renewed certificate from its file, and from the configuration what may change of it.
    pub(super) fn reload(
        &self,
        config: &Config,
        (genesis, engine, clock): (&Genesis, &Handle, &Clock),
    ) {
        match config.relay.clone() {
            Some(config) => {
                let relay = self.relay.clone();
                tokio::spawn(async move { relay.reload(config).await });
            }
            None => warn!("the unit relays until it is started again"),
        }
        let files = DoorFiles::of(config).unwrap_or_else(|| self.files.clone());
        match files.read(genesis, engine, clock.now().timestamp) {
            Ok(identity) => {
                let relay = self.relay.clone();
                tokio::spawn(async move { relay.reload_certificate(&identity).await });
            }
            Err(error) => warn!(%error, "kept the relay's certificate: it cannot be read again"),
        }
    }
}
