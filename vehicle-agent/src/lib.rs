//! The daemon in the car: everything that `vehicle-agent` and `wayside agent` run.

mod caller;
pub mod config;
pub mod daemon;
pub mod grpc;
pub mod identity;
pub mod journal;
pub mod listen;
pub mod record;

pub use caller::{Caller, CallerIdentity, Role};
