//! Puts a roadside unit together and takes it apart again.
//!
//! What can fail is opened first: a unit that cannot keep what it votes for, or that nobody could
//! reach, never votes. On the way down the order is the reverse: clients learn that the unit is
//! stopping, and the engine ends last, with everything that it has promised on disk.

mod audit;
mod backup;
mod error;
mod identity;
mod monitor;
mod process;
mod rebuild;
mod relaying;
mod unit;

pub use error::StartError;
pub use process::{UnitArguments, UnitCommand, run_from_arguments};
pub use unit::Daemon;
