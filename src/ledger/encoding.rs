use std::io;

use borsh::BorshSerialize;

/// The canonical bytes of a value.
pub(super) fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("a vector takes whatever is written to it")
}

/// The error by which a decoder refuses what no encoder writes.
pub(super) fn malformed(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
