//! The daemon at the road: everything that `roadside-unit` and `wayside unit` run.
//!
//! A unit keeps a replica of the ledger for its operator, lets clients and vehicles hand in
//! transactions, and hands out what proves itself. What makes a block final is the engine's business,
//! and what a block means the library's.

pub mod config;
pub mod daemon;
pub mod development;
mod follow;
mod grpc;
pub mod index;
mod issuing;
mod relay;
mod role;
mod vault;
mod voice;

pub use issuing::{JournalError, read_known};
pub use relay::RelayStartError;
pub use role::Role;
