use std::time::Duration;

use super::{
    super::{
        Envelope, EnvelopeSigner, Permissions, Reservation, ReservationError, SignError, Signer,
        SignerConfig, Wallet,
        sample::{Authority, breakdown, cruising, reserve, start},
    },
    telemetry,
};
use crate::{
    message::{Message, MessageType},
    time::Now,
};

fn unreserved(authority: &Authority, journal: &[Reservation]) -> Signer {
    Signer::new(
        SignerConfig::default(),
        authority.wallet(1, start()),
        journal,
        start(),
    )
}

fn sign(signer: &mut Signer, now: Now) -> Result<u32, SignError> {
    let message = Message::Telemetry(cruising());
    signer
        .sign(&message, now.timestamp, now)
        .map(|signed| signed.sequence)
}

fn carries_ticket(bytes: bytes::Bytes) -> bool {
    matches!(
        Envelope::parse(bytes).unwrap().signer(),
        EnvelopeSigner::Ticket(_)
    )
}

#[test]
fn nothing_is_signed_before_sequences_are_written_down() {
    let authority = Authority::new();
    let mut signer = unreserved(&authority, &[]);
    let first = signer.poll_reservation().unwrap();
    assert_eq!((first.telemetry_until, first.hazard_until), (1_024, 32));
    assert_eq!(
        sign(&mut signer, start()),
        Err(SignError::ReservationPending)
    );
    assert_eq!(
        signer.new_hazard(start()),
        Err(SignError::ReservationPending)
    );
    signer.handle_reserved(first);
    assert_eq!(sign(&mut signer, start()), Ok(0));
    assert_eq!(sign(&mut signer, start()), Ok(1));
}

#[test]
fn the_next_tickets_sequences_are_reserved_ahead() {
    let authority = Authority::new();
    let mut signer = unreserved(&authority, &[]);
    let stations: Vec<_> = reserve(&mut signer)
        .iter()
        .map(|wanted| wanted.station)
        .collect();
    let own = |now: Now| {
        let slot = authority.domain.slots().slot_at(now.timestamp);
        authority.credential(1, slot).station()
    };
    let next_slot = start().after(Duration::from_secs(200));
    assert_eq!(stations, [own(start()), own(next_slot)]);
    assert_eq!(
        sign(&mut signer, next_slot),
        Ok(0),
        "without waiting for the disk"
    );
}

#[test]
fn the_next_block_is_wanted_when_half_is_used() {
    let mut signer = unreserved(&Authority::new(), &[]);
    reserve(&mut signer);
    for _ in 0..511 {
        sign(&mut signer, start()).unwrap();
    }
    assert_eq!(signer.poll_reservation(), None);
    sign(&mut signer, start()).unwrap();
    assert_eq!(signer.poll_reservation().unwrap().telemetry_until, 2_048);
    // While the disk is slow, the rest of the block is used and not one more.
    let signed = std::iter::from_fn(|| sign(&mut signer, start()).ok()).count();
    assert_eq!(signed, 512);
    assert_eq!(
        sign(&mut signer, start()),
        Err(SignError::ReservationPending)
    );
}

#[test]
fn a_restarted_signer_goes_on_after_its_journal() {
    let authority = Authority::new();
    let journal = reserve(&mut unreserved(&authority, &[]));
    let mut restarted = unreserved(&authority, &journal);
    assert_eq!(
        sign(&mut restarted, start()),
        Err(SignError::ReservationPending)
    );
    assert_eq!(reserve(&mut restarted)[0].telemetry_until, 2_048);
    assert_eq!(sign(&mut restarted, start()), Ok(1_024));
}

#[test]
fn a_ticket_that_comes_back_goes_on_after_what_it_used() {
    let authority = Authority::new();
    let slot = authority.domain.slots().slot_at(start().timestamp);
    let mut signer = authority.signer(1, start());
    assert_eq!(sign(&mut signer, start()), Ok(0));
    // Its issuer is withdrawn, and listed again.
    let elsewhere = Authority::of(8, 300).domain;
    signer.handle_domain(&elsewhere, &authority.domain, start());
    assert_eq!(sign(&mut signer, start()), Err(SignError::NoTicket));
    signer.handle_credentials(vec![authority.credential(1, slot)], start());
    assert_eq!(
        sign(&mut signer, start()),
        Err(SignError::ReservationPending)
    );
    reserve(&mut signer);
    assert_eq!(sign(&mut signer, start()), Ok(1_024));
}

#[test]
fn of_two_reservations_the_higher_bounds_count() {
    let authority = Authority::new();
    let station = reserve(&mut unreserved(&authority, &[]))[0].station;
    let at = |telemetry_until, hazard_until| Reservation {
        station,
        telemetry_until,
        hazard_until,
    };
    let mut restarted = unreserved(&authority, &[at(3_000, 1), at(2_000, 64)]);
    let wanted = restarted.poll_reservation().unwrap();
    assert_eq!((wanted.telemetry_until, wanted.hazard_until), (4_024, 96));
}

#[test]
fn a_confirmation_of_what_was_never_wanted_gives_nothing() {
    let mut signer = unreserved(&Authority::new(), &[]);
    let wanted = signer.poll_reservation().unwrap();
    signer.handle_reserved(Reservation {
        telemetry_until: u32::MAX,
        ..wanted
    });
    let signed = std::iter::from_fn(|| sign(&mut signer, start()).ok())
        .take(10_000)
        .count();
    assert_eq!(signed, 2_048 - 512 * 2, "the first block only");
}

#[test]
fn used_up_sequences_are_named() {
    let authority = Authority::new();
    let station = reserve(&mut unreserved(&authority, &[]))[0].station;
    let last = Reservation {
        station,
        telemetry_until: u32::MAX,
        hazard_until: 65_536,
    };
    let mut signer = unreserved(&authority, &[last]);
    reserve(&mut signer);
    assert_eq!(
        sign(&mut signer, start()),
        Err(SignError::SequencesExhausted)
    );
    assert_eq!(
        signer.new_hazard(start()),
        Err(SignError::SequencesExhausted)
    );
}

#[test]
fn telemetry_brings_the_ticket_once_and_hazards_always() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let hazard = breakdown(&mut signer, start());
    let hazard = Message::Hazard(crate::message::HazardStatement::unsigned(hazard));
    for _ in 0..2 {
        let signed = signer.sign(&hazard, start().timestamp, start()).unwrap();
        assert!(carries_ticket(signed.bytes));
    }
    assert!(carries_ticket(telemetry(&mut signer, 1, start())));
    assert!(!carries_ticket(telemetry(&mut signer, 2, start())));
    let next_slot = start().after(Duration::from_secs(230));
    assert!(carries_ticket(telemetry(&mut signer, 3, next_slot)));
    assert!(!carries_ticket(telemetry(&mut signer, 4, next_slot)));
}

#[test]
fn telemetry_brings_the_ticket_again_where_strangers_listen() {
    let authority = Authority::new();
    let config = SignerConfig {
        full_ticket_interval: Some(Duration::from_secs(1)),
    };
    let mut signer = Signer::new(config, authority.wallet(1, start()), &[], start());
    reserve(&mut signer);
    for (ms, full) in [
        (0, true),
        (999, false),
        (1_000, true),
        (1_500, false),
        (2_000, true),
    ] {
        let now = start().after(Duration::from_millis(ms));
        assert_eq!(
            carries_ticket(telemetry(&mut signer, 1, now)),
            full,
            "at {ms} ms"
        );
    }
}

#[test]
fn a_change_of_ticket_is_told_once() {
    let mut signer = Authority::new().signer(1, start());
    let next_slot = start().after(Duration::from_secs(230));
    let changed = [start(), start(), next_slot, next_slot].map(|now| {
        let message = Message::Telemetry(cruising());
        signer
            .sign(&message, now.timestamp, now)
            .unwrap()
            .ticket_changed
    });
    assert_eq!(changed, [true, false, true, false]);
}

#[test]
fn a_station_that_doubts_its_clock_signs_nothing() {
    let mut signer = Authority::new().signer(1, start());
    let doubt = Duration::from_millis(501);
    signer.handle_clock_doubt(Some(doubt));
    assert_eq!(
        sign(&mut signer, start()),
        Err(SignError::ClockDoubted(doubt))
    );
    assert_eq!(
        signer.check(MessageType::Hazard, start()),
        Err(SignError::ClockDoubted(doubt))
    );
    signer.handle_clock_doubt(None);
    assert_eq!(signer.check(MessageType::Hazard, start()), Ok(()));
    assert_eq!(sign(&mut signer, start()), Ok(0));
}

#[test]
fn a_doubted_clock_costs_no_ticket() {
    let mut signer = Authority::new().signer(1, start());
    let three_days = Duration::from_secs(3 * 86_400);
    let tickets = signer.remaining(start());
    signer.handle_clock_doubt(Some(three_days));
    signer.handle_timeout(start().after(three_days));
    signer.handle_clock_doubt(None);
    signer.handle_timeout(start());
    assert_eq!(signer.remaining(start()), tickets);
    assert_eq!(sign(&mut signer, start()), Ok(0));
}

#[test]
fn without_a_ticket_for_the_time_nothing_is_signed() {
    let authority = Authority::new();
    let empty = Wallet::new(authority.domain.slots(), vec![]);
    let mut signer = Signer::new(SignerConfig::default(), empty, &[], start());
    assert_eq!(sign(&mut signer, start()), Err(SignError::NoTicket));
    let slot = authority.domain.slots().slot_at(start().timestamp);
    signer.handle_credentials(vec![authority.credential(1, slot)], start());
    reserve(&mut signer);
    assert_eq!(sign(&mut signer, start()), Ok(0));
    let long_ago = start().timestamp.saturating_sub(Duration::from_secs(600));
    let refused = signer.sign(&Message::Telemetry(cruising()), long_ago, start());
    assert_eq!(refused, Err(SignError::NoTicket));
}

#[test]
fn what_receivers_would_refuse_is_not_signed() {
    let authority = Authority::new();
    let slot = authority.domain.slots().slot_at(start().timestamp);
    let mute = authority.credential_with(1, slot, Permissions::HAZARD_SELF);
    let wallet = Wallet::new(authority.domain.slots(), vec![mute]);
    let mut signer = Signer::new(SignerConfig::default(), wallet, &[], start());
    reserve(&mut signer);
    assert_eq!(sign(&mut signer, start()), Err(SignError::NotPermitted));
}

#[test]
fn a_damaged_reservation_is_refused() {
    let bytes = reserve(&mut unreserved(&Authority::new(), &[]))[0].to_bytes();
    for cut in 0..bytes.len() {
        let refused = Reservation::from_bytes(&bytes[..cut]);
        assert_eq!(refused, Err(ReservationError::Length(cut)));
    }
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Reservation::from_bytes(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn in_an_emergency_the_ticket_stays_until_its_grace_ends() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let slots = authority.domain.slots();
    let slot = slots.slot_at(start().timestamp);
    let at = |timestamp: crate::time::Timestamp| {
        let now = start().after(timestamp.since(start().timestamp));
        assert_eq!(now.timestamp, timestamp);
        now
    };
    let first = signer.current(start()).unwrap().station();
    let used = |signer: &Signer, now| signer.current(now).unwrap().station();

    signer.handle_emergency(true, start());
    let grace = at(slots.valid_until(slot).saturating_sub(slots.length() / 20));
    assert_eq!(signer.next_change(start()), Some(grace.timestamp));
    let late = at(slots.end(slot).saturating_add(Duration::from_secs(40)));
    assert_eq!(used(&signer, late), first);
    signer.handle_timeout(late);
    reserve(&mut signer);
    assert!(sign(&mut signer, late).is_ok());
    assert_ne!(used(&signer, grace), first);
    // And it changes at once when the emergency is over.
    signer.handle_emergency(false, late);
    assert_ne!(used(&signer, late), first);
}
