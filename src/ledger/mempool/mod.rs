//! Transactions that wait for a block.
//!
//! Everybody may hand in transactions and nobody pays for them, so what waits is bounded: in all, in
//! bytes, and for each sender. When there is no room, the sender who has the most waiting loses its
//! last one to whoever has fewer, and [`Mempool::take`] serves senders in turn, so one who floods
//! only ever crowds out itself. Within one sender's the order is that of the nonces.
//!
//! What was checked once stays known for a while as [`Recent`], whether or not it waits.

mod pool;
mod recent;

pub use pool::{Mempool, MempoolConfig, MempoolRefusal};
pub use recent::Recent;

#[cfg(test)]
mod tests;
