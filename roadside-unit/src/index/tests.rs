use std::fs;

use tempfile::TempDir;
use wayside::{
    crypto::Digest,
    id::{ChainId, ShardId, VehicleId},
    ledger::{Peaks, TransactionId},
};

use super::{Entered, Index, IndexError, Indexed, Place};

const SHARD: ShardId = ShardId(1);

#[test]
fn what_is_in_a_block_is_found_again() {
    let (_folder, index) = index();

    index
        .add(&[block(0), block(1), with_record(block(2), 0)], true)
        .unwrap();

    let place = Place {
        shard: SHARD,
        height: 2,
        entry: 0,
        outcome: 7,
    };
    assert_eq!(index.transaction(&id(2)).unwrap(), Some(place));
    assert_eq!(index.transaction(&id(3)).unwrap(), None);
    assert_eq!(index.records(&vehicle(), 0..9).unwrap(), [(0, place)]);
    assert_eq!(index.height(SHARD).unwrap(), Some(2));
    assert_eq!(index.height(ShardId(2)).unwrap(), None);
    assert_eq!(
        index.headers(SHARD, 1..9).unwrap(),
        [digest(1), digest(2)],
        "only what there is"
    );
}

#[test]
fn a_block_taken_twice_changes_nothing() {
    let (_folder, index) = index();
    index.add(&[block(0)], true).unwrap();

    index.add(&[with_record(block(0), 5)], true).unwrap();

    assert_eq!(index.records(&vehicle(), 0..9).unwrap(), []);
}

#[test]
fn a_gap_is_refused_and_leaves_nothing() {
    let (_folder, index) = index();

    let refused = index.add(&[block(0), block(2)], true);

    assert!(matches!(
        refused,
        Err(IndexError::Gap {
            expected: 1,
            found: 2,
            ..
        })
    ));
    assert_eq!(index.height(SHARD).unwrap(), None);
}

#[test]
fn records_stay_apart_by_vehicle() {
    let (_folder, index) = index();
    index.add(&[with_record(block(0), 0)], true).unwrap();
    let other = VehicleId {
        commitment: [8; 32],
        ..vehicle()
    };
    assert_eq!(index.records(&other, 0..u64::MAX).unwrap(), []);
}

#[test]
fn what_was_committed_survives_a_restart() {
    let (folder, index) = index();
    index.add(&[block(0)], true).unwrap();
    drop(index);

    let (index, was_damaged) = Index::open(&folder.path().join("index"), chain()).unwrap();

    assert!(!was_damaged);
    assert_eq!(index.height(SHARD).unwrap(), Some(0));
}

#[test]
fn a_damaged_index_is_begun_anew() {
    let (folder, index) = index();
    drop(index);
    let path = folder.path().join("index");
    fs::write(&path, b"no database").unwrap();

    let (index, was_damaged) = Index::open(&path, chain()).unwrap();

    assert!(was_damaged);
    assert_eq!(index.height(SHARD).unwrap(), None);
    assert!(path.with_extension("damaged").exists());
}

#[test]
fn an_index_is_of_one_ledger() {
    let (folder, index) = index();
    drop(index);

    let other = Index::open(&folder.path().join("index"), ChainId::from_bytes([1; 32]));

    assert!(matches!(other, Err(IndexError::ForeignChain { .. })));
}

#[test]
fn pruned_blocks_are_passed_over() {
    let (_folder, index) = index();
    assert_eq!(index.beginning(SHARD).unwrap(), None);
    let mut past = Peaks::default();
    (0..5).for_each(|height| past.append(digest(height)));
    index.skip_to(SHARD, 5, &past).unwrap();

    index.add(&[block(5)], false).unwrap();

    assert_eq!(index.height(SHARD).unwrap(), Some(5));
    assert!(index.transaction(&id(5)).unwrap().is_some());
    assert_eq!(index.beginning(SHARD).unwrap(), Some((5, past)));
}

fn index() -> (TempDir, Index) {
    let folder = TempDir::new().unwrap();
    let (index, _) = Index::open(&folder.path().join("index"), chain()).unwrap();
    (folder, index)
}

fn block(height: u64) -> Indexed {
    Indexed {
        shard: SHARD,
        height,
        digest: digest(height),
        entries: vec![Entered {
            transaction: Some(id(height)),
            outcome: 7,
            records: Vec::new(),
        }],
    }
}

fn with_record(mut block: Indexed, number: u64) -> Indexed {
    block.entries[0].records.push((vehicle(), number));
    block
}

fn vehicle() -> VehicleId {
    VehicleId {
        home: SHARD,
        commitment: [3; 32],
    }
}

fn id(number: u64) -> TransactionId {
    TransactionId::from_digest(digest(number + 1_000))
}

fn digest(number: u64) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Digest::from_bytes(bytes)
}

fn chain() -> ChainId {
    ChainId::from_bytes([9; 32])
}
