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
use wayside::rpc;

use super::{Limits, allowance::Allowances, roles::Access};
use crate::Caller;

/// Stands before every method: who calls, may they, not too often, and not for too long.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    allowances: Arc<Allowances>,
    unary_timeout: Duration,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            allowances: Arc::new(Allowances::new(limits)),
            unary_timeout: limits.unary_timeout,
        }
    }

    /// Admits a call, and leaves the caller's allowance in its extensions.
    fn admit(&self, request: &mut Request<Body>) -> Result<(), Status> {
        let caller = request.extensions().get::<Caller>().ok_or_else(|| {
            rpc::refusal(
                Code::Unauthenticated,
                "CALLER_UNKNOWN",
                "the caller did not show who it is",
            )
        })?;
        let access = Access::of(request.uri().path()).ok_or_else(|| {
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
        request.extensions_mut().insert(allowance);
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
#[derive(Clone, Debug)]
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
        if let Err(refused) = self.gate.admit(&mut request) {
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        // A stream's call ends with its head; the bounds of its body are the service's.
        let answer = timeout(self.gate.unary_timeout, self.inner.call(request));
        Box::pin(async {
            answer.await.unwrap_or_else(|_| {
                let late = rpc::refusal(
                    Code::DeadlineExceeded,
                    "SERVER_DEADLINE",
                    "the call took longer than this server allows",
                );
                Ok(late.into_http())
            })
        })
    }
}
