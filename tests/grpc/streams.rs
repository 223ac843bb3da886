//! Subscriptions: the snapshot, the changes, and what a slow reader is told.

use std::{num::NonZeroUsize, time::Duration};

use tonic::{Code, Streaming};
use vehicle_agent::Role;
use wayside::rpc::{
    types::v1 as wire,
    world::v1::{
        GetObjectRequest, GetWorldRequest, RemovalReason, SubscribeRequest, SubscribeResponse,
        subscribe_response::Event, world_service_client::WorldServiceClient,
    },
};
use wayside::serve::Limits;

use super::served::{Served, eventually, fields, reason, within};

#[tokio::test]
async fn a_subscriber_gets_the_snapshot_and_then_each_change() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    let bob = served.hear(&mut neighbour).to_string();
    let action = served.hear_breakdown(&mut neighbour);
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let mut events = client
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap()
        .into_inner();

    let Event::Hazard(hazard) = next(&mut events).await else {
        panic!("the snapshot begins with the hazards");
    };
    assert_eq!(hazard.action_id, Some(action.into()));
    assert_eq!(hazard.level(), wire::HazardLevel::Inform);
    let Event::Object(object) = next(&mut events).await else {
        panic!("then come the objects");
    };
    assert_eq!(object.station_id, bob);
    let end = wire::SnapshotEnd {
        objects: 1,
        hazards: 1,
    };
    assert_eq!(next(&mut events).await, Event::SnapshotEnd(end));

    served.hear(&mut neighbour);
    let Event::Object(changed) = next(&mut events).await else {
        panic!("a change of an object follows");
    };
    assert!(changed.state.unwrap().position.unwrap().latitude_deg > Some(48.0));
    served.pass(Duration::from_secs(4));
    let Event::ObjectRemoved(removed) = next_news(&mut events).await else {
        panic!("silence removes the object");
    };
    assert_eq!(removed.station_id, bob);
    assert_eq!(removed.reason(), RemovalReason::Expired);
}

#[tokio::test]
async fn an_object_carries_what_was_signed_and_when() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    let bob = served.hear(&mut neighbour);
    served.pass(Duration::from_millis(50));
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let request = GetObjectRequest {
        station_id: bob.to_string(),
    };
    let object = client.get_object(request).await.unwrap().into_inner();
    let object = object.object.unwrap();

    let signed = object.signed.unwrap();
    assert_eq!(signed.signer_digest.as_ref(), bob.as_bytes());
    assert_eq!((signed.ticket.len(), signed.signature.len()), (120, 64));
    assert!(signed.envelope.ends_with(&signed.signature));
    let verification = object.verification.unwrap();
    assert_eq!(verification.status(), wire::VerificationStatus::Verified);
    let times = object.times.unwrap();
    assert!(times.generated_at.is_some() && times.received_at.is_some());
    let estimate = object.estimate.unwrap();
    assert_eq!(estimate.age.unwrap().nanos, 50_000_000);
}

#[tokio::test]
async fn the_world_at_a_time_is_carried_forward() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    served.hear(&mut neighbour);
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let now = served.clock.now().timestamp;
    let soon = now.saturating_add(Duration::from_secs(1));
    let request = |at| GetWorldRequest {
        at: Some(wayside::rpc::to_wire_time(at)),
        area: None,
    };
    let world = client.get_world(request(soon)).await.unwrap().into_inner();
    assert_eq!(world.objects.len(), 1);
    let estimate = world.objects[0].estimate.as_ref().unwrap();
    assert_eq!(estimate.age.unwrap().seconds, 1);
    assert!(estimate.position_growth_m > 0.0);

    let late = now.saturating_add(Duration::from_secs(11));
    let refused = client.get_world(request(late)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(reason(&refused), "BEYOND_HORIZON");
    let around = GetWorldRequest {
        at: None,
        area: Some(wire::Area {
            kind: Some(wire::area::Kind::AroundMe(wire::AroundMe {
                radius_m: Some(100.0),
            })),
        }),
    };
    let refused = client.get_world(around).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "NO_OWN_STATE");
}

#[tokio::test]
async fn g6_a_reader_that_does_not_read_is_told_of_the_gap() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let request = SubscribeRequest {
        buffer_size: Some(4),
        ..SubscribeRequest::default()
    };
    let mut events = client.subscribe(request).await.unwrap().into_inner();
    // More than the window of the stream and both sides' buffers hold.
    for _ in 0..1_000 {
        served.hear(&mut neighbour);
        tokio::task::yield_now().await;
    }
    let (mut told, mut dropped, mut gaps) = (0, 0, 0);
    let mut expected_sequence = 1;
    while told + dropped < 1_000 {
        let response = within(events.message()).await.unwrap().unwrap();
        match response.event.unwrap() {
            Event::Object(_) => told += 1,
            Event::Gap(gap) => {
                assert_eq!(gap.reason(), wire::GapReason::SlowReader);
                assert_eq!(gap.first_sequence, expected_sequence);
                expected_sequence += gap.dropped;
                dropped += gap.dropped;
                gaps += 1;
            }
            Event::SnapshotEnd(_) | Event::Heartbeat(_) => {}
            Event::ObjectRemoved(_) | Event::Hazard(_) | Event::HazardRemoved(_) => {
                panic!("only objects change")
            }
        }
        assert_eq!(response.sequence, expected_sequence, "nothing is uncounted");
        expected_sequence += 1;
    }
    assert!(gaps > 0);
}

#[tokio::test]
async fn g6_a_reader_that_takes_nothing_is_cut_off() {
    let limits = Limits {
        slow_subscriber_timeout: Duration::from_millis(1),
        ..Limits::default()
    };
    let served = Served::with(limits, |_| None).await;
    let mut neighbour = served.neighbour("bob");
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let mut events = client
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap()
        .into_inner();
    for _ in 0..600 {
        served.hear(&mut neighbour);
        tokio::task::yield_now().await;
    }
    let refused = end(&mut events).await;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(reason(&refused), "SUBSCRIBER_TOO_SLOW");
}

#[tokio::test]
async fn an_overflowing_subscriber_that_asked_for_an_end_gets_one() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let request = SubscribeRequest {
        buffer_size: Some(1),
        overflow: wire::Overflow::Close.into(),
        ..SubscribeRequest::default()
    };
    let mut events = client.subscribe(request).await.unwrap().into_inner();
    for _ in 0..600 {
        served.hear(&mut neighbour);
        tokio::task::yield_now().await;
    }
    assert_eq!(reason(&end(&mut events).await), "SUBSCRIBER_OVERFLOW");
}

#[tokio::test]
async fn a_subscriber_hears_a_heartbeat_when_nothing_happens() {
    let served = Served::start().await;
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let mut events = client
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(matches!(next(&mut events).await, Event::SnapshotEnd(_)));
    served.pass(Duration::from_secs(1));
    let Event::Heartbeat(heartbeat) = next(&mut events).await else {
        panic!("a second passed without news");
    };
    assert_eq!(heartbeat.own_state_age, None, "nothing was published yet");
}

#[tokio::test]
async fn bad_subscriptions_name_their_field() {
    let served = Served::start().await;
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    for (request, field) in [
        (
            SubscribeRequest {
                buffer_size: Some(1_001),
                ..SubscribeRequest::default()
            },
            "buffer_size",
        ),
        (
            SubscribeRequest {
                types: vec![0],
                ..SubscribeRequest::default()
            },
            "types",
        ),
        (
            SubscribeRequest {
                overflow: 9,
                ..SubscribeRequest::default()
            },
            "overflow",
        ),
        (
            SubscribeRequest {
                station_ids: vec!["\nforged".into()],
                ..SubscribeRequest::default()
            },
            "station_ids",
        ),
        (
            SubscribeRequest {
                area: Some(wire::Area { kind: None }),
                ..SubscribeRequest::default()
            },
            "area.kind",
        ),
    ] {
        let refused = client.subscribe(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), [field]);
    }
}

#[tokio::test]
async fn g4_one_caller_may_hold_only_so_many_streams() {
    let limits = Limits {
        streams_per_caller_max: NonZeroUsize::new(2).unwrap(),
        ..Limits::default()
    };
    let served = Served::with(limits, |_| None).await;
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let first = client.subscribe(SubscribeRequest::default()).await.unwrap();
    let _second = client.subscribe(SubscribeRequest::default()).await.unwrap();
    let refused = client
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_STREAMS");
    drop(first);
    within(async {
        while client.subscribe(SubscribeRequest::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn calls_and_streams_are_counted() {
    let served = Served::start().await;
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let events = client.subscribe(SubscribeRequest::default()).await.unwrap();
    let unknown = GetObjectRequest {
        station_id: "0000000000000000".into(),
    };
    client.get_object(unknown).await.unwrap_err();
    let labels = "service=\"wayside.world.v1.WorldService\",method=";
    let told = served.metrics.encode();
    for line in [
        format!("wayside_grpc_requests_total{{{labels}\"Subscribe\",code=\"OK\"}} 1"),
        format!("wayside_grpc_requests_total{{{labels}\"GetObject\",code=\"NOT_FOUND\"}} 1"),
        format!("wayside_grpc_streams{{{labels}\"Subscribe\"}} 1"),
    ] {
        assert!(told.contains(&line), "{line} is not in {told}");
    }
    drop(events);
    let closed = format!("wayside_grpc_streams{{{labels}\"Subscribe\"}} 0");
    eventually(|| served.metrics.encode().contains(&closed)).await;
}

async fn next(events: &mut Streaming<SubscribeResponse>) -> Event {
    let response = within(events.message()).await.unwrap().unwrap();
    response.event.unwrap()
}

/// The next event that is no heartbeat.
async fn next_news(events: &mut Streaming<SubscribeResponse>) -> Event {
    loop {
        let event = next(events).await;
        if !matches!(event, Event::Heartbeat(_)) {
            return event;
        }
    }
}

/// Reads to the end of a stream, and returns its error.
async fn end(events: &mut Streaming<SubscribeResponse>) -> tonic::Status {
    loop {
        match within(events.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ends without a reason"),
            Err(status) => return status,
        }
    }
}
