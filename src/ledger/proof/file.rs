use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use crate::ledger::encoding::encode;

/// What a file of the ledger holds, by its first eight bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// One proof.
    Proof,
    /// A vehicle's history.
    Bundle,
    /// Recent headers.
    Checkpoint,
    /// Recent headers, with what witnesses say of them.
    CosignedCheckpoint,
    /// Who issues tickets.
    Issuing,
    /// What is new on the list of revoked tickets.
    Revocations,
}

/// Why bytes are no file of the ledger.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum FileError {
    /// More bytes than such a file may have.
    #[error("{0} bytes are more than such a file may have")]
    TooLong(usize),
    /// It begins with other bytes than it should.
    #[error("not a {0} of the ledger")]
    OtherKind(&'static str),
    /// Of a version that this one does not know.
    #[error("unknown version {0}")]
    Version(u16),
    /// Not the canonical form of anything.
    #[error("malformed: {0}")]
    Malformed(String),
}

/// The kind, the version, and the value's canonical bytes.
pub(super) fn write<T: BorshSerialize>(kind: Kind, value: &T) -> Vec<u8> {
    let version = VERSION.to_le_bytes();
    [&kind.magic()[..], &version, &encode(value)].concat()
}

/// Reads what [`write`] writes, and nothing else.
pub(super) fn read<T: BorshDeserialize>(kind: Kind, bytes: &[u8]) -> Result<T, FileError> {
    if bytes.len() > BYTES_MAX {
        return Err(FileError::TooLong(bytes.len()));
    }
    let other_kind = FileError::OtherKind(kind.name());
    let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(other_kind);
    };
    if *magic != kind.magic() {
        return Err(other_kind);
    }
    let Some((version, rest)) = rest.split_first_chunk() else {
        return Err(FileError::Malformed("cut short".to_owned()));
    };
    match u16::from_le_bytes(*version) {
        VERSION => {}
        version => return Err(FileError::Version(version)),
    }
    borsh::from_slice(rest).map_err(|error| FileError::Malformed(error.to_string()))
}

impl Kind {
    /// The high bit keeps it from being taken for text, the line feed from being sent as such.
    fn magic(self) -> [u8; 8] {
        match self {
            Self::Proof => *b"\xd7wayPRF\n",
            Self::Bundle => *b"\xd7wayBDL\n",
            Self::Checkpoint => *b"\xd7wayCPT\n",
            Self::CosignedCheckpoint => *b"\xd7wayCCP\n",
            Self::Issuing => *b"\xd7wayISS\n",
            Self::Revocations => *b"\xd7wayREV\n",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Bundle => "history bundle",
            Self::Checkpoint => "checkpoint",
            Self::CosignedCheckpoint => "cosigned checkpoint",
            Self::Issuing => "proof of who issues tickets",
            Self::Revocations => "list of revoked tickets",
        }
    }
}

/// The only version so far.
const VERSION: u16 = 1;
/// A hundred thousand records.
const BYTES_MAX: usize = 128 << 20;
