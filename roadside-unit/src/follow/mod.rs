//! Follows what the engine makes final, block by block, and knows where everything stands.
//!
//! One task reads each shard in order, from wherever the index ended, and never skips a block that is
//! kept: what the engine announces only wakes it. So a crash, a slow disk or a burst of blocks costs
//! time and loses nothing, and whoever waits for a transaction is woken after it can be found.

mod followed;
mod follower;
mod pending;

pub(crate) use followed::{Followed, nonces};
pub(crate) use follower::Follower;
pub(crate) use pending::Pending;

#[cfg(test)]
mod tests;
