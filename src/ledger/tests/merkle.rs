use proptest::prelude::*;

use crate::{
    crypto::{Digest, Purpose},
    ledger::{Consistency, ConsistencyError, HistoryLog, List, ListRoot, Path, Peaks},
};

fn leaves(count: usize) -> Vec<Digest> {
    (0..count)
        .map(|index| Digest::of(Purpose::LedgerReceipt, &[&index.to_le_bytes()]))
        .collect()
}

/// RFC 9162 §2.1.1, straight from its definition.
fn top(leaves: &[Digest]) -> Digest {
    if let [leaf] = leaves {
        return *leaf;
    }
    let mut left = 1;
    while left * 2 < leaves.len() {
        left *= 2;
    }
    let (left, right) = leaves.split_at(left);
    let (left, right) = (top(left), top(right));
    Digest::of(Purpose::LedgerNode, &[left.as_bytes(), right.as_bytes()])
}

fn root(leaves: &[Digest]) -> Digest {
    let count = u64::try_from(leaves.len()).unwrap().to_le_bytes();
    Digest::of(Purpose::LedgerRoot, &[&[2], &count, top(leaves).as_bytes()])
}

#[test]
fn every_item_of_a_list_has_a_path_to_its_root() {
    for count in 1..70 {
        let leaves = leaves(count);
        let root = root(&leaves);
        assert_eq!(List::Receipts.root(leaves.iter().copied()), root);
        for (index, leaf) in leaves.iter().enumerate() {
            let path = List::Receipts.path(&leaves, index).unwrap();
            assert_eq!(path.verify(List::Receipts, *leaf, root), Ok(()));
        }
        assert_eq!(List::Receipts.path(&leaves, count), None);
    }
}

#[test]
fn l10_a_path_counts_for_its_item_place_list_and_root_only() {
    for count in 1..20 {
        let leaves = leaves(count);
        let root = List::Receipts.root(leaves.iter().copied());
        for index in 0..count {
            let path = List::Receipts.path(&leaves, index).unwrap();
            let refused = |path: &Path, leaf: Digest| {
                assert!(path.verify(List::Receipts, leaf, root).is_err());
            };
            assert!(path.verify(List::Entries, leaves[index], root).is_err());
            for other in (0..count).filter(|other| *other != index) {
                refused(&path, leaves[other]);
                let index = u64::try_from(other).unwrap();
                refused(
                    &Path {
                        index,
                        ..path.clone()
                    },
                    leaves[usize::try_from(path.index).unwrap()],
                );
            }
            for changed in [path.count - 1, path.count + 1, 0, u64::MAX] {
                refused(
                    &Path {
                        count: changed,
                        ..path.clone()
                    },
                    leaves[index],
                );
            }
        }
    }
}

#[test]
fn l10_swapped_and_missing_siblings_are_refused() {
    let leaves = leaves(13);
    let root = List::Entries.root(leaves.iter().copied());
    for (index, leaf) in leaves.iter().enumerate() {
        let path = List::Entries.path(&leaves, index).unwrap();
        for place in 0..path.siblings.len() {
            let mut shorter = path.clone();
            shorter.siblings.remove(place);
            assert!(shorter.verify(List::Entries, *leaf, root).is_err());
            let mut longer = path.clone();
            longer.siblings.insert(place, leaves[0]);
            assert!(longer.verify(List::Entries, *leaf, root).is_err());
            if place > 0 {
                let mut swapped = path.clone();
                swapped.siblings.swap(place, place - 1);
                assert!(swapped.verify(List::Entries, *leaf, root).is_err());
            }
        }
    }
}

// The second preimage that RFC 9162 §2.1.1 separates leaves from nodes against.
#[test]
fn l10_a_node_is_no_leaf() {
    let leaves = leaves(4);
    let root = List::Entries.root(leaves.iter().copied());
    let node = Digest::of(
        Purpose::LedgerNode,
        &[leaves[0].as_bytes(), leaves[1].as_bytes()],
    );
    let right = Digest::of(
        Purpose::LedgerNode,
        &[leaves[2].as_bytes(), leaves[3].as_bytes()],
    );
    // The digests lead to the same top, but the root knows how many items the list has.
    let path = Path {
        index: 0,
        count: 2,
        siblings: vec![right],
    };
    assert!(path.verify(List::Entries, node, root).is_err());
    let path = Path { count: 4, ..path };
    assert!(path.verify(List::Entries, node, root).is_err());
}

proptest! {
    #[test]
    fn l10_no_made_up_path_leads_to_a_root(
        index in 0..12_u64,
        count in 0..12_u64,
        picks in proptest::collection::vec(0..9_usize, 0..6),
        leaf in 0..9_usize,
    ) {
        let leaves = leaves(9);
        let root = List::History.root(leaves.iter().copied());
        let siblings = picks.iter().map(|pick| leaves[*pick]).collect();
        let path = Path { index, count, siblings };
        let is_true = usize::try_from(index) == Ok(leaf)
            && Some(&path) == List::History.path(&leaves, leaf).as_ref();
        prop_assert_eq!(path.verify(List::History, leaves[leaf], root).is_ok(), is_true);
    }

    #[test]
    fn peaks_know_the_root_after_every_item(count in 0..200_usize) {
        let (leaves, mut peaks) = (leaves(count), Peaks::default());
        for (index, leaf) in leaves.iter().enumerate() {
            prop_assert_eq!(peaks.root(List::History), List::History.root(leaves[..index].iter().copied()));
            peaks.append(*leaf);
        }
        prop_assert_eq!(peaks.count(), u64::try_from(count).unwrap());
        let bytes = borsh::to_vec(&peaks).unwrap();
        prop_assert_eq!(borsh::from_slice::<Peaks>(&bytes).unwrap(), peaks);
    }
}

#[test]
fn a_log_proves_every_header_under_every_later_one() {
    let leaves = leaves(40);
    let mut log = HistoryLog::default();
    for (count, leaf) in (0..).zip(&leaves) {
        assert_eq!(log.count(), count);
        log.append(*leaf);
        assert_eq!(log.header(count), Some(*leaf));
    }
    for under in 0..=40 {
        let before = &leaves[..under];
        let root = List::History.root(before.iter().copied());
        for (height, leaf) in before.iter().enumerate() {
            let path = log.path(height as u64, under as u64).unwrap();
            assert_eq!(Some(&path), List::History.path(before, height).as_ref());
            assert_eq!(path.verify(List::History, *leaf, root), Ok(()));
        }
        assert_eq!(log.path(under as u64, under as u64), None);
    }
    assert_eq!(log.path(3, 41), None);
    assert_eq!(log.header(40), None);
}

#[test]
fn a_log_that_begins_with_peaks_proves_what_comes_later() {
    let leaves = leaves(40);
    let mut peaks = Peaks::default();
    for begin in 0..40 {
        let mut log = HistoryLog::after(&peaks);
        assert_eq!(log.count(), begin as u64);
        leaves[begin..].iter().for_each(|leaf| log.append(*leaf));
        for under in begin..=40 {
            for height in 0..under {
                let path = log.path(height as u64, under as u64);
                let known = List::History.path(&leaves[..under], height);
                if height >= begin {
                    assert_eq!(path, known);
                } else {
                    assert!(path.is_none() || path == known);
                }
            }
        }
        assert_eq!(log.header(39), Some(leaves[39]));
        peaks.append(leaves[begin]);
    }
}

fn history(leaves: &[Digest]) -> HistoryLog {
    let mut log = HistoryLog::default();
    leaves.iter().for_each(|leaf| log.append(*leaf));
    log
}

#[test]
fn a_longer_list_is_shown_to_begin_with_every_shorter_one() {
    let leaves = leaves(70);
    let log = history(&leaves);
    for new in 1..=leaves.len() {
        for old in 1..=new {
            let (short, long) = (history(&leaves[..old]), history(&leaves[..new]));
            let roots = [&short, &long].map(|log| log.root(log.count()).unwrap());
            let [old, new] = roots;
            assert_eq!(
                old.root,
                List::History.root(
                    leaves
                        .iter()
                        .copied()
                        .take(usize::try_from(old.count).unwrap())
                )
            );
            let shown = log.consistency(old.count, new.count).unwrap();
            assert_eq!(shown.verify(List::History, old, new), Ok(()));
        }
    }
    assert_eq!(log.consistency(0, 5), None);
    assert_eq!(log.consistency(6, 5), None);
    assert_eq!(log.consistency(5, 71), None);
    assert_eq!(log.root(71), None);
    assert_eq!(log.root(0), None);
}

#[test]
fn l18_a_list_that_changed_is_not_shown_to_continue() {
    let honest = leaves(40);
    let log = history(&honest);
    for old in 1..40 {
        let mut other = honest.clone();
        other[usize::try_from(old).unwrap() - 1] = honest[39];
        let other = history(&other);
        for new in old..40 {
            let (from, to) = (log.root(old).unwrap(), other.root(new).unwrap());
            for shown in [log.consistency(old, new), other.consistency(old, new)] {
                let shown = shown.unwrap();
                let refused = Err(ConsistencyError);
                assert_eq!(shown.verify(List::History, from, to), refused);
            }
        }
    }
}

proptest! {
    #[test]
    fn l18_no_made_up_proof_shows_that_a_list_continues(
        old in 1..40_u64,
        new in 1..40_u64,
        tops in proptest::collection::vec(0..40_usize, 0..8),
    ) {
        let honest = leaves(40);
        let mut other = honest.clone();
        other[0] = honest[1];
        let (honest_log, other) = (history(&honest), history(&other));
        let shown = Consistency { tops: tops.into_iter().map(|it| honest[it]).collect() };
        let (from, to) = (honest_log.root(old).unwrap(), other.root(new).unwrap());
        prop_assert!(shown.verify(List::History, from, to).is_err());
        let elsewhere = ListRoot { count: old + 1, ..from };
        prop_assert!(shown.verify(List::History, elsewhere, to).is_err());
    }
}
