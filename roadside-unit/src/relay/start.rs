use std::{
    fs,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use tokio::{sync::Mutex, task::JoinHandle};
use tracing::warn;
use wayside::{
    ledger::Genesis,
    security::TrustDomain,
    telemetry::{Metrics, RelayMetrics},
    transport::{Clock, door::DoorIdentity},
};
use wayside_engine::Handle;

use super::{
    LedgerView, Relay, RelayStartError,
    lane::Lane,
    roadworks::Roadworks,
    store::Store,
    tending,
    traffic::TrafficDesk,
    unit::{Inner, State},
};
use crate::{config::RelayConfig, issuing::Issuer};

/// What a relay is made of.
pub(crate) struct RelayParts {
    /// What the operator decides.
    pub(crate) config: RelayConfig,
    /// The key that its operator certified.
    pub(crate) identity: DoorIdentity,
    /// The ledger.
    pub(crate) genesis: Arc<Genesis>,
    /// What keeps it.
    pub(crate) engine: Handle,
    /// What the time is.
    pub(crate) clock: Clock,
    /// Where the unit keeps things.
    pub(crate) folder: PathBuf,
    /// Where messages are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where relaying is.
    pub(crate) relay_metrics: Arc<RelayMetrics>,
    /// What brings evidence against liars to the ledger; `None` where the unit cannot.
    pub(crate) issuer: Option<Issuer>,
}

/// Begins to relay, on a thread of its own; must be called within a tokio runtime. The task goes on until
/// it is aborted.
///
/// Where nobody says yet whose tickets count, the relay begins once somebody does.
pub(crate) async fn start(parts: RelayParts) -> Result<(Relay, JoinHandle<()>), RelayStartError> {
    let folder = parts.folder.join(FOLDER);
    let unusable = |source| RelayStartError::Unusable {
        path: folder.clone(),
        source,
    };
    let hazards = folder.join(HAZARDS_FOLDER);
    let opened = Store::open(&hazards).map_err(unusable)?;
    let (store, writing, kept) = opened;
    let given = parts.config.trust_domain.as_ref();
    let ledger = LedgerView {
        genesis: parts.genesis,
        engine: parts.engine,
        given: given.map(read_domain).transpose()?,
    };
    let domain = ledger.domain();
    let relay = Relay::new(Inner {
        lane: Lane::start().map_err(unusable)?,
        traffic: Arc::new(TrafficDesk::new(parts.config.traffic.clone())),
        folder: folder.clone(),
        clock: parts.clock,
        ledger,
        metrics: parts.metrics,
        relay_metrics: parts.relay_metrics,
        issuer: parts.issuer,
        store,
        roadworks: Mutex::new(Roadworks::default()),
        state: std::sync::Mutex::new(State::new(parts.config, &parts.identity, (kept, writing))),
        is_ready: AtomicBool::new(false),
    });
    match domain {
        Some(domain) => relay.begin(domain).await?,
        None => warn!(
            "nothing is relayed until the ledger says who issues tickets, or relay.trust_domain does"
        ),
    }
    let tending = tokio::spawn(tending::tend(relay.clone()));
    Ok((relay, tending))
}

fn read_domain(path: &PathBuf) -> Result<TrustDomain, RelayStartError> {
    let text = fs::read_to_string(path).map_err(|source| RelayStartError::Unusable {
        path: path.clone(),
        source,
    })?;
    TrustDomain::from_toml(&text).map_err(|error| RelayStartError::Domain {
        path: path.clone(),
        reason: error.to_string().trim_end().replace('\n', " "),
    })
}

const FOLDER: &str = "relay";
const HAZARDS_FOLDER: &str = "hazards";
