use proptest::prelude::*;

use super::{
    super::{
        Reservation, TICKET_LEN, Ticket, TrustDomain,
        sample::{Authority, start},
    },
    credential,
};

/// Bytes with some of them changed and perhaps an end cut off.
fn mutated(
    bytes: &[u8],
    changes: &[(prop::sample::Index, u8)],
    cut: prop::sample::Index,
) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, value) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if cut.index(4) == 0 {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

proptest! {
    #[test]
    fn m12_any_bytes_are_a_ticket_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(ticket) = Ticket::from_bytes(&bytes) {
            prop_assert_eq!(bytes.len(), TICKET_LEN);
            prop_assert_eq!(ticket.as_bytes().as_slice(), bytes.as_slice());
        }
    }

    #[test]
    fn m1_mutated_tickets_are_not_admitted(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let authority = Authority::new();
        let own = credential(&authority);
        let bytes = mutated(own.ticket().as_bytes(), &changes, cut);
        let admitted = Ticket::from_bytes(&bytes)
            .ok()
            .is_some_and(|ticket| authority.domain.admit(&ticket).is_ok());
        prop_assert_eq!(admitted, bytes == own.ticket().as_bytes());
    }

    #[test]
    fn mutated_reservations_are_told(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let authority = Authority::new();
        let written = Reservation {
            station: credential(&authority).station(),
            telemetry_until: 1_024,
            hazard_until: 32,
        };
        let bytes = mutated(&written.to_bytes(), &changes, cut);
        match Reservation::from_bytes(&bytes) {
            Ok(read) => prop_assert_eq!(read, written),
            Err(_) => prop_assert_ne!(bytes, written.to_bytes().to_vec()),
        }
    }

    #[test]
    fn mutated_trust_domains_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = Authority::new().domain.to_toml();
        let text = String::from_utf8_lossy(&mutated(text.as_bytes(), &changes, cut)).into_owned();
        if let Ok(domain) = TrustDomain::from_toml(&text) {
            let again = TrustDomain::from_toml(&domain.to_toml()).map(|again| again.digest());
            prop_assert_eq!(again.ok(), Some(domain.digest()));
        }
    }
}

#[test]
fn an_unchanged_ticket_is_admitted() {
    let authority = Authority::new();
    let slot = authority.domain.slots().slot_at(start().timestamp);
    let own = authority.credential(1, slot);
    assert!(authority.domain.admit(own.ticket()).is_ok());
}
