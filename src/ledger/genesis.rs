use std::{collections::BTreeMap, ops::Deref};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{AccountKey, Committee, Quotas, Role, encoding::encode};
use crate::{
    crypto::{Digest, KeyError, Purpose},
    id::{ChainId, ShardId},
    time::Timestamp,
};

/// The first words of a ledger, which all proofs rest on: whoever holds them needs to trust nobody
/// to check what happened later.
///
/// Two ledgers are the same if their ids are. A genesis can only be made by [`Self::new`], so what
/// it says is consistent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Genesis {
    content: GenesisContent,
    chain: ChainId,
    committee: Committee,
}

/// What a genesis says.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct GenesisContent {
    /// The version of this layout, [`Self::VERSION`].
    pub version: u8,
    /// What people call the ledger.
    pub name: String,
    /// Whether it is for development only, so that its promises do not hold.
    pub development: bool,
    /// When it was made; no block is earlier.
    pub created: Timestamp,
    /// At heights divisible by this, a header has the root of a snapshot.
    pub snapshot_interval: u64,
    /// Which shard registers a tag, by the tag's first byte; never changes.
    pub buckets: [ShardId; 256],
    /// The first shards, by id; the first one is [`ShardId::GOVERNANCE`].
    pub shards: Vec<ShardEntry>,
    /// The first operators, by vote key, so that an operator's index is that of its vote.
    pub operators: Vec<Operator>,
    /// The first roles, by key and role.
    pub roles: Vec<RoleGrant>,
    /// Bounds that all units must agree on.
    pub limits: Limits,
}

/// A shard and how many of the new vehicles it takes.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct ShardEntry {
    /// Its id.
    pub id: ShardId,
    /// Its share of the new vehicles, relative to all weights; 0 takes none.
    pub weight: u32,
}

/// Somebody who runs units, and has one vote in every shard.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Operator {
    /// What people call it.
    pub name: String,
    /// Kept offline; certifies its other keys, and approves changes of the governance.
    pub cold_key: AccountKey,
    /// Signs its votes, and nothing else.
    pub vote_key: AccountKey,
    /// Where its validator of each shard is reached, as `host:port`.
    pub addresses: BTreeMap<ShardId, String>,
}

/// A role that an account has from the beginning.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoleGrant {
    /// Whose it is.
    pub key: AccountKey,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub name: String,
}

/// Bounds that all units must agree on, since blocks beyond them are refused.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a block.
    pub block_bytes_max: u32,
    /// Entries of a block.
    pub block_transactions_max: u32,
    /// Bytes of a signed transaction.
    pub transaction_bytes_max: u32,
    /// How far a proposer's clock may be from a voter's, in milliseconds.
    pub clock_skew_max_ms: u32,
    /// A block is made at least this often, in milliseconds, even without transactions.
    pub heartbeat_ms: u32,
    /// How many transactions an account may send.
    pub quotas: Quotas,
}

/// Why a genesis contradicts itself.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum GenesisError {
    /// Not the canonical form of any genesis.
    #[error("not a genesis: {0}")]
    Malformed(String),
    /// Of a version that this one does not know.
    #[error("unknown genesis version {0}")]
    Version(u8),
    /// A name is empty, longer than 256 bytes, or has a control character.
    #[error("unusable name {0:?}")]
    Name(String),
    /// A ledger for real use with fewer operators than can lose one.
    #[error("{0} operators: a ledger that is not for development needs at least four")]
    TooFewOperators(usize),
    /// More of something than a genesis may have.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// Entries out of order, or one of them twice.
    #[error("{0} are not sorted, or one of them is there twice")]
    NotSorted(&'static str),
    /// Nobody may sign with this key.
    #[error("key {0}: {1}")]
    Key(AccountKey, KeyError),
    /// One key is used for two things.
    #[error("key {0} is used twice")]
    KeyTwice(AccountKey),
    /// Shard 0 governs and must be there.
    #[error("shard 0 is missing")]
    NoGovernance,
    /// No shard takes new vehicles.
    #[error("no shard takes new vehicles")]
    NoWeight,
    /// A bucket of tags, or an address, names a shard that is not there.
    #[error("shard {0} is not in the table of shards")]
    UnknownShard(ShardId),
    /// An operator has no address for a shard.
    #[error("{0} has no address for shard {1}")]
    NoAddress(String, ShardId),
    /// A bound is zero, or beyond what any unit takes.
    #[error("{0} is out of range")]
    Limit(&'static str),
}

impl Genesis {
    /// Makes a genesis, or says what it contradicts.
    pub fn new(content: GenesisContent) -> Result<Self, GenesisError> {
        content.check()?;
        let chain = Digest::of(Purpose::LedgerGenesis, &[&encode(&content)]);
        let keys = content.operators.iter().map(|operator| operator.vote_key);
        Ok(Self {
            chain: ChainId::from_bytes(*chain.as_bytes()),
            committee: Committee::new(0, keys),
            content,
        })
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GenesisError> {
        match bytes.first() {
            Some(&GenesisContent::VERSION) | None => {}
            Some(&version) => return Err(GenesisError::Version(version)),
        }
        if bytes.len() > BYTES_MAX {
            return Err(GenesisError::TooMany("bytes"));
        }
        let content = borsh::from_slice(bytes);
        Self::new(content.map_err(|error| GenesisError::Malformed(error.to_string()))?)
    }

    /// Its canonical bytes, whose digest is the ledger's id.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.content)
    }

    /// The ledger that it begins.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// What it says.
    pub fn content(&self) -> &GenesisContent {
        &self.content
    }

    /// Whose votes count in the first epoch.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Whether the ledger has this shard from the beginning.
    pub fn has_shard(&self, shard: ShardId) -> bool {
        self.content.shards.iter().any(|entry| entry.id == shard)
    }

    /// The shard that registers a tag with these bytes.
    pub fn bucket(&self, tag: &[u8; 32]) -> ShardId {
        let [first, ..] = tag;
        let shard = self.content.buckets.get(usize::from(*first));
        *shard.expect("there is a bucket for every byte")
    }
}

/// What a genesis says can be read as if it were the genesis, but not changed.
impl Deref for Genesis {
    type Target = GenesisContent;

    fn deref(&self) -> &GenesisContent {
        &self.content
    }
}

impl GenesisContent {
    /// The only version so far.
    pub const VERSION: u8 = 1;

    /// Brings shards, operators and roles into the order that the format asks for.
    pub fn sort(&mut self) {
        self.shards.sort_by_key(|shard| shard.id);
        self.operators.sort_by_key(|operator| operator.vote_key);
        self.roles.sort_by_key(|grant| (grant.key, grant.role));
    }

    fn check(&self) -> Result<(), GenesisError> {
        if self.version != Self::VERSION {
            return Err(GenesisError::Version(self.version));
        }
        let names = [&self.name].into_iter();
        let names = names.chain(self.operators.iter().map(|operator| &operator.name));
        for name in names.chain(self.roles.iter().map(|grant| &grant.name)) {
            check_name(name)?;
        }
        self.limits.check()?;
        if self.snapshot_interval == 0 {
            return Err(GenesisError::Limit("snapshot interval"));
        }
        self.check_shards()?;
        self.check_operators()?;
        self.check_roles()
    }

    fn check_shards(&self) -> Result<(), GenesisError> {
        if self.shards.len() > SHARDS_MAX {
            return Err(GenesisError::TooMany("shards"));
        }
        if !self.shards.is_sorted_by(|a, b| a.id < b.id) {
            return Err(GenesisError::NotSorted("shards"));
        }
        if self.shards.first().map(|shard| shard.id) != Some(ShardId::GOVERNANCE) {
            return Err(GenesisError::NoGovernance);
        }
        if self.shards.iter().all(|shard| shard.weight == 0) {
            return Err(GenesisError::NoWeight);
        }
        let unknown = self.buckets.iter().find(|shard| !self.has(**shard));
        unknown.map_or(Ok(()), |shard| Err(GenesisError::UnknownShard(*shard)))
    }

    fn check_operators(&self) -> Result<(), GenesisError> {
        let count = self.operators.len();
        if count == 0 || (!self.development && count < OPERATORS_MIN) {
            return Err(GenesisError::TooFewOperators(count));
        }
        if count > OPERATORS_MAX {
            return Err(GenesisError::TooMany("operators"));
        }
        if !self.operators.is_sorted_by(|a, b| a.vote_key < b.vote_key) {
            return Err(GenesisError::NotSorted("operators"));
        }
        let mut keys = Vec::new();
        for operator in &self.operators {
            for key in [operator.cold_key, operator.vote_key] {
                key.admit().map_err(|error| GenesisError::Key(key, error))?;
                if keys.contains(&key) {
                    return Err(GenesisError::KeyTwice(key));
                }
                keys.push(key);
            }
            for (shard, address) in &operator.addresses {
                if !self.has(*shard) {
                    return Err(GenesisError::UnknownShard(*shard));
                }
                check_name(address)?;
            }
            let missing = |shard: &&ShardEntry| !operator.addresses.contains_key(&shard.id);
            if let Some(shard) = self.shards.iter().find(missing) {
                return Err(GenesisError::NoAddress(operator.name.clone(), shard.id));
            }
        }
        Ok(())
    }

    fn check_roles(&self) -> Result<(), GenesisError> {
        if self.roles.len() > ROLES_MAX {
            return Err(GenesisError::TooMany("roles"));
        }
        if !self
            .roles
            .is_sorted_by(|a, b| (a.key, a.role) < (b.key, b.role))
        {
            return Err(GenesisError::NotSorted("roles"));
        }
        for grant in &self.roles {
            let admitted = grant.key.admit();
            admitted.map_err(|error| GenesisError::Key(grant.key, error))?;
        }
        Ok(())
    }

    fn has(&self, shard: ShardId) -> bool {
        self.shards.iter().any(|entry| entry.id == shard)
    }
}

impl Limits {
    /// The most bytes of a signed transaction, to compare lengths with.
    pub fn transaction_length_max(&self) -> usize {
        usize::try_from(self.transaction_bytes_max).unwrap_or(usize::MAX)
    }

    fn check(&self) -> Result<(), GenesisError> {
        let within = |value: u32, name, range: std::ops::RangeInclusive<u32>| {
            let is_within = range.contains(&value);
            is_within.then_some(()).ok_or(GenesisError::Limit(name))
        };
        within(
            self.transaction_bytes_max,
            "transaction_bytes_max",
            1_024..=1 << 20,
        )?;
        within(
            self.block_bytes_max,
            "block_bytes_max",
            self.transaction_bytes_max..=64 << 20,
        )?;
        within(
            self.block_transactions_max,
            "block_transactions_max",
            1..=1 << 20,
        )?;
        within(self.clock_skew_max_ms, "clock_skew_max_ms", 1..=600_000)?;
        within(self.heartbeat_ms, "heartbeat_ms", 1..=3_600_000)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_bytes_max: 4 << 20,
            block_transactions_max: 8_192,
            transaction_bytes_max: 64 << 10,
            clock_skew_max_ms: 5_000,
            heartbeat_ms: 30_000,
            quotas: Quotas::default(),
        }
    }
}

fn check_name(name: &str) -> Result<(), GenesisError> {
    let is_usable =
        !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    is_usable
        .then_some(())
        .ok_or_else(|| GenesisError::Name(name.to_owned()))
}

/// The fewest of whom one may fail.
pub(super) const OPERATORS_MIN: usize = 4;
/// All of a committee vote for every block.
pub(super) const OPERATORS_MAX: usize = 64;
const SHARDS_MAX: usize = 1_024;
const ROLES_MAX: usize = 65_536;
const NAME_BYTES_MAX: usize = 256;
const BYTES_MAX: usize = 32 << 20;
