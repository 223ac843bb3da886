use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};
use wayside::{
    rpc::{
        self,
        issuing::v1::{
            CollectTicketsRequest, DeliverRequest, GetRevocationsRequest, RequestTicketsRequest,
        },
        ledger::v1::{
            GetCheckpointRequest, GetCosignedCheckpointRequest, GetHistoryRequest,
            GetHistoryResponse, GetNonceRequest, GetTransactionRequest, ProveRequest,
            SubmitRequest,
        },
    },
    serve::Access,
    transport::door::{DoorRefusal, DoorRequest},
};

use super::{
    Desk,
    server::{ISSUING, LEDGER},
};
use crate::Role;

impl Desk {
    /// Answers a vehicle at the QUIC door, by the same table of roles as everybody else.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: DoorRequest,
    ) -> Result<Bytes, DoorRefusal> {
        self.dispatch(&request)
            .await
            .map_err(|status| to_refusal(&status))
    }

    async fn dispatch(&self, request: &DoorRequest) -> Result<Bytes, Status> {
        // No two of these services have a method of one name.
        let mut listed = [LEDGER, ISSUING].into_iter().filter_map(|service| {
            let path = format!("/{service}/{}", request.method);
            Access::<Role>::of(&path)
        });
        let is_admitted = listed.any(|(_, access)| access.admits(Some(Role::Vehicle)));
        if !is_admitted {
            let words = "vehicles have no such method";
            return Err(rpc::refusal(Code::Unimplemented, "METHOD_UNKNOWN", words));
        }
        let body = request.body.clone();
        match request.method.as_str() {
            "GetInfo" => Ok(encode(
                &self.info("vehicle".to_owned(), vec![Role::Vehicle.to_string()]),
            )),
            "GetGenesis" => Ok(encode(&self.genesis())),
            "GetCheckpoint" => {
                let request: GetCheckpointRequest = decode(body)?;
                Ok(encode(&self.checkpoint(&request).await?))
            }
            "GetCosignedCheckpoint" => {
                let request: GetCosignedCheckpointRequest = decode(body)?;
                Ok(encode(&self.cosigned_checkpoint(&request).await?))
            }
            "GetNonce" => {
                let request: GetNonceRequest = decode(body)?;
                Ok(encode(&self.nonce(&request)?))
            }
            "GetTransaction" => {
                let request: GetTransactionRequest = decode(body)?;
                Ok(encode(&self.transaction(&request).await?))
            }
            "Submit" => {
                let request: SubmitRequest = decode(body)?;
                Ok(encode(&self.submit(request).await?))
            }
            "Prove" => {
                let request: ProveRequest = decode(body)?;
                Ok(encode(&self.prove(&request).await?))
            }
            "GetHistory" => {
                let request: GetHistoryRequest = decode(body)?;
                // There are no streams of messages at this door: all pieces are one.
                let bundle = self.history(&request).await?;
                Ok(encode(&GetHistoryResponse { bundle }))
            }
            _ => self.dispatch_issuing(request).await,
        }
    }

    async fn dispatch_issuing(&self, request: &DoorRequest) -> Result<Bytes, Status> {
        let body = request.body.clone();
        match request.method.as_str() {
            "RequestTickets" => {
                let request: RequestTicketsRequest = decode(body)?;
                Ok(encode(&self.request_tickets(request).await?))
            }
            "CollectTickets" => {
                let request: CollectTicketsRequest = decode(body)?;
                Ok(encode(&self.collect_tickets(request).await?))
            }
            "GetIssuing" => Ok(encode(&self.issuing().await?)),
            "GetRevocations" => {
                let request: GetRevocationsRequest = decode(body)?;
                Ok(encode(&self.revocations(&request).await?))
            }
            "Deliver" => {
                let request: DeliverRequest = decode(body)?;
                Ok(encode(&self.deliver(request).await?))
            }
            _ => Err(rpc::refusal(
                Code::Unimplemented,
                "METHOD_UNKNOWN",
                "this method is not served to vehicles",
            )),
        }
    }
}

fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn decode<M: Message + Default>(body: Bytes) -> Result<M, Status> {
    M::decode(body).map_err(|_| {
        let words = "the body is not the method's request";
        rpc::refusal(Code::InvalidArgument, "REQUEST_MALFORMED", words)
    })
}

fn to_refusal(status: &Status) -> DoorRefusal {
    let details = rpc::reason_of(status);
    let code = u8::try_from(i32::from(status.code())).unwrap_or(UNKNOWN);
    let refusal = DoorRefusal::new(code, &details.reason, status.message());
    match details.retry_after {
        Some(wait) => refusal.retry_after(wait),
        None => refusal,
    }
}

/// The number of `google.rpc.Code.UNKNOWN`.
const UNKNOWN: u8 = 2;
