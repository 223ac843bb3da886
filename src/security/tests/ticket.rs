use std::time::Duration;

use super::{
    super::{
        Class, Issuer, IssuerKey, Permissions, Refusal, Slot, SlotClock, Ticket, TicketError,
        TicketOrder, TrustDomain,
        sample::{Authority, key, start},
        ticket::BODY_LEN,
    },
    Forged, credential, outcome, tireless,
};
use crate::{
    crypto::{Context, SigningKey},
    id::DomainId,
    message::MessageType,
    time::Timestamp,
};

fn issuer_key() -> SigningKey {
    key(&[b"issuer", &7_u16.to_be_bytes()])
}

/// A ticket that the true issuer was made to sign over any 32 bytes.
fn ticket_with_key(key_bytes: [u8; 32]) -> Ticket {
    let honest = credential(&Authority::new());
    let mut body = [0; BODY_LEN];
    body.copy_from_slice(&honest.ticket().as_bytes()[..BODY_LEN]);
    body[24..].copy_from_slice(&key_bytes);
    let signature = issuer_key().sign(Context::Ticket, &[&body]);
    Ticket::new(Class::Car, &body, &signature)
}

fn hex(digits: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
}

#[test]
fn m14_tickets_with_small_order_keys_are_refused() {
    // The eight points of small order, then their other encodings: y not reduced modulo
    // p = 2^255 - 19, or "minus zero" for x.
    let zeros = "00".repeat(30);
    let ones = "ff".repeat(30);
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc";
    let other_order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03";
    let points = [
        format!("01{zeros}00"),
        format!("ec{ones}7f"),
        format!("00{zeros}00"),
        format!("00{zeros}80"),
        format!("{order_8}05"),
        format!("{order_8}85"),
        format!("{other_order_8}7a"),
        format!("{other_order_8}fa"),
        format!("01{zeros}80"),
        format!("ec{ones}ff"),
        format!("ed{ones}7f"),
        format!("ed{ones}ff"),
        format!("ee{ones}7f"),
        format!("ee{ones}ff"),
    ];
    for point in points {
        let ticket = ticket_with_key(hex(&point));
        assert_eq!(
            Authority::new().domain.admit(&ticket),
            Err(Refusal::WeakKey),
            "{point}"
        );
    }
}

#[test]
fn m14_tickets_with_mixed_order_keys_are_refused() {
    // From "Taming the many EdDSAs", vectors 3 and 2: large order, but with a torsion component.
    for mixed in [
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    ] {
        let ticket = ticket_with_key(hex(mixed));
        assert_eq!(
            Authority::new().domain.admit(&ticket),
            Err(Refusal::WeakKey)
        );
    }
    let honest = ticket_with_key(*key(&[b"honest"]).verifying_key().as_bytes());
    assert!(Authority::new().domain.admit(&honest).is_ok());
}

#[test]
fn m1_every_flipped_bit_of_a_ticket_is_refused() {
    let authority = Authority::new();
    let honest = credential(&authority);
    for bit in 0..960 {
        let mut flipped = *honest.ticket().as_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let admitted = Ticket::from_bytes(&flipped)
            .map_err(Refusal::from)
            .and_then(|ticket| authority.domain.admit(&ticket));
        assert!(admitted.is_err(), "bit {bit}");
    }
}

#[test]
fn tickets_of_other_lengths_are_refused() {
    for len in [0, 119, 121] {
        assert_eq!(
            Ticket::from_bytes(&vec![1; len]),
            Err(TicketError::Length(len))
        );
    }
}

#[test]
fn m17_misused_tickets_are_refused_by_reason() {
    let authority = Authority::new();
    let domain = &authority.domain;
    let foreign = credential(&Authority::of(8, 300));
    assert_eq!(
        domain.admit(foreign.ticket()),
        Err(Refusal::ForeignDomain(DomainId(8)))
    );
    let order = TicketOrder {
        class: Class::Car,
        permissions: Permissions::TELEMETRY,
        slot: domain.slots().slot_at(start().timestamp),
        linkage: [0; 12],
        key: key(&[b"vehicle"]).verifying_key(),
    };
    let unknown = Issuer::new(issuer_key(), 9, domain).issue(&order);
    assert_eq!(domain.admit(&unknown), Err(Refusal::UnknownIssuer(9)));
    let impostor = Issuer::new(key(&[b"impostor"]), 1, domain).issue(&order);
    assert_eq!(domain.admit(&impostor), Err(Refusal::BadTicketSignature));
}

#[test]
fn m17_an_issuer_counts_for_slots_that_begin_in_its_time() {
    let time = |s: u64| Timestamp::from_unix_ms(s * 1_000).unwrap();
    let issuer = IssuerKey {
        id: 1,
        key: issuer_key().verifying_key(),
        from: time(1_000),
        until: time(1_999),
    };
    let slots = SlotClock::from_length_s(100).unwrap();
    let domain = TrustDomain::new(DomainId(7), slots, vec![issuer], true).unwrap();
    let admitted = |slot| {
        let order = TicketOrder {
            class: Class::Car,
            permissions: Permissions::TELEMETRY,
            slot: Slot::from_number(slot),
            linkage: [0; 12],
            key: key(&[b"vehicle"]).verifying_key(),
        };
        domain
            .admit(&Issuer::new(issuer_key(), 1, &domain).issue(&order))
            .map(drop)
    };
    for (slot, outcome) in [
        (9, Err(Refusal::IssuerOutOfDate(1))),
        (10, Ok(())),
        (19, Ok(())),
        (20, Err(Refusal::IssuerOutOfDate(1))),
    ] {
        assert_eq!(admitted(slot), outcome, "slot {slot}");
    }
}

#[test]
fn m17_tickets_count_in_their_slot_with_its_margins_only() {
    let authority = Authority::new();
    let own = credential(&authority);
    let slots = authority.domain.slots();
    let (from, until) = (
        slots
            .start(own.ticket().slot())
            .saturating_sub(Duration::from_secs(30)),
        slots
            .end(own.ticket().slot())
            .saturating_add(Duration::from_secs(60)),
    );
    let millisecond = Duration::from_millis(1);
    let too_early = from.saturating_sub(millisecond);
    let too_late = until.saturating_add(millisecond);
    for (generated, allowed) in [
        (too_early, false),
        (from, true),
        (until, true),
        (too_late, false),
    ] {
        let now = crate::time::Now {
            timestamp: generated,
            ..start()
        };
        let bytes = Forged::telemetry(now, 1).seal(&own, &super::sample::cruising().encode());
        let expected = if allowed {
            Ok(())
        } else {
            Err(Refusal::TicketNotValid)
        };
        assert_eq!(outcome(&mut tireless(&authority), &bytes, now), expected);
    }
}

#[test]
fn m17_what_a_ticket_does_not_permit_is_refused() {
    let authority = Authority::new();
    let slot = authority.domain.slots().slot_at(start().timestamp);
    for (permissions, kind) in [
        (Permissions::HAZARD_SELF, MessageType::Telemetry),
        (Permissions::TELEMETRY, MessageType::Hazard),
        (Permissions::default(), MessageType::Telemetry),
    ] {
        let own = authority.credential_with(1, slot, permissions);
        let forged = Forged {
            kind,
            ..Forged::telemetry(start(), 1)
        };
        let bytes = forged.seal(&own, b"");
        assert_eq!(
            outcome(&mut tireless(&authority), &bytes, start()),
            Err(Refusal::NotPermitted)
        );
    }
}

#[test]
fn m16_no_signed_thing_is_another() {
    let signer = issuer_key();
    let honest = credential(&Authority::new());
    let envelope = Forged::telemetry(start(), 1).seal(&honest, b"x");
    let things: [(Context, Vec<u8>); 3] = [
        (
            Context::Ticket,
            honest.ticket().as_bytes()[..BODY_LEN].to_vec(),
        ),
        (Context::Message, envelope[..envelope.len() - 64].to_vec()),
        (
            Context::HazardUpdate,
            [honest.station().as_bytes().as_slice(), b"body"].concat(),
        ),
    ];
    for (made_as, (context, bytes)) in things.iter().enumerate() {
        let signature = signer.sign(*context, &[bytes]);
        for (read_as, (other_context, other_bytes)) in things.iter().enumerate() {
            for bytes in [bytes, other_bytes] {
                let counts = signer
                    .verifying_key()
                    .verify(*other_context, &[bytes], &signature)
                    .is_ok();
                let same_bytes = *bytes == things[made_as].1;
                assert_eq!(counts, made_as == read_as && same_bytes);
            }
        }
    }
}
