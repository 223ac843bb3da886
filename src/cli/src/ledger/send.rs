use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status};
use wayside::{
    id::ShardId,
    ledger::{SignedTransaction, TransactionId},
    rpc::{
        ledger::v1::{Finalized, SubmitRequest, SubmitResponse},
        to_wire_duration,
    },
};

use super::unit::{Unit, reason};

/// What became of a transaction that was handed in.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: TransactionId,
    pub(crate) shard: ShardId,
    pub(crate) fate: Fate,
    /// It had been handed in before.
    pub(crate) repeated: bool,
}

/// How far a transaction came.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It stands in a block and changed the state.
    Applied {
        /// The block's height.
        height: u64,
    },
    /// It stands in a block and changed nothing but its sender's nonce.
    Refused {
        /// The block's height.
        height: u64,
        /// The rule that refused it.
        rule: String,
    },
    /// It will never stand in a block.
    Rejected {
        /// Why, for programs.
        reason: String,
        /// Why, in words.
        message: String,
    },
    /// Nothing is known yet.
    Pending {
        /// What the last attempt said, if one failed.
        problem: Option<String>,
    },
}

/// Hands a transaction in, again and again if the unit cannot take it now, until its outcome is
/// final or `deadline` has passed. The ledger executes it once, however often it is handed in.
pub(crate) async fn send(mut unit: Unit, signed: SignedTransaction, deadline: Instant) -> Answer {
    let bytes = Bytes::from(signed.to_bytes());
    let (id, shard) = (signed.id(), signed.transaction.shard);
    let mut problem = None;
    let mut pause = PAUSE_MIN;
    let mut repeated = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let request = SubmitRequest {
            transaction: bytes.clone(),
            wait: Some(to_wire_duration(left.min(WAIT_MAX))),
        };
        let call = timeout_at(deadline + GRACE, unit.ledger.submit(request));
        let fate = match call.await {
            Ok(Ok(response)) => {
                let response = response.into_inner();
                repeated.get_or_insert(response.repeated_request);
                problem = None;
                decided(response)
            }
            Ok(Err(status)) if is_for_ever(&status) => Some(Fate::Rejected {
                reason: reason(&status).unwrap_or_else(|| format!("{:?}", status.code())),
                message: status.message().to_owned(),
            }),
            Ok(Err(status)) => {
                problem = Some(format!("{:?}: {}", status.code(), status.message()));
                None
            }
            Err(_) => None,
        };
        let is_late = Instant::now() + pause >= deadline;
        let fate = fate.or_else(|| {
            is_late.then(|| Fate::Pending {
                problem: problem.clone(),
            })
        });
        if let Some(fate) = fate {
            return Answer {
                id,
                shard,
                fate,
                repeated: repeated.unwrap_or(false),
            };
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

impl Answer {
    /// One line of JSON; `line` is that of a file, from 1.
    pub(crate) fn to_line(&self, line: Option<usize>) -> anyhow::Result<String> {
        let mut text = Line {
            line,
            id: self.id.to_string(),
            shard: self.shard.0,
            outcome: self.fate.word(),
            height: None,
            rule: None,
            reason: None,
            message: None,
            repeated: self.repeated,
        };
        match &self.fate {
            Fate::Applied { height } => text.height = Some(*height),
            Fate::Refused { height, rule } => {
                text.height = Some(*height);
                text.rule = Some(rule);
            }
            Fate::Rejected { reason, message } => {
                text.reason = Some(reason);
                text.message = Some(message);
            }
            Fate::Pending { problem } => text.message = problem.as_deref(),
        }
        Ok(serde_json::to_string(&text)?)
    }
}

/// An answer as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    id: String,
    shard: u16,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// It had been handed in before.
    repeated: bool,
}

impl Fate {
    /// The outcome in one word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Refused { .. } => "refused",
            Self::Rejected { .. } => "rejected",
            Self::Pending { .. } => "pending",
        }
    }
}

/// The outcome, where there is one already.
fn decided(response: SubmitResponse) -> Option<Fate> {
    let Finalized {
        height, outcome, ..
    } = response.status?.finalized?;
    let outcome = outcome?;
    Some(if outcome.applied {
        Fate::Applied { height }
    } else {
        Fate::Refused {
            height,
            rule: outcome.rule,
        }
    })
}

/// Whether trying again is of no use.
///
/// It is where another transaction waits with the same nonce: which of them counts is open still.
fn is_for_ever(status: &Status) -> bool {
    let is_open = reason(status).is_some_and(|it| it == "NONCE_WAITING");
    !is_open
        && matches!(
            status.code(),
            Code::InvalidArgument
                | Code::FailedPrecondition
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::Unimplemented
        )
}

/// Later than the deadline, for an answer that is on its way.
const GRACE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// How long a unit is asked to wait at once.
const WAIT_MAX: Duration = Duration::from_secs(5);
