//! `wayside bench ledger --case outage`: what it costs that a member of four is killed.
//!
//! Four roadside units run as processes of their own, as operators run them, under a constant load
//! that this process hands in by gRPC. Again and again one of them is ended with SIGKILL at some
//! moment and started again later, sometimes with nothing left on its disk. `log` keeps what the
//! units said and when, `audit` reads at the end all that every unit has: whether a transaction that
//! was reported final is missing anywhere, and whether two units disagree. These are promises, and
//! break the run; times are figures.

mod audit;
mod load;
mod log;
mod script;
mod units;

pub(super) use script::run;

#[cfg(test)]
mod tests;
