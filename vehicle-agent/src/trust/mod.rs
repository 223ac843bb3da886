//! Whom the vehicle believes: whose tickets count, whose units it talks to, and how it stands itself.
//!
//! All three are on the ledger and change while cars drive: keys that sign tickets are added and
//! withdrawn, operators join and leave, vehicles are suspended. Any unit can show them with a proof,
//! so it does not matter which one is asked; but it can show what was true long ago. So what is older
//! than what is known is refused, and what is older than a day when it is shown.
//!
//! [`TrustKeeper`] decides, without clock, file or socket; [`TrustFile`] is where it is kept. A file
//! with a trust domain may come beside the ledger's: it says which one the vehicle belongs to, and in a
//! development domain its keys count, too.

mod file;
mod keeper;

pub use file::TrustFile;
pub use keeper::{Door, Enrolled, KeptTrust, News, TrustError, TrustKeeper};

#[cfg(test)]
mod tests;
