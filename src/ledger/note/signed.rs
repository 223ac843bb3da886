use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thiserror::Error;

use super::{NoteKey, NoteKeyKind, key::is_name};
use crate::{
    crypto::{Signature, SigningKey},
    time::Timestamp,
};

/// Text with signatures below it (C2SP signed-note), read but not yet believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    text: String,
    signatures: Vec<Line>,
}

/// A signature of somebody, perhaps of a kind that this version does not know.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Line {
    name: String,
    /// The key's id, and what it signed with.
    bytes: Vec<u8>,
}

/// Why text is no signed note.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NoteError {
    /// More than any note has.
    #[error("a note of {0} bytes")]
    TooLong(usize),
    /// The text is not lines of plain characters, ended by an empty line.
    #[error("not a note's text: lines, then an empty line, then signatures")]
    Text,
    /// A line below the text is no signature.
    #[error("line {0} below the text is no signature")]
    Signature(usize),
    /// More signatures than a reader looks at.
    #[error("more than 32 signatures")]
    TooManySignatures,
}

impl Note {
    /// Text that nobody has signed yet; every line ends with a line feed.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        let text = text.to_owned();
        if !is_text(&text) {
            return Err(NoteError::Text);
        }
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// The text without the signatures.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names under which it is signed, as they claim.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|line| line.name.as_str())
    }

    /// Adds the signature of `key`, which signs as `as_key` says: one time for a cosignature, and
    /// without any otherwise.
    ///
    /// # Panics
    ///
    /// If `as_key` is another key's.
    pub fn sign(&mut self, key: &SigningKey, as_key: &NoteKey, now: Timestamp) {
        assert!(
            key.verifying_key() == *as_key.key(),
            "the keys belong together"
        );
        let mut bytes = as_key.id().to_vec();
        match as_key.kind() {
            NoteKeyKind::Text => {
                bytes.extend_from_slice(key.sign_raw(self.text.as_bytes()).as_bytes());
            }
            NoteKeyKind::Cosignature => {
                let time_s = now.unix_ms() / 1_000;
                bytes.extend_from_slice(&time_s.to_be_bytes());
                let signed = self.cosigned(time_s);
                bytes.extend_from_slice(key.sign_raw(signed.as_bytes()).as_bytes());
            }
        }
        let name = as_key.name().to_owned();
        self.signatures
            .retain(|line| line.id() != Some(as_key.id()));
        self.signatures.push(Line { name, bytes });
    }

    /// Adds another copy's signatures by `key`, if there is a good one; returns whether there is.
    pub fn adopt(&mut self, other: &Self, key: &NoteKey) -> bool {
        let good = other.good_line(key).filter(|_| other.text == self.text);
        let Some(line) = good else {
            return false;
        };
        self.signatures.retain(|line| line.id() != Some(key.id()));
        self.signatures.push(line.clone());
        true
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &NoteKey) -> bool {
        self.good_line(key).is_some()
    }

    /// The time that a cosignature of `key` says, in Unix seconds; `None` without a good one.
    pub fn cosigned_at(&self, key: &NoteKey) -> Option<u64> {
        let (time_s, _) = self.good_line(key)?.cosignature()?;
        Some(time_s)
    }

    fn good_line(&self, key: &NoteKey) -> Option<&Line> {
        let mut lines = self.signatures.iter();
        lines.find(|line| {
            line.name == key.name() && line.id() == Some(key.id()) && self.is_good(line, key)
        })
    }

    fn is_good(&self, line: &Line, key: &NoteKey) -> bool {
        let checked = match key.kind() {
            NoteKeyKind::Text => line
                .signature()
                .map(|signature| key.key().verify_raw(self.text.as_bytes(), &signature)),
            NoteKeyKind::Cosignature => line.cosignature().map(|(time_s, signature)| {
                key.key()
                    .verify_raw(self.cosigned(time_s).as_bytes(), &signature)
            }),
        };
        matches!(checked, Some(Ok(())))
    }

    /// What a cosignature signs.
    fn cosigned(&self, time_s: u64) -> String {
        format!("cosignature/v1\ntime {time_s}\n{}", self.text)
    }
}

impl Line {
    fn id(&self) -> Option<[u8; 4]> {
        self.bytes.first_chunk().copied()
    }

    fn signature(&self) -> Option<Signature> {
        let signature = self.bytes.get(4..)?.try_into().ok()?;
        Some(Signature::from_bytes(signature))
    }

    fn cosignature(&self) -> Option<(u64, Signature)> {
        let (time_s, signature) = self.bytes.get(4..)?.split_first_chunk()?;
        let signature = signature.try_into().ok()?;
        Some((
            u64::from_be_bytes(*time_s),
            Signature::from_bytes(signature),
        ))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(bytes: &str) -> Result<Self, NoteError> {
        if bytes.len() > LENGTH_MAX {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let (text, below) = bytes.rsplit_once("\n\n").ok_or(NoteError::Text)?;
        let mut note = Self::new(&format!("{text}\n"))?;
        let below = below.strip_suffix('\n').ok_or(NoteError::Text)?;
        for (number, line) in below.split('\n').enumerate() {
            if number >= SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            let line = parse_line(line).ok_or(NoteError::Signature(number + 1))?;
            note.signatures.push(line);
        }
        Ok(note)
    }
}

fn parse_line(line: &str) -> Option<Line> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(bytes).ok()?;
    (is_name(name) && bytes.len() > 4).then(|| Line {
        name: name.to_owned(),
        bytes,
    })
}

fn is_text(text: &str) -> bool {
    text.len() > 1 && text.ends_with('\n') && !text.chars().any(|it| it.is_control() && it != '\n')
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        let mut lines = self.signatures.iter();
        lines.try_for_each(|line| {
            writeln!(
                f,
                "{DASH}{} {}",
                line.name,
                BASE64_STANDARD.encode(&line.bytes)
            )
        })
    }
}

/// An em dash and a blank.
const DASH: &str = "\u{2014} ";
const LENGTH_MAX: usize = 16 << 10;
const SIGNATURES_MAX: usize = 32;
