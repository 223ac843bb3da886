//! A car that stops between any two steps.

use std::time::Duration;

use super::bench::{Bench, FIRST};

#[test]
fn o8_a_restart_between_any_two_steps_costs_no_slot() {
    // Every step of a run, in order: each is one draft, one write or one errand.
    let steps = 60;
    for first in 0..steps {
        for second in [first, first + 1, first + 5] {
            let mut bench = Bench::new();
            bench.drive();
            let mut taken = 0;
            while taken < steps {
                let is_idle = !step(&mut bench);
                if is_idle {
                    bench.pass(Duration::from_secs(1));
                }
                if taken == first || taken == second {
                    bench.restart();
                    bench.drive();
                }
                taken += 1;
            }
            bench.run(Duration::from_secs(600));
            let held = bench.held();
            for slot in FIRST..FIRST + 25 {
                assert!(
                    held.contains(&slot),
                    "restarted after {first} and {second}: no ticket for {slot}"
                );
            }
            assert!(bench.disk.requests.is_empty());
            // Nothing was asked for twice.
            assert_eq!(bench.preloader.state().tally.refused.get("used"), None);
            assert_eq!(bench.office.given.len(), held.len());
        }
    }
}

#[test]
fn a_request_that_was_answered_before_the_restart_is_only_removed() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    let requests = bench.disk.requests.clone();
    bench.visit();
    bench.run(Duration::from_secs(10));
    assert!(bench.disk.requests.is_empty());
    // The crash came after the tickets and before the request was removed.
    bench.disk.requests = requests;
    bench.restart();
    bench.settle();
    assert!(bench.disk.requests.is_empty());
    assert!(!bench.preloader.wants_unit(bench.now));
}

fn step(bench: &mut Bench) -> bool {
    if bench.write() || bench.draft() {
        return true;
    }
    let Some(errand) = bench.preloader.poll_errand(bench.now) else {
        return false;
    };
    let (token, answer) = bench.office.answer(&errand);
    bench.preloader.handle_answer(token, answer, bench.now);
    true
}
