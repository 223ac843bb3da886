use proptest::prelude::*;

use crate::{
    crypto::{Digest, Purpose},
    ledger::{HistoryLog, List, Path, Peaks},
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
