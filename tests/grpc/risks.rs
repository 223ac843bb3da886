//! How dangerous neighbours are, as a driving stack is told.

use std::time::Duration;

use vehicle_agent::Role;
use wayside::rpc::{
    telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
    types::v1 as wire,
    world::v1::{
        GetObjectRequest, GetWorldRequest, SubscribeRequest, subscribe_response::Event,
        world_service_client::WorldServiceClient,
    },
};

use super::served::{Neighbour, Served, state, within};

#[tokio::test]
async fn a_neighbour_ahead_is_told_with_its_risk() {
    let served = Served::start().await;
    let mut ahead = served.neighbour("bob");
    let station = drive_ahead(&served, &mut ahead);
    drive(&served, 15.0).await;
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);

    let mut events = client
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap()
        .into_inner();
    let told = within(events.message()).await.unwrap().unwrap();
    let Some(Event::Object(object)) = told.event else {
        panic!("the snapshot begins with the neighbour");
    };
    assert_eq!(object.station_id, station);
    is_fifteen_metres_behind(&object.risk.unwrap());

    let asked = client.get_object(GetObjectRequest {
        station_id: station,
    });
    let object = asked.await.unwrap().into_inner().object.unwrap();
    is_fifteen_metres_behind(&object.risk.unwrap());

    // A second later the gap is 5 m shorter.
    let soon = served.clock.now().timestamp;
    let soon = soon.saturating_add(Duration::from_secs(1));
    let world = client.get_world(GetWorldRequest {
        at: Some(wayside::rpc::to_wire_time(soon)),
        area: None,
    });
    let world = world.await.unwrap().into_inner();
    let risk = world.objects[0].risk.clone().unwrap();
    near(risk.time_to_collision_s, 2.103);
}

#[tokio::test]
async fn without_an_own_state_no_risk_is_told() {
    let served = Served::start().await;
    let mut ahead = served.neighbour("bob");
    let station = drive_ahead(&served, &mut ahead);
    let mut client = WorldServiceClient::new(served.connect(Some(Role::Observer)).await);
    let asked = client.get_object(GetObjectRequest {
        station_id: station.clone(),
    });
    let object = asked.await.unwrap().into_inner().object.unwrap();
    assert_eq!(object.risk, None);

    // An own state that is long past says nothing of the gap now.
    drive(&served, 15.0).await;
    served.pass(Duration::from_millis(2_900));
    served.hear(&mut ahead);
    served.hear(&mut ahead);
    let asked = client.get_object(GetObjectRequest {
        station_id: station,
    });
    let object = asked.await.unwrap().into_inner().object.unwrap();
    assert_eq!(object.risk, None);
}

/// 5 m/s faster than the one ahead, whose front is 20.016 m further on, and 4.5 m long.
fn is_fifteen_metres_behind(risk: &wire::Risk) {
    assert_eq!(risk.relation(), wire::Relation::Ahead);
    near(risk.time_to_collision_s, 15.516 / 5.0);
    near(risk.headway_s, 15.516 / 15.0);
    // 15 + 1.75 + 18.5² / 8 - 10² / 16 = 53.281 m.
    near(risk.rss_longitudinal_margin_m, 15.516 - 53.281);
    let sum: f64 = risk.parts.iter().map(|part| part.score).sum();
    near(risk.score, sum);
    assert!(risk.score > Some(0.0) && risk.score <= Some(100.0));
}

/// Hears a neighbour drive north until its front is 20 m away.
fn drive_ahead(served: &Served, neighbour: &mut Neighbour) -> String {
    let mut station = String::new();
    for _ in 0..20 {
        station = served.hear(neighbour).to_string();
    }
    station
}

/// The own vehicle drives north.
async fn drive(served: &Served, speed_m_per_s: f64) {
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let request = PublishStateRequest {
        state: Some(wire::VehicleState {
            heading_deg: Some(0.0),
            ..state(speed_m_per_s)
        }),
        ..PublishStateRequest::default()
    };
    let mut client = TelemetryServiceClient::new(channel);
    client.publish_state(request).await.unwrap();
}

/// A step of positions is 11 mm.
fn near(value: Option<f64>, expected: f64) {
    let value = value.unwrap();
    assert!((value - expected).abs() < 0.02, "{value} is not {expected}");
}
