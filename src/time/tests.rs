use std::time::Duration;

use super::{Instant, Recent, RecentBounds, Timestamp};

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

/// Three keys, for ten seconds.
fn recent() -> Recent<u8, u32> {
    Recent::new(RecentBounds {
        len_max: 3,
        age_max: Duration::from_secs(10),
    })
}

fn second(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

/// Which of the keys 1 to 9 are kept.
fn kept(recent: &Recent<u8, u32>) -> Vec<u8> {
    (1..10).filter(|key| recent.contains(key)).collect()
}

#[test]
fn what_was_noted_longest_ago_makes_room_whatever_its_key() {
    for order in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2]] {
        let mut recent = recent();
        for key in order {
            // All in one moment.
            recent.note(key, second(1));
        }
        let mut newest = order[1..].to_vec();
        newest.sort_unstable();
        assert_eq!(kept(&recent), newest);
    }
}

#[test]
fn what_is_noted_again_keeps_its_value_and_is_the_newest() {
    let mut recent = recent();
    for key in [1, 2, 3, 1, 1] {
        *recent.note(key, second(1)) += 1;
    }
    for key in [4, 5] {
        recent.note(key, second(1));
    }
    assert_eq!(kept(&recent), [1, 4, 5]);
    assert_eq!(*recent.note(1, second(1)), 3);
    assert_eq!(*recent.note(2, second(1)), 0, "it was forgotten");
    assert!(recent.newest_first().eq([2, 1, 5]));
    recent.clear();
    assert!(kept(&recent).is_empty());
    assert_eq!(recent.newest_first().next(), None);
}

#[test]
fn what_was_not_noted_for_long_is_forgotten() {
    let mut recent = recent();
    recent.note(1, second(0));
    recent.note(2, second(0));
    *recent.note(1, second(5)) = 7;
    recent.forget(second(10));
    assert_eq!(kept(&recent), [1, 2]);
    recent.forget(second(11));
    assert_eq!(kept(&recent), [1]);
    assert_eq!(*recent.note(1, second(15)), 7);
    assert_eq!(*recent.note(1, second(26)), 0);
}
