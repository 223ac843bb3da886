use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Committees,
    file::{self, FileError, Kind},
};
use crate::{
    id::ShardId,
    ledger::{
        FinalityError, FinalizedHeader, Genesis, IssuingFacts, State, StateProof, StateProofError,
        StateView, Unreadable, Value,
    },
};

/// Proves who issues tickets, by which keys, and whose tickets count, all of it and nothing besides.
///
/// What there is goes by numbers without gaps, so that the absence of the next number shows that nothing
/// was left out.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct IssuingProof {
    /// A header of shard 0.
    pub finalized: FinalizedHeader,
    /// What its state holds, in the order in which the facts are read.
    pub items: Vec<ProvenValue>,
}

/// What a state holds under a key that is known without being said.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct ProvenValue {
    /// The value, or `None` for nothing.
    pub value: Option<Value>,
    /// The way to the header's `state_root`.
    pub proof: StateProof,
}

/// Why bytes do not prove who issues tickets.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum IssuingProofError {
    /// The bytes are no such proof.
    #[error(transparent)]
    File(#[from] FileError),
    /// No committee made the header final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// Only shard 0 says who issues tickets.
    #[error("a header of shard {0}")]
    ForeignShard(ShardId),
    /// The state says something else.
    #[error("item {0}: {1}")]
    State(usize, StateProofError),
    /// Something that belongs to the facts is missing.
    #[error("only {0} items")]
    TooFew(usize),
    /// It proves more than the facts.
    #[error("{0} items are not needed")]
    TooMany(usize),
    /// Nobody has said yet what tickets are like.
    #[error("the ledger does not say what tickets are like")]
    NoPolicy,
    /// A value of another kind than it should be.
    #[error("a value of another kind")]
    OtherKind,
}

impl IssuingProof {
    /// What a state of shard 0 says, under the header that signs it; `None` if that is another header,
    /// or nobody has said yet what tickets are like.
    pub fn of_state(state: &State, finalized: FinalizedHeader, genesis: &Genesis) -> Option<Self> {
        let header = &finalized.header;
        if header.shard != ShardId::GOVERNANCE || header.state_root != state.root() {
            return None;
        }
        let mut items = Vec::new();
        let facts = IssuingFacts::read(genesis, header.time, |key| {
            let value = state.value(key).cloned();
            items.push(ProvenValue {
                value: value.clone(),
                proof: state.prove(key),
            });
            Ok::<_, IssuingProofError>(value)
        });
        facts.ok().flatten()?;
        Some(Self { finalized, items })
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(Kind::Issuing, self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IssuingProofError> {
        Ok(file::read(Kind::Issuing, bytes)?)
    }

    /// What it proves, once all of it is seen to hold.
    pub fn verify(&self, committees: &Committees) -> Result<IssuingFacts, IssuingProofError> {
        let header = committees.verify(&self.finalized)?;
        if header.shard != ShardId::GOVERNANCE {
            return Err(IssuingProofError::ForeignShard(header.shard));
        }
        let mut items = self.items.iter().enumerate();
        let facts = IssuingFacts::read(committees.genesis(), header.time, |key| {
            let (index, item) = items
                .next()
                .ok_or(IssuingProofError::TooFew(self.items.len()))?;
            item.proof
                .verify(header.state_root, key, item.value.as_ref())
                .map_err(|error| IssuingProofError::State(index, error))?;
            Ok::<_, IssuingProofError>(item.value.clone())
        })?;
        match items.count() {
            0 => facts.ok_or(IssuingProofError::NoPolicy),
            more => Err(IssuingProofError::TooMany(more)),
        }
    }
}

impl IssuingProofError {
    /// Whether it is not known yet whose votes count in the proof's epoch; a newer checkpoint says.
    pub fn is_of_unknown_epoch(&self) -> bool {
        matches!(self, Self::Finality(FinalityError::Epoch(_)))
    }
}

impl From<Unreadable> for IssuingProofError {
    fn from(_: Unreadable) -> Self {
        Self::OtherKind
    }
}
