//! The gRPC interface: parses what driving stacks ask, calls the station, and converts what it
//! answers.
//!
//! Nothing about the road is decided here. What is: who may call what (one table, `roles`), how
//! much and for how long (`wayside::serve`), and what becomes of a client that does not read: it is
//! told of the gap, and cut off when it goes on. Every refusal has a reason that a program can read.
//!
//! ```text
//! listener ─▶ Gate: caller, role, rate, deadline ─▶ service ─▶ Handle::call ─▶ answer
//! sink of the driver ─▶ Hub ─▶ one Feed for each subscriber ─▶ its stream
//! ```
//!
//! [`Services::start`] once, [`Services::serve`] for each listener, [`Services::drain`] before the
//! end, so that clients learn of it from health and from their streams.

mod about;
mod bench;
mod hazards;
mod hub;
mod publication;
mod readiness;
mod record_watch;
mod records;
mod refusal;
mod repeats;
mod replay;
mod roles;
mod server;
mod state;
mod subscription;
mod world;

pub use about::About;
pub use bench::{Bench, DriveDescription, SeekOrder, VehicleDescription};
pub use hub::Hub;
pub(crate) use hub::OwnSighting;
pub(crate) use roles::METHODS;
pub use server::{Agent, Exposure, Services};

#[cfg(test)]
mod tests;
