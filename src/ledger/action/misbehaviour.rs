use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::ledger::AccusedStation;

/// A station lied, as its own signed messages prove.
///
/// In shard 0, signed with any operator's issuing key. Who heard the messages does not matter: every
/// operator finds the lie in them again, and if it does, the tickets of the station's vehicle are
/// ordered to count no more for a day, by nobody's leave.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReportMisbehaviour {
    /// The bytes of an [`Evidence`](crate::evidence::Evidence). As text, hexadecimal digits.
    #[serde(with = "super::hexadecimal")]
    pub evidence: Vec<u8>,
}

/// A station says that another one's words are not true, which these alone do not show.
///
/// In shard 0, signed with any operator's issuing key. It counts once the tickets of both were issued
/// here; nothing follows before three have testified.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Testify {
    /// The bytes of a [`Testimony`](crate::evidence::Testimony). As text, hexadecimal digits.
    #[serde(with = "super::hexadecimal")]
    pub testimony: Vec<u8>,
}

/// An operator believes three witnesses.
///
/// In shard 0, signed with any operator's issuing key. Once one more operator does than may be false,
/// the tickets of the accused's vehicle are ordered to count no more for a day.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BelieveWitnesses {
    /// The station that they testified against.
    pub accused: AccusedStation,
}

/// The version of the rules since which a ledger suspends liars by itself.
pub(in crate::ledger) const MISBEHAVIOUR_RULES: u16 = 4;
