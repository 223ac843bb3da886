use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use crate::{
    id::{ChainId, ShardId},
    ledger::{
        Committee, FinalityError, FinalizedHeader, Genesis, Header, Key, State, StateProof,
        StateProofError, Value, encoding::encode,
    },
};

/// Whose votes count, epoch by epoch, as far as it is proven from the genesis on.
#[derive(Clone, Debug)]
pub struct Committees {
    genesis: Genesis,
    /// Those of the later epochs, in order.
    later: Vec<Committee>,
}

/// How one committee hands over to the next: by the state of the shard that governs.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Handover {
    /// A header of shard 0 that the committee before made final.
    pub finalized: FinalizedHeader,
    /// The committee of the next epoch.
    pub committee: Committee,
    /// That the header's state names it.
    pub proof: StateProof,
}

/// Why a committee was not shown to follow another.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum HandoverError {
    /// The committee before did not make the header final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// Only shard 0 governs.
    #[error("a hand-over on shard {0}")]
    ForeignShard(ShardId),
    /// Not of the next epoch.
    #[error("a hand-over to epoch {0}, which does not come next")]
    Epoch(u64),
    /// Another committee is known for the epoch.
    #[error("two committees for epoch {0}")]
    TwoCommittees(u64),
    /// The header's state does not name the committee.
    #[error("{0}: the committee is not in the state")]
    State(#[from] StateProofError),
}

impl Handover {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }

    /// How the committee that made a header of shard 0 final hands over, once that header's state
    /// names the next one; `state` is the one after the header's block.
    ///
    /// Any header of the last epoch that names it will do, and all of them show the same committee.
    pub fn of(finalized: FinalizedHeader, state: &State) -> Option<Self> {
        let header = &finalized.header;
        let key = Key::Committee(header.epoch.checked_add(1)?);
        let Some(Value::Committee(committee)) = state.get(&key) else {
            return None;
        };
        let is_its_own = header.shard == ShardId::GOVERNANCE && header.state_root == state.root();
        is_its_own.then(|| Self {
            committee: committee.clone(),
            proof: state.prove(&key),
            finalized,
        })
    }
}

impl Committees {
    /// Knows the committee that the genesis names.
    pub fn of(genesis: &Genesis) -> Self {
        Self {
            genesis: genesis.clone(),
            later: Vec::new(),
        }
    }

    /// The genesis that all of it rests on.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.genesis.chain()
    }

    /// The committee of an epoch, if it is known.
    pub fn committee(&self, epoch: u64) -> Option<&Committee> {
        let first = [self.genesis.committee()].into_iter();
        let mut all = first.chain(&self.later);
        all.find(|committee| committee.epoch() == epoch)
    }

    /// Learns the committee of the next epoch; one that is known already must be the same.
    pub fn follow(&mut self, handover: &Handover) -> Result<(), HandoverError> {
        let epoch = handover.committee.epoch();
        let header = self.verify(&handover.finalized)?;
        if header.shard != ShardId::GOVERNANCE {
            return Err(HandoverError::ForeignShard(header.shard));
        }
        if header.epoch.checked_add(1) != Some(epoch) {
            return Err(HandoverError::Epoch(epoch));
        }
        let value = Value::Committee(handover.committee.clone());
        let key = Key::Committee(epoch);
        handover
            .proof
            .verify(header.state_root, &key, Some(&value))?;
        match self.committee(epoch) {
            Some(known) if *known == handover.committee => Ok(()),
            Some(_) => Err(HandoverError::TwoCommittees(epoch)),
            None => {
                self.later.push(handover.committee.clone());
                Ok(())
            }
        }
    }

    /// The header, once a quorum of its epoch's committee is seen to have made it final.
    pub fn verify<'a>(&self, finalized: &'a FinalizedHeader) -> Result<&'a Header, FinalityError> {
        let epoch = finalized.header.epoch;
        let committee = self.committee(epoch);
        finalized.verify(committee.ok_or(FinalityError::Epoch(epoch))?, self.chain())
    }
}
