use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{Committees, report::Point};
use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::{FinalityError, FinalizedHeader, Header, HistoryLog, List, Path, PathError},
};

/// A header of a shard that a committee made final, with earlier ones that it binds by its
/// `history_root`: one set of votes for all of them.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Trunk {
    /// The header that has the votes.
    pub newest: FinalizedHeader,
    /// Earlier ones of the same shard, by height.
    pub earlier: Vec<EarlierHeader>,
}

/// A header with its path to a later one's `history_root`.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct EarlierHeader {
    /// The header.
    pub header: Header,
    /// The path.
    pub path: Path,
}

/// Why headers are not those of one final past.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TrunkError {
    /// No committee made the newest one final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// Of another shard than it should be.
    #[error("headers of shard {0}")]
    ForeignShard(ShardId),
    /// Of another ledger.
    #[error("a header of the ledger {0}")]
    ForeignChain(ChainId),
    /// Of a version that this one does not know.
    #[error("unknown version of the header at height {0}")]
    Version(u64),
    /// Not sorted by height, or not before the newest.
    #[error("the header at height {0} is out of order")]
    Order(u64),
    /// The newest header does not bind it.
    #[error("the header at height {0} is not in the history of the newest")]
    OtherHistory(u64),
}

/// A trunk that a committee is seen to have made final; only [`Trunk::verify`] makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verified<'a> {
    trunk: &'a Trunk,
}

impl Trunk {
    /// A header with the earlier ones that somebody wants to see; `None` if the log does not hold one
    /// of those, or if it is not earlier.
    ///
    /// `log` has the digests of the same shard's headers.
    pub fn new(
        newest: FinalizedHeader,
        earlier: impl IntoIterator<Item = Header>,
        log: &HistoryLog,
    ) -> Option<Self> {
        let mut earlier = earlier
            .into_iter()
            .map(|header| {
                let path = log.path(header.height, newest.header.height)?;
                Some(EarlierHeader { header, path })
            })
            .collect::<Option<Vec<_>>>()?;
        earlier.sort_by_key(|it| it.header.height);
        earlier.dedup_by_key(|it| it.header.height);
        Some(Self { newest, earlier })
    }

    /// The block of its newest header.
    pub fn tip(&self) -> Point {
        Point::of(&self.newest.header)
    }

    pub(super) fn verify(
        &self,
        committees: &Committees,
        shard: ShardId,
    ) -> Result<Verified<'_>, TrunkError> {
        let newest = committees.verify(&self.newest)?;
        if newest.shard != shard {
            return Err(TrunkError::ForeignShard(newest.shard));
        }
        let mut beyond = 0;
        for EarlierHeader { header, path } in &self.earlier {
            check(header, newest)?;
            if header.height < beyond || header.height >= newest.height {
                return Err(TrunkError::Order(header.height));
            }
            beyond = header.height + 1;
            let is_its_place = path.index == header.height && path.count == newest.height;
            is_its_place
                .then_some(())
                .ok_or(PathError)
                .and_then(|()| path.verify(List::History, header.digest(), newest.history_root))
                .map_err(|PathError| TrunkError::OtherHistory(header.height))?;
        }
        Ok(Verified { trunk: self })
    }
}

impl<'a> Verified<'a> {
    pub(super) fn newest(&self) -> &'a Header {
        &self.trunk.newest.header
    }

    /// The header at a height, if it is among these.
    pub(super) fn header(&self, height: u64) -> Option<&'a Header> {
        if height == self.newest().height {
            return Some(self.newest());
        }
        let earlier = &self.trunk.earlier;
        let index = earlier.binary_search_by_key(&height, |it| it.header.height);
        Some(&earlier.get(index.ok()?)?.header)
    }

    /// Whether this and another trunk are one past: `None` if neither leads to the other's newest
    /// header, `Some(false)` if they contradict each other.
    pub(super) fn agrees_with(&self, other: &Self) -> Option<bool> {
        // A retired committee can go on in its own epoch for ever, but no past goes back to that.
        let mut epochs: Vec<_> = self.epochs().chain(other.epochs()).collect();
        epochs.sort_unstable();
        if !epochs.is_sorted_by_key(|(_, epoch)| *epoch) {
            return Some(false);
        }
        let heights = self
            .heights()
            .filter(|height| other.header(*height).is_some());
        let mut leads = false;
        for height in heights {
            if self.digest(height) != other.digest(height) {
                return Some(false);
            }
            leads |= height == self.newest().height || height == other.newest().height;
        }
        leads.then_some(true)
    }

    /// The epochs of the headers, by height.
    fn epochs(&self) -> impl Iterator<Item = (u64, u64)> {
        let earlier = self.trunk.earlier.iter().map(|it| &it.header);
        let headers = earlier.chain([self.newest()]);
        headers.map(|header| (header.height, header.epoch))
    }

    fn heights(&self) -> impl Iterator<Item = u64> {
        let earlier = self.trunk.earlier.iter().map(|it| it.header.height);
        earlier.chain([self.newest().height])
    }

    pub(super) fn digest(&self, height: u64) -> Option<Digest> {
        self.header(height).map(Header::digest)
    }
}

fn check(header: &Header, newest: &Header) -> Result<(), TrunkError> {
    if !header.is_known() {
        return Err(TrunkError::Version(header.height));
    }
    if header.chain != newest.chain {
        return Err(TrunkError::ForeignChain(header.chain));
    }
    if header.shard != newest.shard {
        return Err(TrunkError::ForeignShard(header.shard));
    }
    Ok(())
}
