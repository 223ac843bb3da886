//! The bytes of the formats, computed apart from this code: with Python's `cryptography` and
//! `blake3` from the layouts in the docs.

use std::time::Duration;

use bytes::Bytes;

use super::super::{
    Class, Envelope, EnvelopeSigner, Issuer, IssuerKey, Permissions, Reservation, Slot, SlotClock,
    Ticket, TicketOrder, TrustDomain, envelope::Header,
};
use crate::{
    crypto::{Purpose, SigningKey},
    id::DomainId,
    message::MessageType,
    time::Timestamp,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vehicle_key() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}

fn domain() -> TrustDomain {
    let issuer = IssuerKey {
        id: 1,
        key: SigningKey::from_seed(&[1; 32]).verifying_key(),
        from: Timestamp::EPOCH,
        until: Timestamp::EPOCH.saturating_add(Duration::from_millis(1 << 40)),
    };
    TrustDomain::new(DomainId(7), SlotClock::default(), vec![issuer], true).unwrap()
}

fn ticket() -> Ticket {
    Issuer::new(SigningKey::from_seed(&[1; 32]), 1, &domain()).issue(&TicketOrder {
        class: Class::Car,
        permissions: Permissions::from_bits(7),
        slot: Slot::from_number(6_000_000),
        linkage: std::array::from_fn(|index| u8::try_from(index).unwrap()),
        key: vehicle_key().verifying_key(),
    })
}

fn envelope(full_ticket: bool) -> Bytes {
    let header = Header {
        kind: MessageType::Telemetry,
        ticket: &ticket(),
        full_ticket,
        generated: Timestamp::from_unix_ms(1_800_000_100_000).unwrap(),
        sequence: 42,
    };
    header.seal(b"payload", &vehicle_key()).unwrap()
}

#[test]
fn a_ticket_has_these_bytes() {
    assert_eq!(hex(ticket().as_bytes()), TICKET);
    assert_eq!(ticket().digest().to_string(), TICKET_DIGEST);
    assert_eq!(ticket().station().to_string(), TICKET_DIGEST[..16]);
}

#[test]
fn a_tickets_fields_are_read_where_they_stand() {
    let ticket = Ticket::from_bytes(ticket().as_bytes()).unwrap();
    assert_eq!(ticket.class(), Class::Car);
    assert_eq!(ticket.permissions(), Permissions::from_bits(7));
    assert_eq!(ticket.domain(), DomainId(7));
    assert_eq!(ticket.issuer_key_id(), 1);
    assert_eq!(ticket.slot(), Slot::from_number(6_000_000));
    assert_eq!(ticket.linkage(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(
        ticket.key_bytes(),
        *vehicle_key().verifying_key().as_bytes()
    );
}

#[test]
fn an_envelope_has_these_bytes() {
    assert_eq!(hex(&envelope(false)), ENVELOPE);
    assert_eq!(hex(&envelope(true)), ENVELOPE_WITH_TICKET);
}

#[test]
fn an_envelope_costs_85_bytes_or_197_with_its_ticket() {
    assert_eq!(envelope(false).len() - b"payload".len(), 85);
    assert_eq!(envelope(true).len() - b"payload".len(), 197);
}

#[test]
fn an_envelopes_fields_are_read_where_they_stand() {
    let short = Envelope::parse(envelope(false)).unwrap();
    assert_eq!(short.kind(), MessageType::Telemetry);
    assert_eq!(short.signer(), &EnvelopeSigner::Station(ticket().station()));
    assert_eq!(short.generated().unix_ms(), 1_800_000_100_000);
    assert_eq!(short.sequence(), 42);
    assert_eq!(short.payload().as_ref(), b"payload");
    let full = Envelope::parse(envelope(true)).unwrap();
    assert_eq!(full.signer(), &EnvelopeSigner::Ticket(Box::new(ticket())));
    assert_eq!(full.station(), ticket().station());
}

#[test]
fn a_reservation_has_these_bytes() {
    let reservation = Reservation {
        station: ticket().station(),
        telemetry_until: 1_024,
        hazard_until: 32,
    };
    assert_eq!(hex(&reservation.to_bytes()), RESERVATION);
    assert_eq!(
        Reservation::from_bytes(&reservation.to_bytes()),
        Ok(reservation)
    );
}

#[test]
fn a_trust_domain_has_this_digest_and_text() {
    assert_eq!(domain().digest().to_string(), DOMAIN_DIGEST);
    assert_eq!(domain().to_toml(), DOMAIN_TEXT);
    assert_eq!(TrustDomain::from_toml(DOMAIN_TEXT).unwrap(), domain());
}

#[test]
fn a_hazards_update_key_follows_from_its_tickets() {
    let sequence = 5_u16.to_be_bytes();
    let station = ticket().station();
    let parts = [station.as_bytes().as_slice(), &sequence];
    let key = vehicle_key().derive(Purpose::HazardUpdateKey, &parts);
    assert_eq!(hex(key.verifying_key().as_bytes()), UPDATE_KEY);
}

const TICKET: &str = concat!(
    "0101000700070001005b8d80000102030405060708090a0b8139770ea87d175f56a35466c34c7ecccb8d8a91",
    "b4ee37a25df60f5b8fc9b3945243eca4faec5469c7301de3b3da47483293686e1bac45b1e6d83e8971b00332",
    "b51f5482ba72f1af6836d8bc6e874e26f587c015a3bc19db65f45f19b1dc8003",
);
const TICKET_DIGEST: &str = "cfa0c736c3ac07b2557066fe2da140ff89e40519f3cd2430e8f7f2bddea4e991";
const ENVELOPE: &str = concat!(
    "22cfa0c736c3ac07b201a3185dd6a00000002a00077061796c6f616479c4daeaa7d8a61b631398d9330e35ea",
    "fcc358e0f73a74fdda74b4501c2fb7f654bb894079975f215cc5aeb2f938076cc7b25d97eecafe4a801fb26d",
    "4832df0f",
);
const ENVELOPE_WITH_TICKET: &str = concat!(
    "230101000700070001005b8d80000102030405060708090a0b8139770ea87d175f56a35466c34c7ecccb8d8a",
    "91b4ee37a25df60f5b8fc9b3945243eca4faec5469c7301de3b3da47483293686e1bac45b1e6d83e8971b003",
    "32b51f5482ba72f1af6836d8bc6e874e26f587c015a3bc19db65f45f19b1dc800301a3185dd6a00000002a00",
    "077061796c6f6164e94e150c6cc4d1fbea086e2934ae14f7074dd2cce6cae1237a2ef338c124db4708da6888",
    "c760eddb451a052b9ece6e516b661d8d9194e2467a30c1609fbfd308",
);
const RESERVATION: &str = "01cfa0c736c3ac07b2000004000000002089303f94710f7447";
const DOMAIN_DIGEST: &str = "e4c62d90731024098d5df2179935090a88766b1ee866118c364b1231f0dae2e7";
const UPDATE_KEY: &str = "4a3fac6622e45905b62cb82a0989f5f4e7af599e26bbd9bc1ff4e9b1ebbe2bc5";
const DOMAIN_TEXT: &str = r#"version = 1
domain = 7
slot_length_s = 300
development = true

[[issuer]]
id = 1
key = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
from_unix_ms = 0
until_unix_ms = 1099511627776
"#;
