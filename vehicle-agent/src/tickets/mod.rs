//! Has tickets when the vehicle needs them.
//!
//! A ticket counts in one slot, so a car that wants to speak tomorrow asks today, while a roadside
//! unit is in reach. How many it has is the price of revocation while nothing is in reach, and what
//! it asks for tells the enrolment operator when it drives: so a car that drives has some hours, and
//! one that is parked has the minutes to begin with.
//!
//! Private keys are made here and never leave. A request is on disk before it is sent, and a ticket
//! before it is used, so that a restart at any moment costs no slot: an issuer gives one ticket for
//! a slot, and what it gave to a key that was lost is lost.
//!
//! [`Preloader`] decides, without clock, file or socket; [`RequestStore`] is where requests are kept;
//! [`in_turn`] says whose units carry them. What is in a request, and who can open which part of it,
//! is left to `issuing`; carrying it, to the tasks of [`ledger`](crate::ledger).

mod config;
mod entry;
mod errand;
mod need;
mod preloader;
mod problem;
mod request;
mod store;
mod turn;

pub use config::TicketsConfig;
pub use errand::{Answer, Errand, Write, Written};
pub use need::{Horizon, Need};
pub use preloader::{PreloadState, Preloader};
pub use problem::{Problem, Refused, Tally};
pub use request::{Seat, TicketRequest, Token};
pub use store::{RequestStore, RequestStoreError, StoreOpened};
pub use turn::{Unit, in_turn};

#[cfg(test)]
mod tests;
