use std::{collections::BTreeMap, time::Duration};

use wayside::rpc::ledger::v1::Tip;

use super::{
    audit::{Copy, Verdict, compare},
    log::{Log, Place},
};

const PLACE: Place = Place {
    shard: 0,
    height: 2,
    applied: true,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A unit that has blocks 1 to 3 of shard 0, with one transaction in block 2.
fn copy() -> Copy {
    let root = |height: u64| (format!("digest {height}"), format!("root {height}"));
    Copy {
        oldest: [(0, 1)].into(),
        roots: (1..=3).map(|height| ((0, height), root(height))).collect(),
        places: [("a".to_owned(), PLACE)].into(),
    }
}

fn judge(copies: &[Copy]) -> Verdict {
    let acknowledged: BTreeMap<_, _> = [("a".to_owned(), PLACE)].into();
    compare(copies, &[(0, 3)].into(), &acknowledged)
}

#[test]
fn equal_copies_have_lost_nothing() {
    let verdict = Verdict {
        compared: 3,
        ..Verdict::default()
    };
    assert_eq!(judge(&[copy(), copy()]), verdict);
}

#[test]
fn whatever_one_copy_lacks_is_found() {
    let mut without_transaction = copy();
    without_transaction.places.clear();
    assert_eq!(judge(&[copy(), without_transaction]).lost, 1);
    let mut refused = copy();
    let other = Place {
        applied: false,
        ..PLACE
    };
    refused.places.insert("a".to_owned(), other);
    assert_eq!(judge(&[refused, copy()]).lost, 1);
    let mut without_block = copy();
    without_block.roots.remove(&(0, 3));
    assert_eq!(judge(&[copy(), without_block]).missing, 1);
    let mut forked = copy();
    let other = ("other".to_owned(), "root 3".to_owned());
    forked.roots.insert((0, 3), other);
    assert_eq!(judge(&[copy(), forked, copy()]).differing, 1);
}

#[test]
fn unit_that_began_with_a_snapshot_need_not_have_what_came_before() {
    let mut synced = copy();
    synced.oldest.insert(0, 3);
    synced.roots.retain(|(_, height), _| *height == 3);
    synced.places.clear();
    assert_eq!(judge(&[copy(), synced.clone()]).lost, 0);
    // Then somebody else must have it.
    assert_eq!(judge(&[synced]).lost, 1);
}

#[test]
fn gaps_and_slumps_are_measured_where_they_are() {
    let mut log = Log::default();
    let mut take = |number: u64, at: u64| {
        let tip = Tip {
            height: number,
            ..Tip::default()
        };
        log.take_block(&tip, ms(at));
        log.take_transaction(&number.to_string(), PLACE, ms(at));
    };
    // Ten a second, but for the second and a half after 2 s.
    let times = (1..=20).chain(36..=60).map(|tenth| tenth * 100);
    for (number, at) in (1..).zip(times) {
        take(number, at);
    }
    assert_eq!(log.gap(ms(500), ms(1_500)), ms(100));
    assert_eq!(log.gap(ms(1_000), ms(5_000)), ms(1_600));
    assert_eq!(log.gap(ms(2_100), ms(3_000)), ms(900));
    assert!((log.rate(ms(1_000), ms(2_000)) - 10.0).abs() < 1e-9);
    // Those of 3.6 s to 4.2 s are seven, in the second from 3.25 s on.
    assert_eq!(log.slump(ms(2_050), ms(6_000), 7.0), ms(1_200));
    assert_eq!(log.slump(ms(2_050), ms(3_500), 7.0), ms(1_450));
}
