use crate::security::{LinkageAuthority, LinkageSeed, RevokedSeries, Slot};

const SLOT: Slot = Slot::from_number(5_932_000);

fn seed(authority: LinkageAuthority) -> LinkageSeed {
    LinkageSeed::derive(authority, &[7; 32], b"vehicle")
}

fn slot(steps: u32) -> Slot {
    Slot::from_number(SLOT.number() + steps)
}

/// The linkage value of the vehicle so many slots after the chains began.
fn linkage(steps: u32) -> [u8; 12] {
    let [first, second] = LinkageAuthority::BOTH.map(|authority| {
        let seed = seed(authority).advanced(authority, SLOT, slot(steps));
        seed.unwrap().share(authority, slot(steps))
    });
    first.join(&second)
}

#[test]
fn revealed_seeds_tell_the_tickets_from_their_slot_on_and_none_before() {
    let revealed = |authority| {
        let seed = seed(authority).advanced(authority, SLOT, slot(3));
        *seed.unwrap().to_bytes()
    };
    let series = RevokedSeries {
        slot_from: slot(3),
        slot_until: slot(6),
        seeds: LinkageAuthority::BOTH.map(revealed),
    };
    for steps in 3..=6 {
        assert_eq!(series.linkage_at(slot(steps)), Some(linkage(steps)));
    }
    for steps in [0, 2, 7] {
        assert_eq!(series.linkage_at(slot(steps)), None);
        assert!((3..=6).all(|known| linkage(known) != linkage(steps)));
    }
}

#[test]
fn the_authorities_chains_differ_and_neither_share_is_the_value() {
    let [first, second] = LinkageAuthority::BOTH;
    assert_ne!(*seed(first).to_bytes(), *seed(second).to_bytes());
    assert_ne!(
        *seed(first).next(first).to_bytes(),
        *seed(first).next(second).to_bytes()
    );
    for authority in [first, second] {
        let share = seed(authority).share(authority, SLOT);
        assert_ne!(*share.as_bytes(), linkage(0));
    }
}

#[test]
fn a_chain_does_not_run_backwards() {
    let first = LinkageAuthority::First;
    let earlier = Slot::from_number(SLOT.number() - 1);
    assert!(seed(first).advanced(first, SLOT, earlier).is_none());
}

#[test]
fn linkage_values_never_change() {
    let digits: String = linkage(2)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(digits, "af4285e391c4b2915a95de7e");
}
