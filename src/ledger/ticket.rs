use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::{bytes::some_bytes, encoding::malformed};
use crate::security::{LinkageAuthority, LinkageSeed, TICKET_LEN, Ticket, TicketError};

some_bytes! {
    /// The bytes of a ticket whose holder is accused.
    AccusedTicket TICKET_LEN
}

some_bytes! {
    /// The station that holds such a ticket.
    AccusedStation 8
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

impl From<&Ticket> for AccusedStation {
    fn from(ticket: &Ticket) -> Self {
        Self(*ticket.station().as_bytes())
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
