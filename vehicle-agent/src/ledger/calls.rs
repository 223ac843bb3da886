use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use wayside::{
    ledger::Committees,
    rpc::{
        self,
        ledger::v1::{
            ProveRequest, ProveResponse, StateKey, SubmitRequest, SubmitResponse, prove_request,
        },
    },
    transport::door::{CallError, Client},
};

use super::{Records, witness::witness};
use crate::outbox::{Answer, Failure, OutboxRequest, Proven, ProvenError, RecordId, Standing};

/// What came of asking a unit.
pub(super) enum Called {
    /// The unit answered, be it with a refusal.
    Answered(Answer),
    /// The connection is gone.
    Lost(String),
}

/// Asks a unit what the outbox wants to know, and believes only what verifies.
pub(super) async fn call(records: &Records, client: &Client, request: OutboxRequest) -> Called {
    match request {
        OutboxRequest::Account => {
            let identity = records.identity();
            let subject = prove_request::Subject::StateKey(StateKey {
                shard_id: identity.vehicle.home.0.into(),
                key: Standing::state_key(identity.account).into(),
            });
            let proof = match prove(client, subject).await {
                Ok(proof) => proof,
                Err(error) => return refused(None, &error),
            };
            let of = (identity.account, identity.vehicle.home);
            let now = records.now().timestamp;
            let verify = |committees: &Committees| Standing::verify(&proof, committees, of, now);
            let standing = by_committees(records, client, verify).await;
            Called::Answered(
                standing.map_or_else(|error| failed(None, error.to_string()), Answer::Account),
            )
        }
        OutboxRequest::Submit { record, bytes } => {
            let request = SubmitRequest {
                transaction: bytes.into(),
                wait: Some(rpc::to_wire_duration(SUBMIT_WAIT)),
            };
            match ask::<_, SubmitResponse>(client, "Submit", &request).await {
                Ok(_) => Called::Answered(Answer::Submitted(record)),
                Err(error) => refused(Some(record), &error),
            }
        }
        OutboxRequest::Prove {
            record,
            transaction,
        } => {
            let subject = prove_request::Subject::TransactionId(transaction.to_string());
            let proof = match prove(client, subject).await {
                Ok(proof) => proof,
                Err(error) => return refused(Some(record), &error),
            };
            let verify = |committees: &Committees| Proven::verify(&proof, committees, transaction);
            let proven = by_committees(records, client, verify).await;
            Called::Answered(proven.map_or_else(
                |error| failed(Some(record), error.to_string()),
                |proven| Answer::Proof(record, proven),
            ))
        }
    }
}

/// Verifies what a unit gave; where it is of an epoch of which nothing is known yet, once more after
/// the unit has shown who votes there.
async fn by_committees<T>(
    records: &Records,
    client: &Client,
    verify: impl Fn(&Committees) -> Result<T, ProvenError>,
) -> Result<T, ProvenError> {
    let verified = verify(&records.with_keeper(|keeper| keeper.committees()));
    let is_of_unknown_epoch =
        matches!(&verified, Err(ProvenError::Proof(error)) if error.is_of_unknown_epoch());
    if !is_of_unknown_epoch || !witness(records, client, &[]).await {
        return verified;
    }
    verify(&records.with_keeper(|keeper| keeper.committees()))
}

/// Makes one request in the words of the gRPC service of the same name.
pub(crate) async fn ask<Q: Message, A: Message + Default>(
    client: &Client,
    method: &str,
    request: &Q,
) -> Result<A, CallError> {
    let body = Bytes::from(request.encode_to_vec());
    let answer = client.call_within(method, body, ANSWER_BYTES_MAX).await?;
    A::decode(answer).map_err(|_| CallError::Malformed)
}

/// The same for what may be as long as the configuration bears.
pub(super) async fn ask_at_length<Q: Message, A: Message + Default>(
    client: &Client,
    method: &str,
    request: &Q,
) -> Result<A, CallError> {
    let body = Bytes::from(request.encode_to_vec());
    let answer = client.call(method, body).await?;
    A::decode(answer).map_err(|_| CallError::Malformed)
}

async fn prove(client: &Client, subject: prove_request::Subject) -> Result<Vec<u8>, CallError> {
    let request = ProveRequest {
        subject: Some(subject),
    };
    let answer: ProveResponse = ask(client, "Prove", &request).await?;
    Ok(answer.proof.into())
}

fn refused(record: Option<RecordId>, error: &CallError) -> Called {
    match error {
        CallError::Refused(refusal) => Called::Answered(Answer::Failed(Failure {
            record,
            reason: refusal.to_string(),
            retry_after: refusal.retry_after,
            is_pending: refusal.code == NOT_FOUND,
        })),
        CallError::TooLong | CallError::Malformed => {
            Called::Answered(failed(record, error.to_string()))
        }
        CallError::Lost(_) | CallError::Late => Called::Lost(error.to_string()),
    }
}

fn failed(record: Option<RecordId>, reason: String) -> Answer {
    Answer::Failed(Failure {
        record,
        reason,
        retry_after: None,
        is_pending: false,
    })
}

/// Proofs and checkpoints are some kilobytes; several of them may be on their way at one time, and a
/// unit must not fill the car's memory with them.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long a unit is asked to wait for the outcome of what is handed in.
const SUBMIT_WAIT: Duration = Duration::from_secs(5);
/// The number of `google.rpc.Code` for what is not there, as long as nothing is finalized.
const NOT_FOUND: u8 = 5;
