//! Traffic with liars in it, to measure who finds them.
//!
//! [`Traffic`] makes of a recorded drive what a receiver would hear: satellite receivers wander, some
//! drivers are rough, messages are lost, and a share of the vehicles tells lies of one kind
//! ([`Attack`]). The kinds and their parameters are those that others publish: the fifteen of VeReMi
//! NextGen (Hermann et al., IEEE VNC 2026) and more of F2MD. Nothing is signed, since liars here hold
//! valid tickets; only what they say is wrong, and each message says how
//! wrong ([`Falsity`]).

mod attack;
mod falsity;
mod noise;
mod stage;
mod telling;
mod traffic;

pub use attack::{Attack, Catalogue};
pub use falsity::Falsity;
pub use traffic::{Said, Sender, Traffic, TrafficOptions};
