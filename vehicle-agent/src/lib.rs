//! The daemon in the car: everything that `vehicle-agent` and `wayside agent` run.

pub mod checkpoint;
pub mod config;
pub mod daemon;
pub mod grpc;
pub mod identity;
pub mod ledger;
pub mod outbox;
pub mod record;
pub mod roadside;
mod role;
pub mod speaking;
pub mod state_file;
pub mod tickets;
pub mod trip;
pub mod trust;

pub use role::Role;
