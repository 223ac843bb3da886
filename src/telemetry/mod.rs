//! What an operator sees of a running daemon: its log and its metrics.
//!
//! Both are read by many people and kept for years, so neither may tell who drives where: labels
//! come from fixed, short lists, and no vehicle, station, position or peer address is ever one
//! of them. The log's filter can be changed while the daemon runs; metrics are served in the
//! Prometheus text format by [`MetricsServer`], on a loopback address unless asked otherwise.
//!
//! What is worth counting is decided by those who count; this module only gives it a name.

mod issuing;
mod ledger;
mod logs;
mod metrics;
mod relaying;
mod roadside;
mod server;
mod tickets;

pub use issuing::IssuingMetrics;
pub use ledger::{AuditResult, LedgerMetrics, RulesKnown, ShardStanding};
pub use logs::{LogConfig, LogError, LogFormat, LogHandle, init_logs};
pub use metrics::{DropReason, GrpcMethod, Metrics, OutboxFill};
pub use relaying::{RelayMetrics, RelayStanding};
pub use roadside::RoadsideStanding;
pub use server::{MetricsError, MetricsServer};
pub use tickets::TicketSupply;

#[cfg(test)]
mod tests;
