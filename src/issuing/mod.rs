//! Gives tickets to vehicles, so that no single operator can follow a vehicle or invent a ticket.
//!
//! A car proves who it is to one operator, gets its tickets signed by others, and neither side knows
//! both. That is hard in three ways. Nobody may mint a second ticket for a slot, though processes are
//! doubled, restarted and put back from backups. Nobody may link a vehicle's tickets, though all
//! operators keep what they saw. And still a vehicle that lies has to be found from one of its tickets,
//! though any one operator may be gone or refuse.
//!
//! ```text
//! car ─▶ any unit ─▶ EnrolmentAuthority      which vehicle, which slots; blobs that it cannot open
//!                      │  ▲
//!                      ▼  │ linkage values, sealed to each member; shares of seeds, to each custodian
//!                   LinkageOffice            which handle for which vehicle's name and slot
//!                      │
//!                      ├─▶ Escrow            keeps shares of the seeds; enough have to before anything is signed
//!                      ▼
//!                   TicketMember × n ◀─▶ TicketCoordinator     open blobs, check, sign together
//!                      │
//! car ◀─ any unit ◀─ EnrolmentAuthority      tickets that only the car can open
//! ```
//!
//! All of it is logic: a [`Desk`] holds the roles of one process and says what to send; whoever carries
//! messages decides nothing, and writes down what a [`Staged`] answer needs before it leaves. What the
//! ledger says comes in as [`Facts`].
//!
//! # Who learns what
//!
//! | role | vehicle | what a ticket says | which tickets belong together | can mint alone |
//! |---|---|---|---|---|
//! | whoever carries a request | no | no | no, but for source address and time | no |
//! | [`EnrolmentAuthority`] | yes | no: blobs and tickets are sealed | no: half of each linkage value is missing | no |
//! | [`LinkageOffice`] | no: a name that follows from another's secret | no | no | no |
//! | [`TicketMember`] | no | yes | no: each ticket has a random handle, and is mixed with others' | no, unless it signs alone |
//! | [`Escrow`] | no | no | no: too few shares say nothing | no |
//! | enrolment authority and a member | yes | yes | **yes** | with as many members as sign |
//! | linkage office and a member | no | yes | **yes** | no |
//! | both linkage authorities | yes | as heard on the road | **yes** | no |
//!
//! Any two different roles together link, and nothing here can prevent that: that they are operators
//! that do not trust one another is what the ledger's rules are for. What one member can see is as good
//! as the batch is large: among the vehicles that asked for a slot with it, a ticket could be any one's.
//! A slot that fewer vehicles wait for than a batch has at least goes all the same after a while
//! ([`Facts::batch_wait`]), with fewer to hide among.
//!
//! # What each mode promises
//!
//! * *t of n* (FROST, RFC 9591; 2 of 3 with five operators, 2 of 2 with four): fewer than t members sign
//!   nothing. In 2 of 3 one that is down costs nothing. Members that work together with a car can sign
//!   the *same* body twice: one key, one linkage value, one slot, two signatures; never another body.
//! * *1 of 1*: the member alone mints what it likes. For development, and said so in the trust domain;
//!   formats and messages are the same.
//!
//! # One ticket a slot
//!
//! The ledger says which process decides on a vehicle and slot ([`Facts::writer`]), never two. It
//! writes down what it gave before it answers. The linkage office, another operator's, names one handle
//! only for a vehicle and slot, for ever: an enrolment authority that forgot, or runs twice, gets no
//! second one. A member signs one body only for a handle.
//!
//! A ticket whose key was withdrawn ([`WithdrawTicketKey`](crate::ledger::WithdrawTicketKey)) counts with
//! nobody who knows the ledger, so its vehicle may ask for the slot once more, and gets a ticket under the
//! next key. It never has two: both the enrolment authority and each member see for themselves that the
//! key is gone and that the next one is a later one, and ids of keys never return. The new ticket has the
//! handle of the first, and with it the linkage value: whoever has not heard of the withdrawal yet sees
//! one vehicle, and one revocation names both.
//!
//! # What others can spoil
//!
//! The enrolment authority can open no ticket. It takes a batch's only when as many members as sign
//! approve exactly what it was given: that each ticket is signed, and sealed to its car, and that those
//! left out could not be. One of them is honest. What a coordinator alone says, or keeps back, only has
//! another one asked. A car that asks the members for different things is found out by the marks
//! ([`WishMark`]) that they give of what each would sign, and costs others nothing but a new batch.
//! As many members as sign together, the linkage office, or the enrolment authority can keep tickets
//! from a vehicle. None of that ever makes a second one: made anew or not, a ticket has the same handle,
//! and members sign one body only under it while its key counts.
//!
//! # What it weighs
//!
//! In bytes a ticket, for n members, t that sign, and c custodians; in brackets for 2 of 3 and 5.
//!
//! | message | bytes a ticket |
//! |---|---|
//! | request, besides some 310 | 8 + 180 n (548): slot, keys and possession, sealed to every member, so that none can put its own key in |
//! | answer, besides some 70 | 172: slot, and the 120 bytes of the ticket, sealed |
//! | to the linkage office, and back | 36, and 32 n + 53 c (361) |
//! | to all custodians | 106 c (530): a share of each authority's seed |
//! | to all members | 244 n (732) |
//! | their answers | 32 n (96): marks of what they would sign |
//! | between members | (t - 1) (160 + 64 t) (288): commitments, shares, and signatures to approve |
//! | back to the enrolment authority | 184 |
//!
//! A batch has at most [`BATCH_TICKETS_MAX`] tickets, so that no message is longer than
//! [`MESSAGE_LENGTH_MAX`]. Kept for twice the preload horizon at most, a ticket: some 210 by the
//! enrolment authority, 36 by the linkage office, 54 by each member, 86 by each custodian.

mod answer;
mod approval;
mod batch;
mod body;
mod car;
mod ceremony;
mod chains;
mod coordinator;
mod desk;
mod dissolve;
mod encoding;
mod enrolment;
mod escrow;
mod facts;
mod keys;
mod known;
mod linkage;
mod member;
mod message;
mod name;
mod open_batch;
mod record;
mod request;
mod staged;
mod ticket_key;

pub use answer::{ANSWER_LENGTH_MAX, SEALED_TICKET_LEN, SealedAnswer, SealedTicket, TicketRefusal};
pub use batch::Dispatch;
pub use body::{
    Approval, ApprovalOrder, BatchTaken, Body, EscrowDeposit, LinkageAnswer, LinkageRequest,
    LinkageWish, MintOrder, Minted, OperatorRefusal, Prepare, Prepared, ReleaseOrder, Released,
    SignOrder, SignedSeal, SignedShares, TicketBatch, WishMark,
};
pub use car::{AnswerError, CarAnswer, DraftError, DraftedRequest, RequestSecrets, draft_requests};
pub use ceremony::{CeremonyError, CeremonyOf, KeyCeremony};
pub use coordinator::{BatchCommitment, Done, Signing, TicketCoordinator};
pub use desk::{Desk, Transmit};
pub use enrolment::{EnrolmentAuthority, REQUEST_AGE_MAX};
pub use escrow::{Escrow, SeedRecovery};
pub use facts::{
    Enrolment, EnrolmentStatus, Facts, IssuingGroup, SeatKey, SeatKeys, TicketIssuer,
    escrow_threshold,
};
pub use keys::{IssuingKeys, LinkageSecret};
pub use known::Known;
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
