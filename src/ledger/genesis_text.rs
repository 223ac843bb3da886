use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    AccountKey, Genesis, GenesisContent, GenesisError, Limits, Operator, RoleGrant, ShardEntry,
};
use crate::{
    id::{ChainId, ShardId},
    time::Timestamp,
};

/// Why text describes no genesis.
#[derive(Debug, Error)]
pub enum GenesisTextError {
    /// Not TOML, or not these fields.
    #[error("not a genesis: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Written by a version that this one does not know.
    #[error("unknown genesis version {0}")]
    Version(u8),
    /// Not one bucket for each first byte of a tag.
    #[error("{0} buckets instead of 256")]
    Buckets(usize),
    /// The id that it names is not its own: it was changed after it was made.
    #[error("the genesis names the ledger {named} but makes {made}")]
    OtherChain {
        /// What the text says.
        named: ChainId,
        /// What follows from the rest of it.
        made: ChainId,
    },
    /// It contradicts itself.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

impl Genesis {
    /// Writes it as text, for people and files; the ledger's id comes first.
    pub fn to_toml(&self) -> String {
        let content = self.content();
        let operators = content.operators.iter().map(OperatorText::of).collect();
        let text = Text {
            chain: self.chain(),
            version: content.version,
            name: content.name.clone(),
            development: content.development,
            created_unix_ms: content.created,
            snapshot_interval: content.snapshot_interval,
            buckets: content.buckets.to_vec(),
            limits: content.limits,
            shards: content.shards.clone(),
            operators,
            roles: content.roles.clone(),
        };
        toml::to_string(&text).expect("numbers, text and tables are TOML")
    }

    /// Reads what [`Self::to_toml`] writes.
    pub fn from_toml(text: &str) -> Result<Self, GenesisTextError> {
        let text: Text = toml::from_str(text)?;
        if text.version != GenesisContent::VERSION {
            return Err(GenesisTextError::Version(text.version));
        }
        let buckets = <[ShardId; 256]>::try_from(text.buckets)
            .map_err(|buckets| GenesisTextError::Buckets(buckets.len()))?;
        let operators = text.operators.into_iter().map(OperatorText::into_operator);
        let genesis = Self::new(GenesisContent {
            version: text.version,
            name: text.name,
            development: text.development,
            created: text.created_unix_ms,
            snapshot_interval: text.snapshot_interval,
            buckets,
            shards: text.shards,
            operators: operators.collect::<Result<_, _>>()?,
            roles: text.roles,
            limits: text.limits,
        })?;
        if genesis.chain() != text.chain {
            return Err(GenesisTextError::OtherChain {
                named: text.chain,
                made: genesis.chain(),
            });
        }
        Ok(genesis)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Text {
    chain: ChainId,
    version: u8,
    name: String,
    development: bool,
    created_unix_ms: Timestamp,
    snapshot_interval: u64,
    buckets: Vec<ShardId>,
    limits: Limits,
    shards: Vec<ShardEntry>,
    operators: Vec<OperatorText>,
    #[serde(default)]
    roles: Vec<RoleGrant>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct OperatorText {
    name: String,
    cold_key: AccountKey,
    vote_key: AccountKey,
    /// By shard; TOML has no other keys than text.
    addresses: BTreeMap<String, String>,
}

impl OperatorText {
    fn of(operator: &Operator) -> Self {
        let addresses = operator.addresses.iter();
        Self {
            name: operator.name.clone(),
            cold_key: operator.cold_key,
            vote_key: operator.vote_key,
            addresses: addresses
                .map(|(shard, address)| (shard.to_string(), address.clone()))
                .collect(),
        }
    }

    fn into_operator(self) -> Result<Operator, GenesisError> {
        let addresses = self.addresses.into_iter().map(|(shard, address)| {
            let number = shard.parse().map_err(|_| GenesisError::Name(shard))?;
            Ok((ShardId(number), address))
        });
        Ok(Operator {
            name: self.name,
            cold_key: self.cold_key,
            vote_key: self.vote_key,
            addresses: addresses.collect::<Result<_, GenesisError>>()?,
        })
    }
}
