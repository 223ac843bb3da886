//! `wayside drive`: recordings in and out.

mod command;
mod info;
mod traffic;

pub(crate) use command::{Arguments, Reading, report_cut, run, save};
