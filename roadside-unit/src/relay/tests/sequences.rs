use std::time::Duration;

use wayside::{
    crypto::SigningKey,
    id::DomainId,
    security::{IssuerKey, Slot, SlotClock, TrustDomain, unit_credentials},
    time::Timestamp,
};

use crate::relay::sequences::passed;

#[test]
fn a_unit_that_lost_its_journal_does_not_come_back_to_sequences_that_it_used() {
    let key = SigningKey::from_seed(&[5; 32]);
    let slots = SlotClock::from_length_s(300).unwrap();
    let first = Slot::from_number(6_000_000);
    let credentials = |last: u32| {
        let last = Slot::from_number(last);
        unit_credentials(&key, &domain(slots), first..=last)
    };
    let start = slots.start(first);
    let at = |seconds| start.saturating_add(Duration::from_secs(seconds));

    // Another start has the same names.
    let held = credentials(6_000_002);
    let names: Vec<_> = held.iter().map(|it| it.station()).collect();
    let again: Vec<_> = credentials(6_000_002)
        .iter()
        .map(|it| it.station())
        .collect();
    assert_eq!(names, again);

    let until = |seconds| {
        let passed = passed(&held, slots, at(seconds));
        passed
            .iter()
            .map(|it| (it.station, it.hazard_until))
            .collect::<Vec<_>>()
    };
    // A tenth of a slot early, to a fifth late: 390 s, and 60,000 sequences.
    assert_eq!(until(0), [(names[0], 60_000 * 30 / 390)]);
    // All that an operator may have told is told anew and ended in five seconds, and more.
    let (before, after) = (until(100)[0].1, until(105)[0].1);
    assert!(after - before > 2 * 256, "{before} {after}");
    assert_eq!(until(280), [(names[0], 47_692), (names[1], 1_538)]);
    assert_eq!(until(330)[0], (names[0], 55_384));
    assert_eq!(until(370), [(names[1], 15_384)], "the first one is over");
}

fn domain(slots: SlotClock) -> TrustDomain {
    let key = SigningKey::from_seed(&[6; 32]);
    let issuer = IssuerKey {
        id: 1,
        key: key.verifying_key(),
        from: Timestamp::EPOCH,
        until: Timestamp::from_unix_ms(u64::MAX >> 16).unwrap(),
    };
    TrustDomain::new(DomainId(7), slots, vec![issuer], true).unwrap()
}
