use std::time::Duration;

use anyhow::bail;
use tokio::{task::JoinSet, time::Instant};
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{Action, Genesis, SignedTransaction},
};

use crate::ledger::{Answer, Fate, Options, Signer, Unit, send};

/// Signs and submits for one sender and those who agree, by way of one unit.
pub(super) struct Desk {
    unit: Unit,
    signer: Signer,
}

impl Desk {
    /// `shard` is for actions that go wherever a part is.
    pub(super) fn new(
        unit: Unit,
        genesis: Genesis,
        keys: (SigningKey, Vec<SigningKey>),
        shard: Option<ShardId>,
    ) -> Self {
        let (sender, approver_keys) = keys;
        let approvers = approver_keys.iter().map(|key| key.verifying_key().into());
        let options = Options {
            approvers: approvers.collect(),
            approver_keys,
            shard,
            lifetime: None,
        };
        Self {
            signer: Signer::new(unit.clone(), genesis, sender, options),
            unit,
        }
    }

    /// Uses later nonces than that of a transaction that was signed before.
    pub(super) fn follow(&mut self, signed: &SignedTransaction) {
        self.signer.follow(signed);
    }

    /// Signs without submitting.
    pub(super) async fn sign(&mut self, action: &Action) -> anyhow::Result<SignedTransaction> {
        self.signer.sign(action).await
    }

    /// Submits, and returns how it came out.
    pub(super) async fn submit(&mut self, action: &Action) -> anyhow::Result<Answer> {
        let signed = self.sign(action).await?;
        Ok(send(self.unit.clone(), signed, Instant::now() + WAIT_MAX).await)
    }

    /// Submits what must be applied; returns the block's height.
    pub(super) async fn apply(&mut self, action: &Action) -> anyhow::Result<u64> {
        applied(&self.submit(action).await?, action.name())
    }
}

/// Hands in many at once, each through the next unit; returns how they came out, in no order.
pub(super) async fn send_all(units: &[Unit], transactions: Vec<SignedTransaction>) -> Vec<Answer> {
    let mut sending = JoinSet::new();
    for (unit, signed) in units.iter().cycle().zip(transactions) {
        sending.spawn(send(unit.clone(), signed, Instant::now() + WAIT_MAX));
    }
    sending.join_all().await
}

/// The height at which something was applied; fails for anything else.
pub(super) fn applied(answer: &Answer, what: &str) -> anyhow::Result<u64> {
    match &answer.fate {
        Fate::Applied { height } => Ok(*height),
        Fate::Refused { rule, .. } => bail!("{what} was refused: {rule}"),
        Fate::Rejected { reason, message } => bail!("{what} was not taken: {reason}: {message}"),
        Fate::Pending { problem } => bail!(
            "{what} has no outcome: {}",
            problem.as_deref().unwrap_or("it waits")
        ),
    }
}

const WAIT_MAX: Duration = Duration::from_secs(12);
