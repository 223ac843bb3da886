use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Committee, SignedVote,
    encoding::encode,
    vote::{Proposal, Vote},
};
use crate::{
    crypto::{Digest, KeyError, Signature},
    id::{ChainId, ShardId},
};

/// The votes that made a block final.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// The epoch, and so the committee.
    pub epoch: u64,
    /// The view of the consensus in which the block was proposed.
    pub view: u64,
    /// The view of the block before it.
    pub parent_view: u64,
    /// The digest of the block's header.
    pub payload: Digest,
    /// The indices of those who voted, sorted.
    pub signers: Vec<u16>,
    /// Their votes, in the same order.
    pub signatures: Vec<Signature>,
}

/// Why votes make nothing final.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CertificateError {
    /// From another epoch than the committee.
    #[error("votes of epoch {0}")]
    Epoch(u64),
    /// Not one signature for each signer.
    #[error("{0} signers with {1} signatures")]
    Counts(usize, usize),
    /// Out of order, or one of them twice.
    #[error("signers are not sorted, or one of them is there twice")]
    SignerOrder,
    /// Nobody in the committee has this index.
    #[error("no member has the index {0}")]
    UnknownSigner(u16),
    /// Fewer than a quorum.
    #[error("{0} votes are fewer than the quorum of {1}")]
    TooFew(usize, usize),
    /// Nobody may vote with a member's key.
    #[error("member {0}: {1}")]
    Key(u16, KeyError),
    /// A vote fits other bytes, or none.
    #[error("the vote of member {0} does not match")]
    BadSignature(u16),
}

impl Certificate {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes; `None` if it is anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }

    /// Whether a quorum of the committee has made the payload final, with every vote counted once
    /// and every signature checked, none taken on trust.
    pub fn verify(
        &self,
        committee: &Committee,
        chain: ChainId,
        shard: ShardId,
    ) -> Result<(), CertificateError> {
        if self.epoch != committee.epoch() {
            return Err(CertificateError::Epoch(self.epoch));
        }
        let (signers, signatures) = (self.signers.len(), self.signatures.len());
        if signers != signatures {
            return Err(CertificateError::Counts(signers, signatures));
        }
        if !self.signers.is_sorted_by(|a, b| a < b) {
            return Err(CertificateError::SignerOrder);
        }
        if signers < committee.quorum() {
            return Err(CertificateError::TooFew(signers, committee.quorum()));
        }
        let vote = self.vote().to_signed_bytes(chain, shard);
        for (signer, signature) in self.signers.iter().zip(&self.signatures) {
            let key = committee.admitted(*signer);
            key.ok_or(CertificateError::UnknownSigner(*signer))?
                .map_err(|error| CertificateError::Key(*signer, error))?
                .verify_raw(&vote, signature)
                .map_err(|_| CertificateError::BadSignature(*signer))?;
        }
        Ok(())
    }

    /// The votes one by one, none of them checked.
    pub fn votes(&self) -> impl Iterator<Item = SignedVote> {
        let vote = self.vote();
        let votes = self.signers.iter().zip(&self.signatures);
        votes.map(move |(signer, signature)| SignedVote {
            signer: *signer,
            vote,
            signature: *signature,
        })
    }

    /// What each signer signed.
    pub fn vote(&self) -> Vote {
        Vote::Finalize(Proposal {
            epoch: self.epoch,
            view: self.view,
            parent_view: self.parent_view,
            payload: self.payload,
        })
    }
}
