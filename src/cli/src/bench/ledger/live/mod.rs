//! What it costs when a member of four is killed, and when the committee changes, under load.
//!
//! The roadside units run as processes of their own, as operators run them, under a constant load
//! that this process hands in by gRPC. In `outage` one of them is ended with SIGKILL again and again
//! at some moment and started again later, sometimes with nothing left on its disk; in `handover` an
//! operator joins, one gets another vote key and one leaves. `log` keeps what the units said and
//! when, `audit` reads at the end all that every unit has: whether a transaction that was reported
//! final is missing anywhere, and whether two units disagree. These are promises, and break the run;
//! times are figures.

mod audit;
mod handover;
mod load;
mod log;
mod outage;
mod stage;
mod units;

pub(super) use handover::run as run_handover;
pub(super) use outage::run as run_outage;

#[cfg(test)]
mod tests;
