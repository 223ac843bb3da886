use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, timeout_at},
};
use tonic::{Code, Request, Response, Status};
use wayside::{
    id::ShardId,
    ledger::{
        AccountKey, Action, AttachRecord, Entry, Outcome, ReadReceipt, Rule, State, StateView as _,
        TransactionId, may_read,
    },
    rpc::{
        self,
        ledger::v1::{
            GetPayloadRequest, GetPayloadResponse, GetVaultRequest, GetVaultResponse,
            PutPayloadRequest, PutPayloadResponse, PutShareRequest, PutShareResponse,
            ReleaseShareRequest, ReleaseShareResponse, ReleasedShare, SettleSharesRequest,
            SettleSharesResponse, vault_service_server::VaultService,
        },
    },
    vault::{
        KeptShare, KeptShares, RecordName, ShareError, SignedDeal, SignedReading, SignedSettlement,
        is_payload_of,
    },
};

use super::{
    desk::Desk,
    refusal::{shard_not_held, transaction_unknown},
    submission::entry_of,
};
use crate::{
    vault::{Vault, VaultError},
    voice::{SayError, Voice},
};

/// Takes sealed records and shares, and lets those read who may.
#[derive(Clone)]
pub(super) struct VaultDoor(pub(super) Arc<Desk>);

#[tonic::async_trait]
impl VaultService for VaultDoor {
    async fn get_vault(
        &self,
        _: Request<GetVaultRequest>,
    ) -> Result<Response<GetVaultResponse>, Status> {
        self.0.vault_info().map(Response::new)
    }

    async fn put_payload(
        &self,
        request: Request<PutPayloadRequest>,
    ) -> Result<Response<PutPayloadResponse>, Status> {
        self.0.put_payload(request.into_inner()).await?;
        Ok(Response::new(PutPayloadResponse {}))
    }

    async fn put_share(
        &self,
        request: Request<PutShareRequest>,
    ) -> Result<Response<PutShareResponse>, Status> {
        self.0.put_share(request.into_inner()).await?;
        Ok(Response::new(PutShareResponse {}))
    }

    async fn settle_shares(
        &self,
        request: Request<SettleSharesRequest>,
    ) -> Result<Response<SettleSharesResponse>, Status> {
        let kept = self.0.settle_shares(request.get_ref()).await?;
        Ok(Response::new(SettleSharesResponse { kept }))
    }

    async fn get_payload(
        &self,
        request: Request<GetPayloadRequest>,
    ) -> Result<Response<GetPayloadResponse>, Status> {
        let answer = self.0.get_payload(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn release_share(
        &self,
        request: Request<ReleaseShareRequest>,
    ) -> Result<Response<ReleaseShareResponse>, Status> {
        let answer = self.0.release_share(request.get_ref()).await;
        answer.map(Response::new)
    }
}

impl Desk {
    fn vault_info(&self) -> Result<GetVaultResponse, Status> {
        self.open()?;
        let usage = self.vault.usage();
        let account = self.custodian.as_ref().map(|it| it.account());
        let tip = self.engine.tip(ShardId::GOVERNANCE);
        let named = tip.zip(account).and_then(|(tip, account)| {
            let holder = tip.state.role_holder(account)?;
            Some(holder.name.to_string())
        });
        Ok(GetVaultResponse {
            custodian: account.map(|it| it.to_string()).unwrap_or_default(),
            operator: named.unwrap_or_default(),
            records: usage.records,
            bytes: usage.bytes,
            bytes_max: usage.bytes_max,
        })
    }

    async fn put_payload(&self, request: PutPayloadRequest) -> Result<(), Status> {
        let (attached, _) = self.attached(&request.transaction_id).await?;
        if !is_payload_of(&attached, &request.payload) {
            let words = "not the sealed bytes that the ledger names";
            return Err(rpc::refusal(
                Code::InvalidArgument,
                "PAYLOAD_DIFFERS",
                words,
            ));
        }
        let payload = request.payload.to_vec();
        let name = RecordName::of(&attached);
        self.with_vault(move |vault| vault.put_payload(&attached, payload))
            .await?;
        self.keep_unless_erased(name).await
    }

    async fn put_share(&self, request: PutShareRequest) -> Result<(), Status> {
        let (attached, signers) = self.attached(&request.transaction_id).await?;
        let custodian = self.require_custodian()?;
        let deal = SignedDeal::from_bytes(&request.deal)
            .and_then(|deal| deal.check(self.genesis.chain()).map(|()| deal))
            .map_err(|error| deal_refused(&error))?;
        let name = RecordName::of(&attached);
        if deal.deal.name() != name || deal.deal.class != attached.class {
            return Err(share_refused(&ShareError::OtherRecord));
        }
        let first = deal.deal.number == 0 && signers.contains(&deal.deal.dealer);
        if !first {
            self.require_owner(name, deal.deal.dealer)?;
        }
        let share = KeptShare::admit(deal, request.share.to_vec(), custodian.key())
            .map_err(|error| share_refused(&error))?;
        self.with_vault(move |vault| vault.put_share(&attached, share))
            .await?;
        self.keep_unless_erased(name).await
    }

    async fn settle_shares(&self, request: &SettleSharesRequest) -> Result<bool, Status> {
        let settlement = SignedSettlement::from_bytes(&request.settlement)
            .map_err(|error| deal_refused(&error))?;
        let signer = settlement
            .check(self.genesis.chain())
            .map_err(|error| deal_refused(&error))?;
        let (name, deal) = (settlement.name(), settlement.deal());
        self.require_owner(name, signer)?;
        self.with_vault(move |vault| vault.settle(&name, deal))
            .await
    }

    async fn get_payload(&self, request: &GetPayloadRequest) -> Result<GetPayloadResponse, Status> {
        let reading = self.reading(&request.reading)?;
        let name = reading.name();
        // Also where nothing is kept, so that only who may read learns of it.
        let state = self.tip(name.vehicle.home)?.state;
        require_not_erased(&state, name)?;
        let unknown = || {
            let words = "the sealed bytes of this record are not kept here";
            rpc::refusal(Code::NotFound, "PAYLOAD_UNKNOWN", words)
        };
        let kept = self.with_vault(move |vault| vault.payload(&name)).await?;
        let kept = kept.ok_or_else(unknown)?;
        self.require_entitled(&receipt(&kept.attached, &reading))?;
        self.require_vault_open(name.vehicle.home).await?;
        if !is_payload_of(&kept.attached, &kept.payload) {
            tracing::error!(record = %name.record, "sealed bytes of a record are damaged");
            let words = "the sealed bytes are damaged here: ask another unit";
            return Err(rpc::refusal(Code::DataLoss, "PAYLOAD_DAMAGED", words));
        }
        Ok(GetPayloadResponse {
            payload: kept.payload.into(),
        })
    }

    /// Nothing is released but after a receipt that is final, applied, and followed here.
    async fn release_share(
        &self,
        request: &ReleaseShareRequest,
    ) -> Result<ReleaseShareResponse, Status> {
        let reading = self.reading(&request.reading)?;
        let custodian = self.require_custodian()?;
        let name = reading.name();
        let shard = name.vehicle.home;
        require_not_erased(&self.tip(shard)?.state, name)?;
        let kept = self.with_vault(move |vault| vault.shares(&name)).await?;
        let kept = kept.ok_or_else(share_unknown)?;
        let receipt = receipt(&kept.attached, &reading);
        self.require_entitled(&receipt)?;
        let receipt_id = self
            .receipt(custodian, shard, receipt.clone(), &reading)
            .await?;
        self.require_vault_open(shard).await?;
        // The state is now one that holds the receipt; what it says else counts too.
        self.require_entitled(&receipt)?;
        // What was read before may be gone by now.
        let kept = self.with_vault(move |vault| vault.shares(&name)).await?;
        let kept = kept.ok_or_else(share_unknown)?;
        Ok(ReleaseShareResponse {
            custodian: custodian.account().to_string(),
            shares: released(&kept, custodian, &reading)?,
            receipt_id: receipt_id.to_string(),
        })
    }

    /// Has a receipt made final, once for each wish to read.
    async fn receipt(
        &self,
        custodian: &Voice,
        shard: ShardId,
        receipt: ReadReceipt,
        reading: &SignedReading,
    ) -> Result<TransactionId, Status> {
        let now = self.clock.now().timestamp;
        if let Some(before) = self.receipts.given(reading, now) {
            return Ok(before);
        }
        let said = custodian.say(shard, Action::ReadReceipt(receipt)).await;
        let (id, outcome) = said.map_err(|error| not_said(&error))?;
        self.vault.witness(shard);
        match outcome {
            Some(Outcome::Applied) => {
                self.receipts.give(reading, id, now);
                Ok(id)
            }
            Some(Outcome::Refused(rule)) => Err(refused_by(rule)),
            None => Err(refused_by_unknown()),
        }
    }

    /// What a transaction attached, and who signed that; waits for units that are some blocks ahead.
    async fn attached(
        &self,
        transaction_id: &str,
    ) -> Result<(AttachRecord, BTreeSet<AccountKey>), Status> {
        self.open()?;
        let id = rpc::parse_transaction(transaction_id, "transaction_id")?;
        let deadline = Instant::now() + LAG_MAX;
        let mut turns = self.followed.turns();
        let place = loop {
            turns.mark_unchanged();
            if let Some(place) = self.place(&id)? {
                break place;
            }
            if !matches!(timeout_at(deadline, turns.changed()).await, Ok(Ok(()))) {
                return Err(transaction_unknown(&self.missing_blocks()));
            }
        };
        let block = self.engine.block(place.shard, place.height).await;
        let block = block.ok_or_else(|| self.pruned(place.shard, place.height))?;
        if let (Some(Entry::Transaction(signed)), Some(Outcome::Applied)) = (
            entry_of(&block.block, place.entry),
            Outcome::from_code(place.outcome),
        ) && let Action::AttachRecord(attached) = &signed.transaction.action
        {
            let transaction = &signed.transaction;
            let approvers = transaction.approvers.iter().copied();
            let signers = approvers.chain([transaction.sender]).collect();
            require_not_erased(&self.tip(place.shard)?.state, RecordName::of(attached))?;
            return Ok((attached.clone(), signers));
        }
        let words = "the transaction attached no record";
        Err(rpc::refusal(
            Code::FailedPrecondition,
            "NOT_ATTACHED",
            words,
        ))
    }

    fn reading(&self, bytes: &[u8]) -> Result<SignedReading, Status> {
        self.open()?;
        let now = self.clock.now().timestamp;
        SignedReading::from_bytes(bytes)
            .and_then(|reading| reading.check(self.genesis.chain(), now).map(|()| reading))
            .map_err(|error| {
                rpc::refusal(Code::InvalidArgument, "READING_REFUSED", error.to_string())
            })
    }

    /// Refuses whom the final state does not let read, now.
    fn require_entitled(&self, receipt: &ReadReceipt) -> Result<(), Status> {
        let tip = self.tip(receipt.vehicle.home)?;
        let now = self.clock.now().timestamp.max(tip.header.time);
        may_read(&tip.state, receipt, now).map_err(refused_by)
    }

    fn require_owner(&self, name: RecordName, signer: AccountKey) -> Result<(), Status> {
        let tip = self.tip(name.vehicle.home)?;
        require_not_erased(&tip.state, name)?;
        let vehicle = tip.state.vehicle(name.vehicle);
        if vehicle.is_some_and(|vehicle| vehicle.owner == signer) {
            return Ok(());
        }
        let words = format!("{signer} may not deal shares of this record");
        Err(rpc::refusal(
            Code::PermissionDenied,
            "DEALER_UNKNOWN",
            words,
        ))
    }

    fn require_custodian(&self) -> Result<&Voice, Status> {
        self.custodian.as_deref().ok_or_else(|| {
            let words = "this unit keeps no custodian's shares";
            rpc::refusal(Code::FailedPrecondition, "NO_CUSTODIAN", words)
        })
    }

    /// Waits a little until all that is erased has been destroyed here.
    async fn require_vault_open(&self, shard: ShardId) -> Result<(), Status> {
        if self.engine.tip(shard).is_none() {
            return Err(shard_not_held(shard));
        }
        let deadline = Instant::now() + OPEN_WAIT;
        while !self.vault.is_open(shard) {
            sleep(OPEN_CHECK).await;
            if Instant::now() >= deadline {
                let words = "no block since this unit started has shown what was erased before";
                let reason = "VAULT_NOT_READY";
                return Err(rpc::retry_later(
                    Code::Unavailable,
                    reason,
                    words,
                    OPEN_WAIT,
                ));
            }
        }
        Ok(())
    }

    /// Destroys again what was erased while it was being written.
    async fn keep_unless_erased(&self, name: RecordName) -> Result<(), Status> {
        let Some(tip) = self.engine.tip(name.vehicle.home) else {
            return Ok(());
        };
        let refused = require_not_erased(&tip.state, name);
        if refused.is_err() {
            self.with_vault(move |vault| vault.erase(&name)).await?;
        }
        refused
    }

    /// Works with the disk.
    async fn with_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Status> {
        let vault = Arc::clone(&self.vault);
        let done = spawn_blocking(move || work(&vault)).await;
        let done = done.map_err(|_| vault_failed())?;
        done.map_err(|error| vault_refused(&error))
    }
}

/// What a custodian says before it lets somebody read.
fn receipt(attached: &AttachRecord, reading: &SignedReading) -> ReadReceipt {
    ReadReceipt {
        vehicle: attached.vehicle,
        reader: reading.reader(),
        class: attached.class,
        record: attached.record,
    }
}

fn released(
    kept: &KeptShares,
    custodian: &Voice,
    reading: &SignedReading,
) -> Result<Vec<ReleasedShare>, Status> {
    let released = kept.shares().iter().map(|share| {
        let sealed = share.release(custodian.key(), reading);
        Ok(ReleasedShare {
            deal: Bytes::from(share.deal.to_bytes()),
            share: sealed.map_err(|error| share_refused(&error))?.into(),
        })
    });
    released.collect()
}

fn require_not_erased(state: &State, name: RecordName) -> Result<(), Status> {
    if state.tombstone(name.vehicle, name.record).is_some() {
        return Err(refused_by(Rule::RecordErased));
    }
    Ok(())
}

/// The ledger's rules, in the words of this service.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rules about reading are few, and any other is told by its name"
)]
fn refused_by(rule: Rule) -> Status {
    let (code, reason, words) = match rule {
        Rule::RecordErased => (
            Code::FailedPrecondition,
            "RECORD_ERASED",
            "the record was erased".to_owned(),
        ),
        Rule::GrantUnknown => (
            Code::PermissionDenied,
            "GRANT_UNKNOWN",
            "the reader is not the owner, and has no grant for this class".to_owned(),
        ),
        Rule::GrantNotValid => (
            Code::PermissionDenied,
            "GRANT_NOT_VALID",
            "the reader's grant has not begun, is over, or ended with the ownership".to_owned(),
        ),
        Rule::VehicleUnknown => (
            Code::NotFound,
            "VEHICLE_UNKNOWN",
            "no such vehicle".to_owned(),
        ),
        other => (
            Code::PermissionDenied,
            "RECEIPT_REFUSED",
            format!("the ledger refused the receipt: {}", other.name()),
        ),
    };
    rpc::refusal(code, reason, words)
}

fn refused_by_unknown() -> Status {
    let words = "the ledger refused the receipt by a rule of a later release";
    rpc::refusal(Code::PermissionDenied, "RECEIPT_REFUSED", words)
}

fn not_said(error: &SayError) -> Status {
    tracing::warn!(%error, "a receipt was not final in time");
    let words = "the receipt is not final yet";
    rpc::retry_later(Code::Unavailable, "RECEIPT_PENDING", words, OPEN_WAIT)
}

fn share_unknown() -> Status {
    let words = "no share of this record's key is kept here";
    rpc::refusal(Code::NotFound, "SHARE_UNKNOWN", words)
}

fn deal_refused(error: &impl std::fmt::Display) -> Status {
    rpc::refusal(Code::InvalidArgument, "DEAL_REFUSED", error.to_string())
}

fn share_refused(error: &ShareError) -> Status {
    rpc::refusal(Code::FailedPrecondition, "SHARE_REFUSED", error.to_string())
}

fn vault_refused(error: &VaultError) -> Status {
    match error {
        VaultError::Share(error) => share_refused(error),
        VaultError::OtherAttachment => {
            let words = error.to_string();
            rpc::refusal(Code::FailedPrecondition, "RECORD_DIFFERS", words)
        }
        VaultError::Full(_) => {
            rpc::refusal(Code::ResourceExhausted, "VAULT_FULL", error.to_string())
        }
        // Its words name files, so they are for the log.
        VaultError::File { .. } | VaultError::Damaged(_) => {
            tracing::error!(%error, "the vault cannot be used");
            vault_failed()
        }
    }
}

fn vault_failed() -> Status {
    let words = "what the unit keeps off the ledger cannot be used";
    rpc::refusal(Code::Internal, "VAULT_FAILED", words)
}

/// How far behind the unit is that is asked next.
const LAG_MAX: Duration = Duration::from_secs(10);
const OPEN_WAIT: Duration = Duration::from_secs(3);
const OPEN_CHECK: Duration = Duration::from_millis(20);
