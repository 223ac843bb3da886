use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{List, merkle::node};
use crate::crypto::Digest;

/// Shows that a growing list has only grown: that what it holds now begins with what it held then
/// (RFC 9162 §2.1.4).
///
/// The roots here are sealed with the list's length, so the path always begins with the top of a
/// subtree, also where the RFC leaves it out because the verifier has it as the old root.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq)]
pub struct Consistency {
    /// The tops of subtrees, from the one that ends with the shorter list up; empty if both lists
    /// have one length.
    pub tops: Vec<Digest>,
}

/// The longer list does not begin with the shorter one.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the longer list does not begin with the shorter one")]
pub struct ConsistencyError;

/// A list by its length and its root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListRoot {
    /// How many items it has.
    pub count: u64,
    /// Its root.
    pub root: Digest,
}

impl Consistency {
    /// Makes one; `top` gives the top over the items from one place to before another, or `None` if it
    /// is not known.
    pub(super) fn new(
        old: u64,
        new: u64,
        top: impl Fn(u64, u64) -> Option<Digest>,
    ) -> Option<Self> {
        if old == 0 || old > new {
            return None;
        }
        let mut tops = Vec::new();
        let (mut first, mut end) = (0, new);
        let mut beside = Vec::new();
        while old != end {
            let middle = first + split(end - first);
            if old <= middle {
                beside.push((middle, end));
                end = middle;
            } else {
                beside.push((first, middle));
                first = middle;
            }
        }
        if old != new {
            tops.push(top(first, end)?);
        }
        for (first, end) in beside.into_iter().rev() {
            tops.push(top(first, end)?);
        }
        Some(Self { tops })
    }

    /// Whether `new` begins with `old` (RFC 9162 §2.1.4.2).
    pub fn verify(&self, list: List, old: ListRoot, new: ListRoot) -> Result<(), ConsistencyError> {
        if old.count == 0 || old.count > new.count {
            return Err(ConsistencyError);
        }
        if old.count == new.count {
            let same = old.root == new.root && self.tops.is_empty();
            return same.then_some(()).ok_or(ConsistencyError);
        }
        let (mut place, mut last) = (old.count - 1, new.count - 1);
        while place % 2 == 1 {
            place /= 2;
            last /= 2;
        }
        let (start, rest) = self.tops.split_first().ok_or(ConsistencyError)?;
        let (mut shorter, mut longer) = (*start, *start);
        for top in rest {
            if last == 0 {
                return Err(ConsistencyError);
            }
            if place % 2 == 1 || place == last {
                shorter = node(top, &shorter);
                longer = node(top, &longer);
                while place % 2 == 0 && place != 0 {
                    place /= 2;
                    last /= 2;
                }
            } else {
                longer = node(&longer, top);
            }
            place /= 2;
            last /= 2;
        }
        let leads = last == 0
            && list.seal(old.count, shorter) == old.root
            && list.seal(new.count, longer) == new.root;
        leads.then_some(()).ok_or(ConsistencyError)
    }
}

/// How many of more than one item are in the left half: the largest power of two below the number.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The depth of the smallest perfect tree that holds so many items.
pub(super) fn depth(count: u64) -> u32 {
    u64::BITS - count.saturating_sub(1).leading_zeros()
}
