//! Many stations on virtual time, under loss, delay, partitions, crashes, wrong clocks and lies,
//! held against a simpler model.

use std::collections::BTreeSet;

use wayside::sim::{LiarKind, Scenario, Seed, Trial};

/// Ten in a row, so that each kind of liar is first among them, and a few beyond.
const SEEDS: std::ops::Range<u64> = 0..12;

#[test]
fn nothing_breaks_on_a_road_with_faults_and_liars() {
    for seed in SEEDS {
        let report = Trial::run(&Scenario::of(Seed(seed)));
        assert_eq!(report.broken, [], "seed {seed}");
        // Nothing was shown where nothing was said.
        assert!(report.delivered > report.published / 2, "seed {seed}");
        assert!(report.lies.values().all(|lies| *lies > 0), "seed {seed}");
        assert!(!report.refused.is_empty(), "seed {seed}");
    }
}

/// A squatter ended an event in the eyes of a newcomer, before the event's own cancellation came
/// under a later ticket: that was refused, and the event stayed.
#[test]
fn a_squatters_end_does_not_outlive_the_true_one() {
    let report = Trial::run(&Scenario::of(Seed(178)));
    assert_eq!(report.broken, []);
    assert!(report.lies.contains_key(LiarKind::Squatter.name()));
}

#[test]
fn every_liar_and_every_fault_comes_up_in_these_seeds() {
    let scenarios: Vec<_> = SEEDS.map(|seed| Scenario::of(Seed(seed))).collect();
    let liars: BTreeSet<_> = scenarios
        .iter()
        .flat_map(|scenario| scenario.liars.clone())
        .collect();
    assert_eq!(liars, BTreeSet::from(LiarKind::ALL));
    let faults: BTreeSet<_> = scenarios
        .iter()
        .flat_map(|scenario| &scenario.faults)
        .map(|fault| match fault.kind {
            wayside::sim::FaultKind::Partition(..) => "partition",
            wayside::sim::FaultKind::Crash(_) => "crash",
            wayside::sim::FaultKind::ClockOff(..) => "clock off",
            wayside::sim::FaultKind::ClockWrong(..) => "clock wrong",
        })
        .collect();
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(scenarios.iter().any(|scenario| scenario.slot_s < 20));
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let run = |seed| format!("{:?}", Trial::run(&Scenario::of(Seed(seed))));
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}
