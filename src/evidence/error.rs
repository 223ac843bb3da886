use thiserror::Error;

use crate::security::{Refusal, TicketError};

/// Why evidence proves nothing.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum EvidenceError {
    /// More bytes than evidence has, or fewer.
    #[error("{0} bytes are no evidence")]
    Length(usize),
    /// Of a version or kind that this one does not know.
    #[error("unknown version or kind of evidence")]
    Unknown,
    /// It does not begin with a ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// A message in it is none.
    #[error("a message of the evidence: {0}")]
    Message(#[from] Refusal),
    /// It was held against another ticket than its own.
    #[error("the evidence is about another ticket")]
    OtherTicket,
    /// The ticket's holder did not sign a message, or not while the ticket counted.
    #[error("the accused did not sign all of it")]
    NotSigned,
    /// The two messages do not bear one sequence, or say the same.
    #[error("the messages do not contradict each other by their sequence")]
    NoEquivocation,
    /// Too many or too few messages, in another order than the sender's, of too short a time, or with
    /// too many left out between them.
    #[error("the messages are not those of three stretches")]
    BadStretches,
    /// Witness and accused are the same, or of different slots.
    #[error("the witness is none of the accused's slot")]
    NoWitness,
    /// A stretch contradicts neither itself nor physics.
    #[error("messages can be true")]
    Plausible,
}
