//! The vehicle's way to the ledger: takes records in, carries them to roadside units, brings histories
//! back.
//!
//! Everything that is decided is decided elsewhere: what is sent and when by
//! [`Outbox`](crate::outbox::Outbox), what is a trip by [`TripDetector`](crate::trip::TripDetector),
//! which past is the ledger's by [`Keeper`](crate::checkpoint::Keeper), what is true by its proofs.
//! Here are the tasks that run them, on disk and network.
//!
//! ```text
//! gRPC, trips ─▶ Records ─▶ Outbox ─▶ writer ─▶ journal
//!                              └───▶ courier ─▶ door of a unit
//!                   └─▶ Keeper ─────▶ witness ─▶ doors of several operators
//! ```
//!
//! # What an evil unit can do
//!
//! It can keep a car waiting, and no more:
//!
//! | it | and the car |
//! |---|---|
//! | tells a false outcome, or proves another transaction, shard or ledger | refuses the proof; the record goes to the next unit |
//! | refuses a record, with whatever reason, for ever | sends it again, to the next unit of the list; only a proof ends a record |
//! | takes the later records and not the first, so that the ledger refuses the first | keeps the order, until units of two operators refused it many times, or one for hours |
//! | says that it took a record, and never finalizes it | asks for the proof some times, and hands it in elsewhere |
//! | leaves records out of a history, or ends it early | finds them missing by the head in the state; an older end says as of when it is |
//! | shows a past that retired keys signed, or an old one | holds it against what other operators showed; refuses what is older than `age_max` |
//! | does not answer, answers slowly or at length | bounds each answer in time and bytes, and each visit in time |
//! | asks for a pause of hours | waits so long for this unit, not for the next |
//! | shows an account as it was minutes ago | believes that only where its own state folder was lost |
//!
//! The last one can cost a record: it is signed with a nonce that was used, and waits for ever.
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

pub use config::{LedgerConfig, RevocationsConfig};
pub use history::{HistoryError, VerifiedHistory};
pub use identity::{LedgerIdentity, LedgerIdentityError};
pub use records::{Records, RecordsChange, RecordsState, SubmitError};

pub(crate) use calls::ask;
pub(crate) use courier::{carry, connect, random_below, random_part};
pub(crate) use trips::{follow, new_salt};
pub(crate) use witness::{keep_checkpoints, witness};
pub(crate) use writer::write;
