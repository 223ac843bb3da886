use std::{fmt, io, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A short word for machines and people: a model, a kind of part, a fault code, a reason.
///
/// 1 to 32 characters of `A-Z a-z 0-9 _ - . : /`; two are the same if all characters are.
#[derive(BorshSerialize, Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Label(String);

/// Why text is no label.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a label has 1 to 32 characters of A-Z a-z 0-9 _ - . : /")]
pub struct LabelError;

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        let is_label = (1..=LABEL_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_allowed);
        is_label.then(|| Self(text.to_owned())).ok_or(LabelError)
    }
}

impl BorshDeserialize for Label {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let length = u32::deserialize_reader(reader)?;
        let length = usize::try_from(length)
            .ok()
            .filter(|it| *it <= LABEL_LENGTH_MAX);
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, LabelError);
        let mut bytes = vec![0; length.ok_or_else(invalid)?];
        reader.read_exact(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        text.parse().map_err(|_| invalid())
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const LABEL_LENGTH_MAX: usize = 32;
