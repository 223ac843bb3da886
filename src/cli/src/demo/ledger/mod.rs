//! The ledger's part of the demo: four roadside units, each of another operator, in processes of
//! their own, and what people and vehicles have them write down.
//!
//! `committee` starts, kills and asks the units, `people` has everybody's keys, `desk` signs and
//! submits for them, `records` speaks to the vehicles' agents, `proof` verifies. `script` has the
//! steps; what they do is in `enrolment`, `trade`, `outage` and `evidence`.

mod committee;
mod desk;
mod enrolment;
mod evidence;
mod outage;
mod people;
mod proof;
mod records;
mod script;
mod trade;

pub(super) use script::{CLOSING, DRIVING, Ledger, LedgerStep, OPENING};
