use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{Certificate, CertificateError, Committee, Header};
use crate::id::{ChainId, ShardId};

/// A header that a committee made final, with all that it takes to see so.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct FinalizedHeader {
    /// The header.
    pub header: Header,
    /// Its descendants up to the one that the votes are for, by height; empty if they are for it.
    pub link: Vec<Header>,
    /// The votes.
    pub certificate: Certificate,
}

/// Why a header was not shown to be final.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FinalityError {
    /// Of a version that this one does not know.
    #[error("unknown version of a header")]
    Version,
    /// Of another ledger.
    #[error("a header of the ledger {0}")]
    ForeignChain(ChainId),
    /// Of another shard than it should be.
    #[error("a header of shard {0}")]
    ForeignShard(ShardId),
    /// Of another epoch than the committee.
    #[error("a header of epoch {0}")]
    Epoch(u64),
    /// Further from the votes than any unit would hand out.
    #[error("{0} headers up to the votes")]
    LinkTooLong(usize),
    /// A header does not follow the one before it.
    #[error("the header at height {0} does not follow the one before")]
    BrokenLink(u64),
    /// The votes are for another header.
    #[error("the votes are for another header")]
    OtherPayload,
    /// The votes make nothing final.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl FinalizedHeader {
    /// The header, once a quorum of the committee is seen to have made it final on its shard.
    pub fn verify(&self, committee: &Committee, chain: ChainId) -> Result<&Header, FinalityError> {
        if self.link.len() > LINK_MAX {
            return Err(FinalityError::LinkTooLong(self.link.len()));
        }
        check(&self.header, committee, chain)?;
        let mut last = &self.header;
        let mut digest = last.digest();
        for next in &self.link {
            check(next, committee, chain)?;
            let follows = next.parent == digest
                && next.shard == last.shard
                && last.height.checked_add(1) == Some(next.height)
                && next.time >= last.time;
            if !follows {
                return Err(FinalityError::BrokenLink(next.height));
            }
            (last, digest) = (next, next.digest());
        }
        if self.certificate.payload != digest {
            return Err(FinalityError::OtherPayload);
        }
        self.certificate
            .verify(committee, chain, self.header.shard)?;
        Ok(&self.header)
    }
}

fn check(header: &Header, committee: &Committee, chain: ChainId) -> Result<(), FinalityError> {
    if !header.is_known() {
        return Err(FinalityError::Version);
    }
    if header.chain != chain {
        return Err(FinalityError::ForeignChain(header.chain));
    }
    if header.epoch != committee.epoch() {
        return Err(FinalityError::Epoch(header.epoch));
    }
    Ok(())
}

/// A unit certifies every few blocks at least.
const LINK_MAX: usize = 64;
