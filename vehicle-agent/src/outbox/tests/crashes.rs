use std::{num::NonZeroUsize, time::Duration};

use proptest::prelude::*;

use super::road::{PowerFailure, Road};
use crate::outbox::{OutboxConfig, machine::LINES_SLACK};

/// Records of the exhaustive runs: more than are in one batch.
const READINGS: std::ops::Range<u32> = 100..104;

#[test]
fn killed_at_every_byte_of_the_journal_everything_arrives_exactly_once() {
    let whole = journal_len();
    for cut in 0..whole {
        let mut road = Road::new();
        road.disk.left = Some(cut);
        let survived = drive(&mut road);
        assert!(survived.is_err(), "the power fails at byte {cut}");
        road.restart();
        road.finish();
        road.check();
    }
}

#[test]
fn killed_twice_everything_arrives_exactly_once() {
    let whole = journal_len();
    for first in (0..whole).step_by(37) {
        for second in (0..whole).step_by(41) {
            let mut road = Road::new();
            road.disk.left = Some(first);
            assert!(drive(&mut road).is_err());
            road.restart();
            road.disk.left = Some(second);
            // The second run may be over before the power fails.
            let _ = drive(&mut road);
            road.restart();
            road.finish();
            road.check();
        }
    }
}

#[test]
fn what_was_acknowledged_is_there_after_every_crash() {
    let whole = journal_len();
    for cut in (0..whole).step_by(7) {
        let mut road = Road::new();
        road.disk.left = Some(cut);
        assert!(drive(&mut road).is_err());
        road.restart();
        for (km, wish) in &road.wishes {
            let is_there = road.outbox.named(&super::road::name(*km)).is_some();
            assert!(is_there || !wish.is_acknowledged, "{km} km, cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_every_record_arrives_exactly_once(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut road = Road::new();
        for step in steps {
            let survived = take(&mut road, step);
            if survived.is_err() {
                road.restart();
            }
        }
        road.finish();
        road.check();
    }
}

/// Something that happens on the road.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u32),
    AskAgain,
    Settle,
    Connect,
    Disconnect,
    Exchange,
    LoseAnswer,
    Pass(u64),
    RefuseWrites(u32),
    Kill,
    FailPowerAfter(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (100_u32..140).prop_map(Step::Ask),
        1 => Just(Step::AskAgain),
        4 => Just(Step::Settle),
        2 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        4 => Just(Step::Exchange),
        1 => Just(Step::LoseAnswer),
        1 => (0_u64..20).prop_map(Step::Pass),
        1 => (1_u32..3).prop_map(Step::RefuseWrites),
        1 => Just(Step::Kill),
        1 => (0_usize..2_000).prop_map(Step::FailPowerAfter),
    ]
}

fn take(road: &mut Road, step: Step) -> Result<(), PowerFailure> {
    match step {
        Step::Ask(km) => {
            road.ask(km).unwrap();
        }
        Step::AskAgain => road.ask_again(),
        Step::Settle => road.settle()?,
        Step::Connect => road.connect(),
        Step::Disconnect => road.disconnect(),
        Step::Exchange => {
            road.exchange();
        }
        Step::LoseAnswer => road.lose_answer(),
        Step::Pass(seconds) => road.pass(Duration::from_secs(seconds)),
        Step::RefuseWrites(count) => road.disk.refusals = count,
        Step::Kill => return Err(PowerFailure),
        Step::FailPowerAfter(bytes) => road.disk.left = Some(bytes),
    }
    Ok(())
}

#[test]
fn the_journal_is_rewritten_when_it_is_mostly_dead_and_loses_nothing() {
    let mut road = Road::with(OutboxConfig {
        done_max: NonZeroUsize::new(3).unwrap(),
        ..OutboxConfig::default()
    });
    road.connect();
    let mut longest = 0;
    // Three lines each, until what is dead is put up with no longer.
    let readings = u32::try_from(LINES_SLACK).unwrap() / 3 + 100;
    for km in 0..readings {
        road.ask(km).unwrap();
        road.settle().unwrap();
        while road.exchange() {
            road.settle().unwrap();
        }
        longest = longest.max(road.disk.bytes.len());
    }
    assert!(road.disk.bytes.len() < longest, "it was rewritten");
    road.restart();
    road.ask(readings).unwrap();
    road.finish();
    road.check();
}

/// A drive without faults: half of the readings before a unit is in reach, the rest while it is.
fn drive(road: &mut Road) -> Result<(), PowerFailure> {
    for km in READINGS {
        if km == READINGS.start + 2 {
            road.connect();
        }
        let _ = road.ask(km);
        road.settle()?;
        while road.exchange() {
            road.settle()?;
        }
    }
    Ok(())
}

/// The bytes that a drive without faults writes.
fn journal_len() -> usize {
    let mut road = Road::new();
    let empty = road.disk.bytes.len();
    drive(&mut road).unwrap();
    road.check();
    assert!(road.wishes.values().all(|wish| wish.is_done));
    road.disk.bytes.len() - empty
}
