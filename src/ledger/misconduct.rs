use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{Committee, Vote};
use crate::{
    crypto::{KeyError, Signature},
    id::{ChainId, ShardId},
};

/// A vote with the signature of a member of the committee.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedVote {
    /// The member's index in the committee of the vote's epoch.
    pub signer: u16,
    /// What it says.
    pub vote: Vote,
    /// The member's signature.
    pub signature: Signature,
}

/// Two votes of one member that no honest member gives, which anybody can check.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Misconduct {
    /// The shard that both are about.
    pub shard: ShardId,
    /// One of them.
    pub first: SignedVote,
    /// The other, in the order of their kinds and then of their payloads.
    pub second: SignedVote,
}

/// Why two votes prove nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum MisconductError {
    /// From another epoch than the committee.
    #[error("votes of epoch {0}")]
    Epoch(u64),
    /// By two members.
    #[error("the votes are by two members")]
    TwoSigners,
    /// About different views.
    #[error("the votes are about different views")]
    TwoRounds,
    /// An honest member may give both.
    #[error("an honest member may give both votes")]
    NoContradiction,
    /// The other way round, so that one misdeed would have two proofs.
    #[error("the votes are out of order")]
    Order,
    /// Nobody in the committee has this index.
    #[error("no member has the index {0}")]
    UnknownSigner(u16),
    /// Nobody may vote with the member's key.
    #[error("member {0}: {1}")]
    Key(u16, KeyError),
    /// A vote fits other bytes, or none.
    #[error("a vote of member {0} does not match")]
    BadSignature(u16),
}

impl SignedVote {
    /// Whether the member gave this vote.
    pub fn verify(
        &self,
        committee: &Committee,
        chain: ChainId,
        shard: ShardId,
    ) -> Result<(), MisconductError> {
        let (epoch, _) = self.vote.round();
        if epoch != committee.epoch() {
            return Err(MisconductError::Epoch(epoch));
        }
        let key = committee.admitted(self.signer);
        key.ok_or(MisconductError::UnknownSigner(self.signer))?
            .map_err(|error| MisconductError::Key(self.signer, error))?
            .verify_raw(&self.vote.to_signed_bytes(chain, shard), &self.signature)
            .map_err(|_| MisconductError::BadSignature(self.signer))
    }
}

impl Misconduct {
    /// Puts two votes in order.
    pub fn new(shard: ShardId, one: SignedVote, other: SignedVote) -> Self {
        let (first, second) = if rank(&one.vote) <= rank(&other.vote) {
            (one, other)
        } else {
            (other, one)
        };
        Self {
            shard,
            first,
            second,
        }
    }

    /// The epoch of the first vote.
    pub fn epoch(&self) -> u64 {
        let (epoch, _) = self.first.vote.round();
        epoch
    }

    /// The index of the member that contradicted itself, once both votes are seen to be its own.
    pub fn verify(&self, committee: &Committee, chain: ChainId) -> Result<u16, MisconductError> {
        self.check_votes()?;
        for vote in [&self.first, &self.second] {
            vote.verify(committee, chain, self.shard)?;
        }
        Ok(self.first.signer)
    }

    /// Whether no honest member gives both votes, whoever gave them.
    pub(super) fn check_votes(&self) -> Result<(), MisconductError> {
        let (first, second) = (&self.first, &self.second);
        if first.signer != second.signer {
            return Err(MisconductError::TwoSigners);
        }
        if first.vote.round() != second.vote.round() {
            return Err(MisconductError::TwoRounds);
        }
        if rank(&first.vote) > rank(&second.vote) {
            return Err(MisconductError::Order);
        }
        if !contradict(&first.vote, &second.vote) {
            return Err(MisconductError::NoContradiction);
        }
        Ok(())
    }
}

/// Every member that gave two of these votes although no honest member does, with a proof of it.
///
/// This is how liars are named after they have forked a shard, when there is no one ledger left to
/// report them on: two units that have different final blocks at one height hand in the votes they
/// have, of [certificates](super::Certificate::votes) or as they came, and whoever looks into it
/// needs the genesis only. Any two quorums have more than a third of the committee in common. So
/// where two certificates of one view disagree, the votes in them name that many; where they are of
/// different views, the votes by which one side got past the view in which the other made its block
/// final do. Votes that do not verify count for nothing.
pub fn culprits(
    shard: ShardId,
    votes: impl IntoIterator<Item = SignedVote>,
    committee: &Committee,
    chain: ChainId,
) -> BTreeMap<u16, Misconduct> {
    let mut given: BTreeMap<(u16, (u64, u64)), Vec<SignedVote>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for vote in votes {
        if found.contains_key(&vote.signer) || vote.verify(committee, chain, shard).is_err() {
            continue;
        }
        let others = given.entry((vote.signer, vote.vote.round())).or_default();
        let proofs = others
            .iter()
            .map(|other| Misconduct::new(shard, other.clone(), vote.clone()));
        let mut proofs = proofs.filter(|proof| proof.verify(committee, chain).is_ok());
        if let Some(proof) = proofs.next() {
            found.insert(vote.signer, proof);
        } else if !others.contains(&vote) {
            drop(proofs);
            others.push(vote);
        }
    }
    found
}

/// An honest member proposes or supports one block in a view, and does not finalize a block in a view
/// that it wants to pass; it may well want a view to pass in which it supported a block.
fn contradict(first: &Vote, second: &Vote) -> bool {
    match (first, second) {
        (Vote::Notarize(one), Vote::Notarize(other))
        | (Vote::Finalize(one), Vote::Finalize(other)) => one != other,
        (Vote::Nullify { .. }, Vote::Finalize(_)) => true,
        (Vote::Notarize(_) | Vote::Finalize(_), Vote::Nullify { .. })
        | (Vote::Nullify { .. }, Vote::Nullify { .. } | Vote::Notarize(_))
        | (Vote::Notarize(_), Vote::Finalize(_))
        | (Vote::Finalize(_), Vote::Notarize(_)) => false,
    }
}

/// The order of two votes of one view in a proof: by kind, then by what they are for.
fn rank(vote: &Vote) -> (u8, Vec<u8>) {
    let kind = match vote {
        Vote::Notarize(_) => 0,
        Vote::Nullify { .. } => 1,
        Vote::Finalize(_) => 2,
    };
    (kind, super::encoding::encode(vote))
}
