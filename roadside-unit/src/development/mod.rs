//! Makes ledgers for development: a genesis, operators' keys, and keys that hold every role.
//!
//! All private keys lie side by side in one folder, so whoever has the folder is every operator and
//! every authority at once and none of the ledger's promises hold; everything made says so. The
//! formats are the real ones.

mod domain;
mod error;
mod ports;

pub use domain::{Domain, Made, MadeFollower, MadeUnit, certify_door, make_domain};
pub use error::DevelopmentError;
pub use ports::{UnitPorts, free_ports, ports_from, usual_ports};

/// What stands in everything that is made here.
pub const WARNING: &str = "DEVELOPMENT: one hand holds every operator's and every role's key, so no \
                           promise of the ledger holds.";

#[cfg(test)]
mod tests;
