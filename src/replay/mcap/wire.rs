//! The generated protobuf types.
#![expect(unreachable_pub, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/wayside.drive.v1.rs"));

/// The descriptors of all schemas, from which a recording takes those it needs.
pub(super) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
