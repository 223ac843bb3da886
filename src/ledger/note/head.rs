use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Note, NoteError};
use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::ListRoot,
};

/// What a note says of a shard: all of its headers up to one (C2SP tlog-checkpoint).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoteHead {
    /// The ledger.
    pub chain: ChainId,
    /// The shard.
    pub shard: ShardId,
    /// Its headers.
    pub headers: ListRoot,
}

impl NoteHead {
    /// Reads a note's text. `None` if it is of something else, or in another form than
    /// [`Self::to_note`] writes; lines that a later version may add are passed over.
    pub fn of(note: &Note) -> Option<Self> {
        let mut lines = note.text().lines();
        let origin = lines.next()?.strip_prefix(ORIGIN)?;
        let (chain, shard) = origin.split_once(SHARD)?;
        let count = lines.next()?.parse().ok()?;
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?;
        let head = Self {
            chain: chain.parse().ok()?,
            shard: ShardId(shard.parse().ok()?),
            headers: ListRoot {
                count,
                root: Digest::from_bytes(root.try_into().ok()?),
            },
        };
        note.text().starts_with(&head.to_string()).then_some(head)
    }

    /// The log's name, under which units sign.
    pub fn origin(&self) -> String {
        format!("{ORIGIN}{}{SHARD}{}", self.chain, self.shard.0)
    }

    /// The note that says so, which nobody has signed yet.
    pub fn to_note(&self) -> Result<Note, NoteError> {
        Note::new(&self.to_string())
    }
}

impl fmt::Display for NoteHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = BASE64_STANDARD.encode(self.headers.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin(), self.headers.count)
    }
}

const ORIGIN: &str = "wayside.dev/ledger/";
const SHARD: &str = "/shard/";
