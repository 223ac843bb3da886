use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::node::{EMPTY, Leaf, bit, branch_digest, leaf_digest, place_of, value_digest};
use crate::crypto::Digest;

/// What a state holds under one key, or that it holds nothing there.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct StateProof {
    /// What stands beside the way from the root down.
    siblings: Vec<Digest>,
    terminal: Terminal,
}

/// What the way down ends at.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub(super) enum Terminal {
    /// The key's own leaf.
    Found,
    /// Nothing.
    Empty,
    /// The leaf of another key, alone in its subtree.
    Other {
        /// The digest of that key.
        place: Digest,
        /// The digest of its value.
        value: Digest,
    },
}

/// Why a proof shows nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum StateProofError {
    /// The proof does not lead to the root.
    #[error("the proof does not lead to the state's root")]
    OtherRoot,
    /// The proof is about another key.
    #[error("the proof is about another key")]
    OtherKey,
    /// It shows that the key has a value, not that it has none; or the other way round.
    #[error("the proof shows the opposite")]
    Opposite,
    /// Longer than a key has bits.
    #[error("the proof is longer than any way")]
    TooLong,
}

impl StateProof {
    pub(super) fn new(siblings: Vec<Digest>, terminal: Terminal) -> Self {
        Self { siblings, terminal }
    }

    /// Whether a state with this root holds `value` under `key`; `None` for nothing.
    pub fn verify<K: BorshSerialize, V: BorshSerialize>(
        &self,
        root: Digest,
        key: &K,
        value: Option<&V>,
    ) -> Result<(), StateProofError> {
        if self.siblings.len() > DEPTH_MAX {
            return Err(StateProofError::TooLong);
        }
        let own = place_of(key);
        let bottom = match (&self.terminal, value) {
            (Terminal::Found, Some(value)) => leaf_digest(&own, &value_digest(value)),
            (Terminal::Empty, None) => EMPTY,
            (Terminal::Other { place, value }, None) => {
                if !self.is_beside(&own, place) {
                    return Err(StateProofError::OtherKey);
                }
                leaf_digest(place, value)
            }
            (Terminal::Found, None) | (Terminal::Empty | Terminal::Other { .. }, Some(_)) => {
                return Err(StateProofError::Opposite);
            }
        };
        let upwards = self.siblings.iter().enumerate().rev();
        let top = upwards.fold(bottom, |below, (depth, sibling)| {
            if bit(&own, depth) {
                branch_digest(sibling, &below)
            } else {
                branch_digest(&below, sibling)
            }
        });
        (top == root)
            .then_some(())
            .ok_or(StateProofError::OtherRoot)
    }

    /// Whether another key's way goes as far down with ours as the proof does.
    fn is_beside(&self, own: &Digest, other: &Digest) -> bool {
        own != other && (0..self.siblings.len()).all(|depth| bit(own, depth) == bit(other, depth))
    }
}

impl Terminal {
    pub(super) fn of<K, V: BorshSerialize>(leaf: &Leaf<K, V>, place: &Digest) -> Self {
        if leaf.place == *place {
            return Self::Found;
        }
        Self::Other {
            place: leaf.place,
            value: value_digest(&leaf.value),
        }
    }
}

/// Bits of a place.
const DEPTH_MAX: usize = 256;
