use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::time::{Instant, timeout};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use wayside::{
    rpc,
    telemetry::{GrpcMethod, Metrics},
};

use super::{Limits, admission::Admission, allowance::Allowances, roles::Access};
use crate::Caller;

/// Stands before every method: who calls, may they, not too often, and not for too long.
#[derive(Clone)]
pub(super) struct Gate {
    allowances: Arc<Allowances>,
    unary_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub(super) fn new(limits: &Limits, metrics: &Arc<Metrics>) -> Self {
        Self {
            allowances: Arc::new(Allowances::new(limits)),
            unary_timeout: limits.unary_timeout,
            metrics: Arc::clone(metrics),
        }
    }

    /// Admits a call to a listed method, and leaves what it needs in its extensions.
    fn admit(
        &self,
        request: &mut Request<Body>,
        listed: Option<(GrpcMethod, Access)>,
    ) -> Result<(), Status> {
        let caller = request.extensions().get::<Caller>().ok_or_else(|| {
            rpc::refusal(
                Code::Unauthenticated,
                "CALLER_UNKNOWN",
                "the caller did not show who it is",
            )
        })?;
        let (method, access) = listed.ok_or_else(|| {
            rpc::refusal(
                Code::Unimplemented,
                "METHOD_UNKNOWN",
                "this server has no such method",
            )
        })?;
        if !access.admits(caller.role) {
            let held = caller.role.map_or_else(
                || "the caller has no role".to_owned(),
                |role| format!("the role {role} does not hold this method"),
            );
            return Err(rpc::refusal(Code::PermissionDenied, "ROLE_MISSING", held));
        }
        let now = Instant::now();
        let allowance = self.allowances.of(&caller.identity.to_string(), now);
        allowance.take(now)?;
        request.extensions_mut().insert(Admission {
            allowance,
            method,
            metrics: Arc::clone(&self.metrics),
        });
        Ok(())
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }
}

/// A service behind the [`Gate`].
#[derive(Clone)]
pub(super) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let listed = Access::of(request.uri().path())
            .and_then(|(path, access)| Some((method(path)?, access)));
        let counted = listed.map_or(UNLISTED, |(method, _)| method);
        let metrics = Arc::clone(&self.gate.metrics);
        if let Err(refused) = self.gate.admit(&mut request, listed) {
            metrics.count_grpc(counted, name(refused.code()), begun.elapsed());
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        // A stream's call ends with its head; the bounds of its body are the service's.
        let bound = match counted {
            STEP => Duration::MAX,
            _ => self.gate.unary_timeout,
        };
        let answer = timeout(bound, self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await.unwrap_or_else(|_| {
                let late = rpc::refusal(
                    Code::DeadlineExceeded,
                    "SERVER_DEADLINE",
                    "the call took longer than this server allows",
                );
                Ok(late.into_http())
            })?;
            let code = Status::from_header_map(answer.headers()).map_or(Code::Ok, |s| s.code());
            metrics.count_grpc(counted, name(code), begun.elapsed());
            Ok(answer)
        })
    }
}

/// The names in a listed path.
fn method(path: &'static str) -> Option<GrpcMethod> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    Some(GrpcMethod { service, method })
}

/// A code's name in metrics, as the gRPC specification writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// What every path that is not listed counts as, so that strangers cannot make up labels.
/// Lasts as long as the recorded time that it lets pass.
const STEP: GrpcMethod = GrpcMethod {
    service: "wayside.replay.v1.ReplayService",
    method: "Step",
};
const UNLISTED: GrpcMethod = GrpcMethod {
    service: "unlisted",
    method: "unlisted",
};
