use std::{collections::BTreeSet, time::Duration};

use wayside::security::{Slot, SlotClock};

use super::bench::{FIRST, SLOT};
use crate::tickets::{Horizon, Need, TicketsConfig};

#[test]
fn a_car_that_drives_has_hours_and_a_parked_one_minutes() {
    let now = SlotClock::default().start(Slot::from_number(FIRST));
    let config = TicketsConfig::default();
    let known = BTreeSet::new();

    let driving = Need::new(&config, horizon(288), true).missing(&known, now);
    let parked = Need::new(&config, horizon(288), false).missing(&known, now);

    // Two hours are 24 slots, half an hour is 6, and the present one.
    assert_eq!((driving.len(), parked.len()), (25, 7));
    assert_eq!(parked.first(), Some(&Slot::from_number(FIRST)));
}

#[test]
fn more_are_asked_for_once_few_are_left_and_not_before() {
    let clock = SlotClock::default();
    let start = clock.start(Slot::from_number(FIRST));
    let need = Need::new(&TicketsConfig::default(), horizon(288), true);
    let known: BTreeSet<Slot> = (FIRST..=FIRST + 24).map(Slot::from_number).collect();

    // Twelve slots, an hour, are enough.
    let enough = start.saturating_add(SLOT * 12);
    assert!(!need.is_low(&known, enough));
    let low = start.saturating_add(SLOT * 13);
    assert!(need.is_low(&known, low));
    let missing = need.missing(&known, low);
    let expected: Vec<_> = (FIRST + 25..=FIRST + 37).map(Slot::from_number).collect();
    assert_eq!(missing, expected);
}

#[test]
fn nothing_is_asked_for_beyond_what_is_given() {
    let now = SlotClock::default().start(Slot::from_number(FIRST));
    let known = BTreeSet::new();
    let config = TicketsConfig {
        ahead: Duration::from_secs(7 * 86_400),
        ..TicketsConfig::default()
    };
    let short = Need::new(&config, horizon(3), true).missing(&known, now);
    assert_eq!(short.len(), 4);
    let later = Horizon {
        origin: Slot::from_number(FIRST + 2),
        ..horizon(3)
    };
    let begun = Need::new(&config, later, true).missing(&known, now);
    assert_eq!(begun, [FIRST + 2, FIRST + 3].map(Slot::from_number));
}

fn horizon(preload_slots: u32) -> Horizon {
    Horizon {
        slots: SlotClock::default(),
        origin: Slot::from_number(0),
        preload_slots,
    }
}
