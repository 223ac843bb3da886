use std::time::Duration;

use crate::pipeline::generation::{Generation, GenerationRule};
use crate::{
    geo::Position,
    message::Telemetry,
    time::Instant,
    units::{Heading, Speed},
};

fn state(latitude_e7: i32, heading_deg: f64, m_per_s: f64) -> Telemetry {
    Telemetry {
        heading: Heading::from_deg(heading_deg),
        speed: Speed::from_m_per_s(m_per_s),
        ..Telemetry::at(Position::from_e7(latitude_e7, 0).unwrap())
    }
}

fn at(ms: u64) -> Instant {
    Instant::from_origin(Duration::from_millis(ms))
}

/// Offers the state of each moment and says which moments were sent.
fn sent(rule: GenerationRule, states: impl Iterator<Item = (u64, Telemetry)>) -> Vec<u64> {
    let mut generation = Generation::new(rule);
    states
        .filter(|(ms, state)| {
            let due = generation.is_due(state, at(*ms));
            if due {
                generation.handle_sent(state, at(*ms));
            }
            due
        })
        .map(|(ms, _)| ms)
        .collect()
}

#[test]
fn en_302_637_2_a_standing_vehicle_sends_once_a_second() {
    let states = (0..30).map(|step| (step * 100, state(0, 0.0, 0.0)));
    assert_eq!(sent(GenerationRule::Etsi, states), [0, 1_000, 2_000]);
}

#[test]
fn en_302_637_2_position_speed_and_heading_each_trigger() {
    // 4 m is 359 steps of latitude (0.011 m each at the equator); exactly 4 m is not enough.
    for (changed, expected) in [
        (state(350, 0.0, 0.0), vec![0]),
        (state(370, 0.0, 0.0), vec![0, 100]),
        (state(0, 4.0, 0.0), vec![0]),
        (state(0, 4.01, 0.0), vec![0, 100]),
        (state(0, 0.0, 0.5), vec![0]),
        (state(0, 0.0, 0.501), vec![0, 100]),
    ] {
        let states = [(0, state(0, 0.0, 0.0)), (100, changed)];
        assert_eq!(sent(GenerationRule::Etsi, states.into_iter()), expected);
    }
}

#[test]
fn en_302_637_2_nothing_is_sent_within_100_ms() {
    let states = (0..10).map(|step| {
        let ms = step * 30;
        (ms, state(i32::try_from(step).unwrap() * 1_000, 0.0, 0.0))
    });
    assert_eq!(sent(GenerationRule::Etsi, states), [0, 120, 240]);
}

#[test]
fn en_302_637_2_the_last_interval_is_kept_for_three_messages() {
    // Triggered at 300 ms, so 300 ms is the interval for the next three, then 1 s again.
    let states = (0..25).map(|step| {
        let turned = if step < 3 { 0.0 } else { 90.0 };
        (step * 100, state(0, turned, 0.0))
    });
    assert_eq!(
        sent(GenerationRule::Etsi, states),
        [0, 300, 600, 900, 1_200, 2_200]
    );
}

#[test]
fn a_fixed_rate_ignores_what_the_vehicle_does() {
    let rule = GenerationRule::Fixed {
        interval: Duration::from_millis(200),
    };
    let states = (0..10).map(|step| (step * 100, state(0, 0.0, 0.0)));
    assert_eq!(sent(rule, states), [0, 200, 400, 600, 800]);
}
