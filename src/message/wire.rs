//! The generated protobuf types.
#![expect(unreachable_pub, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/wayside.message.v1.rs"));
