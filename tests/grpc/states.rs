//! Publishing: every state is acknowledged, or refused by name.

use tokio_stream::{StreamExt, iter};
use tonic::Code;
use vehicle_agent::Role;
use wayside::rpc::{
    telemetry::v1::{
        Outcome, PublishRequest, PublishResponse, PublishStateRequest,
        telemetry_service_client::TelemetryServiceClient,
    },
    types::v1 as wire,
};
use wayside::serve::Limits;

use super::served::{Served, fields, reason, state, within};

#[tokio::test]
async fn a_published_state_is_sent_and_named() {
    let served = Served::start().await;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = PublishStateRequest {
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    };
    let answer = client.publish_state(request).await.unwrap().into_inner();
    assert_eq!(answer.outcome(), Outcome::Sent);
    let own = served.handle.call(|station, _| station.station().unwrap());
    assert_eq!(answer.station_id, own.to_string());
    let known = served
        .handle
        .call(|station, _| station.own_state().cloned());
    assert_eq!(known.unwrap().telemetry.speed.unwrap().mm_per_s(), 10_000);
}

#[tokio::test]
async fn no_state_of_a_stream_is_refused_in_silence() {
    let served = Served::start().await;
    let now = served.clock.now().timestamp;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = |sequence, state| PublishRequest {
        sequence,
        measured_at: Some(wayside::rpc::to_wire_time(now)),
        state,
        ..PublishRequest::default()
    };
    let requests = [
        request(1, Some(state(10.0))),
        request(2, Some(state(f64::NAN))),
        request(3, None),
        // As old as the first, which was taken.
        request(4, Some(state(10.0))),
    ];
    let answers = publish(&mut client, requests).await.unwrap();
    let sent: u32 = answers.iter().map(|answer| answer.sent).sum();
    assert_eq!(sent, 1);
    assert_eq!(answers.last().unwrap().last_sequence, 4);
    let rejected: Vec<_> = answers
        .iter()
        .flat_map(|answer| &answer.rejected)
        .map(|one| (one.sequence, one.reason.as_str(), one.field.as_str()))
        .collect();
    assert_eq!(
        rejected,
        [
            (2, "FIELD_NOT_FINITE", "state.speed_m_per_s"),
            (3, "FIELD_MISSING", "state"),
            (4, "NOT_NEWER", ""),
        ]
    );
}

#[tokio::test]
async fn a_sequence_that_does_not_grow_ends_the_stream_after_its_answers() {
    let served = Served::start().await;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = |sequence| PublishRequest {
        sequence,
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishRequest::default()
    };
    let refused = publish(&mut client, [request(2), request(2)])
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused), ["sequence"]);
}

#[tokio::test]
async fn m19_nonsense_is_refused_at_this_door_and_changes_nothing() {
    let served = Served::start().await;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
        let request = PublishStateRequest {
            measured_at: None,
            state: Some(state(nonsense)),
            ..PublishStateRequest::default()
        };
        let refused = client.publish_state(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), ["state.speed_m_per_s"]);
    }
    let known = served
        .handle
        .call(|station, _| station.own_state().cloned());
    assert_eq!(known, None);
}

#[tokio::test]
async fn a_state_of_another_time_is_refused_with_the_reason() {
    let served = Served::start().await;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let hour = std::time::Duration::from_secs(3_600);
    let past = served.clock.now().timestamp.saturating_sub(hour);
    let request = PublishStateRequest {
        measured_at: Some(wayside::rpc::to_wire_time(past)),
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    };
    let refused = client.publish_state(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "CLOCK_DOUBTED");
    let before_1970 = PublishStateRequest {
        measured_at: Some(prost_types::Timestamp {
            seconds: -1,
            nanos: 0,
        }),
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    };
    let refused = client.publish_state(before_1970).await.unwrap_err();
    assert_eq!(fields(&refused), ["measured_at"]);
}

#[tokio::test]
async fn a_caller_above_its_rate_is_told_when_to_come_back() {
    use tonic_types::StatusExt;

    let limits = Limits {
        requests_per_s: 1.try_into().unwrap(),
        ..Limits::default()
    };
    let served = Served::with(limits, |_| None).await;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let requests = (1..=5).map(|sequence| PublishRequest {
        sequence,
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishRequest::default()
    });
    let refused = publish(&mut client, requests).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(reason(&refused), "RATE_LIMITED");
    assert!(
        refused
            .get_details_retry_info()
            .unwrap()
            .retry_delay
            .is_some()
    );
}

#[tokio::test]
async fn a_state_with_a_word_that_this_agent_does_not_know_is_refused() {
    let served = Served::start().await;
    let mut client = TelemetryServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = PublishStateRequest {
        measured_at: None,
        state: Some(wire::VehicleState {
            drive_direction: 9,
            ..state(10.0)
        }),
        ..PublishStateRequest::default()
    };
    let refused = client.publish_state(request).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        ["state.drive_direction"],
        "an own state is understood in full or not sent"
    );
}

/// Sends all, and reads the answers to the end.
async fn publish(
    client: &mut TelemetryServiceClient<tonic::transport::Channel>,
    requests: impl IntoIterator<Item = PublishRequest, IntoIter: Send + 'static>,
) -> Result<Vec<PublishResponse>, tonic::Status> {
    within(async {
        let answers = client.publish(iter(requests)).await?.into_inner();
        answers.collect::<Result<Vec<_>, _>>().await
    })
    .await
}
