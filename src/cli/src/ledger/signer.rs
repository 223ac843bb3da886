use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{AccountKey, Action, Genesis, SignedTransaction, Transaction},
    rpc::ledger::v1::GetNonceRequest,
    transport::Clock,
};

use super::{
    key::account,
    unit::{Unit, refused},
};

/// Makes the transactions of one key, with nonces that are free by the word of a unit.
///
/// Whatever nonce is chosen, nothing happens twice: of two transactions with one nonce the ledger
/// executes one, and the other is signed again.
pub(crate) struct Signer {
    unit: Unit,
    genesis: Genesis,
    key: SigningKey,
    options: Options,
    nonces: BTreeMap<ShardId, Nonces>,
}

/// What all transactions of a signer have in common.
#[derive(Default)]
pub(crate) struct Options {
    /// Who must agree besides the sender.
    pub(crate) approvers: Vec<AccountKey>,
    /// The keys of those of them who agree at once.
    pub(crate) approver_keys: Vec<SigningKey>,
    /// The shard, where it is not the one that the action belongs to.
    pub(crate) shard: Option<ShardId>,
    /// How long a block may hold them; for ever if `None`.
    pub(crate) lifetime: Option<Duration>,
}

/// The nonces of one shard.
#[derive(Clone, Copy, Default)]
struct Nonces {
    /// The next one.
    next: u64,
    /// From here on the unit must be asked again.
    beyond: u64,
}

impl Signer {
    pub(crate) fn new(unit: Unit, genesis: Genesis, key: SigningKey, options: Options) -> Self {
        Self {
            unit,
            genesis,
            key,
            options,
            nonces: BTreeMap::new(),
        }
    }

    pub(crate) fn unit(&self) -> &Unit {
        &self.unit
    }

    pub(crate) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Whose transactions they are.
    pub(crate) fn sender(&self) -> AccountKey {
        account(&self.key)
    }

    /// Uses later nonces than that of a transaction that was signed before.
    pub(crate) fn follow(&mut self, signed: &SignedTransaction) {
        let nonces = self.nonces.entry(signed.transaction.shard).or_default();
        nonces.next = nonces.next.max(signed.transaction.nonce.saturating_add(1));
    }

    /// Asks the unit again before the next nonce of a shard.
    pub(crate) fn ask_again(&mut self, shard: ShardId) {
        self.nonces.entry(shard).or_default().beyond = 0;
    }

    /// Signs an action as the sender, and for everybody who agrees.
    pub(crate) async fn sign(&mut self, action: &Action) -> anyhow::Result<SignedTransaction> {
        let shard = self.options.shard.or_else(|| action.shard());
        let shard = shard.with_context(|| {
            format!(
                "{} goes to the shard where the part is: say which with --shard",
                action.name()
            )
        })?;
        let nonce = self.next_nonce(shard).await?;
        let now = Clock::system().now().timestamp;
        let transaction = Transaction {
            version: Transaction::VERSION,
            chain: self.genesis.chain(),
            shard,
            sender: self.sender(),
            nonce,
            expires: self.options.lifetime.map(|it| now.saturating_add(it)),
            approvers: Vec::new(),
            action: action.clone(),
        };
        let transaction = transaction.with_approvers(self.options.approvers.iter().copied());
        let keys = self.options.approver_keys.iter();
        let keys = keys.filter(|key| transaction.approvers.contains(&account(key)));
        let approvals: Vec<_> = keys.map(|key| transaction.approve(key)).collect();
        let signed = transaction.sign(&self.key);
        Ok(approvals
            .into_iter()
            .fold(signed, SignedTransaction::with_approval))
    }

    async fn next_nonce(&mut self, shard: ShardId) -> anyhow::Result<u64> {
        let key = self.sender().to_string();
        let nonces = self.nonces.entry(shard).or_default();
        if nonces.next >= nonces.beyond {
            let request = GetNonceRequest {
                key,
                shard_id: shard.0.into(),
            };
            let answer = self.unit.ledger.get_nonce(request).await;
            let free = answer.map_err(|status| refused(&status))?.into_inner();
            nonces.beyond = free.beyond;
            nonces.next = nonces.next.max(free.next);
            // Those before were never taken into a block.
            if nonces.next >= nonces.beyond {
                nonces.next = free.next;
            }
        }
        let nonce = nonces.next;
        nonces.next += 1;
        Ok(nonce)
    }
}
