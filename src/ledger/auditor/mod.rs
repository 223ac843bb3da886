//! Looks for what must never be, in the states of all shards of a ledger.
//!
//! Execution keeps these promises block by block and shard by shard; that they hold *across* shards
//! nobody there can see. The auditor can: it holds final states side by side. States of different
//! shards are never of the same moment, so [`Auditor::check`] first asks whether they can be a cut
//! through one history, in which nothing was received before it was sent, and waits if not.

mod audit;

pub use audit::{Audit, Auditor, Violation};

#[cfg(test)]
mod tests;
