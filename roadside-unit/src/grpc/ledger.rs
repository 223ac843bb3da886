use std::sync::Arc;

use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};
use wayside::{
    rpc::{
        FieldError, FieldProblem,
        ledger::v1::{
            BackupRequest, BackupResponse, GetCheckpointRequest, GetCheckpointResponse,
            GetCosignedCheckpointRequest, GetCosignedCheckpointResponse, GetGenesisRequest,
            GetGenesisResponse, GetHistoryRequest, GetHistoryResponse, GetInfoRequest,
            GetInfoResponse, GetNonceRequest, GetNonceResponse, GetTransactionRequest,
            GetTransactionResponse, GetVehicleRequest, GetVehicleResponse, ListRecordsRequest,
            ListRecordsResponse, ProveRequest, ProveResponse, SubmitManyRequest,
            SubmitManyResponse, SubmitRequest, SubmitResponse, WatchRequest, WatchResponse,
            ledger_service_server::LedgerService, submit_many_response::Result as Submitted,
        },
    },
    serve::{Admission, Caller, Inlet, Outlet, from_gate, outlet},
};

use super::{
    backup::back_up,
    desk::Desk,
    refusal::{stopping, to_rejection},
};
use crate::Role;

/// Takes transactions, and tells and proves what became of them.
#[derive(Clone)]
pub(super) struct LedgerDoor(pub(super) Arc<Desk>);

#[tonic::async_trait]
impl LedgerService for LedgerDoor {
    type BackupStream = Outlet<BackupResponse>;
    type SubmitManyStream = Outlet<SubmitManyResponse>;
    type GetHistoryStream = Outlet<GetHistoryResponse>;
    type WatchStream = Outlet<WatchResponse>;

    async fn get_info(
        &self,
        request: Request<GetInfoRequest>,
    ) -> Result<Response<GetInfoResponse>, Status> {
        let caller: Caller<Role> = from_gate(&request)?;
        let roles = caller.role.iter().map(ToString::to_string).collect();
        Ok(Response::new(
            self.0.info(caller.identity.to_string(), roles),
        ))
    }

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        self.0.submit(request.into_inner()).await.map(Response::new)
    }

    async fn submit_many(
        &self,
        request: Request<Streaming<SubmitManyRequest>>,
    ) -> Result<Response<Self::SubmitManyStream>, Status> {
        let admission: Admission = from_gate(&request)?;
        let (inlet, outlet) = outlet(admission.open_stream()?);
        let requests = request.into_inner();
        tokio::spawn(submit_many(Arc::clone(&self.0), requests, admission, inlet));
        Ok(Response::new(outlet))
    }

    async fn get_transaction(
        &self,
        request: Request<GetTransactionRequest>,
    ) -> Result<Response<GetTransactionResponse>, Status> {
        let answer = self.0.transaction(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn get_nonce(
        &self,
        request: Request<GetNonceRequest>,
    ) -> Result<Response<GetNonceResponse>, Status> {
        self.0.nonce(request.get_ref()).map(Response::new)
    }

    async fn get_vehicle(
        &self,
        request: Request<GetVehicleRequest>,
    ) -> Result<Response<GetVehicleResponse>, Status> {
        self.0.vehicle(request.get_ref()).map(Response::new)
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        let answer = self.0.list_records(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn backup(
        &self,
        request: Request<BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        let (inlet, outlet) = outlet(place);
        tokio::spawn(back_up(Arc::clone(&self.0), inlet));
        Ok(Response::new(outlet))
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<Self::GetHistoryStream>, Status> {
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        let bundle = self.0.history(request.get_ref()).await?;
        let (inlet, outlet) = outlet(place);
        let timeout = self.0.limits.slow_subscriber_timeout;
        tokio::spawn(async move {
            for piece in bundle.chunks(PIECE_LEN) {
                let bundle = bundle.slice_ref(piece);
                let sent = inlet.items.send(GetHistoryResponse { bundle });
                // A client that does not read, or has gone, needs no more pieces.
                if !matches!(tokio::time::timeout(timeout, sent).await, Ok(Ok(()))) {
                    return;
                }
            }
        });
        Ok(Response::new(outlet))
    }

    async fn prove(
        &self,
        request: Request<ProveRequest>,
    ) -> Result<Response<ProveResponse>, Status> {
        self.0.prove(request.get_ref()).await.map(Response::new)
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        let watching = self.0.begin_watch(request.get_ref())?;
        let (inlet, outlet) = outlet(place);
        tokio::spawn(Arc::clone(&self.0).watch(watching, inlet));
        Ok(Response::new(outlet))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let answer = self.0.checkpoint(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn get_cosigned_checkpoint(
        &self,
        request: Request<GetCosignedCheckpointRequest>,
    ) -> Result<Response<GetCosignedCheckpointResponse>, Status> {
        let answer = self.0.cosigned_checkpoint(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn get_genesis(
        &self,
        _: Request<GetGenesisRequest>,
    ) -> Result<Response<GetGenesisResponse>, Status> {
        Ok(Response::new(self.0.genesis()))
    }
}

/// Answers each transaction of a stream, in order.
async fn submit_many(
    desk: Arc<Desk>,
    mut requests: Streaming<SubmitManyRequest>,
    admission: Admission,
    inlet: Inlet<SubmitManyResponse>,
) {
    let mut last = None;
    loop {
        let next = tokio::select! {
            next = requests.next() => next,
            () = desk.drained() => return inlet.fail(stopping()),
        };
        let request = match next {
            Some(Ok(request)) => request,
            Some(Err(status)) => return inlet.fail(status),
            None => return,
        };
        if last.is_some_and(|last| request.sequence <= last) {
            let problem = FieldProblem::OutOfRange("above the one before");
            return inlet.fail(FieldError::new("sequence", problem).into());
        }
        last = Some(request.sequence);
        let answer = submit_one(&desk, &admission, request).await;
        if inlet.items.send(answer).await.is_err() {
            return;
        }
    }
}

async fn submit_one(
    desk: &Desk,
    admission: &Admission,
    request: SubmitManyRequest,
) -> SubmitManyResponse {
    let single = SubmitRequest {
        transaction: request.transaction,
        wait: None,
    };
    let result = match admission.take() {
        Ok(()) => desk.submit(single).await,
        Err(status) => Err(status),
    };
    SubmitManyResponse {
        sequence: request.sequence,
        result: Some(match result {
            Ok(accepted) => Submitted::Accepted(accepted),
            Err(status) => Submitted::Rejected(to_rejection(&status)),
        }),
    }
}

/// Well below the largest message.
pub(super) const PIECE_LEN: usize = 256 * 1024;
