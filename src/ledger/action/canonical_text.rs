//! Values that people do not write themselves, as the hexadecimal digits of their canonical bytes.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

use crate::ledger::encoding::encode;

pub(super) fn serialize<T: BorshSerialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let digits = encode(value)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    serializer.serialize_str(&digits)
}

pub(super) fn deserialize<'de, T: BorshDeserialize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let digits = <String as Deserialize>::deserialize(deserializer)?;
    let nibbles = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|it| it.try_into().ok()));
    let nibbles: Option<Vec<u8>> = nibbles.collect();
    let nibbles = nibbles.filter(|it| it.len() % 2 == 0);
    let nibbles = nibbles.ok_or_else(|| D::Error::custom("not hexadecimal digits of bytes"))?;
    let bytes = nibbles
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, it| byte << 4 | it));
    borsh::from_slice(&bytes.collect::<Vec<u8>>()).map_err(D::Error::custom)
}
