use std::{fmt, io, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::encoding::malformed;
use crate::{
    id::{IdTextError, bytes_from_hex, deserialize_text, serialize_text},
    security::{LinkageAuthority, LinkageSeed, TICKET_LEN, Ticket, TicketError},
};

/// Declares bytes with a meaning of their own, shown as hexadecimal digits.
macro_rules! some_bytes {
    ($(#[$doc:meta])* $name:ident $length:expr) => {
        $(#[$doc])*
        #[derive(
            BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd,
        )]
        pub struct $name([u8; $length]);

        impl $name {
            /// The value with these bytes.
            pub fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes as they stand on the ledger.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdTextError;

            fn from_str(text: &str) -> Result<Self, IdTextError> {
                bytes_from_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_text(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_text(deserializer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

some_bytes! {
    /// The bytes of a ticket whose holder is accused.
    AccusedTicket TICKET_LEN
}

some_bytes! {
    /// The random name under which a ticket was signed, which says nothing about its vehicle but to
    /// the enrolment authority.
    TicketHandle 16
}

some_bytes! {
    /// A linkage seed that is no secret any more.
    RevealedSeed 32
}

impl AccusedTicket {
    /// The ticket, or why the bytes are none.
    pub fn ticket(&self) -> Result<Ticket, TicketError> {
        Ticket::from_bytes(&self.0)
    }
}

impl From<&Ticket> for AccusedTicket {
    fn from(ticket: &Ticket) -> Self {
        Self(*ticket.as_bytes())
    }
}

impl RevealedSeed {
    /// The seed, to follow its chain.
    pub fn seed(&self) -> LinkageSeed {
        LinkageSeed::from_bytes(self.0)
    }
}

impl BorshSerialize for LinkageAuthority {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        let code: u8 = match self {
            Self::First => 0,
            Self::Second => 1,
        };
        BorshSerialize::serialize(&code, writer)
    }
}

impl BorshDeserialize for LinkageAuthority {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        match u8::deserialize_reader(reader)? {
            0 => Ok(Self::First),
            1 => Ok(Self::Second),
            _ => Err(malformed("no linkage authority has this number")),
        }
    }
}
