use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{
        AccountKey, Action, Genesis, Inadmissible, MempoolRefusal, NonceWindow, Outcome,
        Transaction, TransactionId,
    },
    transport::Clock,
};
use wayside_engine::{Handle, SubmitError};

use crate::follow::{Followed, nonces};

/// Somebody for whom this unit speaks on the ledger, as a custodian or an operator that issues tickets:
/// signs what it says, one word at a time for each nonce.
pub(crate) struct Voice {
    parts: VoiceParts,
    /// The nonces of words that may still become final.
    waiting: Mutex<BTreeSet<(ShardId, u64)>>,
}

/// What a voice is made of.
pub(crate) struct VoiceParts {
    /// Its key, which signs, and opens what was sealed to it.
    pub(crate) key: SigningKey,
    /// The ledger.
    pub(crate) genesis: Arc<Genesis>,
    /// Where what it says is handed in.
    pub(crate) engine: Handle,
    /// Where that is seen to be final.
    pub(crate) followed: Arc<Followed>,
    /// What the time is.
    pub(crate) clock: Clock,
}

/// Why a word did not become final.
#[derive(Debug, Error)]
pub(crate) enum SayError {
    /// It was not final in time; it never will be once it has expired.
    #[error("it was not final in time")]
    Late,
    /// The engine did not take it.
    #[error(transparent)]
    NotTaken(#[from] SubmitError),
    /// The shard is not kept here.
    #[error("shard {0} is not kept here")]
    NotHeld(ShardId),
    /// What is final cannot be looked up.
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
}

/// A nonce that nobody else uses until this is dropped.
struct Reserved<'a> {
    voice: &'a Voice,
    shard: ShardId,
    nonce: u64,
}

impl Voice {
    pub(crate) fn new(parts: VoiceParts) -> Self {
        Self {
            parts,
            waiting: Mutex::default(),
        }
    }

    /// The key that signs, and opens what was sealed to it.
    pub(crate) fn key(&self) -> &SigningKey {
        &self.parts.key
    }

    /// How the ledger names who speaks.
    pub(crate) fn account(&self) -> AccountKey {
        self.parts.key.verifying_key().into()
    }

    /// Says something on the ledger, and waits until it is final here.
    pub(crate) async fn say(
        &self,
        shard: ShardId,
        action: Action,
    ) -> Result<(TransactionId, Option<Outcome>), SayError> {
        let deadline = Instant::now() + SAY_WAIT;
        let mut passed_over = BTreeSet::new();
        loop {
            let reserved = self.reserve(shard, &passed_over)?;
            let now = self.parts.clock.now().timestamp;
            let transaction = Transaction {
                version: Transaction::VERSION,
                chain: self.parts.genesis.chain(),
                shard,
                sender: self.account(),
                nonce: reserved.nonce,
                // So that a word that was not final in time is not said much later.
                expires: Some(now.saturating_add(SAY_LIFETIME)),
                approvers: Vec::new(),
                action: action.clone(),
            };
            let signed = transaction.sign(&self.parts.key);
            let id = signed.id();
            match self.parts.engine.submit(shard, signed).await {
                Ok(_) => {}
                // This very key was used from another place, or before a restart.
                Err(SubmitError::Mempool(
                    MempoolRefusal::NonceWaiting
                    | MempoolRefusal::Inadmissible(Inadmissible::NonceUsed),
                )) if passed_over.len() < PASS_OVER_MAX => {
                    passed_over.insert(reserved.nonce);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            return Ok((id, self.outcome(id, deadline).await?));
        }
    }

    /// What became of something that was said; waits for it.
    pub(crate) async fn outcome(
        &self,
        id: TransactionId,
        deadline: Instant,
    ) -> Result<Option<Outcome>, SayError> {
        let mut turns = self.parts.followed.turns();
        loop {
            turns.mark_unchanged();
            if let Some(place) = self.parts.followed.index().transaction(&id)? {
                return Ok(Outcome::from_code(place.outcome));
            }
            if !matches!(timeout_at(deadline, turns.changed()).await, Ok(Ok(()))) {
                return Err(SayError::Late);
            }
        }
    }

    /// Takes the lowest nonce that is free by the final state and in nobody's hands here.
    fn reserve(
        &self,
        shard: ShardId,
        passed_over: &BTreeSet<u64>,
    ) -> Result<Reserved<'_>, SayError> {
        let tip = self
            .parts
            .engine
            .tip(shard)
            .ok_or(SayError::NotHeld(shard))?;
        let window = nonces(&tip.state, self.account());
        // Every change is one call that leaves it whole.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let beyond = window.next().saturating_add(NonceWindow::LENGTH);
        let mut free = (window.next()..beyond).filter(|nonce| {
            !window.is_used(*nonce)
                && !waiting.contains(&(shard, *nonce))
                && !passed_over.contains(nonce)
        });
        let nonce = free.next().ok_or(SayError::Late)?;
        waiting.insert((shard, nonce));
        Ok(Reserved {
            voice: self,
            shard,
            nonce,
        })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let waiting = &self.voice.waiting;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&(self.shard, self.nonce));
    }
}

/// As long as clients wait for an outcome.
const SAY_WAIT: Duration = Duration::from_secs(25);
const SAY_LIFETIME: Duration = Duration::from_secs(60);
/// How many nonces of words that were said elsewhere are passed over.
const PASS_OVER_MAX: usize = 64;
