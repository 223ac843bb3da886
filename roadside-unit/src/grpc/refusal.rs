use std::time::Duration;

use tonic::{Code, Status};
use wayside::{
    id::ShardId,
    ledger::{Inadmissible, MempoolRefusal, TransactionError},
    rpc::{self, ledger::v1::Rejection},
};
use wayside_engine::SubmitError;

use crate::index::IndexError;

/// The unit is stopping.
pub(super) fn stopping() -> Status {
    let words = "the unit is stopping";
    rpc::retry_later(Code::Unavailable, "STOPPING", words, RESTART_DELAY)
}

/// The unit does not keep a shard.
pub(super) fn shard_not_held(shard: ShardId) -> Status {
    let words = format!("shard {shard} is not kept here");
    rpc::refusal(Code::FailedPrecondition, "SHARD_NOT_HELD", words)
}

/// The unit is behind the other members.
pub(super) fn catching_up(shard: ShardId) -> Status {
    let words = format!("shard {shard} is still being caught up with");
    rpc::retry_later(Code::Unavailable, "CATCHING_UP", words, CATCH_UP_DELAY)
}

pub(super) fn vehicle_unknown() -> Status {
    rpc::refusal(Code::NotFound, "VEHICLE_UNKNOWN", "no such vehicle")
}

/// `missing` says which blocks the unit does not keep; empty, if it keeps all.
pub(super) fn transaction_unknown(missing: &str) -> Status {
    let words = format!("this unit has not seen the transaction{missing}");
    rpc::refusal(Code::NotFound, "TRANSACTION_UNKNOWN", words)
}

/// The unit does not keep a block, or has never had it.
pub(super) fn pruned(words: String) -> Status {
    rpc::refusal(Code::OutOfRange, "PRUNED", words)
}

/// The index failed; its words may name files, so they are for the log.
pub(super) fn index_failed(error: &IndexError) -> Status {
    tracing::error!(%error, "the index cannot be read");
    rpc::refusal(
        Code::Internal,
        "INDEX_FAILED",
        "the unit's index cannot be read",
    )
}

/// Bytes that are no transaction of this ledger.
pub(super) fn not_a_transaction(error: &TransactionError) -> Status {
    let reason = match error {
        TransactionError::TooLong(_) => "TRANSACTION_TOO_LARGE",
        TransactionError::Malformed(_)
        | TransactionError::TooManyApprovers(_)
        | TransactionError::ApproverOrder => "TRANSACTION_MALFORMED",
        TransactionError::Approvals(..) => "APPROVAL_MISSING",
        TransactionError::Version(_) => "VERSION_UNKNOWN",
        TransactionError::ForeignChain(_) => "WRONG_CHAIN",
        TransactionError::ForeignShard(_) => "WRONG_SHARD",
        TransactionError::Key(..) => "KEY_REFUSED",
        TransactionError::BadSignature(_) => "BAD_SIGNATURE",
        TransactionError::Action(_) => "ACTION_REFUSED",
    };
    rpc::refusal(Code::InvalidArgument, reason, error.to_string())
}

/// Why the engine did not take a transaction.
pub(super) fn not_taken(error: &SubmitError) -> Status {
    match error {
        SubmitError::UnknownShard(shard) => shard_not_held(*shard),
        SubmitError::Transaction(error) => not_a_transaction(error),
        SubmitError::Mempool(refusal) => no_room(refusal),
    }
}

fn no_room(refusal: &MempoolRefusal) -> Status {
    let never = |reason| rpc::refusal(Code::FailedPrecondition, reason, refusal.to_string());
    let later = |reason, delay| {
        rpc::retry_later(Code::ResourceExhausted, reason, refusal.to_string(), delay)
    };
    match refusal {
        MempoolRefusal::Waiting => never("ALREADY_WAITING"),
        MempoolRefusal::NonceWaiting => never("NONCE_WAITING"),
        MempoolRefusal::SenderFull | MempoolRefusal::Full => later("MEMPOOL_FULL", ROOM_DELAY),
        MempoolRefusal::Inadmissible(why) => match why {
            Inadmissible::UnknownSender => never("SENDER_UNKNOWN"),
            Inadmissible::NonceUsed => never("NONCE_USED"),
            Inadmissible::RulesTooOld(_) => never("RULES_TOO_OLD"),
            Inadmissible::Expired => never("EXPIRED"),
            Inadmissible::NonceBeyond => later("NONCE_TOO_HIGH", ROOM_DELAY),
            Inadmissible::QuotaExhausted => later("QUOTA_EXHAUSTED", QUOTA_DELAY),
        },
    }
}

/// A refusal as one answer of many.
pub(super) fn to_rejection(status: &Status) -> Rejection {
    let details = rpc::reason_of(status);
    Rejection {
        code: status.code().into(),
        reason: details.reason,
        message: status.message().to_owned(),
        retry_after: details.retry_after.map(rpc::to_wire_duration),
    }
}

/// About how long a restart takes.
const RESTART_DELAY: Duration = Duration::from_secs(1);
/// About how long a member takes for a few blocks.
const CATCH_UP_DELAY: Duration = Duration::from_millis(500);
/// Quotas are counted in windows of minutes to hours.
const QUOTA_DELAY: Duration = Duration::from_secs(60);
/// About how long a few blocks take.
const ROOM_DELAY: Duration = Duration::from_millis(200);
