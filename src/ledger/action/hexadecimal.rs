//! Bytes as hexadecimal digits.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    serializer.serialize_str(&digits.collect::<String>())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = <String as Deserialize>::deserialize(deserializer)?;
    let nibbles = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|it| u8::try_from(it).ok()));
    let nibbles: Option<Vec<u8>> = nibbles.collect();
    let nibbles = nibbles.filter(|it| it.len() % 2 == 0);
    let nibbles = nibbles.ok_or_else(|| D::Error::custom("not hexadecimal digits of bytes"))?;
    let bytes = nibbles
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, it| byte << 4 | it));
    Ok(bytes.collect())
}
