//! What clients see of an agent that stops working, or stops.

use std::time::Duration;

use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use vehicle_agent::Role;
use wayside::rpc::{
    agent::v1::{
        GetConfigRequest, GetReadinessRequest, ListPeersRequest, Reason, WatchReadinessRequest,
        agent_service_client::AgentServiceClient,
    },
    telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
    world::v1::{SubscribeRequest, world_service_client::WorldServiceClient},
};

use super::served::{Served, reason, state, within};

#[tokio::test]
async fn a_driving_stack_that_falls_silent_is_told_of_by_health_and_readiness() {
    let served = Served::start().await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut agent = AgentServiceClient::new(channel.clone());
    let readiness = agent
        .get_readiness(GetReadinessRequest {})
        .await
        .unwrap()
        .into_inner()
        .readiness
        .unwrap();
    assert!(readiness.can_sign);
    assert_eq!(readiness.reasons, [i32::from(Reason::NoOwnState)]);
    assert!(readiness.tickets_left > 1 && readiness.ticket_until.is_some());

    let mut telemetry = TelemetryServiceClient::new(channel.clone());
    let request = PublishStateRequest {
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    };
    telemetry.publish_state(request).await.unwrap();
    becomes(&channel, "", ServingStatus::Serving).await;

    served.pass(Duration::from_secs(2));
    becomes(&channel, "", ServingStatus::NotServing).await;
    let service = "wayside.world.v1.WorldService";
    becomes(&channel, service, ServingStatus::Serving).await;
    let mut changes = agent
        .watch_readiness(WatchReadinessRequest {})
        .await
        .unwrap()
        .into_inner();
    let told = within(changes.message()).await.unwrap().unwrap();
    let told = told.readiness.unwrap();
    assert!(told.reasons.contains(&Reason::OwnStateSilent.into()));
    assert!(told.stack_silent_since.is_some());

    telemetry.publish_state(request).await.unwrap();
    becomes(&channel, "", ServingStatus::Serving).await;
    let told = within(changes.message()).await.unwrap().unwrap();
    assert_eq!(told.readiness.unwrap().reasons, Vec::<i32>::new());
}

#[tokio::test]
async fn a_draining_agent_says_so_and_ends_its_streams() {
    let served = Served::start().await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut world = WorldServiceClient::new(channel.clone());
    let mut events = world
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut telemetry = TelemetryServiceClient::new(channel.clone());
    let mut answers = telemetry
        .publish(tokio_stream::pending())
        .await
        .unwrap()
        .into_inner();
    served.services.drain();
    becomes(&channel, "", ServingStatus::NotServing).await;
    let end = within(async {
        loop {
            if let Err(status) = events.message().await {
                return status;
            }
        }
    })
    .await;
    assert_eq!(
        (end.code(), reason(&end).as_str()),
        (Code::Unavailable, "STOPPING")
    );
    let end = within(answers.message()).await.unwrap_err();
    assert_eq!(reason(&end), "STOPPING");
}

#[tokio::test]
async fn health_of_an_unknown_service_is_not_found() {
    let served = Served::start().await;
    let mut client = HealthClient::new(served.connect(None).await);
    let request = HealthCheckRequest {
        service: "wayside.ledger.v1.LedgerService".into(),
    };
    let refused = client.check(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn an_administrator_sees_the_configuration_and_the_peers() {
    let served = Served::start().await;
    let mut client = AgentServiceClient::new(served.connect(Some(Role::Administrator)).await);
    let config = client.get_config(GetConfigRequest {}).await.unwrap();
    assert_eq!(config.into_inner().toml, "version = \"v1\"\n");
    let peers = client
        .list_peers(ListPeersRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (peers.peers.len(), peers.next_page_token),
        (0, String::new())
    );
    let bad = ListPeersRequest {
        page_size: 1,
        page_token: "-1".into(),
    };
    let refused = client.list_peers(bad).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

/// Waits until the health of a service is this.
async fn becomes(channel: &Channel, service: &str, expected: ServingStatus) {
    let mut client = HealthClient::new(channel.clone());
    let request = HealthCheckRequest {
        service: service.into(),
    };
    let mut changes = client.watch(request).await.unwrap().into_inner();
    within(async { while changes.message().await.unwrap().unwrap().status() != expected {} }).await;
}
