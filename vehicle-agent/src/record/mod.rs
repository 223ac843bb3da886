//! Records what the agent hears, as it hears it.
//!
//! Every message stands in the recording with its signed bytes, whether it was believed or not, so
//! that a replay judges it again. Writing must never slow the road down: messages wait in a bounded
//! queue for a thread of their own, and those that find it full are dropped and counted. What was
//! written a second ago survives a crash; files are cut by size, and the oldest go.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use thiserror::Error;
use tracing::{error, warn};
use wayside::{
    replay::{
        Provenance,
        mcap::{About, WriteError, Writer},
    },
    security::{Envelope, TrustDomain},
    telemetry::{DropReason, Metrics},
    time::Timestamp,
};

use crate::config::RecordConfig;

#[cfg(test)]
mod tests;

/// Takes messages for the recording; dropping it ends the recording.
pub struct Recorder {
    queue: SyncSender<Heard>,
    metrics: Arc<Metrics>,
}

/// Waits for a recording's end.
pub struct Recording(JoinHandle<()>);

/// Why nothing can be recorded.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The folder or a file in it cannot be made.
    #[error("cannot record to {}", path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file's beginning cannot be written.
    #[error("cannot record to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: WriteError,
    },
}

struct Heard {
    bytes: Bytes,
    received: Timestamp,
}

/// The thread's side: the file being written, and those before it.
struct Files {
    folder: PathBuf,
    config: RecordConfig,
    trust_domain: String,
    current: Writer<BufWriter<File>>,
    /// The same file, to ask how long it is.
    length_of: File,
}

impl Recorder {
    /// Begins a recording in `folder`, in a thread of its own.
    pub fn start(
        folder: &Path,
        config: &RecordConfig,
        about: (&TrustDomain, Timestamp),
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Recording), RecordError> {
        let (domain, start) = about;
        fs::create_dir_all(folder).map_err(|source| RecordError::Unusable {
            path: folder.to_owned(),
            source,
        })?;
        let trust_domain = domain.to_toml();
        let (current, length_of) = begin(folder, &trust_domain, start)?;
        let files = Files {
            folder: folder.to_owned(),
            config: config.clone(),
            trust_domain,
            current,
            length_of,
        };
        let (queue, heard) = mpsc::sync_channel(config.queue_max.get());
        let thread = std::thread::spawn(move || files.run(&heard));
        Ok((Self { queue, metrics }, Recording(thread)))
    }

    /// Takes one message, unless the queue is full.
    pub fn record(&self, bytes: Bytes, received: Timestamp) {
        match self.queue.try_send(Heard { bytes, received }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.metrics
                    .count_dropped("unknown", DropReason::Recording, 1);
            }
        }
    }
}

impl Recording {
    /// Blocks until everything is written and the file closed; drop the [`Recorder`] before.
    pub fn join(self) {
        if self.0.join().is_err() {
            error!("the recording ended in a panic");
        }
    }
}

impl Files {
    fn run(mut self, heard: &mpsc::Receiver<Heard>) {
        let mut unflushed = 0_u32;
        loop {
            let step = match heard.recv_timeout(FLUSH_INTERVAL) {
                Ok(message) => {
                    unflushed += 1;
                    self.write(&message, unflushed.is_multiple_of(FLUSH_EVERY))
                }
                Err(RecvTimeoutError::Timeout) if unflushed == 0 => Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    unflushed = 0;
                    self.current.flush()
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = step {
                // Dropping the queue's end lets the rest be counted as dropped.
                error!(%error, "nothing is recorded any more");
                return;
            }
        }
        if let Err(error) = self.current.finish() {
            error!(%error, "the recording's end could not be written");
        }
    }

    fn write(&mut self, message: &Heard, is_flushed: bool) -> Result<(), WriteError> {
        let generated = Envelope::parse(message.bytes.clone())
            .map_or(message.received, |envelope| envelope.generated());
        self.current
            .write_wire(LINK, &message.bytes, generated, message.received)?;
        if is_flushed {
            self.current.flush()?;
            if self.length_of.metadata()?.len() >= self.config.file_len_max.get() {
                self.rotate(message.received)?;
            }
        }
        Ok(())
    }

    fn rotate(&mut self, now: Timestamp) -> Result<(), WriteError> {
        let (next, length_of) =
            begin(&self.folder, &self.trust_domain, now).map_err(|error| match error {
                RecordError::Unusable { source, .. } => WriteError::Io(source),
                RecordError::Write { source, .. } => source,
            })?;
        std::mem::replace(&mut self.current, next).finish()?;
        self.length_of = length_of;
        let mut files: BTreeSet<PathBuf> = fs::read_dir(&self.folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_ours(path))
            .collect();
        while files.len() > self.config.files_max.get() as usize {
            if let Some(oldest) = files.pop_first()
                && let Err(error) = fs::remove_file(&oldest)
            {
                warn!(%error, file = %oldest.display(), "an old recording cannot be removed");
            }
        }
        Ok(())
    }
}

/// Begins a file that is named for its start, so that names sort by time.
fn begin(
    folder: &Path,
    trust_domain: &str,
    start: Timestamp,
) -> Result<(Writer<BufWriter<File>>, File), RecordError> {
    let mut unix_ms = start.unix_ms();
    let (path, file) = loop {
        let path = folder.join(format!("{PREFIX}{unix_ms:015}.mcap"));
        match File::create_new(&path) {
            Ok(file) => break (path, file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => unix_ms += 1,
            Err(source) => return Err(RecordError::Unusable { path, source }),
        }
    };
    let length_of = file.try_clone().map_err(|source| RecordError::Unusable {
        path: path.clone(),
        source,
    })?;
    let about = About {
        start,
        provenance: Provenance {
            source: "vehicle-agent".to_owned(),
            source_digest: None,
            importer: concat!("vehicle-agent ", env!("CARGO_PKG_VERSION")).to_owned(),
            licence: None,
        },
        trust_domain: Some(trust_domain.to_owned()),
        notes: Vec::new(),
    };
    let writer = Writer::new(BufWriter::new(file), &about)
        .map_err(|source| RecordError::Write { path, source })?;
    Ok((writer, length_of))
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(".mcap"))
}

/// Messages after which a chunk ends, at the latest.
const FLUSH_EVERY: u32 = 256;
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
const LINK: &str = "quic";
const PREFIX: &str = "heard-";
