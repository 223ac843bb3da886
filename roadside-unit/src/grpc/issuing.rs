use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    time::{Instant, timeout_at},
};
use tonic::{Code, Request, Response, Status};
use wayside::{
    id::ShardId,
    ledger::{IssuingProof, RevocationUpdate, StateView as _},
    rpc::{
        self,
        issuing::v1::{
            CollectTicketsRequest, CollectTicketsResponse, DeliverRequest, DeliverResponse,
            GetIssuingRequest, GetIssuingResponse, GetRevocationsRequest, GetRevocationsResponse,
            RequestTicketsRequest, RequestTicketsResponse, issuing_service_server::IssuingService,
        },
    },
};

use super::{desk::Desk, refusal::stopping};

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

    /// Whom to ask and whom to believe.
    pub(super) async fn issuing(&self) -> Result<GetIssuingResponse, Status> {
        let (tip, newest) = self.certified_tip(ShardId::GOVERNANCE).await?;
        let proof = IssuingProof::of_state(&tip.state, newest, &self.genesis);
        let proof = proof.ok_or_else(no_issuing)?.to_bytes().into();
        Ok(GetIssuingResponse { proof })
    }

    /// What was revoked or lifted since an entry; waits for news as long as it is asked to.
    pub(super) async fn revocations(
        &self,
        request: &GetRevocationsRequest,
    ) -> Result<GetRevocationsResponse, Status> {
        let wait = rpc::from_wire_duration(request.wait, "wait")?;
        let wait = wait.unwrap_or_default().min(WAIT_MAX);
        if let Some(have) = request.have_next {
            self.wait_for_revocation(have, Instant::now() + wait)
                .await?;
        }
        let (tip, newest) = self.certified_tip(ShardId::GOVERNANCE).await?;
        if tip.state.ticket_policy().is_none() {
            return Err(no_issuing());
        }
        // What is not known cannot be gone on from.
        let have = request.have_next.unwrap_or(u64::MAX);
        let update = RevocationUpdate::of_state(&tip.state, newest, have);
        let update = update.ok_or_else(|| self.no_proof(ShardId::GOVERNANCE))?;
        Ok(GetRevocationsResponse {
            update: update.to_bytes().into(),
        })
    }

    /// Returns once the list holds another number of entries than `have`, it is too late, or the unit
    /// is stopping.
    async fn wait_for_revocation(&self, have: u64, deadline: Instant) -> Result<(), Status> {
        let mut turns = self.followed.turns();
        loop {
            turns.mark_unchanged();
            let tip = self.tip(ShardId::GOVERNANCE)?;
            let next = tip.state.revocation_head().map_or(0, |head| head.next);
            if next != have {
                return Ok(());
            }
            select! {
                turned = timeout_at(deadline, turns.changed()) => {
                    if !matches!(turned, Ok(Ok(()))) {
                        return Ok(());
                    }
                }
                () = self.drained() => return Err(stopping()),
            }
        }
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

/// Within the time that doors give their answers.
const WAIT_MAX: Duration = Duration::from_secs(30);
