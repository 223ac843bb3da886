use std::time::Duration;

use super::{
    super::{
        Class, Credential, Issuer, LinkageAuthority, LinkageSeed, Permissions, Refusal,
        RevocationNews, RevokedSeries, Slot, TicketOrder,
        revocation::{Revocations, Sought},
        sample::{self, Authority, key, start},
    },
    Forged, outcome, telemetry, tireless,
};
use crate::time::Now;

/// A vehicle's chains from the slot at `start` on.
fn series(vehicle: u8, slots: u32) -> RevokedSeries {
    let slot_from = current();
    let seed = |authority| *LinkageSeed::derive(authority, &[9; 32], &[vehicle]).to_bytes();
    RevokedSeries {
        slot_from,
        slot_until: Slot::from_number(slot_from.number() + slots),
        seeds: LinkageAuthority::BOTH.map(seed),
    }
}

fn current() -> Slot {
    Authority::new().domain.slots().slot_at(start().timestamp)
}

fn news(next: u64, entries: Vec<(u64, Option<RevokedSeries>)>) -> RevocationNews {
    RevocationNews {
        next,
        as_of: start().timestamp,
        entries,
    }
}

fn later(minutes: u64) -> Now {
    start().after(Duration::from_secs(60 * minutes))
}

#[test]
fn a_known_ticket_is_refused_from_the_news_on() {
    let authority = Authority::new();
    let revoked = series(1, 3);
    let mut signer = authority.revocable_signer(1, revoked, start());
    let mut verifier = authority.verifier();
    let first = telemetry(&mut signer, 1, start());
    assert_eq!(outcome(&mut verifier, &first, start()), Ok(()));

    let station = signer.current(start()).unwrap().station();
    let newly = verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], start());
    assert_eq!(newly, [(station, 0)]);
    let second = telemetry(&mut signer, 2, start());
    let refused = Err(Refusal::Revoked(0));
    assert_eq!(outcome(&mut verifier, &second, start()), refused);
    // The same news once more is no news.
    let newly = verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], start());
    assert_eq!(newly, []);
}

#[test]
fn a_ticket_that_was_pushed_out_is_found_among_those_that_somebody_holds() {
    let authority = Authority::new();
    let revoked = series(1, 3);
    // Whoever holds them remembers them from an earlier slot.
    let held: Vec<_> = [(1, revoked), (2, series(2, 3))]
        .into_iter()
        .map(|(vehicle, chains)| {
            let credential = authority.revocable_credential(vehicle, &chains, current());
            authority.domain.admit(credential.ticket()).unwrap()
        })
        .collect();
    let mut verifier = authority.verifier();
    let news = news(1, vec![(0, Some(revoked))]);
    let newly = verifier.handle_revocations(&news, &held, later(10));
    assert_eq!(newly, [(held[0].station(), 0)]);
    assert!(!verifier.knows(held[0].station()));
    assert_eq!(verifier.handle_revocations(&news, &held, later(10)), []);
}

#[test]
fn m17_a_revoked_ticket_is_not_admitted_in_any_of_its_slots() {
    let authority = Authority::new();
    let revoked = series(1, 2);
    let mut verifier = authority.verifier();
    verifier.handle_revocations(&news(8, vec![(7, Some(revoked))]), &[], start());
    for (minutes, expected) in [
        (0, Err(Refusal::Revoked(7))),
        (5, Err(Refusal::Revoked(7))),
        (10, Err(Refusal::Revoked(7))),
        // The entry's last slot is over.
        (15, Ok(())),
    ] {
        let mut signer = authority.revocable_signer(1, revoked, later(minutes));
        let bytes = telemetry(&mut signer, 1, later(minutes));
        let what = outcome(&mut verifier, &bytes, later(minutes));
        assert_eq!(what, expected, "after {minutes} minutes");
        // Nobody else is.
        let mut other = authority.revocable_signer(2, series(2, 2), later(minutes));
        let bytes = telemetry(&mut other, 1, later(minutes));
        assert_eq!(outcome(&mut verifier, &bytes, later(minutes)), Ok(()));
    }
}

/// The same moment, by a wall clock that is ahead.
fn ahead(by: Duration) -> Now {
    Now {
        timestamp: start().timestamp.saturating_add(by),
        ..start()
    }
}

#[test]
fn a_clock_that_jumps_and_comes_back_forgets_no_revocation() {
    let authority = Authority::new();
    let revoked = series(1, 3);
    let mut verifier = authority.verifier();
    verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], start());
    let three_days = Duration::from_secs(3 * 86_400);
    let mut signer = authority.revocable_signer(1, revoked, start());
    // Messages are looked at before the jump is noticed.
    let bytes = telemetry(&mut signer, 1, start());
    assert!(outcome(&mut verifier, &bytes, ahead(three_days)).is_err());
    for doubt in [three_days, 1_000 * three_days] {
        verifier.handle_clock_doubt(Some(doubt));
        verifier.handle_timeout(ahead(doubt));
        verifier.handle_clock_doubt(None);
        verifier.handle_timeout(start());
        let refused = Err(Refusal::Revoked(0));
        assert_eq!(outcome(&mut verifier, &bytes, start()), refused);
    }
    // Some time after its end it is forgotten.
    verifier.handle_timeout(later(9 * 24 * 60));
    assert_eq!(verifier.revocations_len(), 0);
}

#[test]
fn news_that_come_after_the_clock_went_back_count_in_the_slots_it_had_reached() {
    let authority = Authority::new();
    let revoked = series(1, 10);
    let mut verifier = authority.verifier();
    verifier.handle_timeout(ahead(Duration::from_secs(20 * 60)));
    verifier.handle_timeout(start());
    verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], start());
    let mut signer = authority.revocable_signer(1, revoked, later(20));
    let bytes = telemetry(&mut signer, 1, later(20));
    let refused = Err(Refusal::Revoked(0));
    assert_eq!(outcome(&mut verifier, &bytes, later(20)), refused);
}

#[test]
fn nothing_before_the_revoked_slot_matches() {
    let authority = Authority::new();
    let earlier = series(1, 10);
    let mut verifier = authority.verifier();
    // The list tells the seeds of the third slot; the vehicle's chains began two slots before.
    let revoked = RevokedSeries {
        slot_from: Slot::from_number(earlier.slot_from.number() + 2),
        seeds: LinkageAuthority::BOTH.map(|authority| {
            let seed = LinkageSeed::derive(authority, &[9; 32], &[1]);
            *seed.next(authority).next(authority).to_bytes()
        }),
        ..earlier
    };
    verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], start());
    for (minutes, expected) in [(0, Ok(())), (5, Ok(())), (10, Err(Refusal::Revoked(0)))] {
        let mut signer = authority.revocable_signer(1, series(1, 10), later(minutes));
        let bytes = telemetry(&mut signer, 1, later(minutes));
        let what = outcome(&mut verifier, &bytes, later(minutes));
        assert_eq!(what, expected, "after {minutes} minutes");
    }
}

#[test]
fn a_lifted_revocation_counts_no_more_but_another_of_the_same_vehicle_does() {
    let authority = Authority::new();
    let revoked = series(1, 3);
    let mut signer = authority.revocable_signer(1, revoked, start());
    let mut verifier = authority.verifier();
    let both = vec![(0, Some(revoked)), (1, Some(revoked))];
    verifier.handle_revocations(&news(2, both), &[], start());
    let mut say = |verifier: &mut _, speed| {
        let bytes = telemetry(&mut signer, speed, start());
        outcome(verifier, &bytes, start())
    };
    assert_eq!(say(&mut verifier, 1), Err(Refusal::Revoked(0)));
    verifier.handle_revocations(&news(3, vec![(0, None)]), &[], start());
    assert_eq!(say(&mut verifier, 2), Err(Refusal::Revoked(1)));
    verifier.handle_revocations(&news(4, vec![(1, None)]), &[], start());
    // The ticket was remembered as revoked, so its telemetry needs no full ticket.
    assert_eq!(say(&mut verifier, 3), Ok(()));
    // A revocation that was lifted before it was heard of is none.
    let late = vec![(5, Some(revoked)), (5, None)];
    verifier.handle_revocations(&news(6, late), &[], start());
    assert_eq!(say(&mut verifier, 4), Ok(()));
    assert_eq!(verifier.revocations_len(), 0);
    assert_eq!(verifier.revocations_next(), 6);
}

#[test]
fn tickets_of_earlier_slots_are_found_too() {
    let authority = Authority::new();
    let revoked = series(1, 40);
    let honest = series(2, 40);
    let mut verifier = authority.verifier();
    let after_hours = later(150);
    verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], after_hours);
    // From the vehicle's seventh slot, as a unit hands it on with a hazard that still holds.
    let slot = Slot::from_number(current().number() + 7);
    for (vehicle, chains, expected) in [(1, revoked, true), (2, honest, false)] {
        let credential = authority.revocable_credential(vehicle, &chains, slot);
        let admitted = verifier.handle_ticket(credential.ticket(), after_hours);
        assert_eq!(admitted == Err(Refusal::Revoked(0)), expected);
    }
}

#[test]
fn a_ticket_whose_time_is_to_come_is_not_taken_in() {
    let authority = Authority::new();
    let slot = Slot::from_number(current().number() + 2);
    let credential = authority.credential(1, slot);
    let taken = authority
        .verifier()
        .handle_ticket(credential.ticket(), start());
    assert_eq!(taken.unwrap_err(), Refusal::TicketNotValid);
}

#[test]
fn every_message_tells_how_old_the_list_was() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let mut verifier = authority.verifier();
    let mut say = |verifier: &mut crate::security::Verifier, now: Now| {
        let bytes = telemetry(&mut signer, 1, now);
        let crate::security::VerifiedMessage::Telemetry(verified) =
            verifier.handle_envelope(bytes, now).unwrap()
        else {
            panic!("telemetry")
        };
        (verified.revocation_age(), verified.revocation_stale())
    };
    assert_eq!(say(&mut verifier, start()), (None, true));
    let mut list = news(0, Vec::new());
    verifier.handle_revocations(&list, &[], start());
    let minute = Duration::from_secs(60);
    assert_eq!(say(&mut verifier, later(1)), (Some(minute), false));
    // An older list does not make it older.
    list.as_of = start().timestamp.saturating_sub(minute * 60);
    verifier.handle_revocations(&list, &[], start());
    assert_eq!(say(&mut verifier, later(2)), (Some(minute * 2), false));
    let mut old = authority.verifier();
    let ticket = authority.credential(1, current()).ticket().clone();
    old.handle_ticket(&ticket, start()).unwrap();
    old.handle_revocations(&list, &[], start());
    assert_eq!(say(&mut old, later(1)), (Some(minute * 61), true));
}

#[test]
fn a_long_table_of_an_earlier_slot_is_made_part_by_part() {
    let slots = Authority::new().domain.slots();
    let mut revocations = Revocations::new(slots);
    let entries = (0..=u8::MAX).map(|vehicle| (u64::from(vehicle), Some(series(vehicle, 200))));
    let now = later(5 * 100);
    revocations.handle_news(&news(256, entries.collect()), &Sought::<()>::new(), now);
    let slot = Slot::from_number(current().number() + 80);
    let linkage_of = |vehicle| series(vehicle, 200).linkage_at(slot).unwrap();

    // Some 20 000 steps: more than are done at once.
    let asked = revocations.check(slot, linkage_of(255), now);
    assert_eq!(asked, Err(Refusal::OverBudget));
    // What comes in the meantime is told apart as ever.
    let present = slots.slot_at(now.timestamp);
    let linkage = series(3, 200).linkage_at(present).unwrap();
    let asked = revocations.check(present, linkage, now);
    assert_eq!(asked, Err(Refusal::Revoked(3)));
    revocations.handle_timeout(now);
    for vehicle in [0, 128, 255] {
        let asked = revocations.check(slot, linkage_of(vehicle), now);
        assert_eq!(asked, Err(Refusal::Revoked(vehicle.into())));
    }
    assert_eq!(revocations.check(slot, [1; 12], now), Ok(()));
}

#[test]
fn m17_each_misuse_of_a_ticket_is_refused_by_its_reason() {
    let authority = Authority::new();
    let now = start();
    let domain = &authority.domain;
    let ticket_of = |issuer: &Issuer, slot| {
        let key = key(&[b"holder"]);
        let order = TicketOrder {
            class: Class::Car,
            permissions: Permissions::TELEMETRY,
            slot,
            linkage: [5; 12],
            key: key.verifying_key(),
        };
        Credential::new(issuer.issue(&order), key).unwrap()
    };
    let far = |slots: u32| Slot::from_number(current().number() + slots);
    let before = Slot::from_number(current().number() - 2);
    let elsewhere = Authority::of(8, 300);
    let unknown = Issuer::new(key(&[b"issuer", &7_u16.to_be_bytes()]), 9, domain);
    let revoked = series(1, 3);
    let misuses = [
        ("ticket_not_valid", ticket_of(&authority.issuer, before)),
        ("ticket_not_valid", ticket_of(&authority.issuer, far(1))),
        ("ticket_not_valid", ticket_of(&authority.issuer, far(200))),
        ("foreign_domain", elsewhere.credential(1, current())),
        (
            "not_permitted",
            authority.credential_with(1, current(), Permissions::HAZARD_SELF),
        ),
        ("unknown_issuer", ticket_of(&unknown, current())),
        (
            "revoked",
            authority.revocable_credential(1, &revoked, current()),
        ),
    ];
    for (reason, credential) in misuses {
        let mut verifier = tireless(&authority);
        verifier.handle_revocations(&news(1, vec![(0, Some(revoked))]), &[], now);
        let say = |sequence, full_ticket| {
            let forged = Forged {
                full_ticket,
                ..Forged::telemetry(now, sequence)
            };
            forged.seal(&credential, &sample::cruising().encode())
        };
        for sequence in 0..3 {
            let refused = outcome(&mut verifier, &say(sequence, true), now).unwrap_err();
            assert_eq!(refused.reason(), reason);
        }
        // By its digest alone it is not believed either, whatever was learned of it.
        assert!(outcome(&mut verifier, &say(3, false), now).is_err());
    }
    // Another ticket of one id: "m17_two_tickets_of_one_id_are_never_mixed_up".
}
