//! Keeps recent headers of the ledger, as operators who need not know of each other showed them.
//!
//! Signatures do not age: whoever gets hold of the keys of a quorum that retired long ago can sign
//! another past, and no history shows that by itself. So the vehicle remembers where each shard stood
//! when it last met a unit, and by whose word. What it meets later must lead there:
//!
//! - a unit that shows another past is refused, and named, whatever it can prove;
//! - what is old when it is handed out is refused, so that nobody is held in the past;
//! - a history counts as anchored only if an *other* operator than the one whose unit gave it vouched
//!   for the past that it shows, or the vehicle's owner did by the configuration.
//!
//! [`Keeper`] decides, without clock, file or socket; [`CheckpointFile`] is where it is kept. The very
//! first checkpoint is taken on one operator's word if the owner gives none: then the next one who
//! contradicts it is refused, and nobody here can tell which of the two lied. Both are named.

mod config;
mod file;
mod keeper;

pub use config::CheckpointConfig;
pub use file::{CheckpointFile, CheckpointFileError};
pub use keeper::{KeepError, Keeper, Kept, Standing, Voucher};

#[cfg(test)]
pub(crate) mod tests;
