//! The vehicle's way to the ledger: takes records in, carries them to roadside units, brings histories
//! back.
//!
//! Everything that is decided is decided elsewhere: what is sent and when by
//! [`Outbox`](crate::outbox::Outbox), what is a trip by [`TripDetector`](crate::trip::TripDetector),
//! which past is the ledger's by [`Keeper`](crate::checkpoint::Keeper), what is true by its proofs. Here are the tasks that run them, on disk and network.
//!
//! ```text
//! gRPC, trips ─▶ Records ─▶ Outbox ─▶ writer ─▶ journal
//!                              └───▶ courier ─▶ door of a unit
//!                   └─▶ Keeper ─────▶ witness ─▶ doors of several operators
//! ```
//!
//! The ledger has nothing to do with the road: it has its own key, its own connection from its own
//! port, at times of its own (jittered), and always this machine's clock, also while a recorded drive
//! is played.

mod calls;
mod config;
mod courier;
mod history;
mod identity;
mod records;
mod trips;
mod witness;
mod writer;

pub use config::LedgerConfig;
pub use history::{HistoryError, VerifiedHistory};
pub use identity::{LedgerIdentity, LedgerIdentityError};
pub use records::{Records, RecordsChange, RecordsState, SubmitError};

pub(crate) use courier::carry;
pub(crate) use trips::{follow, new_salt};
pub(crate) use witness::keep_checkpoints;
pub(crate) use writer::write;
