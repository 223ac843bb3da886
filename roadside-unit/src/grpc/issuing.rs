use std::{sync::Arc, time::Duration};

use prost::Message;
use tokio::{
    select,
    time::{Instant, timeout_at},
};
use tonic::{Code, Request, Response, Status};
use wayside::{
    id::ShardId,
    issuing::{REQUEST_LENGTH_MAX, Seat, Token},
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
use crate::issuing::{Issuer, PeerError, Place, Refusal};

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
    /// Has a vehicle's sealed request answered, here or by whose it is to answer.
    pub(super) async fn request_tickets(
        &self,
        request: RequestTicketsRequest,
    ) -> Result<RequestTicketsResponse, Status> {
        if request.request.is_empty() || request.request.len() > REQUEST_LENGTH_MAX {
            return Err(malformed("the request is empty or too long"));
        }
        let asked = (request.operator, request.replica);
        let (seat, place) = self.issuing_seat(asked, request.handed_on)?;
        let Some(place) = place else {
            let issuer = self.issuer_of(seat)?;
            let answer = issuer.request(request.request.to_vec()).await;
            let answer = answer.map_err(|refusal| told(&refusal))?.into();
            return Ok(RequestTicketsResponse { answer });
        };
        let request = RequestTicketsRequest {
            handed_on: true,
            ..request
        };
        self.hand_on(&place, "RequestTickets", &request).await
    }

    /// Has a vehicle told what came of its request, here or by who accepted it.
    pub(super) async fn collect_tickets(
        &self,
        request: CollectTicketsRequest,
    ) -> Result<CollectTicketsResponse, Status> {
        let token = <[u8; 16]>::try_from(&*request.token);
        let token = token.map_err(|_| malformed("a token has 16 bytes"))?;
        let asked = (request.operator, request.replica);
        let (seat, place) = self.issuing_seat(asked, request.handed_on)?;
        let Some(place) = place else {
            let issuer = self.issuer_of(seat)?;
            let answer = issuer.collect(Token::from_bytes(token)).await;
            let answer = answer.map_err(|refusal| told(&refusal))?.into();
            return Ok(CollectTicketsResponse { answer });
        };
        let request = CollectTicketsRequest {
            handed_on: true,
            ..request
        };
        self.hand_on(&place, "CollectTickets", &request).await
    }

    /// Whose seat it is, and where that is, unless it is here.
    fn issuing_seat(
        &self,
        (operator, replica): (u32, u32),
        is_handed_on: bool,
    ) -> Result<(Seat, Option<Place>), Status> {
        let tip = self.tip(ShardId::GOVERNANCE)?;
        if tip.state.ticket_policy().is_none() {
            return Err(no_issuing());
        }
        let number = |number: u32| u16::try_from(number).map_err(|_| seat_unknown());
        let (operator, replica) = (number(operator)?, number(replica)?);
        let seat = tip.state.issuing_seat(operator, replica);
        let seat = seat.ok_or_else(seat_unknown)?;
        let named = Seat { operator, replica };
        if self.issuer.as_ref().and_then(Issuer::seat) == Some(named) {
            return Ok((named, None));
        }
        let cold_key = tip.state.operator(operator).map(|it| it.cold_key);
        if is_handed_on {
            return Err(seat_unknown());
        }
        let place = Place {
            operator,
            door: seat.door.clone(),
            cold_key: *cold_key.ok_or_else(seat_unknown)?.as_bytes(),
        };
        Ok((named, Some(place)))
    }

    fn issuer_of(&self, seat: Seat) -> Result<&Issuer, Status> {
        let issuer = self.issuer.as_ref();
        let issuer = issuer.filter(|issuer| issuer.seat() == Some(seat));
        issuer.ok_or_else(seat_unknown)
    }

    /// Makes the same request at another unit's door.
    async fn hand_on<A: Message + Default>(
        &self,
        place: &Place,
        method: &str,
        request: &impl Message,
    ) -> Result<A, Status> {
        let body = request.encode_to_vec().into();
        let answer = self.peers.call(place, method, body).await;
        let answer = answer.map_err(|error| {
            tracing::debug!(%error, operator = place.operator, "no answer to hand back");
            passed_on(error)
        })?;
        A::decode(answer).map_err(|_| unreachable())
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

    /// Returns once the list holds more than `have` entries, it is too late, or the unit is stopping.
    /// A vehicle that knows more than this unit waits too: an answer would teach it nothing.
    async fn wait_for_revocation(&self, have: u64, deadline: Instant) -> Result<(), Status> {
        let mut turns = self.followed.turns();
        loop {
            turns.mark_unchanged();
            let tip = self.tip(ShardId::GOVERNANCE)?;
            let next = tip.state.revocation_head().map_or(0, |head| head.next);
            if next > have {
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

    /// Has what another operator says answered.
    pub(super) async fn deliver(&self, request: DeliverRequest) -> Result<DeliverResponse, Status> {
        self.open()?;
        let issuer = self
            .issuer
            .as_ref()
            .ok_or_else(|| told(&Refusal::NotIssuing))?;
        let answer = issuer.deliver(request.message.to_vec()).await;
        let answer = answer.map_err(|refusal| told(&refusal))?.into();
        Ok(DeliverResponse { answer })
    }
}

/// What the offices' refusal is to clients.
fn told(refusal: &Refusal) -> Status {
    let code = match refusal {
        Refusal::Busy => Code::ResourceExhausted,
        Refusal::LedgerOld => Code::Unavailable,
        Refusal::Stopped => Code::Internal,
        Refusal::NotIssuing | Refusal::NotOpened => Code::FailedPrecondition,
        Refusal::TokenUnknown => Code::NotFound,
        Refusal::Malformed(_) | Refusal::MessageRefused(_) => Code::InvalidArgument,
    };
    let (reason, words) = (refusal.reason(), refusal.to_string());
    match refusal {
        Refusal::Busy => rpc::retry_later(code, reason, words, BUSY_DELAY),
        Refusal::LedgerOld => rpc::retry_later(code, reason, words, RETRY_DELAY),
        Refusal::Stopped
        | Refusal::NotIssuing
        | Refusal::NotOpened
        | Refusal::TokenUnknown
        | Refusal::Malformed(_)
        | Refusal::MessageRefused(_) => rpc::refusal(code, reason, words),
    }
}

fn malformed(words: &str) -> Status {
    told(&Refusal::Malformed(words.to_owned()))
}

/// What whoever asked is told: the other unit's own reason, or that it cannot be reached.
fn passed_on(error: PeerError) -> Status {
    let PeerError::Refused(refusal) = error else {
        return unreachable();
    };
    let (code, reason) = (Code::from_i32(refusal.code.into()), &refusal.reason);
    match refusal.retry_after {
        Some(delay) => rpc::retry_later(code, reason, &refusal.message, delay),
        None => rpc::refusal(code, reason, &refusal.message),
    }
}

/// The operator's unit gives no answer that means anything.
fn unreachable() -> Status {
    let words = "the operator's unit does not answer";
    let reason = "OPERATOR_UNREACHABLE";
    rpc::retry_later(Code::Unavailable, reason, words, RETRY_DELAY)
}

fn no_issuing() -> Status {
    let words = "the ledger issues no tickets yet";
    rpc::refusal(Code::FailedPrecondition, "NO_ISSUING", words)
}

fn seat_unknown() -> Status {
    let words = "the ledger names no such issuing seat, or this unit does not have it";
    rpc::refusal(Code::NotFound, "SEAT_UNKNOWN", words)
}

const BUSY_DELAY: Duration = Duration::from_secs(1);
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// Within the time that doors give their answers.
const WAIT_MAX: Duration = Duration::from_secs(30);
