use super::{
    domain::TrustDomain,
    slot::Slot,
    ticket::{BODY_LEN, Class, Permissions, TICKET_VERSION, Ticket},
};
use crate::{
    crypto::{Context, SigningKey, VerifyingKey},
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
        let mut body = Vec::with_capacity(BODY_LEN);
        body.extend([TICKET_VERSION, order.class.code()]);
        body.extend(order.permissions.bits().to_be_bytes());
        body.extend(self.domain.0.to_be_bytes());
        body.extend(self.key_id.to_be_bytes());
        body.extend(order.slot.number().to_be_bytes());
        body.extend(order.linkage);
        body.extend(order.key.as_bytes());
        let body: [u8; BODY_LEN] = body.try_into().expect("the fields have 56 bytes");
        let signature = self.key.sign(Context::Ticket, &[&body]);
        Ticket::new(order.class, &body, &signature)
    }
}
