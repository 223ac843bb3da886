//! `wayside bench issuing`: what tickets and their revocation cost every part, and what the ways that
//! they take give away.

mod carrier;
mod list;
mod path;
mod town;

use super::{machine::Machine, report::Report};

/// Measures the cases that are named, or all.
pub(super) fn run(cases: &[String]) -> anyhow::Result<Report> {
    let mut report = Report::new("issuing", Machine::read());
    let is_wanted = |case: &str| cases.is_empty() || cases.iter().any(|it| it == case);
    if is_wanted("path") {
        path::run(&mut report)?;
    }
    if is_wanted("list") {
        list::run(&mut report)?;
    }
    if is_wanted("carrier") {
        carrier::run(&mut report);
    }
    Ok(report)
}
