//! Values that people do not write themselves, as the hexadecimal digits of their canonical bytes.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserializer, Serializer, de::Error as _};

use super::hexadecimal;
use crate::ledger::encoding::encode;

pub(super) fn serialize<T: BorshSerialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    hexadecimal::serialize(&encode(value), serializer)
}

pub(super) fn deserialize<'de, T: BorshDeserialize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let bytes = hexadecimal::deserialize(deserializer)?;
    borsh::from_slice(&bytes).map_err(D::Error::custom)
}
