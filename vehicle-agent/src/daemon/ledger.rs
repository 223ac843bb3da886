use tokio::{sync::watch, task::JoinHandle};
use tracing::{error, info, warn};

use super::StartError;
use crate::{
    checkpoint::{CheckpointFile, CheckpointFileError, Keeper},
    config::Config,
    grpc::Hub,
    ledger::{LedgerIdentity, Records, carry, follow, keep_checkpoints, write},
    outbox::OutboxFile,
};

/// The vehicle's records, with the journal that they are to be written to.
pub(super) struct OpenedLedger {
    pub(super) records: Records,
    file: OutboxFile,
}

/// The tasks of a ledger.
#[derive(Default)]
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
    let kept = open_checkpoint(config, &identity)?;
    let records = Records::new(
        config.ledger.clone(),
        (identity, sender),
        opened.records,
        kept,
    );
    info!(waiting = records.state().waiting, "opened the outbox");
    Ok(Some(OpenedLedger {
        records,
        file: opened.file,
    }))
}

/// Takes up the checkpoint that an earlier run kept.
///
/// One that cannot be used is put aside: a car whose disk lost it goes on as a new one does.
fn open_checkpoint(
    config: &Config,
    identity: &LedgerIdentity,
) -> Result<(Keeper, CheckpointFile), CheckpointFileError> {
    let file = CheckpointFile::of(&config.identity.state);
    let mut keeper = Keeper::new(
        identity.genesis.clone(),
        identity.vehicle.home,
        config.ledger.checkpoints.clone(),
        identity.given.clone(),
    );
    let refused = match file.read() {
        Ok(None) => None,
        Ok(Some(kept)) => keeper.restore(kept).err().map(|error| error.to_string()),
        Err(CheckpointFileError::Damaged(_)) => Some("damaged".to_owned()),
        Err(error @ CheckpointFileError::Unusable { .. }) => return Err(error),
    };
    if let Some(reason) = refused {
        let aside = file.set_aside()?;
        error!(
            reason,
            aside = %aside.display(),
            "the checkpoint that was kept is not of this ledger or damaged: it was put aside, and \
             what the next unit shows is taken on its operator's word"
        );
    }
    Ok((keeper, file))
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
            tokio::spawn(carry(records.clone())),
            tokio::spawn(keep_checkpoints(records)),
        ],
    }
}
