use std::collections::BTreeMap;

use proptest::{collection, prelude::*};

use super::Tree;

proptest! {
    #[test]
    fn a_tree_holds_what_a_map_holds(
        batches in collection::vec(collection::btree_map(0..60_u16, any::<Option<u32>>(), 0..30), 0..8),
    ) {
        let (mut tree, mut map) = (Tree::new(), BTreeMap::new());
        for batch in batches {
            for (key, value) in &batch {
                match value {
                    Some(value) => map.insert(*key, *value),
                    None => map.remove(key),
                };
            }
            tree = tree.apply(batch);
            prop_assert_eq!(tree.len(), map.len());
            prop_assert_eq!(tree.iter().map(|(key, value)| (*key, *value)).collect::<BTreeMap<_, _>>(), map.clone());
            let anew = Tree::new().apply(map.iter().map(|(key, value)| (*key, Some(*value))).collect());
            prop_assert_eq!(tree.root(), anew.root());
            for key in 0..60 {
                prop_assert_eq!(tree.get(&key), map.get(&key));
                prop_assert_eq!(tree.prove(&key).verify(tree.root(), &key, map.get(&key)), Ok(()));
            }
        }
    }
}
