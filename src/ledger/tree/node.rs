use std::sync::Arc;

use borsh::BorshSerialize;

use crate::{
    crypto::{Digest, Purpose},
    ledger::encoding::encode,
};

/// A subtree.
#[derive(Debug)]
pub(super) enum Node<K, V> {
    /// Without entries.
    Empty,
    /// With one entry.
    Leaf(Arc<Leaf<K, V>>),
    /// With more.
    Branch(Arc<Branch<K, V>>),
}

#[derive(Debug)]
pub(super) struct Leaf<K, V> {
    pub(super) place: Digest,
    pub(super) key: K,
    pub(super) value: V,
    digest: Digest,
}

#[derive(Debug)]
pub(super) struct Branch<K, V> {
    /// The entries whose next bit is 0.
    pub(super) left: Node<K, V>,
    /// Those whose next bit is 1.
    pub(super) right: Node<K, V>,
    digest: Digest,
}

/// What shall be at one place.
pub(super) struct Change<K, V> {
    pub(super) place: Digest,
    /// `None` for nothing.
    pub(super) leaf: Option<Arc<Leaf<K, V>>>,
}

impl<K, V> Node<K, V> {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Empty => EMPTY,
            Self::Leaf(leaf) => leaf.digest,
            Self::Branch(branch) => branch.digest,
        }
    }

    /// The subtree after changes, which are sorted by place and all belong below it.
    pub(super) fn apply(&self, depth: usize, changes: &[Change<K, V>]) -> Self {
        if changes.is_empty() {
            return self.clone();
        }
        match self {
            Self::Empty => Self::of(depth, &new_leaves(changes)),
            Self::Leaf(leaf) => {
                let mut leaves = new_leaves(changes);
                let found = changes.binary_search_by_key(&leaf.place, |change| change.place);
                if found.is_err() {
                    let index = leaves.partition_point(|other| other.place < leaf.place);
                    leaves.insert(index, Arc::clone(leaf));
                }
                Self::of(depth, &leaves)
            }
            Self::Branch(branch) => {
                let middle = changes.partition_point(|change| !bit(&change.place, depth));
                let (left, right) = changes.split_at(middle);
                Self::join(
                    branch.left.apply(depth + 1, left),
                    branch.right.apply(depth + 1, right),
                )
            }
        }
    }

    /// The subtree of these leaves, which are sorted by place.
    pub(super) fn of(depth: usize, leaves: &[Arc<Leaf<K, V>>]) -> Self {
        match leaves {
            [] => Self::Empty,
            [leaf] => Self::Leaf(Arc::clone(leaf)),
            _ => {
                let middle = leaves.partition_point(|leaf| !bit(&leaf.place, depth));
                let (left, right) = leaves.split_at(middle);
                Self::join(Self::of(depth + 1, left), Self::of(depth + 1, right))
            }
        }
    }

    fn join(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Empty, Self::Empty) => Self::Empty,
            (Self::Leaf(leaf), Self::Empty) | (Self::Empty, Self::Leaf(leaf)) => Self::Leaf(leaf),
            (left, right) => Self::Branch(Arc::new(Branch {
                digest: branch_digest(&left.digest(), &right.digest()),
                left,
                right,
            })),
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

impl<K, V> Leaf<K, V> {
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }
}

impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Leaf(leaf) => Self::Leaf(Arc::clone(leaf)),
            Self::Branch(branch) => Self::Branch(Arc::clone(branch)),
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
