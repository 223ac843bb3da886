use std::{ops::RangeInclusive, sync::Arc};

use super::{
    admitted::AdmittedTicket,
    domain::TrustDomain,
    issuer::{TicketBody, TicketOrder},
    refusal::Refusal,
    slot::Slot,
    ticket::{Class, Permissions, TICKET_LEN, Ticket},
    unit_certificate::{UNIT_CERTIFICATE_LEN, UnitCertificate, UnitCertificateError},
    wallet::Credential,
};
use crate::{
    crypto::{Context, Purpose, SigningKey, VerifyingKey},
    id::ChainId,
};

/// A roadside unit's ticket with the certificate that makes it one; parsed but not yet believed.
///
/// 297 bytes: the [`UnitCertificate`], 177, and a [`Ticket`] of class [`Class::RoadsideUnit`], 120,
/// whose issuer is the certified key itself (key id 0).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnitTicket {
    /// The operator's word for the unit's key.
    pub certificate: UnitCertificate,
    /// What the unit signed with that key, for one slot.
    pub ticket: Ticket,
}

/// Who may certify roadside units: the operators of a ledger. The default is nobody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operators {
    /// The ledger.
    pub chain: ChainId,
    /// The cold keys of those who keep it at present.
    pub keys: Vec<VerifyingKey>,
}

impl Default for Operators {
    fn default() -> Self {
        Self {
            chain: ChainId::from_bytes([0; 32]),
            keys: Vec::new(),
        }
    }
}

impl Operators {
    /// Whether a certificate that was believed before still would be, but for its time.
    pub fn stand_by(&self, certificate: &UnitCertificate) -> bool {
        certificate.names(self.chain, &self.keys).is_ok()
    }

    /// Believes a unit's ticket, or says why not: the certificate, and what the unit signed with the
    /// certified key.
    ///
    /// It counts in its slot as far as the certificate does too, whose time is taken five minutes
    /// wider on both sides; both may be over, as for an old hazard that still holds.
    ///
    /// Costs two checks of a signature and two of a key; keep the result.
    pub fn admit(
        &self,
        unit: &UnitTicket,
        domain: &TrustDomain,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        let UnitTicket {
            certificate,
            ticket,
        } = unit;
        if ticket.domain() != domain.id() {
            return Err(Refusal::ForeignDomain(ticket.domain()));
        }
        if ticket.class() != Class::RoadsideUnit {
            return Err(Refusal::NotAUnit);
        }
        if !unit_permissions().contains(ticket.permissions()) {
            return Err(Refusal::NotPermitted);
        }
        certificate.names(self.chain, &self.keys)?;
        let unit_key =
            VerifyingKey::from_bytes(&certificate.key_bytes()).map_err(|_| Refusal::WeakKey)?;
        let (slots, counts) = (domain.slots(), certificate.counts());
        let valid_from = slots.valid_from(ticket.slot()).max(*counts.start());
        let valid_until = slots.valid_until(ticket.slot()).min(*counts.end());
        if valid_until < valid_from {
            return Err(UnitCertificateError::OutOfTime.into());
        }
        certificate.verify(self.chain, &self.keys, &unit_key, valid_from)?;
        unit_key
            .verify(Context::UnitTicket, &[ticket.body()], &ticket.signature())
            .map_err(|_| Refusal::BadTicketSignature)?;
        let key = VerifyingKey::from_bytes(&ticket.key_bytes()).map_err(|_| Refusal::WeakKey)?;
        Ok(Arc::new(AdmittedTicket {
            ticket: ticket.clone(),
            unit: Some(Box::new(certificate.clone())),
            key,
            station: ticket.station(),
            valid_from,
            valid_until,
        }))
    }
}

impl UnitTicket {
    /// Parses a certificate and a ticket; believing them is left to [`Operators::admit`].
    pub fn from_bytes(bytes: &[u8; UNIT_TICKET_LEN]) -> Result<Self, Refusal> {
        let (certificate, ticket) = bytes.split_at(UNIT_CERTIFICATE_LEN);
        Ok(Self {
            certificate: UnitCertificate::from_bytes(certificate)?,
            ticket: Ticket::from_bytes(ticket)?,
        })
    }

    /// All its bytes.
    pub fn to_bytes(&self) -> [u8; UNIT_TICKET_LEN] {
        let mut bytes = [0; UNIT_TICKET_LEN];
        let (certificate, ticket) = bytes.split_at_mut(UNIT_CERTIFICATE_LEN);
        certificate.copy_from_slice(self.certificate.as_bytes());
        ticket.copy_from_slice(self.ticket.as_bytes());
        bytes
    }
}

/// All that a unit may say: nothing as if it were a vehicle.
fn unit_permissions() -> Permissions {
    Permissions::HAZARD_ROAD | Permissions::ROADWORKS | Permissions::INFRASTRUCTURE
}

/// Makes a roadside unit's tickets for a number of slots, with the key that its certificate names.
///
/// The tickets' keys follow from that key, so that a unit which starts anew goes on under the
/// station's name that it had, and can update what it reported before.
pub fn unit_credentials(
    unit_key: &SigningKey,
    domain: &TrustDomain,
    slots: RangeInclusive<Slot>,
) -> Vec<Credential> {
    let numbers = slots.start().number()..=slots.end().number();
    numbers
        .map(|number| {
            let slot = Slot::from_number(number);
            let parts: [&[u8]; 2] = [&domain.id().0.to_be_bytes(), &number.to_be_bytes()];
            let key = unit_key.derive(Purpose::UnitTicketKey, &parts);
            let verifying_key = key.verifying_key();
            let order = TicketOrder {
                class: Class::RoadsideUnit,
                permissions: unit_permissions(),
                slot,
                linkage: std::array::from_fn(|index| {
                    verifying_key.as_bytes().get(index).copied().unwrap_or(0)
                }),
                key: verifying_key,
            };
            let body = TicketBody::new(&order, ISSUED_BY_ITSELF, domain.id());
            let signature = unit_key.sign(Context::UnitTicket, &[body.as_bytes()]);
            Credential::new(body.signed(&signature), key).expect("the ticket was made for this key")
        })
        .collect()
}

/// Bytes of a roadside unit's certificate and one of its tickets.
pub const UNIT_TICKET_LEN: usize = UNIT_CERTIFICATE_LEN + TICKET_LEN;

/// The issuer's key id in a ticket that no issuer of the trust domain signed.
const ISSUED_BY_ITSELF: u16 = 0;
