use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use wayside::{
    crypto::{KeyError, SigningKey, VerifyingKey},
    id::{IdTextError, VehicleId},
    ledger::{AccountKey, Checkpoint, CheckpointError, Genesis, GenesisTextError, Point},
    serve::{KeyFileError, read_key},
};

use super::LedgerConfig;
use crate::outbox::Sender;

/// Which ledger this is, and who the vehicle is on it.
pub struct LedgerIdentity {
    /// The ledger.
    pub genesis: Genesis,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The public half of its enrolment key.
    pub account: AccountKey,
    /// Whose units are believed until the ledger says otherwise: the cold keys of its first
    /// operators, by their numbers.
    pub operators: BTreeMap<usize, VerifyingKey>,
    /// What the vehicle's owner gave, with the blocks that it is of.
    pub given: Option<(Checkpoint, Vec<Point>)>,
}

/// Why the ledger's configuration cannot be used.
#[derive(Debug, Error)]
pub enum LedgerIdentityError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file of the genesis holds none.
    #[error("{} is no genesis: {source}", path.display())]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: GenesisTextError,
    },
    /// An operator's cold key is none.
    #[error("the genesis names operator {0:?} with a key that nobody may sign with: {1}")]
    Operator(String, KeyError),
    /// The vehicle's id is none.
    #[error("ledger.vehicle_id: {0}")]
    Vehicle(#[from] IdTextError),
    /// The ledger has no such shard.
    #[error("ledger.vehicle_id: the ledger has no shard {0}")]
    NoShard(wayside::id::ShardId),
    /// The enrolment key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The checkpoint is not this ledger's.
    #[error("{} is no checkpoint of the ledger: {source}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
}

impl LedgerIdentity {
    /// Reads what the configuration names; `None` if it names no ledger.
    ///
    /// The enrolment key comes apart, for the outbox alone.
    pub fn open(config: &LedgerConfig) -> Result<Option<(Self, Sender)>, LedgerIdentityError> {
        let Some(path) = &config.genesis else {
            return Ok(None);
        };
        let text = fs::read_to_string(path).map_err(unreadable(path))?;
        let genesis = Genesis::from_toml(&text).map_err(|source| LedgerIdentityError::Genesis {
            path: path.clone(),
            source,
        })?;
        let vehicle: VehicleId = config.vehicle_id.parse()?;
        if !genesis.has_shard(vehicle.home) {
            return Err(LedgerIdentityError::NoShard(vehicle.home));
        }
        let operators = (0..).zip(&genesis.operators).map(|(number, operator)| {
            let key = operator.cold_key.admit();
            let key =
                key.map_err(|error| LedgerIdentityError::Operator(operator.name.clone(), error))?;
            Ok((number, key))
        });
        let operators = operators.collect::<Result<_, LedgerIdentityError>>()?;
        let given = config.checkpoint.as_ref();
        let given = given
            .map(|path| read_checkpoint(path, &genesis))
            .transpose()?;
        let key: SigningKey = read_key(&config.enrolment_key)?;
        let identity = Self {
            vehicle,
            account: key.verifying_key().into(),
            operators,
            given,
            genesis,
        };
        let sender = Sender {
            chain: identity.genesis.chain(),
            shard: vehicle.home,
            key,
        };
        Ok(Some((identity, sender)))
    }
}

fn read_checkpoint(
    path: &Path,
    genesis: &Genesis,
) -> Result<(Checkpoint, Vec<Point>), LedgerIdentityError> {
    let wrong = |source| LedgerIdentityError::Checkpoint {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(unreadable(path))?;
    let checkpoint = Checkpoint::from_bytes(&bytes).map_err(wrong)?;
    let anchors = checkpoint.verify(genesis).map_err(wrong)?;
    Ok((checkpoint, anchors))
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LedgerIdentityError {
    let path = path.to_owned();
    |source| LedgerIdentityError::Unreadable { path, source }
}
