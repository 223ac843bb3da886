use std::time::Duration;

use tempfile::TempDir;
use tokio::{net::UdpSocket, process::Command, time::timeout};
use tonic::Code;
use wayside::rpc::{
    hazard::v1::{
        Event, ReportRequest, SubscribeRequest, hazard_service_client::HazardServiceClient,
        subscribe_response::Event as Told,
    },
    road::v1::{
        CancelHazardRequest, GetRelayRequest, ListHazardsRequest, PublishHazardRequest, Relay,
        RoadHazard, UpdateHazardRequest, road_service_client::RoadServiceClient,
    },
    types::v1::{Cause, Hazard, Position},
};

use super::committee::Committee;
use crate::agent::process::{Agent, PATIENCE, agent, refused, wayside};

#[tokio::test]
async fn roadworks_reach_vehicles_outlive_a_killed_unit_and_are_cancelled() {
    let mut committee = Committee::start_as(1, &["--relays", "1", "--vehicles", "2"]).await;
    let early = vehicle(&committee, 1).await;

    publish(committee.unit(0), "km-12").await;
    let told = heard(&early, "the operator's").await;
    assert_eq!(told.cause.unwrap().code, Some(3));
    let repeated = publish(committee.unit(0), "km-12").await;
    assert_eq!(repeated, told.action_id, "nothing new was said");

    committee.kill(0).await;
    committee.restart(0).await;
    let late = vehicle(&committee, 2).await;
    let again = heard(&late, "what was kept").await;
    assert_eq!(again.action_id, told.action_id);
    let listed = list(committee.unit(0)).await;
    let names: Vec<&str> = listed.iter().map(|it| it.hazard_id.as_str()).collect();
    assert_eq!(names, ["km-12"]);

    // Under sequences that the killed unit may have used, vehicles would hear a contradiction.
    publish(committee.unit(0), "km-13").await;
    let mut client = road(committee.unit(0)).await;
    let cancelled = client.cancel_hazard(CancelHazardRequest {
        hazard_id: "km-12".to_owned(),
    });
    assert!(cancelled.await.unwrap().into_inner().kept);
    for vehicle in [&early, &late] {
        only_hears(vehicle, 1).await;
        let metrics = vehicle.scrape().await;
        assert!(!metrics.contains("equivocation"), "{metrics}");
    }
}

#[tokio::test]
async fn what_a_vehicle_reported_is_told_to_those_who_come_after_the_unit_was_killed() {
    let mut committee = Committee::start_as(1, &["--relays", "1", "--vehicles", "2"]).await;
    let mut first = vehicle(&committee, 1).await;
    let mut client = HazardServiceClient::new(first.channel().await);
    let reported = client.report(ReportRequest {
        request_id: String::new(),
        event: Some(obstacle()),
    });
    let action = reported.await.unwrap().into_inner().action_id;
    let kept = async {
        while show(committee.unit(0)).await.hazards == 0
            || show(committee.unit(0)).await.hazards_unwritten > 0
        {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    };
    timeout(PATIENCE, kept).await.unwrap();
    first.signal(rustix::process::Signal::KILL);
    first.end().await;

    committee.kill(0).await;
    committee.restart(0).await;

    let late = vehicle(&committee, 2).await;
    assert_eq!(heard(&late, "the first one's").await.action_id, action);
}

#[tokio::test]
async fn what_an_operator_cannot_mean_is_refused_by_name() {
    let committee = Committee::start_as(1, &["--relays", "1"]).await;
    let mut client = road(committee.unit(0)).await;
    ready(committee.unit(0)).await;

    let nowhere = client.publish_hazard(PublishHazardRequest {
        hazard_id: "km-12".to_owned(),
        event: Some(Event {
            position: None,
            ..obstacle()
        }),
        until: None,
    });
    let refused = nowhere.await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    let unknown = client.cancel_hazard(CancelHazardRequest {
        hazard_id: "km-12".to_owned(),
    });
    assert_eq!(unknown.await.unwrap_err().code(), Code::NotFound);
    publish(committee.unit(0), "km-12").await;
    let reused = client.publish_hazard(PublishHazardRequest {
        hazard_id: "km-12".to_owned(),
        event: Some(obstacle()),
        until: None,
    });
    assert_eq!(reused.await.unwrap_err().code(), Code::AlreadyExists);
    let updated = client.update_hazard(UpdateHazardRequest {
        hazard_id: "km-12".to_owned(),
        event: Some(obstacle()),
        until: None,
    });
    assert!(updated.await.unwrap().into_inner().kept);
    let listed = list(committee.unit(0)).await;
    let hazard = listed.first().unwrap().hazard.clone().unwrap();
    assert_eq!((hazard.cause.unwrap().code, hazard.update), (Some(10), 1));
    let names = [
        "wayside_relay_ready 1",
        "wayside_relay_own_hazards 1",
        "wayside_relay_unwritten 0",
        "wayside_relay_peers{kind=\"vehicle\"} 0",
        "wayside_relay_certificate_expiry_seconds",
        "wayside_relay_load{state=\"isolated\"}",
        "wayside_messages_published_total{type=\"hazard\"} 2",
    ];
    // They are shown each second.
    let shown = async {
        loop {
            let metrics = committee.unit(0).scrape().await;
            if names.iter().all(|name| metrics.contains(name)) {
                return;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    };
    timeout(PATIENCE, shown).await.unwrap();
}

#[tokio::test]
async fn a_unit_without_the_section_says_that_it_does_not_relay() {
    let committee = Committee::start(1).await;
    let mut client = road(committee.unit(0)).await;

    let shown = show(committee.unit(0)).await;
    assert!(!shown.enabled);
    let refused = client.list_hazards(ListHazardsRequest::default());
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let folder = TempDir::new().unwrap();
    let made = wayside(&["pki", "init", "--operators", "1", "--relays", "1", "--out"])
        .arg(folder.path())
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut unit = wayside(&["unit", "--config"]);
    unit.arg(folder.path().join("unit-1/unit.toml"))
        .env("WAYSIDE__RELAY__LISTEN", &address);

    let error = refused(unit).await;

    assert!(error.contains(&address), "{error}");
}

#[tokio::test]
async fn the_command_line_tells_lists_and_cancels() {
    let committee = Committee::start_as(1, &["--relays", "1"]).await;
    let unit = committee.unit(0).address("grpc").to_owned();
    ready(committee.unit(0)).await;
    let run = |arguments: &[&str]| {
        let mut command = wayside(&["road", "--unit", &unit]);
        command.args(arguments);
        said(command)
    };

    let told = run(&["hazard", "bridge", "--at", "55.0,2.5", "--cause", "closure"]).await;
    assert!(told.contains("bridge: vehicles are told"), "{told}");
    let listed = run(&["list"]).await;
    assert!(listed.starts_with("bridge  3/1"), "{listed}");
    let shown = run(&["show"]).await;
    assert!(shown.contains("relays: yes"), "{shown}");
    let ended = run(&["cancel", "bridge"]).await;
    assert!(ended.contains("over"), "{ended}");
    assert_eq!(run(&["list"]).await, "");
}

/// Starts the agent of a vehicle that hears others through the unit alone.
pub(super) async fn vehicle(committee: &Committee, number: u16) -> Agent {
    let config = committee
        .folder()
        .join(format!("vehicle-{number}/agent.toml"));
    let vehicle = Agent::start(agent(&config)).await;
    vehicle.wait_ready(|readiness| readiness.can_sign).await;
    vehicle.publish(55.0).await;
    vehicle
}

/// Waits until a vehicle hears of a hazard.
async fn heard(vehicle: &Agent, what: &str) -> Hazard {
    let mut client = HazardServiceClient::new(vehicle.channel().await);
    let request = SubscribeRequest::default();
    let mut told = client.subscribe(request).await.unwrap().into_inner();
    let first = async {
        loop {
            if let Some(Told::Hazard(hazard)) = told.message().await.unwrap().unwrap().event {
                return hazard;
            }
        }
    };
    timeout(PATIENCE, first)
        .await
        .unwrap_or_else(|_| panic!("never heard {what}"))
}

/// Waits until a vehicle knows of exactly so many hazards.
async fn only_hears(vehicle: &Agent, count: usize) {
    let mut client = HazardServiceClient::new(vehicle.channel().await);
    let waiting = async {
        loop {
            let request = wayside::rpc::hazard::v1::ListRequest::default();
            let listed = client.list(request).await.unwrap().into_inner();
            if listed.hazards.len() == count {
                return;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

/// Has the operator tell of roadworks; their name on the road.
pub(super) async fn publish(unit: &Agent, name: &str) -> Option<wayside::rpc::types::v1::ActionId> {
    ready(unit).await;
    let mut client = road(unit).await;
    let request = PublishHazardRequest {
        hazard_id: name.to_owned(),
        event: Some(Event {
            cause: Some(Cause {
                code: Some(3),
                ..Cause::default()
            }),
            ..obstacle()
        }),
        until: None,
    };
    let answer = client.publish_hazard(request).await.unwrap().into_inner();
    assert!(answer.kept);
    answer.action_id
}

/// An obstacle in the middle of the town.
fn obstacle() -> Event {
    Event {
        cause: Some(Cause {
            code: Some(10),
            ..Cause::default()
        }),
        position: Some(Position {
            latitude_deg: Some(55.0),
            longitude_deg: Some(2.5),
            altitude_m: None,
        }),
        ..Event::default()
    }
}

async fn ready(unit: &Agent) {
    let waiting = async {
        while !show(unit).await.problems.is_empty() {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

pub(super) async fn show(unit: &Agent) -> Relay {
    let answer = road(unit).await.get_relay(GetRelayRequest {}).await;
    answer.unwrap().into_inner().relay.unwrap()
}

async fn list(unit: &Agent) -> Vec<RoadHazard> {
    let request = ListHazardsRequest::default();
    let answer = road(unit).await.list_hazards(request).await;
    answer.unwrap().into_inner().hazards
}

async fn road(unit: &Agent) -> RoadServiceClient<tonic::transport::Channel> {
    RoadServiceClient::new(unit.channel().await)
}

async fn said(mut command: Command) -> String {
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(super) const LOOK_PAUSE: Duration = Duration::from_millis(100);
