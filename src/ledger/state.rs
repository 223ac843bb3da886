use super::{
    Account, ChainState, Genesis, Header, Key, OperatorState, OperatorStatus, Peaks, RoleHolder,
    ShardState, Tree, Value,
};
use crate::id::ShardId;
use std::collections::BTreeMap;

/// All that a shard knows: the same entries give the same root, on every machine.
pub type State = Tree<Key, Value>;

impl State {
    /// The state of a shard before its first block.
    pub fn genesis(genesis: &Genesis, shard: ShardId) -> Self {
        let chain = ChainState {
            shard,
            height: 0,
            time: genesis.created,
            rules: Header::RULES_FIRST,
            next_rules: None,
        };
        let mut entries = BTreeMap::from([
            (Key::Chain, Value::Chain(chain)),
            (Key::History, Value::History(Peaks::default())),
        ]);
        let account = || Value::Account(Account::default());
        for (index, operator) in (0..).zip(&genesis.operators) {
            let state = OperatorState {
                name: operator.name.clone(),
                cold_key: operator.cold_key,
                status: OperatorStatus::Active,
                misconduct: 0,
                evidence: None,
            };
            entries.insert(Key::Operator(index), Value::Operator(state));
            entries.insert(Key::Account(operator.cold_key), account());
            if shard == ShardId::GOVERNANCE {
                // Its units report there who voted twice, and have no other key.
                entries.insert(Key::Account(operator.vote_key), account());
            }
        }
        for shard in &genesis.shards {
            let state = ShardState {
                weight: shard.weight,
            };
            entries.insert(Key::Shard(shard.id), Value::Shard(state));
        }
        if shard == ShardId::GOVERNANCE {
            let committee = genesis.committee().clone();
            let key = Key::Committee(committee.epoch());
            entries.insert(key, Value::Committee(committee));
        }
        for (key, holder) in role_holders(genesis) {
            entries.insert(Key::Role(key), Value::Role(holder));
            entries.insert(Key::Account(key), account());
        }
        let entries = entries.into_iter();
        Self::new().apply(entries.map(|(key, value)| (key, Some(value))).collect())
    }
}

/// All roles of each account, under the first of its names.
fn role_holders(genesis: &Genesis) -> BTreeMap<super::AccountKey, RoleHolder> {
    let mut holders = BTreeMap::new();
    for grant in &genesis.roles {
        let holder = holders.entry(grant.key).or_insert_with(|| RoleHolder {
            name: grant.name.clone(),
            roles: Default::default(),
        });
        holder.roles.insert(grant.role);
    }
    holders
}
