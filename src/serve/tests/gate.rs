use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use crate::telemetry::Metrics;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::serve::{Gate, Limits, tests::Part};

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
