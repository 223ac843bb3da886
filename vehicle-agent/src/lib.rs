//! The daemon in the car: everything that `vehicle-agent` and `wayside agent` run.

pub mod checkpoint;
pub mod config;
pub mod daemon;
pub mod grpc;
pub mod identity;
pub mod journal;
pub mod ledger;
pub mod outbox;
pub mod record;
mod role;
pub mod trip;

pub use role::Role;
