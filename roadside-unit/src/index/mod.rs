//! Where things stand in the blocks: transactions by their id, records by their vehicle.
//!
//! Nothing here is the truth. The blocks are; whatever the index says can be read from them again, so
//! a lost or damaged index costs time and nothing else, and no proof rests on it. It follows the
//! finalized blocks in order, each once, and after a crash goes on where its last commit ended.

mod error;
mod store;

pub use error::IndexError;
pub use store::{Entered, Index, Indexed, Place};

#[cfg(test)]
mod tests;
