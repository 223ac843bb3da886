//! What a roadside unit says of traffic where some vehicles lie, on the drive that comes with Wayside.

use wayside::{
    replay::{Options, import},
    sim::{Seed, TrafficLie, TrafficOutcome, TrafficTrial},
};

#[test]
fn a_fifth_of_liars_moves_no_cell_by_a_tenth() {
    for seed in 0..3 {
        let outcome = tried(0.2, TrafficLie::Speed, seed);
        assert!(outcome.liars > 5, "{outcome:?}");
        assert!(!outcome.cells.is_empty());
        assert!(outcome.worst() <= 0.1, "seed {seed}: {outcome:?}");
    }
}

#[test]
fn a_fifth_that_says_it_stands_moves_no_cell_by_a_tenth() {
    for seed in 0..3 {
        let outcome = tried(0.2, TrafficLie::Standing, seed);
        assert!(outcome.liars > 5, "{outcome:?}");
        assert!(outcome.worst() <= 0.1, "seed {seed}: {outcome:?}");
    }
}

/// Where few vehicles passed, those that were there for a second or two make the difference.
#[test]
fn where_nobody_lies_every_cell_is_near_the_truth() {
    let outcome = tried(0.0, TrafficLie::Speed, 0);
    assert!(outcome.worst() <= 0.08, "{outcome:?}");
    assert!(outcome.within(0.02) >= 0.75, "{outcome:?}");
}

fn tried(liars: f64, lie: TrafficLie, seed: u64) -> TrafficOutcome {
    let bytes = include_bytes!("drives/town.mcap");
    let imported = import("town.mcap", bytes, &Options::default()).unwrap();
    let trial = TrafficTrial {
        liars,
        lie,
        seed: Seed(seed),
    };
    trial.run(&imported.drive, |_| {})
}
