//! `wayside demo`: the main job end to end on this machine, with real processes.
//!
//! Starts agents as processes of their own, plays a part of the bundled drive into them as their
//! vehicles' driving stacks would, and holds what the stacks are told against what must be so:
//! everybody hears everybody, a hazard arrives, the death of one agent is noticed and survived, its
//! return leaves no contradiction, and a roadside unit carries farther than cars are heard.
//! [`steps::STEPS`] is the list; nothing is judged by having slept long enough.
//!
//! What the agents decide is theirs, and no part of it is done here: `process` starts and ends
//! them, `stack` is their client, `picture` remembers what the stacks were told, `steps` judges
//! it, `table` shows it.

mod cast;
mod command;
mod daemon;
mod far;
mod ledger;
mod metrics;
mod picture;
mod process;
mod stack;
mod stage;
mod steps;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use command::{Arguments, run};
pub(crate) use daemon::Daemon;
