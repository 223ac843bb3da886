//! Tickets from the operators of a development domain's ledger: who issues them is set up, vehicles are
//! enrolled, and what was issued is taken back.
//!
//! All keys lie in the domain's folder, so that one command can sign for every operator that has to. On a
//! real road each of them signs for itself, with `wayside ledger submit --save-draft` and
//! `wayside ledger approve`; the transactions are the same.

mod desk;
mod enrol;
mod list;
mod offices;
mod request;
mod revoke;
mod rotate;
mod setup;
mod show;

pub(super) use desk::DomainArguments;
pub(super) use enrol::enrol;
pub(super) use list::List;
pub(super) use request::request;
pub(super) use revoke::{Lift, Revoke};
pub(super) use rotate::Rotate;
pub(super) use setup::Issuing;
pub(super) use show::Show;
