use std::time::Duration;

use thiserror::Error;
use wayside::{
    id::ShardId,
    ledger::{
        AccountKey, Committees, Entry as BlockEntry, Key, NonceWindow, Proof, ProofError,
        TransactionId, Value,
    },
    time::Timestamp,
};

use super::{Place, Verdict};

/// What the ledger made of a transaction, as a verified proof says.
///
/// Only verifying makes one, so nothing is ever crossed off on a unit's word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proven {
    transaction: TransactionId,
    verdict: Verdict,
}

/// How an account stood on the ledger lately, as a verified proof says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    nonces: NonceWindow,
}

/// Why what a unit gave shows nothing.
#[derive(Debug, Error)]
pub enum ProvenError {
    /// It does not verify against the genesis.
    #[error("the proof does not hold: {0}")]
    Proof(#[from] ProofError),
    /// It proves something else than was asked.
    #[error("the proof is of something else")]
    Other,
    /// It was true once; what is true now may be otherwise.
    #[error("the proof is {0:?} old")]
    Stale(Duration),
}

impl Proven {
    /// Verifies a proof of what became of a transaction.
    pub fn verify(
        proof: &[u8],
        committees: &Committees,
        transaction: TransactionId,
    ) -> Result<Self, ProvenError> {
        let Proof::Entry(entry) = Proof::from_bytes(proof)? else {
            return Err(ProvenError::Other);
        };
        let (header, outcome) = entry.verify(committees)?;
        match &entry.entry {
            BlockEntry::Transaction(signed) if signed.id() == transaction => {}
            BlockEntry::Transaction(_) | BlockEntry::Delivery(_) => return Err(ProvenError::Other),
        }
        let place = Place {
            shard: header.shard,
            height: header.height,
            time: header.time,
        };
        Ok(Self {
            transaction,
            verdict: Verdict {
                outcome: outcome.code(),
                place,
                proof: proof.to_vec(),
            },
        })
    }

    /// Which transaction.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// What became of it.
    pub fn into_verdict(self) -> Verdict {
        self.verdict
    }

    /// What a proof would say, in tests that are not about proofs.
    #[cfg(test)]
    pub(super) fn made_up(transaction: TransactionId, outcome: u16, place: Place) -> Self {
        Self {
            transaction,
            verdict: Verdict {
                outcome,
                place,
                proof: b"made up".to_vec(),
            },
        }
    }
}

impl Standing {
    /// Verifies a proof of how an account stands in a shard, be it that nobody heard of it yet.
    ///
    /// What is older than `STANDING_AGE_MAX` is refused: it may hide nonces that were used since.
    pub fn verify(
        proof: &[u8],
        committees: &Committees,
        (account, shard): (AccountKey, ShardId),
        now: Timestamp,
    ) -> Result<Self, ProvenError> {
        let Proof::State(state) = Proof::from_bytes(proof)? else {
            return Err(ProvenError::Other);
        };
        let header = state.verify(committees)?;
        if state.key != Key::Account(account) || header.shard != shard {
            return Err(ProvenError::Other);
        }
        let age = now.since(header.time);
        if age > STANDING_AGE_MAX {
            return Err(ProvenError::Stale(age));
        }
        match &state.value {
            None => Ok(Self {
                nonces: NonceWindow::default(),
            }),
            Some(Value::Account(account)) => Ok(Self {
                nonces: account.nonces,
            }),
            Some(_) => Err(ProvenError::Other),
        }
    }

    /// The key in the state that such a proof is for, in its canonical form.
    pub fn state_key(account: AccountKey) -> Vec<u8> {
        borsh::to_vec(&Key::Account(account)).expect("memory takes everything")
    }

    /// Which nonces were used.
    pub fn nonces(&self) -> NonceWindow {
        self.nonces
    }

    /// What a proof would say, in tests that are not about proofs.
    #[cfg(test)]
    pub(super) fn made_up(nonces: NonceWindow) -> Self {
        Self { nonces }
    }
}

/// Blocks come every half minute even when nothing happens; and clocks are wrong.
pub(super) const STANDING_AGE_MAX: Duration = Duration::from_secs(15 * 60);
