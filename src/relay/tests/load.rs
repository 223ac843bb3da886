use std::{num::NonZeroU32, time::Duration};

use crate::{
    relay::{Load, LoadConfig, LoadMonitor},
    time::Instant,
};

fn at(ms: u64) -> Instant {
    Instant::from_origin(Duration::from_millis(1_000_000 + ms))
}

/// 1 000 verifications of telemetry and 100 of hazards per second, half a second of each in reserve.
fn monitor() -> LoadMonitor {
    let config = LoadConfig {
        telemetry_per_s: NonZeroU32::new(1_000).unwrap(),
        hazards_per_s: NonZeroU32::new(100).unwrap(),
        ..LoadConfig::default()
    };
    let mut monitor = LoadMonitor::new(config, at(0));
    monitor.handle_peers(false, at(0));
    monitor
}

/// Verifies at a rate for a second and says which states that led to.
fn verify(monitor: &mut LoadMonitor, from_ms: u64, per_s: u64) -> Vec<Load> {
    let mut states = Vec::new();
    for number in 0..per_s {
        let now = Instant::from_origin(
            at(from_ms).since_origin() + Duration::from_nanos(number * 1_000_000_000 / per_s),
        );
        if !monitor.sheds_telemetry(false) {
            monitor.handle_telemetry(now);
        }
        monitor.handle_timeout(now);
        states.extend(monitor.poll_change());
    }
    states
}

#[test]
fn what_can_be_verified_sheds_nothing() {
    let mut monitor = monitor();
    for second in 0..5 {
        assert_eq!(verify(&mut monitor, second * 1_000, 1_000), []);
    }
    assert!(!monitor.sheds_telemetry(true));
}

#[test]
fn more_sheds_first_what_is_far_and_then_all_telemetry() {
    let mut monitor = monitor();
    // 1 000 a second too many: the reserve of 500 is down to half after 250 ms, to a tenth after 450.
    let states = verify(&mut monitor, 0, 2_000);
    assert_eq!(states, [Load::SheddingFar, Load::HazardsOnly]);
    assert!(monitor.sheds_telemetry(false));
}

#[test]
fn shedding_ends_step_by_step_and_not_at_once() {
    let mut monitor = monitor();
    verify(&mut monitor, 0, 2_000);
    monitor.handle_timeout(at(1_440));
    assert_eq!(monitor.poll_change(), None, "lasts a second at least");
    monitor.handle_timeout(at(1_460));
    assert_eq!(monitor.poll_change(), Some(Load::SheddingFar));
    assert!(monitor.sheds_telemetry(true));
    assert!(!monitor.sheds_telemetry(false));
    monitor.handle_timeout(at(2_470));
    assert_eq!(monitor.poll_change(), Some(Load::Normal));
}

#[test]
fn hazards_have_a_reserve_of_their_own() {
    let mut monitor = monitor();
    verify(&mut monitor, 0, 2_000);
    assert!(!monitor.sheds_hazards_of_offenders(at(1_000)));
    for _ in 0..50 {
        monitor.handle_hazard(at(1_000));
    }
    assert!(monitor.sheds_hazards_of_offenders(at(1_000)));
    assert!(!monitor.sheds_hazards_of_offenders(at(1_100)));
}

#[test]
fn a_station_that_nobody_talks_to_says_so() {
    let mut monitor = monitor();
    monitor.handle_peers(true, at(10_000));
    monitor.handle_peers(true, at(14_990));
    assert_eq!(monitor.poll_change(), None);
    monitor.handle_peers(true, at(15_000));
    assert_eq!(monitor.poll_change(), Some(Load::Isolated));
    monitor.handle_peers(false, at(15_010));
    assert_eq!(monitor.poll_change(), Some(Load::Normal));
}
