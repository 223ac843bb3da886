use std::time::Duration;

use wayside::{
    id::ShardId,
    ledger::{CheckpointError, HandoverError},
};

use super::past::{HOME, Past};
use crate::checkpoint::{CheckpointConfig, KeepError, Keeper};

#[test]
fn operators_vouch_for_one_past_one_after_the_other() {
    let mut past = past();
    let mut keeper = keeper(&past);
    assert!(keeper.is_due(past.now()));
    let first = past.height();
    keeper
        .handle_answer(0, &past.bytes(&[]), past.now())
        .unwrap();
    assert!(
        keeper.is_due(past.now()),
        "one operator's word is not enough"
    );
    assert!(keeper.is_fresh(0, past.now()) && !keeper.is_fresh(2, past.now()));
    past.grow(MINUTE, 1);
    assert_eq!(asked_for(&keeper), [(ShardId(0), first), (HOME, first)]);

    let shown = past.bytes(&[first]);
    keeper.handle_answer(2, &shown, past.now()).unwrap();

    assert!(!keeper.is_due(past.now()));
    let standing = keeper.standing().unwrap();
    let heights: Vec<u64> = standing.points.iter().map(|it| it.height).collect();
    assert_eq!(heights, [past.height(); 2]);
    let names: Vec<&str> = standing
        .vouchers
        .iter()
        .map(|it| it.operator.as_str())
        .collect();
    assert_eq!(names, ["operator 0", "operator 2"]);
    let hours_later = past
        .now()
        .saturating_add(CheckpointConfig::default().refresh * 2);
    assert!(keeper.is_due(hours_later));
}

#[test]
fn committees_that_follow_each_other_are_followed() {
    let mut past = past();
    let mut keeper = keeper(&past);
    keeper
        .handle_answer(0, &past.bytes(&[]), past.now())
        .unwrap();
    let first = past.height();
    past.change(MINUTE, 60);
    let second = past.height();
    let shown = past.bytes(&[first]);
    keeper.handle_answer(1, &shown, past.now()).unwrap();
    assert!(keeper.committees().committee(1).is_some());
    past.change(MINUTE, 70);
    // Padded with what is known, by a unit that has not seen the newest epoch.
    let mut padded = past.checkpoint(&[second]);
    keeper
        .handle_answer(2, &padded.to_bytes(), past.now())
        .unwrap();
    let newest = past.height();
    past.grow(MINUTE, 1);
    padded = past.checkpoint(&[newest]);
    let again = padded.handovers.clone();
    padded
        .handovers
        .splice(0..0, [again[0].clone(), again[0].clone(), again[0].clone()]);
    keeper
        .handle_answer(3, &padded.to_bytes(), past.now())
        .unwrap();
    assert!(keeper.committees().committee(2).is_some());

    // What is remembered holds after a restart, and knows the committees.
    let kept = keeper.kept().unwrap().clone();
    let mut restarted = self::keeper(&past);
    assert!(restarted.committees().committee(1).is_none());
    restarted.restore(kept).unwrap();
    assert!(restarted.committees().committee(2).is_some());
}

#[test]
fn l8_a_committee_that_retired_keys_name_beside_the_known_one_is_refused() {
    let mut honest = past();
    let mut keeper = keeper(&honest);
    let mut fork = honest.clone();
    let before = honest.height();
    honest.change(MINUTE, 60);
    keeper
        .handle_answer(0, &honest.bytes(&[]), honest.now())
        .unwrap();
    let kept = keeper.kept().cloned();
    fork.change(MINUTE, 80);
    fork.grow(MINUTE, 2);
    let height = honest.height();
    for earlier in [&[][..], &[height], &[before]] {
        let refused = keeper.handle_answer(3, &fork.bytes(earlier), fork.now());
        assert_eq!(
            refused,
            Err(KeepError::False(CheckpointError::Handover(
                HandoverError::TwoCommittees(1)
            )))
        );
        assert_eq!(keeper.kept().cloned(), kept, "what is kept stays");
    }
    // Nor is it believed that the first committee goes on after it was replaced.
    let mut old = past();
    for _ in 0..4 {
        old.grow(MINUTE, 3);
    }
    let refused = keeper.handle_answer(3, &old.bytes(&[height]), old.now());
    assert!(
        matches!(refused, Err(KeepError::Fork { .. })),
        "{refused:?}"
    );
}

#[test]
fn l8_whoever_shows_another_past_than_others_did_is_refused_and_named() {
    let mut honest = past();
    let mut keeper = keeper(&honest);
    let before = honest.height();
    let mut fork = honest.clone();
    honest.grow(MINUTE, 1);
    fork.grow(MINUTE, 2);
    keeper
        .handle_answer(0, &honest.bytes(&[]), honest.now())
        .unwrap();
    let kept = keeper.kept().cloned();
    let height = honest.height();
    fork.grow(MINUTE, 2);

    // The same height, and a longer past that was asked for the way to it.
    for shown in [
        {
            let mut short = fork_of(&honest, before);
            short.grow(MINUTE, 3);
            short.bytes(&[])
        },
        fork.bytes(&[height]),
    ] {
        let refused = keeper.handle_answer(3, &shown, fork.now()).unwrap_err();
        let KeepError::Fork {
            operator, others, ..
        } = &refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!(operator, "operator 3");
        assert_eq!(others, "\"operator 0\"");
        assert_eq!(keeper.kept().cloned(), kept, "what is kept stays");
    }
}

#[test]
fn a_past_that_does_not_lead_to_what_is_kept_is_not_taken() {
    let mut past = past();
    let mut keeper = keeper(&past);
    let behind = past.bytes(&[]);
    past.grow(MINUTE, 1);
    keeper
        .handle_answer(0, &past.bytes(&[]), past.now())
        .unwrap();
    past.grow(MINUTE, 1);
    for shown in [behind, past.bytes(&[])] {
        let refused = keeper.handle_answer(1, &shown, past.now());
        assert_eq!(refused, Err(KeepError::NotLinked(ShardId(0))));
    }
    assert!(!keeper.is_fresh(1, past.now()));
}

#[test]
fn what_is_old_or_ahead_or_lacks_a_shard_is_refused_in_words() {
    let past = past();
    let mut keeper = keeper(&past);
    let shown = past.bytes(&[]);
    let late = past.now().saturating_add(Duration::from_secs(25 * 3_600));
    let refused = keeper.handle_answer(0, &shown, late).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the checkpoint's newest block of shard 0 is 90000s old, more than 86400s"
    );
    let early = past.now().saturating_sub(Duration::from_secs(3_600));
    assert!(matches!(
        keeper.handle_answer(0, &shown, early),
        Err(KeepError::Future { .. })
    ));
    let mut partial = past.checkpoint(&[]);
    partial.shards.pop();
    assert_eq!(
        keeper.handle_answer(0, &partial.to_bytes(), past.now()),
        Err(KeepError::Missing(HOME))
    );
    assert_eq!(keeper.kept(), None);
}

#[test]
fn a_checkpoint_with_any_changed_byte_or_of_another_ledger_is_refused() {
    let past = past();
    let mut keeper = keeper(&past);
    let shown = past.bytes(&[2]);
    for at in 0..shown.len() {
        let mut changed = shown.clone();
        changed[at] ^= 0x10;
        let refused = keeper.handle_answer(0, &changed, past.now());
        assert!(refused.is_err(), "byte {at}");
    }
    let mut stranger = Past::of(100);
    stranger.grow(MINUTE, 1);
    assert!(matches!(
        keeper.handle_answer(0, &stranger.bytes(&[]), past.now()),
        Err(KeepError::False(CheckpointError::ForeignChain(_)))
    ));
    assert_eq!(keeper.kept(), None);
}

#[test]
fn what_the_owner_gave_binds_the_first_unit_too() {
    let mut honest = past();
    let given = honest.checkpoint(&[]);
    let points = given.verify(&honest.genesis).unwrap();
    let given_height = honest.height();
    let mut keeper = Keeper::new(
        honest.genesis.clone(),
        HOME,
        CheckpointConfig::default(),
        Some((given, points)),
    );
    let mut fork = fork_of(&honest, given_height - 1);
    fork.grow(MINUTE, 9);
    fork.grow(MINUTE, 9);
    honest.grow(MINUTE, 1);

    let refused = keeper.handle_answer(0, &fork.bytes(&[given_height]), honest.now());
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("the checkpoint that was given"),
        "{refused}"
    );

    let shown = honest.bytes(&[given_height]);
    keeper.handle_answer(0, &shown, honest.now()).unwrap();
}

#[test]
fn what_an_earlier_run_kept_is_taken_up_only_if_it_holds() {
    let past = past();
    let mut keeper = keeper(&past);
    keeper
        .handle_answer(0, &past.bytes(&[]), past.now())
        .unwrap();
    let kept = keeper.kept().cloned().unwrap();
    let mut next = self::keeper(&past);
    next.restore(kept.clone()).unwrap();
    assert_eq!(next.kept(), Some(&kept));
    assert!(next.is_fresh(0, past.now()));

    let mut forged = kept.clone();
    forged.checkpoint.shards[0].newest.header.height += 1;
    let mut other = self::keeper(&Past::of(100));
    assert!(next.restore(forged).is_err());
    assert!(other.restore(kept).is_err());
    assert_eq!(other.kept(), None);
}

#[test]
fn a_clock_that_was_put_back_makes_no_word_new() {
    let past = past();
    let mut keeper = keeper(&past);
    keeper
        .handle_answer(0, &past.bytes(&[]), past.now())
        .unwrap();
    let before = past.now().saturating_sub(Duration::from_secs(3_600));
    assert!(!keeper.is_fresh(0, before));
}

/// Four blocks a minute apart.
fn past() -> Past {
    let mut past = Past::of(10);
    (0..4).for_each(|_| past.grow(MINUTE, 1));
    past
}

/// The same as far as a height, and ready to go on otherwise.
fn fork_of(past: &Past, height: u64) -> Past {
    let mut fork = Past::of(10);
    (0..height).for_each(|_| fork.grow(MINUTE, 1));
    assert_eq!(fork.genesis.chain(), past.genesis.chain());
    fork
}

fn keeper(past: &Past) -> Keeper {
    Keeper::new(
        past.genesis.clone(),
        HOME,
        CheckpointConfig::default(),
        None,
    )
}

fn asked_for(keeper: &Keeper) -> Vec<(ShardId, u64)> {
    let points = keeper.points();
    points.iter().map(|it| (it.shard, it.height)).collect()
}

const MINUTE: Duration = Duration::from_secs(60);
