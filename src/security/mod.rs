//! Decides who said what, and that nobody else did.
//!
//! A station speaks under a [`Ticket`], a pseudonym certificate for one slot of a few minutes, and
//! each of its messages travels in a signed [`Envelope`]. [`Verifier`] turns the bytes of a stranger
//! into a [`Verified`] message, or into a [`Refusal`], which is the list of everything that can be
//! wrong; nothing else can make a `Verified`. [`Signer`] does the opposite for this station.
//!
//! Four things make that hard. Strangers can send more than can be verified, so everything cheap is
//! checked first, and everything dear has a budget and a bound. The same bytes may come twice by
//! honest ways, so a repeat is told from two different messages with one sequence, which are proof
//! of a lie; only a verified message moves a window. A station that crashes must not reuse a
//! sequence, so it uses those only that were written down as a [`Reservation`] before. And its
//! clock may be wrong: [`ClockMonitor`] says when, and then it signs nothing.
//!
//! Tickets of one vehicle carry [linkage values](LinkageShare) that look random until two authorities
//! each reveal a [`LinkageSeed`]; from that slot on, and not before, anybody tells them
//! ([`RevokedSeries`]).
//!
//! A roadside unit shows a [`UnitCertificate`], by which its operator's cold key vouches for the key
//! that the unit proves in the handshake. On the road it speaks under tickets like everybody, which it
//! makes with that key itself ([`UnitTicket`]): who the [`Operators`] are says which count. An issuer's
//! ticket never makes a unit.
//!
//! The embedded [`Issuer`] signs tickets alone, for development; the formats are final. Whether a
//! message is true is left to `plausibility`, and what it means for the road to `world`.

mod admitted;
mod budget;
mod cache;
mod clock;
mod config;
mod domain;
mod envelope;
mod issuer;
mod linkage;
mod refusal;
mod reservation;
mod revocation;
#[cfg(test)]
pub(crate) mod sample;
mod sequences;
mod signer;
mod slot;
mod ticket;
mod unit_certificate;
mod unit_ticket;
mod verified;
mod verifier;
mod wallet;
mod window;

pub use admitted::{AdmittedTicket, Holder};
pub use budget::Budget;
pub use clock::ClockMonitor;
pub use config::Config;
pub use domain::{
    IssuerKey, OtherDomainError, TrustDomain, TrustDomainError, TrustDomainTextError,
};
pub use envelope::{ENVELOPE_LEN_MAX, ENVELOPE_LEN_MIN, Envelope, EnvelopeSigner};
pub use issuer::{Issuer, TicketBody, TicketOrder};
pub use linkage::{LinkageAuthority, LinkageSeed, LinkageShare, RevokedSeries};
pub use refusal::Refusal;
pub use reservation::{RESERVATION_LEN, Reservation, ReservationError};
pub use revocation::RevocationNews;
pub use signer::{OwnRevocation, SignError, Signed, Signer, SignerConfig};
pub use slot::{Slot, SlotClock};
pub use ticket::{Class, Permissions, TICKET_LEN, Ticket, TicketError};
pub use unit_certificate::{
    UNIT_CERTIFICATE_LEN, UnitCertificate, UnitCertificateError, UnitOrder,
};
pub use unit_ticket::{Operators, UNIT_TICKET_LEN, UnitTicket, unit_credentials};
pub use verified::{Equivocation, Verified, VerifiedMessage};
pub use verifier::Verifier;
pub use wallet::{Credential, ForeignKeyError, Wallet};

#[cfg(test)]
mod tests;
