use thiserror::Error;

use crate::{
    ledger::{Account, AccountKey, Genesis, Key, StateView, Transaction},
    time::Timestamp,
};

/// Why a transaction has no place in the next block.
///
/// A block that holds such a one is invalid, so it has no outcome and uses no nonce: no transaction
/// ever has two outcomes, and whoever has no account cannot make the ledger grow.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Inadmissible {
    /// The sender has neither role, vehicle nor part in this shard, and never had.
    #[error("the sender has no account in this shard")]
    UnknownSender,
    /// A transaction with this nonce is in an earlier block, be it this one or another.
    #[error("the nonce was used")]
    NonceUsed,
    /// Too many earlier nonces are not used yet; later it may have a place.
    #[error("too many earlier nonces are not used yet")]
    NonceBeyond,
    /// The shard follows a version of the rules that does not know what it asks for.
    #[error("the shard does not follow version {0} of the rules yet")]
    RulesTooOld(u16),
    /// The last moment at which a block may hold it has passed.
    #[error("expired")]
    Expired,
    /// The sender sent as many in this window as it may; later it may have a place.
    #[error("the sender's quota is used up for now")]
    QuotaExhausted,
}

impl Inadmissible {
    /// Whether it may have a place later.
    pub fn is_for_now(self) -> bool {
        match self {
            Self::NonceBeyond | Self::QuotaExhausted => true,
            Self::UnknownSender | Self::NonceUsed | Self::RulesTooOld(_) | Self::Expired => false,
        }
    }
}

/// Says whether a transaction may stand in the next block, at a time.
pub fn admit(
    genesis: &Genesis,
    state: &impl StateView,
    transaction: &Transaction,
    time: Timestamp,
) -> Result<(), Inadmissible> {
    account_after(genesis, state, transaction, time).map(drop)
}

/// The sender's account once the transaction stands in a block, whatever its outcome.
pub(super) fn account_after(
    genesis: &Genesis,
    state: &impl StateView,
    transaction: &Transaction,
    time: Timestamp,
) -> Result<Account, Inadmissible> {
    let (rules, chain) = (transaction.action.rules(), state.chain());
    if chain.is_none_or(|chain| chain.rules_at(chain.height + 1) < rules) {
        return Err(Inadmissible::RulesTooOld(rules));
    }
    let account = state.account(transaction.sender);
    let mut account = *account.ok_or(Inadmissible::UnknownSender)?;
    if account.nonces.is_used(transaction.nonce) {
        return Err(Inadmissible::NonceUsed);
    }
    if transaction.expires.is_some_and(|expires| expires < time) {
        return Err(Inadmissible::Expired);
    }
    if !account.nonces.take(transaction.nonce) {
        return Err(Inadmissible::NonceBeyond);
    }
    let window = genesis.limits.quotas.window(time);
    if account.quota_window != window {
        (account.quota_window, account.quota_used) = (window, 0);
    }
    if account.quota_used >= quota(genesis, state, transaction, &account) {
        return Err(Inadmissible::QuotaExhausted);
    }
    account.quota_used += 1;
    Ok(account)
}

fn quota(
    genesis: &Genesis,
    state: &impl StateView,
    transaction: &Transaction,
    account: &Account,
) -> u32 {
    let (sender, quotas) = (transaction.sender, &genesis.limits.quotas);
    let holder = state.role_holder(sender).into_iter();
    let roles = holder.flat_map(|holder| &holder.roles);
    let mut operators = genesis.operators.iter();
    let is_operator = operators.any(|it| it.cold_key == sender || it.vote_key == sender)
        || is_later_operator(state, sender);
    let others = [
        is_operator.then_some(quotas.operator_max),
        account.vehicle.map(|_| quotas.vehicle_max),
        Some(quotas.owner_max),
    ];
    let all = roles.map(|role| quotas.of(*role));
    all.chain(others.into_iter().flatten()).max().unwrap_or(0)
}

/// Whether a key belongs to an operator that joined later, or is a later key of one.
fn is_later_operator(state: &impl StateView, key: AccountKey) -> bool {
    let mut operators = state.operators();
    operators.any(|(_, operator)| operator.cold_key == key)
        || state.value(&Key::Seat(key)).is_some()
        || state.issuing_key_owner(key).is_some()
}
