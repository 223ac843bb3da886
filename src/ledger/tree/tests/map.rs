use std::collections::BTreeMap;

use proptest::{collection, prelude::*};

use super::numbers;
use crate::{
    crypto::{Digest, Purpose},
    ledger::Tree,
};

proptest! {
    #[test]
    fn a_tree_holds_what_a_map_holds(
        batches in collection::vec(
            collection::btree_map(0..60_u16, any::<Option<u32>>(), 0..30),
            0..8,
        ),
    ) {
        let (mut tree, mut map) = (Tree::new(), BTreeMap::new());
        for batch in batches {
            for (key, value) in &batch {
                match value {
                    Some(value) => map.insert(*key, *value),
                    None => map.remove(key),
                };
            }
            let before = (tree.clone(), tree.root());
            tree = tree.apply(batch);
            prop_assert_eq!(before.0.root(), before.1);
            prop_assert_eq!(tree.len(), map.len());
            prop_assert_eq!(tree.is_empty(), map.is_empty());
            let content: BTreeMap<_, _> = tree.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(&content, &map);
            let anew = map.iter().map(|(key, value)| (*key, Some(*value))).collect();
            prop_assert_eq!(tree.root(), Tree::new().apply(anew).root());
            for key in 0..60 {
                let value = map.get(&key);
                prop_assert_eq!(tree.get(&key), value);
                prop_assert_eq!(tree.prove(&key).verify(tree.root(), &key, value), Ok(()));
            }
        }
    }
}

/// The root of entries by places, straight from the format's definition.
fn root(entries: &[(Digest, Digest)], depth: usize) -> Digest {
    match entries {
        [] => Digest::from_bytes([0; 32]),
        [(place, value)] => Digest::of(
            Purpose::LedgerStateLeaf,
            &[place.as_bytes(), value.as_bytes()],
        ),
        _ => {
            let is_right =
                |place: &Digest| place.as_bytes()[depth / 8] & (0x80 >> (depth % 8)) != 0;
            let (right, left): (Vec<_>, Vec<_>) =
                entries.iter().partition(|(place, _)| is_right(place));
            let halves = [root(&left, depth + 1), root(&right, depth + 1)];
            Digest::of(
                Purpose::LedgerStateNode,
                &[halves[0].as_bytes(), halves[1].as_bytes()],
            )
        }
    }
}

#[test]
fn the_root_is_that_of_the_definition() {
    for count in [0, 1, 2, 3, 10, 500] {
        let tree = numbers(count);
        let entries: Vec<_> = tree
            .iter()
            .map(|(key, value)| {
                (
                    Digest::of(Purpose::LedgerStateKey, &[&key.to_le_bytes()]),
                    Digest::of(Purpose::LedgerStateValue, &[&value.to_le_bytes()]),
                )
            })
            .collect();
        assert!(entries.is_sorted());
        assert_eq!(tree.root(), root(&entries, 0));
    }
}

#[test]
fn a_clone_is_left_as_it_was() {
    let tree = numbers(100);
    let fork = tree.apply([(5, None), (6, Some(1)), (1_000, Some(2))].into());
    assert_eq!((tree.len(), fork.len()), (100, 100));
    assert_eq!((tree.get(&5), fork.get(&5)), (Some(&5_000), None));
    assert_eq!((tree.get(&6), fork.get(&6)), (Some(&6_000), Some(&1)));
    assert_eq!((tree.get(&1_000), fork.get(&1_000)), (None, Some(&2)));
    let back = fork.apply([(5, Some(5_000)), (6, Some(6_000)), (1_000, None)].into());
    assert_eq!(back, tree);
}

#[test]
fn what_is_not_there_can_be_removed() {
    let tree = numbers(3);
    assert_eq!(tree.apply([(7, None)].into()), tree);
    assert_eq!(numbers(0).apply([(7, None)].into()), numbers(0));
    let empty = tree.apply((0..3).map(|key| (key, None)).collect());
    assert_eq!(empty.root(), Digest::from_bytes([0; 32]));
}
