use std::{borrow::Cow, io::Read as _};

use flate2::read::MultiGzDecoder;

use super::ImportError;
use crate::replay::Cut;

/// The content of a recording, unpacked if it was packed with gzip, and where unpacking failed.
///
/// Refuses what unpacks to more than `limit` bytes.
pub(super) fn unpack<'a>(
    name: &str,
    bytes: &'a [u8],
    limit: u64,
) -> Result<(Cow<'a, [u8]>, Option<Cut>), ImportError> {
    if !bytes.starts_with(&GZIP_MAGIC) {
        return Ok((Cow::Borrowed(bytes), None));
    }
    let mut content = Vec::new();
    // SUMO writes several gzip members one after the other.
    let outcome = MultiGzDecoder::new(bytes)
        .take(limit + 1)
        .read_to_end(&mut content);
    let len = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if len > limit {
        return Err(ImportError::TooLarge {
            name: name.to_owned(),
            limit,
        });
    }
    let cut = outcome.err().map(|error| Cut {
        at: len,
        why: format!("the gzip stream is cut or damaged ({error})"),
    });
    Ok((Cow::Owned(content), cut))
}

/// The text up to the first byte that is not UTF-8, without a byte order mark.
///
/// A mark is three bytes; they stay part of all offsets only where they are blanks, so it is
/// returned how many bytes were skipped.
pub(super) fn text(bytes: &[u8]) -> (&str, usize, Option<Cut>) {
    let (bytes, skipped) = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (rest, BYTE_ORDER_MARK.len()),
        None => (bytes, 0),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, skipped, None),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let cut = Cut {
                at: offset(valid.len() + skipped),
                why: "what follows is not UTF-8 text".to_owned(),
            };
            (
                std::str::from_utf8(valid).unwrap_or_default(),
                skipped,
                Some(cut),
            )
        }
    }
}

/// A position in memory as one in a file.
pub(super) fn offset(position: usize) -> u64 {
    u64::try_from(position).unwrap_or(u64::MAX)
}

/// Most bytes that a packed recording may have when unpacked, against bombs: about two million
/// states in the wordier of the formats.
pub(super) const UNPACKED_LEN_MAX: u64 = 512 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
