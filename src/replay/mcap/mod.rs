//! Our own recordings: MCAP with the profile `wayside`.
//!
//! The profile is described in `proto/wayside/drive/v1/drive.proto`. A recording may end anywhere,
//! because the car that wrote it may: what stands in whole chunks is read, and where the rest
//! begins is said. A chunk whose checksum is wrong is not used at all.

mod reader;
mod wire;
mod writer;

pub use reader::read;
pub use writer::{About, WriteError, Writer, write};

pub(super) use ::mcap::MAGIC;

#[cfg(test)]
mod tests;

const PROFILE: &str = "wayside";
const VERSION: &str = "1";
const METADATA_WAYSIDE: &str = "wayside";
const METADATA_PROVENANCE: &str = "provenance";
const TRUST_DOMAIN: &str = "trust-domain.toml";
const TOPIC_LABEL: &str = "/truth/label";
const ENCODING_PROTOBUF: &str = "protobuf";
const ENCODING_ENVELOPE: &str = "wayside.envelope.v1";
const NANOS_PER_MS: u64 = 1_000_000;
