use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thiserror::Error;

use crate::crypto::{KeyError, VerifyingKey, sha256};

/// A key whose signatures on notes are believed, with the name that it signs under: a *vkey* of C2SP
/// signed-note, `<name>+<8 hexadecimal digits>+<base64>`.
#[derive(Clone, Eq, PartialEq)]
pub struct NoteKey {
    name: String,
    kind: NoteKeyKind,
    key: VerifyingKey,
}

/// How a key signs notes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoteKeyKind {
    /// Signs the text (C2SP signed-note, type 1).
    Text,
    /// Cosigns a checkpoint with the time when it was seen (C2SP tlog-cosignature v1, type 4).
    Cosignature,
}

/// Why text is no key for notes.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum NoteKeyError {
    /// A name is empty, or has a blank or a plus sign.
    #[error("a name on notes has no blanks and no plus sign, and is not empty")]
    Name,
    /// Not a name, eight hexadecimal digits and base64, with plus signs between.
    #[error("a key for notes is NAME+HASH+KEY")]
    Form,
    /// Of a kind that this version does not know.
    #[error("a key for notes of kind {0}")]
    Kind(u8),
    /// The digits do not belong to the name and the key.
    #[error("the digits {0} do not belong to the name and the key: something was mistyped")]
    Hash(String),
    /// The key itself is refused.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl NoteKey {
    /// A key under a name.
    pub fn new(name: &str, kind: NoteKeyKind, key: VerifyingKey) -> Result<Self, NoteKeyError> {
        let name = name.to_owned();
        if !is_name(&name) {
            return Err(NoteKeyError::Name);
        }
        Ok(Self { name, kind, key })
    }

    /// The name that it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it signs.
    pub fn kind(&self) -> NoteKeyKind {
        self.kind
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// What a signature's first four bytes say, so that a reader need not try all keys.
    pub(super) fn id(&self) -> [u8; 4] {
        let kind = [self.kind.code()];
        let digest = sha256(&[self.name.as_bytes(), b"\n", &kind, self.key.as_bytes()]);
        let [first, second, third, fourth, ..] = digest;
        [first, second, third, fourth]
    }
}

impl NoteKeyKind {
    fn code(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Cosignature => 4,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Text, Self::Cosignature]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// Whether text can be a name on notes.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|it: char| it.is_whitespace() || it.is_control() || it == '+')
}

impl FromStr for NoteKey {
    type Err = NoteKeyError;

    fn from_str(text: &str) -> Result<Self, NoteKeyError> {
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteKeyError::Form);
        };
        let bytes = BASE64_STANDARD.decode(key);
        let bytes = bytes.map_err(|_| NoteKeyError::Form)?;
        let (kind, key) = bytes.split_first().ok_or(NoteKeyError::Form)?;
        let kind = NoteKeyKind::of_code(*kind).ok_or(NoteKeyError::Kind(*kind))?;
        let key = <&[u8; 32]>::try_from(key).map_err(|_| NoteKeyError::Form)?;
        let key = Self::new(name, kind, VerifyingKey::from_bytes(key)?)?;
        if format!("{:08x}", u32::from_be_bytes(key.id())) != hash {
            return Err(NoteKeyError::Hash(hash.to_owned()));
        }
        Ok(key)
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind.code()][..], self.key.as_bytes()].concat();
        let id = u32::from_be_bytes(self.id());
        write!(
            f,
            "{}+{id:08x}+{}",
            self.name,
            BASE64_STANDARD.encode(bytes)
        )
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
