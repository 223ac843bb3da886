use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Checkpoint, CheckpointError, Committees, Handover, HandoverError, Head, ProofError, Trunk,
    TrunkError,
    entry::Place,
    file::{self, FileError, Kind},
    report::{Anchor, Point, ProvenRecord, Report, Unanchored},
    trunk::Verified,
};
use crate::{
    id::{ChainId, ShardId, VehicleId},
    ledger::{AccountKey, Entry, Genesis, HistoryHead, KeyCache, Path, PathError, StateProofError},
};

/// All records of a vehicle, with all that it takes to check them but the genesis: a `.wayside` file.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    /// The ledger.
    pub chain: ChainId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// How committees followed each other since the genesis.
    pub handovers: Vec<Handover>,
    /// Headers of shard 0, those of the hand-overs among them; `None` if the vehicle is at home there.
    pub governance: Option<Trunk>,
    /// Headers of the vehicle's home shard, those of all records among them.
    pub home: Trunk,
    /// The records, in the order of the vehicle's history.
    pub records: Vec<BundleRecord>,
    /// Where the history ends.
    pub head: Head,
}

/// One record of a vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct BundleRecord {
    /// The height of its block.
    pub height: u64,
    /// What happened.
    pub entry: Entry,
    /// The code of its outcome.
    pub outcome: u16,
    /// Its path to the header's `tx_root`.
    pub path: Path,
}

/// Why a bundle is false.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BundleError {
    /// The bytes are no bundle.
    #[error(transparent)]
    File(#[from] FileError),
    /// Of another ledger.
    #[error("of the ledger {0}")]
    ForeignChain(ChainId),
    /// A committee does not follow another.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// A hand-over is not in the past of the newest header of shard 0.
    #[error("the hand-over to epoch {0} is not among the headers of shard 0")]
    HandoverElsewhere(u64),
    /// Shard 0 is missing, or there twice.
    #[error("headers of shard 0 are missing, or there twice")]
    Governance,
    /// Headers that are not final.
    #[error("shard {0}: {1}")]
    Trunk(ShardId, TrunkError),
    /// A header that something refers to is not there.
    #[error("the header at height {0} is missing")]
    NoHeader(u64),
    /// A header that the history's end refers to has no snapshot.
    #[error("the header at height {0} has no snapshot")]
    NoSnapshot(u64),
    /// A record was not made final as the bundle says.
    #[error("record {0}: {1}")]
    Record(u64, ProofError),
    /// A record comes before the one before it.
    #[error("record {0} is out of order")]
    Order(u64),
    /// The state holds something else of the vehicle.
    #[error("the vehicle's state: {0}")]
    State(#[from] StateProofError),
    /// The snapshot holds something else of the vehicle.
    #[error("the vehicle's state in the snapshot: {0}")]
    Snapshot(PathError),
    /// The records are not the vehicle's whole history: some are missing, more than that, or others.
    #[error("{found} records are not the vehicle's history of {expected}")]
    Incomplete {
        /// How many there are.
        found: u64,
        /// How many the state says that there are.
        expected: u64,
    },
    /// The checkpoint itself is false.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint shows another past: one of the two was made up by a quorum.
    #[error("the checkpoint shows another past of shard {0}")]
    Contradiction(ShardId),
}

impl Bundle {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(Kind::Bundle, self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        Ok(file::read(Kind::Bundle, bytes)?)
    }

    /// What it proves to whoever believes the genesis, and how it stands to a checkpoint.
    ///
    /// Believes nothing else: every vote, path, signature and link is checked.
    pub fn verify(
        self,
        genesis: &Genesis,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Report, BundleError> {
        if self.chain != genesis.chain() {
            return Err(BundleError::ForeignChain(self.chain));
        }
        // The checkpoint first, so that of two pasts it is the bundle's that is refused.
        let mut committees = Committees::of(genesis);
        if let Some(checkpoint) = checkpoint {
            checkpoint.follow(&mut committees)?;
        }
        for handover in &self.handovers {
            committees.follow(handover)?;
        }
        let home_shard = self.vehicle.home;
        let home = verify_trunk(&self.home, &committees, home_shard)?;
        let governance = self.verify_governance(&committees, home)?;
        let proven = self.head.verify(self.vehicle, &home)?;
        let records = self.verify_records(&committees, &home)?;
        let found = records.iter().fold(HistoryHead::EMPTY, |head, record| {
            head.after(record.entry.digest(), record.outcome.code())
        });
        if found != proven.vehicle.history {
            return Err(BundleError::Incomplete {
                found: found.sequence,
                expected: proven.vehicle.history.sequence,
            });
        }
        let anchor = match checkpoint {
            Some(checkpoint) => anchor(checkpoint, &committees, &[governance, home])?,
            None => Anchor::Unanchored(Unanchored::NoCheckpoint),
        };
        let committee = committees.committee(home.newest().epoch);
        let committee = committee.unwrap_or_else(|| genesis.committee());
        Ok(Report {
            development: genesis.development,
            chain: self.chain,
            ledger: genesis.name.clone(),
            operators: committee.keys().len(),
            quorum: committee.quorum(),
            vehicle: self.vehicle,
            state: proven.vehicle.clone(),
            records,
            as_of: Point::of(proven.header),
            completeness: proven.completeness,
            anchor,
        })
    }

    /// The headers of shard 0, among which all hand-overs must be.
    fn verify_governance<'a>(
        &'a self,
        committees: &Committees,
        home: Verified<'a>,
    ) -> Result<Verified<'a>, BundleError> {
        let is_home = self.vehicle.home == ShardId::GOVERNANCE;
        let governance = match &self.governance {
            None if is_home => home,
            Some(trunk) if !is_home => verify_trunk(trunk, committees, ShardId::GOVERNANCE)?,
            _ => return Err(BundleError::Governance),
        };
        for handover in &self.handovers {
            let header = &handover.finalized.header;
            if governance.digest(header.height) != Some(header.digest()) {
                let epoch = handover.committee.epoch();
                return Err(BundleError::HandoverElsewhere(epoch));
            }
        }
        Ok(governance)
    }

    fn verify_records(
        &self,
        committees: &Committees,
        home: &Verified<'_>,
    ) -> Result<Vec<ProvenRecord>, BundleError> {
        let mut keys = KeyCache::default();
        let mut last = (0, 0);
        let mut records = Vec::with_capacity(self.records.len());
        for (sequence, record) in (0..).zip(&self.records) {
            let header = home.header(record.height);
            let header = header.ok_or(BundleError::NoHeader(record.height))?;
            // Receipts of one delivery can be several records, so a place may come again.
            let place = (record.height, record.path.index);
            if place < last {
                return Err(BundleError::Order(sequence));
            }
            last = place;
            let place = Place {
                header,
                path: &record.path,
                outcome: record.outcome,
            };
            let outcome = place
                .check(&record.entry, committees, &mut keys)
                .map_err(|error| BundleError::Record(sequence, error))?;
            records.push(ProvenRecord {
                sequence,
                block: Point::of(header),
                signers: signers(&record.entry),
                entry: record.entry.clone(),
                outcome,
            });
        }
        Ok(records)
    }
}

fn signers(entry: &Entry) -> Vec<AccountKey> {
    match entry {
        Entry::Transaction(signed) => {
            let approvers = signed.transaction.approvers.iter().copied();
            [signed.transaction.sender]
                .into_iter()
                .chain(approvers)
                .collect()
        }
        Entry::Delivery(_) => Vec::new(),
    }
}

fn verify_trunk<'a>(
    trunk: &'a Trunk,
    committees: &Committees,
    shard: ShardId,
) -> Result<Verified<'a>, BundleError> {
    let verified = trunk.verify(committees, shard);
    verified.map_err(|error| BundleError::Trunk(shard, error))
}

/// How the headers of a bundle stand to those of a checkpoint.
fn anchor(
    checkpoint: &Checkpoint,
    committees: &Committees,
    trunks: &[Verified<'_>],
) -> Result<Anchor, BundleError> {
    checkpoint.verify_with(committees)?;
    let mut points = Vec::new();
    let mut missing = None;
    for trunk in trunks {
        let shard = trunk.newest().shard;
        let Some(other) = checkpoint.trunk(shard) else {
            missing = missing.or(Some(Unanchored::NoShard(shard)));
            continue;
        };
        let other = verify_trunk(other, committees, shard)?;
        match trunk.agrees_with(&other) {
            Some(true) => points.push(Point::of(other.newest())),
            Some(false) => return Err(BundleError::Contradiction(shard)),
            None => {
                missing = missing.or(Some(Unanchored::NotLinked {
                    shard,
                    bundle: trunk.newest().height,
                    checkpoint: other.newest().height,
                }));
            }
        }
    }
    points.dedup();
    Ok(missing.map_or(Anchor::Anchored(points), Anchor::Unanchored))
}
