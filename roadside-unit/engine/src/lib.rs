//! Orders the ledger's transactions and makes them final: the consensus engine behind a narrow
//! interface.
//!
//! A crate of its own, since the engine is generic throughout: whoever names its types compiles it.
