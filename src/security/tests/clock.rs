use std::time::Duration;

use super::{
    super::{ClockMonitor, Config},
    sample::start,
};
use crate::time::Now;

/// The wall clock steps forward by `step`, the monotonic one does not.
fn stepped(now: Now, step: Duration) -> Now {
    Now {
        timestamp: now.timestamp.saturating_add(step),
        ..now
    }
}

fn monitor() -> ClockMonitor {
    ClockMonitor::new(&Config::default(), start())
}

#[test]
fn clocks_that_agree_are_believed() {
    assert_eq!(
        monitor().doubt(start().after(Duration::from_secs(3_600))),
        None
    );
}

#[test]
fn a_step_of_the_wall_clock_is_doubted_above_half_a_second() {
    let later = start().after(Duration::from_secs(5));
    let allowed = stepped(later, Duration::from_millis(500));
    assert_eq!(monitor().doubt(allowed), None);
    let doubted = stepped(later, Duration::from_millis(501));
    assert_eq!(monitor().doubt(doubted), Some(Duration::from_millis(501)));
}

#[test]
fn a_step_back_is_doubted_too() {
    let back = Now {
        timestamp: start().timestamp.saturating_sub(Duration::from_secs(2)),
        ..start()
    };
    assert_eq!(monitor().doubt(back), Some(Duration::from_secs(2)));
}

#[test]
fn a_reference_starts_and_ends_doubt() {
    let mut monitor = monitor();
    let truth = start().timestamp.saturating_sub(Duration::from_secs(3));
    monitor.handle_reference(truth, start());
    assert_eq!(monitor.doubt(start()), Some(Duration::from_secs(3)));
    monitor.handle_reference(start().timestamp, start());
    assert_eq!(monitor.doubt(start()), None);
}

#[test]
fn a_step_that_nothing_denies_is_believed_after_a_minute() {
    let mut monitor = monitor();
    let step = Duration::from_secs(30);
    for (after_s, doubted) in [(1, true), (60, true), (61, false), (62, false)] {
        let now = stepped(start().after(Duration::from_secs(after_s)), step);
        monitor.handle_time(now);
        assert_eq!(monitor.doubt(now).is_some(), doubted, "after {after_s} s");
    }
}

#[test]
fn a_clock_that_references_deny_is_doubted_for_ever() {
    let mut monitor = monitor();
    for after_s in 0..600 {
        let truth = start().after(Duration::from_secs(after_s));
        let now = stepped(truth, Duration::from_secs(30));
        monitor.handle_reference(truth.timestamp, now);
        monitor.handle_time(now);
        assert_eq!(monitor.doubt(now), Some(Duration::from_secs(30)));
    }
}
