use std::time::Duration;

use super::{Instant, Timestamp};

#[test]
fn timestamp_holds_48_bits() {
    assert!(Timestamp::from_unix_ms((1 << 48) - 1).is_some());
    assert_eq!(Timestamp::from_unix_ms(1 << 48), None);
}

#[test]
fn differences_do_not_go_below_zero() {
    let early = Instant::from_origin(Duration::from_secs(1));
    let late = early + Duration::from_millis(5);
    assert_eq!(late.since(early), Duration::from_millis(5));
    assert_eq!(early.since(late), Duration::ZERO);
}

#[test]
fn arithmetic_stays_inside_the_range() {
    let end = Timestamp::from_unix_ms((1 << 48) - 1).unwrap();
    assert_eq!(end.saturating_add(Duration::MAX), end);
    assert_eq!(end.saturating_sub(Duration::MAX).unix_ms(), 0);
}
