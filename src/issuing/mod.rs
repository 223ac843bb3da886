//! Gives tickets to vehicles, so that no single operator can follow a vehicle or invent a ticket.

mod answer;
mod batch;
mod body;
mod car;
mod ceremony;
mod chains;
mod coordinator;
mod desk;
mod encoding;
mod enrolment;
mod escrow;
mod facts;
mod keys;
mod linkage;
mod member;
mod message;
mod name;
mod record;
mod request;
mod staged;
mod ticket_key;

pub use answer::{ANSWER_LENGTH_MAX, SEALED_TICKET_LEN, SealedAnswer, SealedTicket, TicketRefusal};
pub use batch::Dispatch;
pub use body::{
    BatchTaken, Body, EscrowDeposit, LinkageAnswer, LinkageRequest, LinkageWish, MintOrder, Minted,
    OperatorRefusal, Prepare, Prepared, ReleaseOrder, Released, SignOrder, SignedSeal,
    SignedShares, TicketBatch,
};
pub use car::{AnswerError, CarAnswer, DraftError, DraftedRequest, RequestSecrets, draft_requests};
pub use ceremony::{CeremonyError, CeremonyOf, KeyCeremony};
pub use coordinator::{BatchCommitment, Done, TicketCoordinator};
pub use desk::{Desk, Transmit};
pub use enrolment::{EnrolmentAuthority, REQUEST_AGE_MAX};
pub use escrow::{Escrow, SeedRecovery};
pub use facts::{
    Enrolment, EnrolmentStatus, Facts, IssuingGroup, SeatKey, SeatKeys, TicketIssuer,
    escrow_threshold,
};
pub use keys::{IssuingKeys, LinkageSecret};
pub use linkage::LinkageOffice;
pub use member::TicketMember;
pub use message::{MESSAGE_AGE_MAX, MESSAGE_LENGTH_MAX, Mailbox, MessageError, Opened};
pub use name::{BatchId, Nonce, Seat, Session, Token, VehicleHandle};
pub use record::{
    KeptSeed, LinkedSlot, RECORD_LENGTH_MAX, Record, RecordError, RequestedTicket,
    RequestedTickets, TakenTicket,
};
pub use request::{
    MEMBERS_MAX, OpenedRequest, REQUEST_LENGTH_MAX, REQUEST_SLOTS_MAX, RequestError, SealedRequest,
    TICKET_BLOB_LEN, TicketBlob,
};
pub use staged::Staged;
pub use ticket_key::TicketKey;

#[cfg(test)]
mod tests;

/// How many tickets are signed together at most, so that every message about them is of bounded length.
pub const BATCH_TICKETS_MAX: usize = 512;
