use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use wayside::{
    id::ShardId,
    ledger::{AccountKey, Key, SignedTransaction, TransactionId},
    rpc::{
        self,
        ledger::v1::{
            GetNonceRequest, GetNonceResponse, GetTransactionRequest, GetTransactionResponse,
            SubmitRequest, SubmitResponse, TransactionState, TransactionStatus,
        },
    },
};
use wayside_engine::SubmitError;

use super::{
    desk::Desk,
    refusal::{
        catching_up, index_failed, not_a_transaction, not_taken, shard_not_held,
        transaction_unknown,
    },
};
use crate::index::Place;

impl Desk {
    /// Hands a transaction to the engine, once; a repetition gets the first one's outcome.
    pub(super) async fn submit(&self, request: SubmitRequest) -> Result<SubmitResponse, Status> {
        let wait = rpc::from_wire_duration(request.wait, "wait")?.unwrap_or_default();
        let deadline = Instant::now() + wait.min(WAIT_MAX);
        let (id, shard, is_repeated) = self.take(&request.transaction, deadline).await?;
        let mut turns = self.followed.turns();
        loop {
            turns.mark_unchanged();
            if let Some(place) = self.place(&id)? {
                return Ok(SubmitResponse {
                    transaction_id: id.to_string(),
                    status: Some(self.finalized(place).await),
                    repeated_request: is_repeated,
                });
            }
            let turned = timeout_at(deadline, turns.changed()).await;
            if !matches!(turned, Ok(Ok(()))) {
                break;
            }
        }
        Ok(SubmitResponse {
            transaction_id: id.to_string(),
            status: Some(pending(shard)),
            repeated_request: is_repeated,
        })
    }

    /// Has the engine take a transaction; returns its id, its shard, and whether it was known.
    async fn take(
        &self,
        bytes: &Bytes,
        deadline: Instant,
    ) -> Result<(TransactionId, ShardId, bool), Status> {
        self.open()?;
        let length_max = self.genesis.limits.transaction_length_max();
        let signed = SignedTransaction::from_bytes(bytes, length_max)
            .map_err(|error| not_a_transaction(&error))?;
        let (id, shard) = (TransactionId::of(bytes), signed.transaction.shard);
        if self.place(&id)?.is_some() || self.engine.pending(shard, &id) {
            return Ok((id, shard, true));
        }
        let sender = signed.transaction.sender;
        self.wait_for_account(shard, sender, deadline).await?;
        // Noted first, so that whoever asks for it meanwhile is not told that it is unknown.
        self.pending().note(id, &signed, self.clock.now().instant);
        let Err(refused) = self.engine.submit(shard, signed).await else {
            return Ok((id, shard, false));
        };
        if self.engine.pending(shard, &id) {
            return Ok((id, shard, true));
        }
        self.pending().forget(&id);
        if matches!(refused, SubmitError::Mempool(_)) {
            // Perhaps because these very bytes stand in a block that is not indexed yet.
            self.followed.wait_for_tip(shard).await;
            if self.place(&id)?.is_some() {
                return Ok((id, shard, true));
            }
        }
        Err(not_taken(&refused))
    }

    /// Waits for an account that this unit does not know yet: another unit, which is some blocks ahead,
    /// may have told its owner that it is there. Refuses only what more blocks may change.
    async fn wait_for_account(
        &self,
        shard: ShardId,
        sender: AccountKey,
        deadline: Instant,
    ) -> Result<(), Status> {
        let patience = deadline.min(Instant::now() + LAG_MAX);
        let account = Key::Account(sender);
        let mut turns = self.followed.turns();
        loop {
            turns.mark_unchanged();
            let held = self.engine.tip(shard).zip(self.engine.status(shard));
            let Some((tip, status)) = held else {
                return Err(shard_not_held(shard));
            };
            if tip.state.get(&account).is_some() {
                return Ok(());
            }
            let end = if status.catching_up {
                deadline
            } else {
                patience
            };
            if matches!(timeout_at(end, turns.changed()).await, Ok(Ok(()))) {
                continue;
            }
            if status.catching_up {
                return Err(catching_up(shard));
            }
            // The engine says what is wrong.
            return Ok(());
        }
    }

    /// Where a transaction stands.
    pub(super) async fn transaction(
        &self,
        request: &GetTransactionRequest,
    ) -> Result<GetTransactionResponse, Status> {
        self.open()?;
        let id = rpc::parse_transaction(&request.transaction_id, "transaction_id")?;
        if let Some(place) = self.place(&id)? {
            let block = self.engine.block(place.shard, place.height).await;
            let entry = block
                .as_ref()
                .and_then(|it| entry_of(&it.block, place.entry));
            let transaction = match entry {
                Some(wayside::ledger::Entry::Transaction(signed)) => signed.to_bytes(),
                Some(wayside::ledger::Entry::Delivery(_)) | None => Vec::new(),
            };
            return Ok(GetTransactionResponse {
                status: Some(self.finalized(place).await),
                transaction: transaction.into(),
            });
        }
        let unknown = || transaction_unknown(&self.missing_blocks());
        let shard = self.pending().shard(&id).ok_or_else(unknown)?;
        Ok(GetTransactionResponse {
            status: Some(pending(shard)),
            transaction: Bytes::new(),
        })
    }

    /// Which nonces an account may use.
    pub(super) fn nonce(&self, request: &GetNonceRequest) -> Result<GetNonceResponse, Status> {
        let key = rpc::parse_account(&request.key, "key")?;
        let shard = rpc::parse_shard(request.shard_id, "shard_id")?;
        let tip = self.tip(shard)?;
        let window = crate::follow::nonces(&tip.state, key);
        let beyond = window
            .next()
            .saturating_add(wayside::ledger::NonceWindow::LENGTH);
        let highest_used = (window.next()..beyond).rev().find(|it| window.is_used(*it));
        let next = highest_used.map_or(window.next(), |highest| highest + 1);
        Ok(GetNonceResponse {
            next: self.pending().next_nonce(shard, key, next),
            lowest_free: window.next(),
            beyond,
        })
    }

    pub(super) fn place(&self, id: &TransactionId) -> Result<Option<Place>, Status> {
        let place = self.followed.index().transaction(id);
        place.map_err(|error| index_failed(&error))
    }

    async fn finalized(&self, place: Place) -> TransactionStatus {
        let time = self.time_of(place.shard, place.height).await;
        TransactionStatus {
            state: TransactionState::Finalized.into(),
            shard_id: place.shard.0.into(),
            finalized: Some(rpc::to_wire_finalized(
                place.height,
                place.entry,
                time,
                place.outcome,
            )),
        }
    }
}

pub(super) fn entry_of(
    block: &wayside::ledger::Block,
    entry: u32,
) -> Option<&wayside::ledger::Entry> {
    block.entries.get(usize::try_from(entry).ok()?)
}

fn pending(shard: ShardId) -> TransactionStatus {
    TransactionStatus {
        state: TransactionState::Pending.into(),
        shard_id: shard.0.into(),
        finalized: None,
    }
}

/// The longest wait for an outcome.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How far behind the other units one is that keeps up with them.
const LAG_MAX: Duration = Duration::from_secs(3);
