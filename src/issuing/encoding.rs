use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

/// The canonical bytes of a value.
pub(super) fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("a vector takes whatever is written to it")
}

/// Reads a value from all of some bytes, of which there are not more than any encoder writes.
pub(super) fn decode<T: BorshDeserialize>(bytes: &[u8], length_max: usize) -> io::Result<T> {
    if bytes.len() > length_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too long"));
    }
    T::try_from_slice(bytes)
}
