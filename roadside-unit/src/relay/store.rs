use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};
use tracing::{error, info, warn};
use wayside::id::{ActionId, StationId};

/// What a kept hazard is found by.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Name {
    /// One that somebody reported, or what a station says against it.
    Heard {
        /// The event.
        action: ActionId,
        /// Who says that it is over, if it is not its own reporter.
        negated_by: Option<StationId>,
    },
    /// One of the operator's, by the name that it gave.
    Own(String),
}

/// Hazards on disk, each in a file of its own that is there whole or not at all.
///
/// Whoever keeps one does not wait: a thread writes, the newest of each alone. A disk that refuses is
/// tried again, and meanwhile the store says how far it is behind. Clones are the same store.
#[derive(Clone)]
pub(super) struct Store(Arc<Shared>);

/// What a store holds, by name.
pub(super) type Entries = Vec<(Name, Vec<u8>)>;

/// Comes to an end when the store is closed.
pub(super) struct Writing(Store, Option<JoinHandle<()>>);

struct Shared {
    folder: PathBuf,
    waiting: Mutex<Waiting>,
    wake: Condvar,
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct Waiting {
    /// What is to be written; `None` is to be removed.
    changes: BTreeMap<Name, Option<Vec<u8>>>,
    /// How many changes came so far.
    count: u64,
    /// Changes that were not kept, as too many waited.
    lost: u64,
    has_ended: bool,
}

/// How far the disk is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Of the changes so far, how many are written or were replaced by such.
    written: u64,
    /// The last attempt failed.
    is_failing: bool,
}

impl Store {
    /// Reads what a folder holds, making it if it is not there, and begins to write.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Writing, Entries)> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made?;
        let kept = read(folder)?;
        let store = Self(Arc::new(Shared {
            folder: folder.to_owned(),
            waiting: Mutex::default(),
            wake: Condvar::new(),
            progress: watch::Sender::default(),
        }));
        let writer = store.clone();
        let thread = thread::Builder::new().name("relay-disk".to_owned());
        let thread = thread.spawn(move || writer.write())?;
        let writing = Writing(store.clone(), Some(thread));
        Ok((store, writing, kept))
    }

    /// Has a value written, or a name removed; returns the change's number.
    pub(super) fn put(&self, name: Name, value: Option<Vec<u8>>) -> u64 {
        let mut waiting = self.lock();
        let is_full = waiting.changes.len() >= CHANGES_MAX && !waiting.changes.contains_key(&name);
        if is_full && matches!(name, Name::Heard { .. }) {
            waiting.lost += 1;
        } else {
            waiting.changes.insert(name, value);
        }
        waiting.count += 1;
        self.0.wake.notify_one();
        waiting.count
    }

    /// Waits until a change is on disk; `false` if the disk refuses it for now.
    pub(super) async fn is_written(&self, change: u64) -> bool {
        let mut progress = self.0.progress.subscribe();
        let decided = progress.wait_for(|it| it.written >= change || it.is_failing);
        match timeout(WRITTEN_MAX, decided).await {
            Ok(Ok(progress)) => progress.written >= change,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Changes that are not on disk.
    pub(super) fn unwritten(&self) -> u64 {
        let waiting = self.lock();
        let count = u64::try_from(waiting.changes.len()).unwrap_or(u64::MAX);
        count.saturating_add(waiting.lost)
    }

    /// Whether the disk refused when it was last asked.
    pub(super) fn is_failing(&self) -> bool {
        self.0.progress.borrow().is_failing
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change leaves it whole.
        let waiting = self.0.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the store is closed.
    fn write(&self) {
        loop {
            let (changes, count, has_ended) = self.next();
            if changes.is_empty() {
                return;
            }
            let result = write_all(&self.0.folder, &changes);
            let was_failing = self.is_failing();
            match &result {
                Err(problem) if !was_failing => {
                    error!(%problem, "hazards are relayed, but the disk does not keep them");
                }
                Ok(()) if was_failing => info!("the disk keeps hazards again"),
                Ok(()) | Err(_) => {}
            }
            if result.is_ok() {
                self.0.progress.send_replace(Progress {
                    written: count,
                    is_failing: false,
                });
                continue;
            }
            self.put_back(changes);
            self.0
                .progress
                .send_modify(|progress| progress.is_failing = true);
            if has_ended {
                return;
            }
            let waiting = self.lock();
            let ended = |waiting: &mut Waiting| !waiting.has_ended;
            // Whether it ended or the time is over, it is tried again.
            drop(self.0.wake.wait_timeout_while(waiting, RETRY_PAUSE, ended));
        }
    }

    /// Waits for changes and takes all; none, once the store is closed.
    fn next(&self) -> (BTreeMap<Name, Option<Vec<u8>>>, u64, bool) {
        let idle = |waiting: &mut Waiting| waiting.changes.is_empty() && !waiting.has_ended;
        let waited = self.0.wake.wait_while(self.lock(), idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        let changes = std::mem::take(&mut waiting.changes);
        (changes, waiting.count, waiting.has_ended)
    }

    /// Keeps what could not be written, unless something newer came.
    fn put_back(&self, changes: BTreeMap<Name, Option<Vec<u8>>>) {
        let mut waiting = self.lock();
        for (name, value) in changes {
            waiting.changes.entry(name).or_insert(value);
        }
    }
}

impl Writing {
    /// Writes what waits, once more if the disk refuses, and ends. Blocks for as long as that takes.
    pub(super) fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.1.take() else {
            return;
        };
        self.0.lock().has_ended = true;
        self.0.0.wake.notify_one();
        if thread.join().is_err() {
            error!("writing hazards to the disk panicked");
        }
        let lost = self.0.unwritten();
        if lost > 0 {
            error!(lost, "some hazards are not on disk");
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.end();
    }
}

impl Name {
    fn file(&self) -> String {
        match self {
            Self::Heard { action, negated_by } => {
                let against = negated_by.map(|it| format!("-{it}")).unwrap_or_default();
                let (station, sequence) = (action.station, action.sequence);
                format!("heard-{station}-{sequence:05}{against}.{ENDING}")
            }
            Self::Own(name) => format!("own-{name}.{ENDING}"),
        }
    }

    fn of_file(file: &str) -> Option<Self> {
        let name = file.strip_suffix(ENDING)?.strip_suffix('.')?;
        if let Some(own) = name.strip_prefix("own-") {
            return Some(Self::Own(own.to_owned()));
        }
        let mut parts = name.strip_prefix("heard-")?.split('-');
        let (station, sequence) = (parts.next()?, parts.next()?);
        Some(Self::Heard {
            action: ActionId {
                station: station_of(station)?,
                sequence: sequence.parse().ok()?,
            },
            negated_by: match parts.next() {
                Some(by) => Some(station_of(by)?),
                None => None,
            },
        })
    }
}

fn station_of(digits: &str) -> Option<StationId> {
    let number = u64::from_str_radix(digits, 16).ok()?;
    (digits.len() == 16).then(|| StationId::from_bytes(number.to_be_bytes()))
}

/// Everything that was kept, and removes what a crash left half written.
fn read(folder: &Path) -> io::Result<Entries> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|name| name.to_str());
        if file.is_some_and(|file| file.ends_with(UNREADY)) {
            fs::remove_file(&path)?;
        } else if let Some(name) = file.and_then(Name::of_file) {
            match fs::read(&path) {
                Ok(value) if value.len() <= VALUE_LEN_MAX => kept.push((name, value)),
                Ok(_) => warn!(path = %path.display(), "passed over what is no hazard"),
                Err(problem) => {
                    warn!(path = %path.display(), %problem, "a kept hazard cannot be read");
                }
            }
        }
    }
    kept.sort();
    Ok(kept)
}

/// Makes all changes, and returns once they would survive a power failure.
fn write_all(folder: &Path, changes: &BTreeMap<Name, Option<Vec<u8>>>) -> io::Result<()> {
    for (name, value) in changes {
        let path = folder.join(name.file());
        match value {
            Some(value) => {
                let unready = folder.join(format!("{}{UNREADY}", name.file()));
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(true).mode(0o600);
                let mut file = options.open(&unready)?;
                file.write_all(value)?;
                file.sync_data()?;
                fs::rename(&unready, &path)?;
            }
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            },
        }
    }
    File::open(folder)?.sync_all()
}

const ENDING: &str = "hazard";
const UNREADY: &str = ".next";
/// Changes that wait for the disk; at the bound, what others report is no longer kept.
const CHANGES_MAX: usize = 16_384;
/// A ticket, an envelope, and some more.
const VALUE_LEN_MAX: usize = 16 * 1_024;
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long whoever asks waits for the disk.
const WRITTEN_MAX: Duration = Duration::from_secs(2);
