//! Payloads that name themselves, for what is measured beside Wayside.

use bytes::Bytes;

/// The payload with this name.
pub(super) fn named(who: u64, which: u64) -> Bytes {
    let mut payload = vec![0x5a; PAYLOAD_LEN];
    let name = [who.to_be_bytes(), which.to_be_bytes()].concat();
    for (byte, named) in payload.iter_mut().zip(name) {
        *byte = named;
    }
    payload.into()
}

/// A payload's name.
pub(super) fn names(payload: &[u8]) -> Option<(u64, u64)> {
    let (who, rest) = payload.split_first_chunk()?;
    let which = rest.first_chunk()?;
    Some((u64::from_be_bytes(*who), u64::from_be_bytes(*which)))
}

/// As long as in the measurements of other middleware that ours stand beside.
const PAYLOAD_LEN: usize = 300;
