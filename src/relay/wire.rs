//! The generated protobuf types.
#![expect(unreachable_pub, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/wayside.roadside.v1.rs"));
