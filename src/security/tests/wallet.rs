use std::time::Duration;

use super::{
    super::{Credential, Slot, Wallet},
    sample::{Authority, key, start},
};
use crate::time::Timestamp;

/// Slots 10 and 12 of 100 s each: they count from 990 to 1120 s and from 1190 to 1320 s.
fn wallet() -> Wallet {
    let authority = Authority::of(7, 100);
    let credentials = [10, 12].map(|slot| authority.credential(1, Slot::from_number(slot)));
    Wallet::new(authority.domain.slots(), credentials.into())
}

fn at(s: u64) -> Timestamp {
    Timestamp::from_unix_ms(s * 1_000).unwrap()
}

#[test]
fn the_slots_own_ticket_is_used_else_one_that_counts() {
    let used = |s| {
        wallet()
            .credential_at(at(s))
            .map(|own| own.ticket().slot().number())
    };
    for (s, slot) in [
        (989, None),
        (990, Some(10)),
        (1_099, Some(10)),
        (1_120, Some(10)),
        (1_121, None),
        (1_190, Some(12)),
        (1_320, Some(12)),
        (1_321, None),
    ] {
        assert_eq!(used(s), slot, "at {s} s");
    }
}

#[test]
fn the_next_change_is_when_another_ticket_or_none_is_used() {
    let wallet = wallet();
    for (s, change) in [
        (900, Some(990)),
        (1_050, Some(1_120)),
        (1_121, Some(1_190)),
        (1_250, Some(1_320)),
        (1_321, None),
    ] {
        assert_eq!(wallet.next_change(at(s)), change.map(at), "at {s} s");
    }
    let authority = Authority::new();
    let now = start();
    let full = authority.wallet(1, now);
    let slots = authority.domain.slots();
    let end = slots.end(slots.slot_at(now.timestamp));
    let change = full.next_change(now.timestamp).unwrap();
    assert!(change >= end && change.since(end) <= Duration::from_secs(30));
}

#[test]
fn remaining_counts_tickets_that_still_count() {
    for (s, remaining) in [(0, 2), (1_120, 2), (1_121, 1), (1_320, 1), (1_321, 0)] {
        assert_eq!(wallet().remaining(at(s)), remaining, "at {s} s");
    }
}

#[test]
fn a_slots_first_ticket_stays() {
    let authority = Authority::of(7, 100);
    let mut wallet = wallet();
    let first = wallet.for_slot(Slot::from_number(10)).unwrap().station();
    wallet.insert(authority.credential(2, Slot::from_number(10)));
    assert_eq!(
        wallet.for_slot(Slot::from_number(10)).unwrap().station(),
        first
    );
}

#[test]
fn old_tickets_are_forgotten_when_told() {
    let mut wallet = wallet();
    wallet.forget(at(1_120).saturating_add(Duration::from_millis(1)));
    assert!(wallet.for_slot(Slot::from_number(10)).is_none());
    assert!(wallet.for_slot(Slot::from_number(12)).is_some());
}

#[test]
fn a_ticket_takes_its_own_key_only() {
    let ticket = Authority::new()
        .credential(1, Slot::from_number(10))
        .ticket()
        .clone();
    assert!(Credential::new(ticket, key(&[b"another"])).is_err());
}

#[test]
fn the_change_comes_up_to_a_tenth_of_a_slot_late_and_is_every_vehicles_own() {
    let authority = Authority::of(7, 100);
    let slots = [10, 11].map(Slot::from_number);
    let changes: Vec<_> = (0..50)
        .map(|vehicle| {
            let credentials = slots.map(|slot| authority.credential(vehicle, slot));
            let wallet = Wallet::new(authority.domain.slots(), credentials.into());
            let change = wallet.next_change(at(1_050)).unwrap();
            let used = |at| wallet.credential_at(at).map(|own| own.ticket().slot());
            assert_eq!(used(change), Some(slots[1]));
            let before = change.saturating_sub(Duration::from_millis(1));
            assert_eq!(used(before), Some(slots[0]));
            assert_eq!(wallet.next_change(before), Some(change));
            change
        })
        .collect();
    assert!(
        changes
            .iter()
            .all(|change| (at(1_100)..at(1_110)).contains(change))
    );
    let (first, last) = (changes.iter().min().unwrap(), changes.iter().max().unwrap());
    assert!(last.since(*first) > Duration::from_secs(7), "they spread");
}
