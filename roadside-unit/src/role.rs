use std::fmt;

use serde::{Deserialize, Serialize};
use wayside::serve::{self, Access};

use crate::grpc::METHODS;

/// What a caller of the unit may do. Who may change the ledger is not among it: that is decided by the
/// keys that signed a transaction, whoever hands it in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A vehicle at the unit's QUIC door, which shows no name: may hand in transactions, follow them,
    /// and ask for what it already knows the name of.
    Vehicle,
    /// May hand in transactions, follow them, and see who keeps the ledger.
    Client,
    /// May read vehicles' records, too.
    Reader,
    /// May tell vehicles of hazards in the operator's name, too.
    Operator,
}

impl serve::Role for Role {
    const ALL: &'static [Self] = &[Self::Vehicle, Self::Client, Self::Reader, Self::Operator];
    const OWNER: Self = Self::Operator;
    const METHODS: &'static [(&'static str, Access<Self>)] = METHODS;
    /// Each waits for others, within a bound of its own.
    const UNTIMED: &'static [&'static str] = &[
        "/wayside.issuing.v1.IssuingService/CollectTickets",
        "/wayside.issuing.v1.IssuingService/Deliver",
        "/wayside.issuing.v1.IssuingService/GetRevocations",
        "/wayside.issuing.v1.IssuingService/RequestTickets",
        "/wayside.ledger.v1.LedgerService/Submit",
        "/wayside.ledger.v1.VaultService/ReleaseShare",
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vehicle => "vehicle",
            Self::Client => "client",
            Self::Reader => "reader",
            Self::Operator => "operator",
        })
    }
}
