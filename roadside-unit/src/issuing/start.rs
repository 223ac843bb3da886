use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use thiserror::Error;
use tokio::task::JoinHandle;
use wayside::{
    id::ChainId, issuing::Seat, ledger::Genesis, serve::KeyFileError, telemetry::IssuingMetrics,
    transport::Clock,
};
use wayside_engine::Handle;

use super::{
    Issuer, JournalError, KeyRing, Peers,
    ceremonies::Ceremonies,
    journal::Journal,
    keys::read_or_make_secret,
    worker::{Worker, WorkerParts},
};
use crate::follow::Followed;

/// What an issuer is made of.
pub(crate) struct IssuerParts {
    /// The ledger.
    pub(crate) genesis: Arc<Genesis>,
    /// What keeps it.
    pub(crate) engine: Handle,
    /// What is final of it.
    pub(crate) followed: Arc<Followed>,
    /// What the time is.
    pub(crate) clock: Clock,
    /// Where it is counted.
    pub(crate) metrics: Arc<IssuingMetrics>,
    /// The other units.
    pub(crate) peers: Peers,
    /// Where the unit keeps things.
    pub(crate) folder: PathBuf,
    /// The operator's issuing keys.
    pub(crate) keys: KeyRing,
    /// The file of the linkage chains' secret, if it is not in the folder.
    pub(crate) master: Option<PathBuf>,
    /// For how long a key signs tickets.
    pub(crate) ticket_key_lifetime: Duration,
}

/// Where the offices stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Whose part the unit has; `None` for nobody's.
    pub(crate) seat: Option<Seat>,
    /// What is missing before it can issue.
    pub(crate) lacks: Option<&'static str>,
    /// How many tickets are being made.
    pub(crate) waiting: usize,
    /// Whether it has stopped, since it cannot keep what it promises.
    pub(crate) failed: bool,
}

/// Says that the offices have failed if their thread panics while it holds this.
pub(super) struct Ending(pub(super) Arc<Mutex<Standing>>);

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            let standing = self.0.lock();
            standing.unwrap_or_else(PoisonError::into_inner).failed = true;
        }
    }
}

/// Why the unit cannot issue.
#[derive(Debug, Error)]
pub enum IssuerStartError {
    /// The folder cannot be made, or there can be no thread.
    #[error("cannot issue with {}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// What it promised cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The secret of the linkage chains cannot be read or made.
    #[error(transparent)]
    Secret(#[from] KeyFileError),
}

/// Begins to issue, on a thread of its own; must be called within a tokio runtime. The task wakes it
/// whenever the ledger went on.
pub(crate) fn start(parts: IssuerParts) -> Result<(Issuer, JoinHandle<()>), IssuerStartError> {
    let folder = make_folder(&parts.folder)?;
    let journal = Journal::open(&folder.join(JOURNAL_FILE), parts.genesis.chain())?;
    let master = parts.master.unwrap_or_else(|| folder.join(MASTER_FILE));
    let secret = read_or_make_secret(&master)?;
    let ceremonies = Ceremonies::new(parts.ticket_key_lifetime, journal.secrets()?);
    let (sender, events) = mpsc::channel();
    let standing = Arc::new(Mutex::new(Standing::default()));
    let mut turns = parts.followed.turns();
    let worker_parts = WorkerParts {
        genesis: parts.genesis,
        engine: parts.engine,
        followed: parts.followed,
        clock: parts.clock,
        peers: Arc::new(parts.peers),
        metrics: parts.metrics,
        runtime: tokio::runtime::Handle::current(),
        secret,
    };
    let worker = Worker::new(
        worker_parts,
        (events, sender.clone()),
        (parts.keys, ceremonies),
        journal,
        Arc::clone(&standing),
    );
    let thread = thread::Builder::new().name("issuing".to_owned());
    let thread = thread
        .spawn(|| worker.run())
        .map_err(|source| IssuerStartError::Unusable {
            path: folder,
            source,
        })?;
    let issuer = Issuer::new(sender, standing, thread);
    let waking = issuer.clone();
    let wake = tokio::spawn(async move { while turns.changed().await.is_ok() && waking.wake() {} });
    Ok((issuer, wake))
}

/// Says that a backup was put in the place of what the unit had, so that it promises nothing twice.
pub(crate) fn mark_restored(folder: &Path, chain: ChainId) -> Result<(), IssuerStartError> {
    let folder = make_folder(folder)?;
    Ok(Journal::open(&folder.join(JOURNAL_FILE), chain)?.set_restored()?)
}

fn make_folder(folder: &Path) -> Result<PathBuf, IssuerStartError> {
    let path = folder.join(FOLDER);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|source| IssuerStartError::Unusable {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Where the journal of a unit is, below its storage folder.
pub(super) fn journal_of(storage: &Path) -> PathBuf {
    storage.join(FOLDER).join(JOURNAL_FILE)
}

const FOLDER: &str = "issuing";
const JOURNAL_FILE: &str = "journal.redb";
const MASTER_FILE: &str = "master.key";
