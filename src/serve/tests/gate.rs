use std::{
    convert::Infallible,
    future::{Ready, ready},
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll},
};

use crate::telemetry::Metrics;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::serve::{Caller, CallerIdentity, Gate, GrpcConfig, Limits, RoleConfig, tests::Part};

#[tokio::test]
async fn g1_a_call_without_a_caller_never_reaches_a_service() {
    let metrics = Arc::new(Metrics::new("0.0.0"));
    let mut gated = Gate::<Part>::new(&Limits::default(), &metrics).layer(NeverCalled);
    for path in [
        "/wayside.test.v1.TestService/Speak",
        "/grpc.health.v1.Health/Check",
        "/no.such.Service/Method",
    ] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let answer = gated.call(request).await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), Code::Unauthenticated, "{path}");
    }
    let counted = "wayside_grpc_requests_total{service=\"unlisted\",method=\"unlisted\",\
                   code=\"UNAUTHENTICATED\"} 1";
    assert!(metrics.encode().contains(counted), "{}", metrics.encode());
}

#[tokio::test]
async fn o3_roles_and_bounds_change_while_a_client_stays_connected() {
    let metrics = Arc::new(Metrics::new("0.0.0"));
    let gate = Gate::<Part>::new(&Limits::default(), &metrics);
    let mut gated = gate.layer(Answering);
    let own = CallerIdentity::LocalUser { user: 7, group: 7 };
    let caller = Caller::new(own, &RoleConfig::<Part>::default(), 1_000);
    let mut call = async || {
        let mut request = Request::builder()
            .uri("/wayside.test.v1.TestService/Speak")
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(caller.clone());
        let answer = gated.call(request).await.unwrap();
        Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code())
    };
    assert_eq!(call().await, Code::PermissionDenied, "nobody's role");

    let mut config = GrpcConfig::default();
    config.roles.users.insert("7".to_owned(), Part::Speaker);
    gate.reload(&config);
    assert_eq!(call().await, Code::Ok);

    config.limits.requests_per_s = const { NonZeroU32::new(1).unwrap() };
    gate.reload(&config);
    let codes = [call().await, call().await, call().await];
    assert_eq!(codes, [Code::Ok, Code::Ok, Code::ResourceExhausted]);

    config.roles.users.insert("7".to_owned(), Part::Listener);
    gate.reload(&config);
    assert_eq!(call().await, Code::PermissionDenied);
}

struct Answering;

impl Service<Request<Body>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

struct NeverCalled;

impl Service<Request<Body>> for NeverCalled {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        panic!("{} reached the service", request.uri())
    }
}
