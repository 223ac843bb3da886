use std::io;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;
use thiserror::Error;

use super::encoding::{encode, malformed};
use crate::crypto::{Digest, Purpose};

/// What a list on the ledger holds; lists of different kinds never have the same root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// The entries of a block, with their outcomes.
    Entries,
    /// The receipts of a block.
    Receipts,
    /// The headers of a shard.
    History,
    /// The leaves of a state.
    Snapshot,
}

/// The way from one item of a list to the list's root.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// Which item, from 0.
    pub index: u64,
    /// How many items the list has.
    pub count: u64,
    /// What stands beside the way, from the item up.
    pub siblings: Vec<Digest>,
}

/// The item is not at this place of the list.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the path does not lead to the root")]
pub struct PathError;

/// The tops of the perfect trees that a growing list consists of: a Merkle mountain range, enough
/// to append to the list and to know its root.
#[derive(BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Peaks {
    count: u64,
    /// From the largest tree to the smallest, one for each bit of the count.
    tops: Vec<Digest>,
}

impl List {
    /// The root of a list of these leaves.
    pub fn root(self, leaves: impl IntoIterator<Item = Digest>) -> Digest {
        let mut peaks = Peaks::default();
        leaves.into_iter().for_each(|leaf| peaks.append(leaf));
        peaks.root(self)
    }

    /// The path to one of these leaves, or `None` if there is none with this index.
    pub fn path(self, leaves: &[Digest], index: usize) -> Option<Path> {
        (index < leaves.len()).then(|| {
            let mut siblings = Vec::new();
            collect_siblings(leaves, index, &mut siblings);
            Path {
                index: widen(index),
                count: widen(leaves.len()),
                siblings,
            }
        })
    }

    /// The root over the top of so many leaves.
    pub(super) fn seal(self, count: u64, top: Digest) -> Digest {
        let kind = [self.code()];
        Digest::of(
            Purpose::LedgerRoot,
            &[&kind, &count.to_le_bytes(), top.as_bytes()],
        )
    }

    fn code(self) -> u8 {
        match self {
            Self::Entries => 1,
            Self::Receipts => 2,
            Self::History => 3,
            Self::Snapshot => 4,
        }
    }
}

impl Path {
    /// Whether a leaf stands at this place of the list with this root (RFC 9162 §2.1.3.2).
    pub fn verify(&self, list: List, leaf: Digest, root: Digest) -> Result<(), PathError> {
        if self.index >= self.count {
            return Err(PathError);
        }
        let (mut place, mut last, mut top) = (self.index, self.count - 1, leaf);
        for sibling in &self.siblings {
            if last == 0 {
                return Err(PathError);
            }
            if place % 2 == 1 || place == last {
                top = node(sibling, &top);
                while place % 2 == 0 && place != 0 {
                    place /= 2;
                    last /= 2;
                }
            } else {
                top = node(&top, sibling);
            }
            place /= 2;
            last /= 2;
        }
        let is_there = last == 0 && list.seal(self.count, top) == root;
        is_there.then_some(()).ok_or(PathError)
    }
}

impl Peaks {
    /// How many items the list has.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The tops of the perfect trees, from the largest to the smallest.
    pub(super) fn tops(&self) -> &[Digest] {
        &self.tops
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }

    /// Adds an item at the end.
    pub fn append(&mut self, leaf: Digest) {
        let mut top = leaf;
        for _ in 0..self.count.trailing_ones() {
            let left = self.tops.pop().expect("one top for each bit of the count");
            top = node(&left, &top);
        }
        self.tops.push(top);
        self.count += 1;
    }

    /// The root of the list so far.
    pub fn root(&self, list: List) -> Digest {
        let mut tops = self.tops.iter().rev();
        let smallest = tops.next().copied().unwrap_or(NOTHING);
        let top = tops.fold(smallest, |right, left| node(left, &right));
        list.seal(self.count, top)
    }
}

impl BorshDeserialize for Peaks {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let count = u64::deserialize_reader(reader)?;
        let tops: Vec<Digest> = Vec::deserialize_reader(reader)?;
        if u32::try_from(tops.len()) != Ok(count.count_ones()) {
            return Err(malformed("not one top for each bit of the count"));
        }
        Ok(Self { count, tops })
    }
}

pub(super) fn node(left: &Digest, right: &Digest) -> Digest {
    Digest::of(Purpose::LedgerNode, &[left.as_bytes(), right.as_bytes()])
}

/// The top of a tree over leaves, and the siblings of the way to one of them, from the leaf up.
fn collect_siblings(leaves: &[Digest], index: usize, siblings: &mut Vec<Digest>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    if index < left.len() {
        collect_siblings(left, index, siblings);
        siblings.push(top(right));
    } else {
        collect_siblings(right, index - left.len(), siblings);
        siblings.push(top(left));
    }
}

/// The top of a tree over leaves (RFC 9162 §2.1.1), without the list's kind and length.
pub(super) fn top(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => NOTHING,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node(&top(left), &top(right))
        }
    }
}

pub(super) fn widen(count: usize) -> u64 {
    u64::try_from(count).expect("memory is addressed by at most 64 bits")
}

/// Stands for the top of an empty list.
const NOTHING: Digest = Digest::from_bytes([0; 32]);
