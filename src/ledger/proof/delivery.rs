use thiserror::Error;

use super::Committees;
use crate::{
    id::{ChainId, ShardId},
    ledger::{Committee, Delivery, FinalityError, Header, List, Path, PathError, Receipt},
};

/// Why receipts were not shown to come from another shard.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DeliveryError {
    /// No committee made the source's header final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// Nothing is delivered.
    #[error("a delivery without receipts")]
    Empty,
    /// The destination has not heard yet who votes in the source's epoch; it will.
    #[error("the committee of epoch {0} is not known yet")]
    Early(u64),
    /// A receipt for another shard, or by another than the header's, or from another of its blocks.
    #[error("receipt {0} is not from the header's block to this shard")]
    Misdirected(u64),
    /// Not consecutive.
    #[error("receipt {0} is out of order")]
    Order(u64),
    /// Not among what the header's block sent.
    #[error("receipt {0} is not under the header's root")]
    Path(u64),
}

impl Delivery {
    /// The source's header, once all receipts are seen to be what its block sent to this shard, in
    /// order. Whether they come next is left to execution.
    pub fn verify(
        &self,
        committees: &Committees,
        destination: ShardId,
    ) -> Result<&Header, DeliveryError> {
        let epoch = self.finalized.header.epoch;
        let committee = committees.committee(epoch);
        let committee = committee.ok_or(FinalityError::Epoch(epoch))?;
        self.verify_by(committee, committees.chain(), destination)
    }

    /// The same by the committee of the source's epoch.
    pub(in crate::ledger) fn verify_by(
        &self,
        committee: &Committee,
        chain: ChainId,
        destination: ShardId,
    ) -> Result<&Header, DeliveryError> {
        let header = self.finalized.verify(committee, chain)?;
        let (first, _) = self.receipts.first().ok_or(DeliveryError::Empty)?;
        for (offset, (receipt, path)) in (0..).zip(&self.receipts) {
            if first.sequence.checked_add(offset) != Some(receipt.sequence) {
                return Err(DeliveryError::Order(receipt.sequence));
            }
            if receipt.destination != destination {
                return Err(DeliveryError::Misdirected(receipt.sequence));
            }
            check_receipt(header, receipt, path)?;
        }
        Ok(header)
    }
}

/// Whether a header's block sent a receipt.
pub(super) fn check_receipt(
    header: &Header,
    receipt: &Receipt,
    path: &Path,
) -> Result<(), DeliveryError> {
    let is_its_own = receipt.version == Receipt::VERSION
        && receipt.chain == header.chain
        && receipt.source == header.shard
        && receipt.height == header.height
        && receipt.destination != header.shard;
    if !is_its_own {
        return Err(DeliveryError::Misdirected(receipt.sequence));
    }
    path.verify(List::Receipts, receipt.digest(), header.receipts_root)
        .map_err(|PathError| DeliveryError::Path(receipt.sequence))
}
