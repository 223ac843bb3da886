use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::crypto::SigningKey;

/// Why a private key's file cannot be used.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("cannot use {}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("{} can be read by others: allow its owner alone (chmod 600)", .0.display())]
    Exposed(PathBuf),
    /// There is no `key = "…"` of 64 hexadecimal digits in it.
    #[error("{} has no key of 64 hexadecimal digits", .0.display())]
    Malformed(PathBuf),
}

/// Reads a private key from a TOML file that has it as `key`, in hexadecimal digits; whatever else
/// stands there is for people.
///
/// Refuses a file that others may read.
pub fn read_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    let mode = fs::metadata(path)
        .map_err(unusable(path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed(path.to_owned()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unusable(path))?);
    let malformed = || KeyFileError::Malformed(path.to_owned());
    // The parser's message would quote the line, which may hold the key.
    let parsed: ReadText = toml::from_str(&text).map_err(|_| malformed())?;
    let seed: Zeroizing<[u8; 32]> = from_hex(&parsed.key)
        .and_then(|seed| seed.as_slice().try_into().ok())
        .map(Zeroizing::new)
        .ok_or_else(malformed)?;
    Ok(SigningKey::from_seed(&seed))
}

/// Writes a new private key's file, readable by its owner alone; fails if it is there already.
pub fn write_key(path: &Path, key: &SigningKey, note: &str) -> Result<(), KeyFileError> {
    let digits = Zeroizing::new(to_hex(key.to_seed().as_slice()));
    let text = WrittenText {
        note,
        public: to_hex(key.verifying_key().as_bytes()),
        key: &digits,
    };
    let text = Zeroizing::new(toml::to_string(&text).expect("text is TOML"));
    write_private(path, text.as_bytes()).map_err(unusable(path))
}

/// Writes a new file that its owner alone may read; fails if it is there already.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal digits, an even number of them.
pub fn from_hex(digits: &str) -> Option<Zeroizing<Vec<u8>>> {
    let nibbles: Vec<u32> = digits
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let pairs = nibbles.chunks_exact(2);
    let is_whole = pairs.remainder().is_empty();
    let bytes = pairs
        .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
        .map(|byte| u8::try_from(byte).ok())
        .collect::<Option<Vec<u8>>>()?;
    is_whole.then(|| Zeroizing::new(bytes))
}

#[derive(Deserialize)]
struct ReadText {
    key: String,
}

#[derive(Serialize)]
struct WrittenText<'a> {
    note: &'a str,
    public: String,
    key: &'a str,
}

impl Drop for ReadText {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_owned();
    |source| KeyFileError::Unusable { path, source }
}
