use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    rpc,
    telemetry::{GrpcMethod, Metrics},
};
use arc_swap::ArcSwapOption;
use http::{Request, Response};
use rustix::process::geteuid;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::{
    Access, Admission, Caller, GrpcConfig, Limits, Role, RoleConfig, allowance::Allowances,
};

/// Stands before every method: who calls, may they, not too often, and not for too long.
#[derive(Clone)]
pub struct Gate<R> {
    allowances: Arc<Allowances>,
    /// Who may do what by now; as the listener found, until the first change.
    roles: Arc<ArcSwapOption<RoleConfig<R>>>,
    metrics: Arc<Metrics>,
}

impl<R: Role> Gate<R> {
    /// A gate at which nobody has asked for anything yet.
    pub fn new(limits: &Limits, metrics: &Arc<Metrics>) -> Self {
        Self {
            allowances: Arc::new(Allowances::new(limits)),
            roles: Arc::default(),
            metrics: Arc::clone(metrics),
        }
    }

    /// Gives callers these roles and bounds from their next call on, those too that are connected. A
    /// stream that is open stays as it is.
    pub fn reload(&self, config: &GrpcConfig<R>) {
        self.roles.store(Some(Arc::new(config.roles.clone())));
        self.allowances.set_limits(&config.limits);
    }

    /// The caller, with the role that it has by now.
    fn caller(&self, request: &Request<Body>) -> Option<Caller<R>> {
        let caller = request.extensions().get::<Caller<R>>()?;
        let identity = caller.identity.clone();
        Some(match self.roles.load().as_deref() {
            Some(roles) => Caller::new(identity, roles, geteuid().as_raw()),
            None => caller.clone(),
        })
    }

    /// Admits a call to a listed method, and leaves what it needs in its extensions.
    fn admit(
        &self,
        request: &mut Request<Body>,
        listed: Option<(GrpcMethod, Access<R>)>,
    ) -> Result<(), Status> {
        let caller = self.caller(request).ok_or_else(|| {
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
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(Admission {
            allowance,
            method,
            metrics: Arc::clone(&self.metrics),
        });
        Ok(())
    }
}

/// What the gate left in a request's extensions.
pub fn from_gate<T: Clone + Send + Sync + 'static, R>(
    request: &tonic::Request<R>,
) -> Result<T, Status> {
    request.extensions().get::<T>().cloned().ok_or_else(|| {
        rpc::refusal(
            Code::Unauthenticated,
            "CALLER_UNKNOWN",
            "the call did not pass the gate",
        )
    })
}

impl<R: Role, S> Layer<S> for Gate<R> {
    type Service = Gated<R, S>;

    fn layer(&self, inner: S) -> Gated<R, S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }
}

/// A service behind the [`Gate`].
#[derive(Clone)]
pub struct Gated<R, S> {
    gate: Gate<R>,
    inner: S,
}

impl<R, S> Service<Request<Body>> for Gated<R, S>
where
    R: Role,
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
        let listed = Access::<R>::of(request.uri().path());
        let is_untimed = listed.is_some_and(|(path, _)| R::UNTIMED.contains(&path));
        let listed = listed.and_then(|(path, access)| Some((method(path)?, access)));
        let counted = listed.map_or(UNLISTED, |(method, _)| method);
        let metrics = Arc::clone(&self.gate.metrics);
        if let Err(refused) = self.gate.admit(&mut request, listed) {
            metrics.count_grpc(counted, name(refused.code()), begun.elapsed());
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        // A stream's call ends with its head; the bounds of its body are the service's.
        let bound = if is_untimed {
            Duration::MAX
        } else {
            self.gate.allowances.unary_timeout()
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
const UNLISTED: GrpcMethod = GrpcMethod {
    service: "unlisted",
    method: "unlisted",
};
