use super::{
    domain::TrustDomain,
    slot::Slot,
    ticket::{BODY_LEN, Class, Permissions, TICKET_VERSION, Ticket},
};
use crate::{
    crypto::{Context, Signature, SigningKey, VerifyingKey},
    id::DomainId,
};

/// Signs tickets with one key, alone: for development and tests.
///
/// On a real road no single operator may mint or link tickets; the format is the same.
pub struct Issuer {
    key: SigningKey,
    key_id: u16,
    domain: DomainId,
}

/// What a ticket shall say.
#[derive(Clone, Copy, Debug)]
pub struct TicketOrder {
    /// What kind of station will hold it.
    pub class: Class,
    /// What its holder may say.
    pub permissions: Permissions,
    /// When it counts.
    pub slot: Slot,
    /// What ties it to its vehicle's other tickets.
    pub linkage: [u8; 12],
    /// The holder's public key.
    pub key: VerifyingKey,
}

/// All of a ticket but its signature: 56 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TicketBody {
    class: Class,
    bytes: [u8; BODY_LEN],
}

impl Issuer {
    /// An issuer whose tickets count in `domain` if that lists the key under `key_id`.
    pub fn new(key: SigningKey, key_id: u16, domain: &TrustDomain) -> Self {
        Self {
            key,
            key_id,
            domain: domain.id(),
        }
    }

    /// Signs a ticket.
    pub fn issue(&self, order: &TicketOrder) -> Ticket {
        let body = TicketBody::new(order, self.key_id, self.domain);
        let signature = self.key.sign(Context::Ticket, &[body.as_bytes()]);
        body.signed(&signature)
    }
}

impl TicketBody {
    /// What a ticket of a trust domain says, for the issuer's key with this id to sign.
    pub fn new(order: &TicketOrder, key_id: u16, domain: DomainId) -> Self {
        let mut bytes = Vec::with_capacity(BODY_LEN);
        bytes.extend([TICKET_VERSION, order.class.code()]);
        bytes.extend(order.permissions.bits().to_be_bytes());
        bytes.extend(domain.0.to_be_bytes());
        bytes.extend(key_id.to_be_bytes());
        bytes.extend(order.slot.number().to_be_bytes());
        bytes.extend(order.linkage);
        bytes.extend(order.key.as_bytes());
        Self {
            class: order.class,
            bytes: bytes.try_into().expect("the fields have 56 bytes"),
        }
    }

    /// What the issuer signs, as [`Context::Ticket`].
    pub fn as_bytes(&self) -> &[u8; BODY_LEN] {
        &self.bytes
    }

    /// The ticket with the issuer's signature, which is not checked here.
    pub fn signed(&self, signature: &Signature) -> Ticket {
        Ticket::new(self.class, &self.bytes, signature)
    }
}
