use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use wayside::{security::Slot, time::Timestamp};
use zeroize::{Zeroize as _, Zeroizing};

/// What the enrolment operator calls a request; drawn at random, so that whoever carries it learns
/// nothing from it.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd,
)]
pub struct Token(pub [u8; 16]);

/// A request for tickets with everything that its answer needs; two are the same if their tokens
/// are.
///
/// Holds private keys: whoever reads it can speak as the vehicle in these slots.
#[derive(BorshDeserialize, BorshSerialize)]
pub struct TicketRequest {
    /// Its name.
    pub token: Token,
    /// When it was made.
    pub made: Timestamp,
    /// Whose it is to answer.
    pub seat: Seat,
    /// The numbers of its slots.
    slots: Vec<u32>,
    /// The sealed bytes, the same each time it is sent.
    pub sealed: Vec<u8>,
    /// What opens the answer and the tickets, and has their private keys.
    secrets: Vec<u8>,
}

/// Who enrols and answers, by the numbers on the ledger.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seat {
    /// The operator.
    pub operator: u16,
    /// Which of its replicas.
    pub replica: u16,
}

impl TicketRequest {
    /// A request as it was drafted.
    pub fn new(
        (token, seat): (Token, Seat),
        made: Timestamp,
        slots: &[Slot],
        sealed: Vec<u8>,
        secrets: &Zeroizing<Vec<u8>>,
    ) -> Self {
        Self {
            token,
            made,
            seat,
            slots: slots.iter().map(|slot| slot.number()).collect(),
            sealed,
            secrets: secrets.to_vec(),
        }
    }

    /// What opens the answer and the tickets.
    pub fn secrets(&self) -> &[u8] {
        &self.secrets
    }

    /// Its slots.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.slots.iter().copied().map(Slot::from_number)
    }

    /// All of it, for the disk alone.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(borsh::to_vec(self).expect("memory takes everything"))
    }

    /// Reads what [`Self::to_bytes`] makes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}

impl Drop for TicketRequest {
    fn drop(&mut self) {
        self.secrets.zeroize();
    }
}

impl fmt::Debug for TicketRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketRequest")
            .field("made", &self.made)
            .field("seat", &self.seat)
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}
