use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
};

/// What a member of the committee says of one view of the consensus.
///
/// The bytes are those of the engine (commonware simplex 2026.10, Ed25519 scheme), so that what a
/// member signs there can be checked here without the engine: the length of the namespace as a
/// variable-length integer, the namespace with a suffix for the kind of vote, then epoch and view
/// and, but for a nullification, the parent's view, all three as variable-length integers, and the
/// payload.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vote {
    /// The block may be built upon.
    Notarize(Proposal),
    /// The view shall pass without a block.
    Nullify {
        /// The epoch.
        epoch: u64,
        /// The view.
        view: u64,
    },
    /// The block is final.
    Finalize(Proposal),
}

/// A block in a view of the consensus.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct Proposal {
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: u64,
    /// The view of the block before it.
    pub parent_view: u64,
    /// The digest of the block's header.
    pub payload: Digest,
}

impl Vote {
    /// What is signed for one shard of one ledger.
    pub fn to_signed_bytes(&self, chain: ChainId, shard: ShardId) -> Vec<u8> {
        let (suffix, epoch, view, proposal) = match self {
            Self::Notarize(proposal) => {
                ("_NOTARIZE", proposal.epoch, proposal.view, Some(proposal))
            }
            Self::Nullify { epoch, view } => ("_NULLIFY", *epoch, *view, None),
            Self::Finalize(proposal) => {
                ("_FINALIZE", proposal.epoch, proposal.view, Some(proposal))
            }
        };
        let namespace = vote_namespace(chain, shard);
        let mut bytes = Vec::with_capacity(namespace.len() + 80);
        write_integer(
            &mut bytes,
            super::merkle::widen(namespace.len() + suffix.len()),
        );
        bytes.extend_from_slice(&namespace);
        bytes.extend_from_slice(suffix.as_bytes());
        write_integer(&mut bytes, epoch);
        write_integer(&mut bytes, view);
        if let Some(proposal) = proposal {
            write_integer(&mut bytes, proposal.parent_view);
            bytes.extend_from_slice(proposal.payload.as_bytes());
        }
        bytes
    }

    /// The epoch and view that it is about.
    pub fn round(&self) -> (u64, u64) {
        match self {
            Self::Notarize(proposal) | Self::Finalize(proposal) => (proposal.epoch, proposal.view),
            Self::Nullify { epoch, view } => (*epoch, *view),
        }
    }
}

/// What the engine puts before all that is signed for one shard of one ledger.
pub fn vote_namespace(chain: ChainId, shard: ShardId) -> Vec<u8> {
    format!("wayside/ledger/v1/{chain}/{shard}").into_bytes()
}

/// Seven bits in a byte, the lowest first; a set high bit says that more follow.
fn write_integer(bytes: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}
