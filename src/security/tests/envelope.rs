use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{
        ENVELOPE_LEN_MAX, ENVELOPE_LEN_MIN, Envelope, Refusal, TicketError,
        sample::{Authority, cruising, start},
    },
    Forged, credential,
};

fn short() -> Vec<u8> {
    let forged = Forged {
        full_ticket: false,
        ..Forged::telemetry(start(), 1)
    };
    forged
        .seal(&credential(&Authority::new()), &cruising().encode())
        .to_vec()
}

fn refusal(bytes: Vec<u8>) -> Refusal {
    Envelope::parse(Bytes::from(bytes)).unwrap_err()
}

#[test]
fn m11_a_length_that_is_not_true_is_refused() {
    let honest = short();
    let len = honest.len();
    for cut in 0..len {
        assert_eq!(refusal(honest[..cut].to_vec()), Refusal::Length(cut));
    }
    let longer = [honest.as_slice(), &[0]].concat();
    assert_eq!(refusal(longer), Refusal::Length(len + 1));
    for payload_len in [0_u16, 1, 880] {
        let mut lying = honest.clone();
        lying[19..21].copy_from_slice(&payload_len.to_be_bytes());
        assert_eq!(refusal(lying), Refusal::Length(len), "{payload_len}");
    }
}

#[test]
fn m11_oversize_is_refused_by_its_stated_length() {
    for (code, len_max) in [(1, 880_u16), (2, 8_192)] {
        for stated in [len_max + 1, u16::MAX] {
            let mut lying = short();
            lying[0] = 1 << 5 | code << 1;
            lying[19..21].copy_from_slice(&stated.to_be_bytes());
            assert_eq!(refusal(lying), Refusal::PayloadTooLong(stated.into()));
        }
    }
    let endless = vec![0x22; ENVELOPE_LEN_MAX + 1];
    assert_eq!(refusal(endless), Refusal::Length(ENVELOPE_LEN_MAX + 1));
}

#[test]
fn unknown_versions_types_and_tickets_are_refused_by_name() {
    let mut other = short();
    other[0] = 2 << 5 | 1 << 1;
    assert_eq!(refusal(other.clone()), Refusal::Version(2));
    other[0] = 1 << 5 | 7 << 1;
    assert_eq!(refusal(other), Refusal::Type(7));
    let full = Forged::telemetry(start(), 1);
    let mut other = full.seal(&credential(&Authority::new()), b"x").to_vec();
    other[1] = 2;
    assert_eq!(
        refusal(other.clone()),
        Refusal::MalformedTicket(TicketError::Version(2))
    );
    other[1..3].copy_from_slice(&[1, 99]);
    assert_eq!(
        refusal(other),
        Refusal::MalformedTicket(TicketError::Class(99))
    );
}

#[test]
fn the_shortest_envelope_has_no_payload() {
    let forged = Forged {
        full_ticket: false,
        ..Forged::telemetry(start(), 1)
    };
    let empty = forged.seal(&credential(&Authority::new()), b"");
    assert_eq!(empty.len(), ENVELOPE_LEN_MIN);
    assert!(Envelope::parse(empty).unwrap().payload().is_empty());
}

proptest! {
    #[test]
    fn m12_any_bytes_parse_or_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        // Most first bytes are no version; half of the cases get past that.
        if let Some(first) = bytes.first_mut() && *first & 1 == 0 {
            *first = 0x22 | *first >> 7;
        }
        if let Ok(envelope) = Envelope::parse(Bytes::from(bytes.clone())) {
            prop_assert_eq!(envelope.bytes().as_ref(), bytes.as_slice());
        }
    }
}
