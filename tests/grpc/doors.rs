//! What is refused before any service looks at it.

use std::time::Duration;

use tonic::{Code, Request};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use vehicle_agent::Role;
use wayside::rpc::{
    hazard::v1::{ReportRequest, hazard_service_client::HazardServiceClient},
    telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
};
use wayside::serve::Limits;

use super::{
    roles::call,
    served::{Served, caller, reason, state, within},
};

#[tokio::test]
async fn g3_a_message_above_one_mebibyte_is_refused_and_the_next_one_is_taken() {
    let served = Served::start().await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut client = HazardServiceClient::new(channel.clone());
    let huge = ReportRequest {
        request_id: "a".repeat(1024 * 1024),
        event: None,
    };
    let refused = client.report(huge).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    let mut client = TelemetryServiceClient::new(channel);
    let request = PublishStateRequest {
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    };
    client.publish_state(request).await.unwrap();
}

#[tokio::test]
async fn g3_compressed_messages_are_refused() {
    let served = Served::start().await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut client = TelemetryServiceClient::new(channel);
    let mut request = Request::new(PublishStateRequest {
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    });
    let encoding = "gzip".parse().unwrap();
    request.metadata_mut().insert("grpc-encoding", encoding);
    let refused = client.publish_state(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn g7_a_call_that_never_completes_is_ended_by_the_server() {
    let limits = Limits {
        unary_timeout: Duration::from_millis(1),
        ..Limits::default()
    };
    let served = Served::with(limits, |_| None).await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    // The head is sent, the message never is, and the client would wait for ever.
    let path = "/wayside.telemetry.v1.TelemetryService/PublishState";
    let refused = within(call(&channel, path, tokio_stream::pending()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&refused), "SERVER_DEADLINE");
}

#[tokio::test]
async fn g8_reflection_answers_only_where_it_is_shown() {
    let served = Served::start().await;
    let observer = || caller(1_000, Some(Role::Observer));
    let shown = ServerReflectionClient::new(served.connect_as(observer(), true).await);
    let services = list(shown).await.unwrap();
    assert!(services.contains(&"wayside.world.v1.WorldService".to_owned()));
    let hidden = ServerReflectionClient::new(served.connect_as(observer(), false).await);
    assert_eq!(list(hidden).await.unwrap_err().code(), Code::Unimplemented);
    let stranger = caller(1_000, None);
    let denied = ServerReflectionClient::new(served.connect_as(stranger, true).await);
    assert_eq!(
        list(denied).await.unwrap_err().code(),
        Code::PermissionDenied
    );
}

async fn list(
    mut client: ServerReflectionClient<tonic::transport::Channel>,
) -> Result<Vec<String>, tonic::Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tokio_stream::iter([request]);
    let mut answers = client.server_reflection_info(requests).await?.into_inner();
    let answer = within(answers.message()).await?.unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("the list was asked for");
    };
    let names = list.service.into_iter().map(|service| service.name);
    Ok(names.collect())
}
