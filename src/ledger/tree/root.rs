use std::{collections::BTreeMap, fmt, sync::Arc};

use borsh::BorshSerialize;

use super::{
    node::{Change, Leaf, Link, Node, bit, place_of},
    proof::{StateProof, Terminal},
};
use crate::crypto::Digest;

/// A map with a digest; cloning it costs nothing.
///
/// Two trees have the same root if and only if they hold the same entries.
pub struct Tree<K, V> {
    top: Node<K, V>,
    count: usize,
}

impl<K, V> Tree<K, V> {
    /// Without entries.
    pub fn new() -> Self {
        Self {
            top: Node::EMPTY,
            count: 0,
        }
    }

    /// The digest of its content; 32 zero bytes without entries.
    pub fn root(&self) -> Digest {
        self.top.digest
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All entries, in the order of the digests of their keys, which is the same everywhere.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.leaves().map(|leaf| (&leaf.key, &leaf.value))
    }

    /// The digests of all entries, in the order of [`Self::iter`].
    pub fn leaf_digests(&self) -> impl Iterator<Item = Digest> {
        self.leaves().map(|leaf| leaf.digest)
    }

    /// The map of these leaves, which are sorted by place.
    pub(super) fn of(leaves: &[Arc<Leaf<K, V>>]) -> Self {
        Self {
            top: Node::of(0, leaves),
            count: leaves.len(),
        }
    }

    fn leaves(&self) -> impl Iterator<Item = &Leaf<K, V>> {
        let mut open = vec![&self.top];
        std::iter::from_fn(move || {
            loop {
                match &open.pop()?.link {
                    Link::Empty => {}
                    Link::Leaf(leaf) => return Some(&**leaf),
                    Link::Branch(branch) => open.extend([&branch.right, &branch.left]),
                }
            }
        })
    }

    fn leaf(&self, place: &Digest) -> Option<&Leaf<K, V>> {
        let (mut node, mut depth) = (&self.top, 0);
        loop {
            match &node.link {
                Link::Empty => return None,
                Link::Leaf(leaf) => return (leaf.place == *place).then_some(&**leaf),
                Link::Branch(branch) if bit(place, depth) => node = &branch.right,
                Link::Branch(branch) => node = &branch.left,
            }
            depth += 1;
        }
    }
}

impl<K: BorshSerialize, V: BorshSerialize> Tree<K, V> {
    /// What is under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.leaf(&place_of(key)).map(|leaf| &leaf.value)
    }

    /// The map after changes: `Some` puts a value under a key, `None` removes what is there.
    ///
    /// Costs some microseconds for each change; the map before is left as it was.
    #[must_use]
    pub fn apply(&self, changes: BTreeMap<K, Option<V>>) -> Self {
        let mut count = self.count;
        let mut by_place: Vec<_> = changes
            .into_iter()
            .map(|(key, value)| {
                let place = place_of(&key);
                let leaf = value.map(|value| Arc::new(Leaf::new(place, key, value)));
                Change { place, leaf }
            })
            .collect();
        by_place.sort_unstable_by_key(|change| change.place);
        let top = self.top.apply(0, &by_place, &mut count);
        Self { top, count }
    }

    /// Proves what is under a key, or that nothing is.
    pub fn prove(&self, key: &K) -> StateProof {
        let place = place_of(key);
        let (mut node, mut siblings) = (&self.top, Vec::new());
        let terminal = loop {
            match &node.link {
                Link::Empty => break Terminal::Empty,
                Link::Leaf(leaf) => break Terminal::of(leaf, &place),
                Link::Branch(branch) => {
                    let (next, sibling) = if bit(&place, siblings.len()) {
                        (&branch.right, &branch.left)
                    } else {
                        (&branch.left, &branch.right)
                    };
                    siblings.push(sibling.digest);
                    node = next;
                }
            }
        };
        StateProof::new(siblings, terminal)
    }
}

impl<K, V> Clone for Tree<K, V> {
    fn clone(&self) -> Self {
        Self {
            top: self.top.clone(),
            count: self.count,
        }
    }
}

impl<K, V> Default for Tree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Without its entries, which may be millions.
impl<K, V> fmt::Debug for Tree<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("root", &self.root())
            .field("count", &self.count)
            .finish()
    }
}

impl<K, V> PartialEq for Tree<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl<K, V> Eq for Tree<K, V> {}
