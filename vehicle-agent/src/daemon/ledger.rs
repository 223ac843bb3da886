use tokio::{sync::watch, task::JoinHandle};
use tracing::{error, info, warn};

use super::StartError;
use crate::{
    config::Config,
    grpc::Hub,
    ledger::{LedgerIdentity, Records, carry, follow, write},
    outbox::OutboxFile,
};

/// The vehicle's records, with the journal that they are to be written to.
pub(super) struct OpenedLedger {
    pub(super) records: Records,
    file: OutboxFile,
}

/// The tasks of a ledger.
pub(super) struct LedgerTasks {
    /// Ends by itself once it is told to, with the last trip.
    pub(super) trips: Option<JoinHandle<()>>,
    /// End when they are aborted.
    pub(super) helpers: Vec<JoinHandle<()>>,
}

/// Reads the ledger's configuration and journal; `None` if there is no ledger.
///
/// The state folder must be locked already.
pub(super) fn open(config: &Config) -> Result<Option<OpenedLedger>, StartError> {
    let Some((identity, sender)) = LedgerIdentity::open(&config.ledger)? else {
        return Ok(None);
    };
    if identity.genesis.development {
        warn!("DEVELOPMENT ledger: nothing that it holds is promised by anybody");
    }
    let opened = OutboxFile::open(&config.identity.state)?;
    if opened.damaged > 0 {
        error!(
            lines = opened.damaged,
            "the outbox's journal was damaged: some records are lost, the file is kept beside it"
        );
    }
    let records = Records::new(config.ledger.clone(), (identity, sender), opened.records);
    info!(waiting = records.state().waiting, "opened the outbox");
    Ok(Some(OpenedLedger {
        records,
        file: opened.file,
    }))
}

/// Begins to write, to carry and, where that is wanted, to watch for trips.
pub(super) fn start(ledger: OpenedLedger, hub: &Hub, stop: watch::Receiver<bool>) -> LedgerTasks {
    let records = ledger.records;
    let trips = records
        .config()
        .trips
        .record
        .then(|| tokio::spawn(follow(records.clone(), hub.measured(), stop)));
    LedgerTasks {
        trips,
        helpers: vec![
            tokio::spawn(write(records.clone(), ledger.file)),
            tokio::spawn(carry(records)),
        ],
    }
}
