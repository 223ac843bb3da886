//! The words of the gRPC interface: generated types and their conversions.

mod generated;

pub use generated::{agent, hazard, replay, telemetry, types, world};

/// Every schema that is compiled in, as an encoded `google.protobuf.FileDescriptorSet`; what the
/// reflection service answers from.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
