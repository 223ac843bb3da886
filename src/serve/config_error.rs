use std::{io, net::SocketAddr, path::PathBuf};

use figment::error::Kind;
use thiserror::Error;

use super::sources::origin;

/// Why a daemon's configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file named by `--config` or `$WAYSIDE_CONFIG` cannot be read.
    #[error("cannot read configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("configuration file {} is not TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// Nobody reads this key.
    #[error("unknown key {key} in {origin}{}", hint(nearest.as_deref()))]
    UnknownKey {
        /// The key, from the root.
        key: String,
        /// The file, environment variable or flag.
        origin: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// The value has the wrong type or is out of range.
    #[error("bad value for {key} in {origin}: {reason}")]
    BadValue {
        /// The key, from the root.
        key: String,
        /// The file, environment variable or flag.
        origin: String,
        /// What was found and expected.
        reason: String,
    },
    /// The value is out of range.
    #[error("bad value for {key}: expected {expected}")]
    OutOfRange {
        /// The key, from the root.
        key: String,
        /// The range.
        expected: &'static str,
    },
    /// Anybody could connect to this address.
    #[error("{key} = {address} can be reached by anybody without authentication: {remedy}")]
    Unauthenticated {
        /// The address's key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// How to put it right.
        remedy: &'static str,
    },
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        let key = error.path.join(".");
        let metadata = error.metadata.as_ref();
        let origin = metadata.map_or_else(|| "the defaults".to_owned(), origin);
        if let Kind::UnknownField(unknown, known) = &error.kind {
            let section = key.strip_suffix(unknown).unwrap_or_default();
            return Self::UnknownKey {
                nearest: nearest(unknown, known).map(|known| format!("{section}{known}")),
                key,
                origin,
            };
        }
        Self::BadValue {
            key,
            origin,
            reason: error.kind.to_string(),
        }
    }
}

/// The name among `known` that was probably meant.
fn nearest(unknown: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|known| {
            (
                strsim::normalized_damerau_levenshtein(unknown, known),
                *known,
            )
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest}?"))
}

const LIKENESS_MIN: f64 = 0.4;
