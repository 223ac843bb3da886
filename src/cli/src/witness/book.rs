use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context as _, bail, ensure};
use wayside::{
    id::ChainId,
    ledger::{Note, NoteHead, NoteKey, Witness},
};

use crate::files::write_whole;

/// The folder in which a witness keeps the newest note that it signed of each shard.
pub(super) struct Book {
    folder: PathBuf,
    /// Held, so that no second process signs from the same folder.
    _lock: File,
}

impl Book {
    /// Opens the folder, and reads what was signed before.
    ///
    /// Fails if another process has it open, or if a note in it is not one that this witness signed.
    pub(super) fn open(
        folder: PathBuf,
        chain: ChainId,
        key: &NoteKey,
    ) -> anyhow::Result<(Self, Witness)> {
        let at = |what: &str| format!("{}: {what}", folder.display());
        fs::create_dir_all(&folder).with_context(|| at("cannot be made"))?;
        let lock = File::create(folder.join(LOCK)).with_context(|| at("cannot be written"))?;
        ensure!(lock.try_lock().is_ok(), at("another witness uses it"));
        let mut witness = Witness::new(chain);
        for entry in fs::read_dir(&folder).with_context(|| at("cannot be read"))? {
            let path = entry.with_context(|| at("cannot be read"))?.path();
            if path.extension().is_none_or(|it| it != EXTENSION) {
                continue;
            }
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let note = text.parse::<Note>().ok();
            let signed = note.filter(|note| note.is_signed_by(key));
            match signed.as_ref().and_then(NoteHead::of) {
                Some(head) if head.chain == chain => witness.remember(head),
                Some(head) => bail!(
                    "{} is of the ledger {}: every ledger needs a folder of its own",
                    path.display(),
                    head.chain
                ),
                None => bail!(
                    "{} is no note that {} signed: restore it, or sign under another name from \
                     now on",
                    path.display(),
                    key.name()
                ),
            }
        }
        let book = Self {
            folder,
            _lock: lock,
        };
        Ok((book, witness))
    }

    /// Stores a note before it is given away.
    pub(super) fn store(&self, head: &NoteHead, note: &Note) -> anyhow::Result<()> {
        let path = self
            .folder
            .join(format!("shard-{}.{EXTENSION}", head.shard.0));
        write_whole(&path, note.to_string().as_bytes())?;
        // The new name has to be there after a crash, too.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("cannot write {}", self.folder.display()))
    }

    /// Keeps what contradicts what was signed, for people to look at; returns where.
    pub(super) fn keep_contradiction(
        &self,
        head: &NoteHead,
        note: &Note,
        shown: &[u8],
    ) -> anyhow::Result<PathBuf> {
        let digits = head.headers.root.to_string();
        let name = format!(
            "contradiction-{}-{}-{}",
            head.shard.0,
            head.headers.count,
            digits.get(..16).unwrap_or(&digits)
        );
        let path = self.folder.join(format!("{name}.txt"));
        write_whole(&path, note.to_string().as_bytes())?;
        write_whole(&self.folder.join(format!("{name}.head")), shown)?;
        Ok(path)
    }
}

const LOCK: &str = "lock";
const EXTENSION: &str = "note";
