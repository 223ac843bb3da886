use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

/// One of an operator's processes that issue, with an issuing key of its own.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd,
)]
pub struct Seat {
    /// The operator, by its place on the ledger.
    pub operator: u16,
    /// Which of its processes; 0 unless it enrols vehicles with several.
    pub replica: u16,
}

impl Seat {
    /// An operator's first process.
    pub const fn first(operator: u16) -> Self {
        Self {
            operator,
            replica: 0,
        }
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.operator, self.replica)
    }
}

macro_rules! random_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd,
        )]
        pub struct $name([u8; 16]);

        impl $name {
            /// The name with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    };
}

random_name! {
    /// A request for tickets, as whoever carries it sees it; drawn by the car, and told to nobody else.
    Token
}
random_name! {
    /// A vehicle before the second linkage authority, which learns nothing else about it.
    ///
    /// It follows from the enrolment authority's secret, so all its processes use the same.
    VehicleHandle
}
random_name! {
    /// Tickets that are signed together, drawn by the enrolment authority.
    BatchId
}
random_name! {
    /// One attempt to sign a batch, drawn by who coordinates it.
    Session
}
random_name! {
    /// One message between operators, drawn by who sends it.
    Nonce
}
