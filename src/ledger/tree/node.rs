use std::sync::Arc;

use borsh::BorshSerialize;

use crate::{
    crypto::{Digest, Purpose},
    ledger::encoding::encode,
};

/// A subtree with its digest, which stands beside the link so that nobody has to follow it.
#[derive(Debug)]
pub(super) struct Node<K, V> {
    pub(super) digest: Digest,
    pub(super) link: Link<K, V>,
}

/// What a subtree consists of.
#[derive(Debug)]
pub(super) enum Link<K, V> {
    /// No entries.
    Empty,
    /// One entry.
    Leaf(Arc<Leaf<K, V>>),
    /// More.
    Branch(Arc<Branch<K, V>>),
}

#[derive(Debug)]
pub(super) struct Leaf<K, V> {
    pub(super) place: Digest,
    pub(super) key: K,
    pub(super) value: V,
    pub(super) digest: Digest,
}

#[derive(Debug)]
pub(super) struct Branch<K, V> {
    /// The entries whose next bit is 0.
    pub(super) left: Node<K, V>,
    /// Those whose next bit is 1.
    pub(super) right: Node<K, V>,
}

/// What shall be at one place.
pub(super) struct Change<K, V> {
    pub(super) place: Digest,
    /// `None` for nothing.
    pub(super) leaf: Option<Arc<Leaf<K, V>>>,
}

impl<K, V> Node<K, V> {
    pub(super) const EMPTY: Self = Self {
        digest: EMPTY,
        link: Link::Empty,
    };

    /// The subtree after changes, which are sorted by place and all belong below it; adds to `count`
    /// how many entries come, and takes from it how many go.
    pub(super) fn apply(&self, depth: usize, changes: &[Change<K, V>], count: &mut usize) -> Self {
        if changes.is_empty() {
            return self.clone();
        }
        match &self.link {
            Link::Empty => {
                let leaves = new_leaves(changes);
                *count += leaves.len();
                Self::of(depth, &leaves)
            }
            Link::Leaf(leaf) => {
                let mut leaves = new_leaves(changes);
                *count += leaves.len();
                let found = changes.binary_search_by_key(&leaf.place, |change| change.place);
                if found.is_ok() {
                    *count -= 1;
                } else {
                    let index = leaves.partition_point(|other| other.place < leaf.place);
                    leaves.insert(index, Arc::clone(leaf));
                }
                Self::of(depth, &leaves)
            }
            Link::Branch(branch) => {
                let middle = changes.partition_point(|change| !bit(&change.place, depth));
                let (left, right) = changes.split_at(middle);
                Self::join(
                    branch.left.apply(depth + 1, left, count),
                    branch.right.apply(depth + 1, right, count),
                )
            }
        }
    }

    /// The subtree of these leaves, which are sorted by place.
    pub(super) fn of(depth: usize, leaves: &[Arc<Leaf<K, V>>]) -> Self {
        match leaves {
            [] => Self::EMPTY,
            [leaf] => Self {
                digest: leaf.digest,
                link: Link::Leaf(Arc::clone(leaf)),
            },
            _ => {
                let middle = leaves.partition_point(|leaf| !bit(&leaf.place, depth));
                let (left, right) = leaves.split_at(middle);
                Self::join(Self::of(depth + 1, left), Self::of(depth + 1, right))
            }
        }
    }

    fn join(left: Self, right: Self) -> Self {
        match (&left.link, &right.link) {
            (Link::Empty, Link::Empty | Link::Leaf(_)) => right,
            (Link::Leaf(_), Link::Empty) => left,
            (Link::Leaf(_) | Link::Branch(_), _) | (Link::Empty, Link::Branch(_)) => Self {
                digest: branch_digest(&left.digest, &right.digest),
                link: Link::Branch(Arc::new(Branch { left, right })),
            },
        }
    }
}

impl<K: BorshSerialize, V: BorshSerialize> Leaf<K, V> {
    pub(super) fn new(place: Digest, key: K, value: V) -> Self {
        Self {
            digest: leaf_digest(&place, &value_digest(&value)),
            place,
            key,
            value,
        }
    }
}

impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        let link = match &self.link {
            Link::Empty => Link::Empty,
            Link::Leaf(leaf) => Link::Leaf(Arc::clone(leaf)),
            Link::Branch(branch) => Link::Branch(Arc::clone(branch)),
        };
        Self {
            digest: self.digest,
            link,
        }
    }
}

fn new_leaves<K, V>(changes: &[Change<K, V>]) -> Vec<Arc<Leaf<K, V>>> {
    changes
        .iter()
        .filter_map(|change| change.leaf.clone())
        .collect()
}

/// The bit of a place that decides between the halves at a depth, from the highest of the first
/// byte; 0 beyond the last, where no two places differ.
pub(super) fn bit(place: &Digest, depth: usize) -> bool {
    let byte = place.as_bytes().get(depth / 8).copied().unwrap_or_default();
    byte >> (7 - depth % 8) & 1 == 1
}

pub(super) fn place_of<K: BorshSerialize>(key: &K) -> Digest {
    Digest::of(Purpose::LedgerStateKey, &[&encode(key)])
}

pub(super) fn value_digest<V: BorshSerialize>(value: &V) -> Digest {
    Digest::of(Purpose::LedgerStateValue, &[&encode(value)])
}

/// The leaf of a key and its value, as it stands in the state's tree and in a snapshot's list.
pub(in crate::ledger) fn snapshot_leaf<K: BorshSerialize, V: BorshSerialize>(
    key: &K,
    value: &V,
) -> Digest {
    leaf_digest(&place_of(key), &value_digest(value))
}

pub(super) fn leaf_digest(place: &Digest, value: &Digest) -> Digest {
    Digest::of(
        Purpose::LedgerStateLeaf,
        &[place.as_bytes(), value.as_bytes()],
    )
}

pub(super) fn branch_digest(left: &Digest, right: &Digest) -> Digest {
    Digest::of(
        Purpose::LedgerStateNode,
        &[left.as_bytes(), right.as_bytes()],
    )
}

/// Stands for a subtree without entries.
pub(super) const EMPTY: Digest = Digest::from_bytes([0; 32]);
