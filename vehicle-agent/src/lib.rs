//! The daemon in the car: everything that `vehicle-agent` and `wayside agent` run.

mod caller;

pub use caller::{Caller, CallerIdentity, Role};
