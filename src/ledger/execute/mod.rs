//! What happens when a block is executed: a pure function of a state, a context and entries.
//!
//! Nothing here knows a clock, a float, randomness or the order of a hash map; every transaction
//! costs little, whatever came before it. So every member gets the same bytes, and whoever has the
//! blocks can do it again.
//!
//! A transaction first has to be *admissible* ([`Inadmissible`] is the list of what can be wrong):
//! its sender has an account, its nonce was not used, it has not expired, the sender's quota is not
//! used up. A block with any other is invalid. Then it uses its nonce and has an [`Outcome`]: applied
//! as a whole, or refused by a [`Rule`](crate::ledger::Rule) and without effect; refusals are in the
//! block, so the sender has a proof.
//!
//! Who may ask is settled before what is asked for. A record enters the history of the vehicles that
//! it is about if it was applied, or if whoever signed it was entitled to such records and a rule
//! about content stopped it. Refused junk of strangers does not, so nobody can spoil a history.
//!
//! Between shards there are only receipts, in order, each taken exactly once. What a receipt asks
//! for happens, or another receipt answers with the reason; nothing waits for a clock, and nothing
//! is unlocked because nobody answered.

mod access;
mod admission;
mod battery;
mod ceremony;
mod claim;
mod committee;
mod correct;
mod custody;
mod delivery;
mod dispatch;
mod enrolment;
mod executor;
mod facts;
mod governance;
mod issuing;
mod misbehaviour;
mod odometer;
mod overlay;
mod ownership;
mod part;
mod recall;
mod revocation;
mod step;
mod tag;
mod testimony;
mod trip;
mod vehicle;
mod warranty;
mod wear;

pub use access::may_read;
pub use admission::{Inadmissible, admit};
pub(super) use executor::Executor;
pub use executor::{BlockContext, ExecuteError, Executed, RULES, execute};

#[cfg(test)]
mod tests;
