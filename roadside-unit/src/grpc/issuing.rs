use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use wayside::{
    id::ShardId,
    rpc::{
        self,
        issuing::v1::{
            CollectTicketsRequest, CollectTicketsResponse, DeliverRequest, DeliverResponse,
            GetIssuingRequest, GetIssuingResponse, GetRevocationsRequest, GetRevocationsResponse,
            RequestTicketsRequest, RequestTicketsResponse, issuing_service_server::IssuingService,
        },
    },
};

use super::desk::Desk;

/// Takes sealed requests for tickets to those who issue them, and spreads what revocation needs.
#[derive(Clone)]
pub(super) struct IssuingDoor(pub(super) Arc<Desk>);

#[tonic::async_trait]
impl IssuingService for IssuingDoor {
    async fn request_tickets(
        &self,
        request: Request<RequestTicketsRequest>,
    ) -> Result<Response<RequestTicketsResponse>, Status> {
        let answer = self.0.request_tickets(request.into_inner()).await;
        answer.map(Response::new)
    }

    async fn collect_tickets(
        &self,
        request: Request<CollectTicketsRequest>,
    ) -> Result<Response<CollectTicketsResponse>, Status> {
        let answer = self.0.collect_tickets(request.into_inner()).await;
        answer.map(Response::new)
    }

    async fn get_issuing(
        &self,
        _: Request<GetIssuingRequest>,
    ) -> Result<Response<GetIssuingResponse>, Status> {
        self.0.issuing().await.map(Response::new)
    }

    async fn get_revocations(
        &self,
        request: Request<GetRevocationsRequest>,
    ) -> Result<Response<GetRevocationsResponse>, Status> {
        let answer = self.0.revocations(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn deliver(
        &self,
        request: Request<DeliverRequest>,
    ) -> Result<Response<DeliverResponse>, Status> {
        let answer = self.0.deliver(request.into_inner()).await;
        answer.map(Response::new)
    }
}

impl Desk {
    pub(super) async fn request_tickets(
        &self,
        _: RequestTicketsRequest,
    ) -> Result<RequestTicketsResponse, Status> {
        self.tip(ShardId::GOVERNANCE)?;
        Err(no_issuing())
    }

    pub(super) async fn collect_tickets(
        &self,
        _: CollectTicketsRequest,
    ) -> Result<CollectTicketsResponse, Status> {
        self.tip(ShardId::GOVERNANCE)?;
        Err(no_issuing())
    }

    pub(super) async fn issuing(&self) -> Result<GetIssuingResponse, Status> {
        self.tip(ShardId::GOVERNANCE)?;
        Err(no_issuing())
    }

    pub(super) async fn revocations(
        &self,
        _: &GetRevocationsRequest,
    ) -> Result<GetRevocationsResponse, Status> {
        self.tip(ShardId::GOVERNANCE)?;
        Err(no_issuing())
    }

    pub(super) async fn deliver(&self, _: DeliverRequest) -> Result<DeliverResponse, Status> {
        self.tip(ShardId::GOVERNANCE)?;
        Err(no_issuing())
    }
}

fn no_issuing() -> Status {
    let words = "the ledger issues no tickets yet";
    rpc::refusal(Code::FailedPrecondition, "NO_ISSUING", words)
}
