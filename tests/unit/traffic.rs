use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::Code;
use wayside::{
    crypto::{Context, Signature, VerifyingKey},
    rpc::{
        parse_traffic_report,
        road::v1::{
            GetTrafficRequest, GetTrafficResponse, TrafficReport,
            road_service_client::RoadServiceClient,
        },
        telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
        types::v1::{Position, VehicleState},
    },
    security::UnitCertificate,
};

use super::committee::Committee;
use crate::agent::process::{Agent, PATIENCE, agent, wayside};

#[tokio::test]
async fn three_vehicles_are_told_as_traffic_that_the_unit_signed() {
    let mut committee = Committee::start_as(1, &["--relays", "1", "--vehicles", "3"]).await;
    committee.kill(0).await;
    let config = committee.folder().join("unit-1/unit.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("\n[relay.traffic]\ninterval = \"5s\"\n");
    std::fs::write(&config, text).unwrap();
    committee.restart(0).await;
    let mut vehicles = Vec::new();
    for number in 1..=3 {
        let folder = committee.folder().join(format!("vehicle-{number}"));
        let vehicle = Agent::start(agent(&folder.join("agent.toml"))).await;
        vehicle.wait_ready(|readiness| readiness.can_sign).await;
        vehicles.push(vehicle);
    }

    let begun = Instant::now();
    let told = async {
        loop {
            for (lane, vehicle) in (0..).zip(&vehicles) {
                drive(vehicle, lane, begun.elapsed()).await;
            }
            let answer = traffic(committee.unit(0)).await;
            let cells = believed(&answer).into_iter().flat_map(|it| it.cells);
            if let Some(cell) = cells.into_iter().next() {
                return cell;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let cell = timeout(PATIENCE, told)
        .await
        .expect("three vehicles in one place are traffic");
    assert_eq!((cell.reporters, cell.set_aside), (3, 0));
    assert!(cell.speed_mm_per_s.abs_diff(5_000) < 100, "{cell:?}");

    let unit = committee.unit(0).address("grpc").to_owned();
    let shown = wayside(&["road", "--unit", &unit, "traffic", "--all", "--json"])
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("\"reporters\":3"), "{shown}");
}

#[tokio::test]
async fn a_unit_that_does_not_relay_knows_no_traffic() {
    let committee = Committee::start(1).await;
    let mut client = RoadServiceClient::new(committee.unit(0).channel().await);
    let refused = client.get_traffic(GetTrafficRequest::default());
    assert_eq!(refused.await.unwrap_err().code(), Code::FailedPrecondition);
}

async fn traffic(unit: &Agent) -> GetTrafficResponse {
    let mut client = RoadServiceClient::new(unit.channel().await);
    let answer = client.get_traffic(GetTrafficRequest::default()).await;
    match answer {
        Ok(answer) => answer.into_inner(),
        Err(problem) => {
            assert_eq!(problem.code(), Code::Unavailable, "{problem}");
            GetTrafficResponse::default()
        }
    }
}

/// What the unit says, if the key that its operator certified signed it.
fn believed(answer: &GetTrafficResponse) -> Vec<TrafficReport> {
    if answer.reports.is_empty() {
        return Vec::new();
    }
    let certificate = UnitCertificate::from_bytes(&answer.unit_certificate).unwrap();
    let key = VerifyingKey::from_bytes(&certificate.key_bytes()).unwrap();
    let reports = answer.reports.iter().map(|signed| {
        let signature: [u8; 64] = signed.signature.as_ref().try_into().unwrap();
        let signature = Signature::from_bytes(signature);
        key.verify(Context::TrafficReport, &[&signed.report], &signature)
            .unwrap();
        parse_traffic_report(&signed.report).unwrap()
    });
    reports.collect()
}

/// Drives north at 5 m/s in one of several lanes.
async fn drive(vehicle: &Agent, lane: u8, since: Duration) {
    let way_m = 5.0 * since.as_secs_f64();
    let request = PublishStateRequest {
        state: Some(VehicleState {
            position: Some(Position {
                latitude_deg: Some(55.0 + way_m / M_PER_DEG_NORTH),
                longitude_deg: Some(2.5 + f64::from(lane) * 5e-5),
                altitude_m: None,
            }),
            heading_deg: Some(0.0),
            speed_m_per_s: Some(5.0),
            ..VehicleState::default()
        }),
        ..PublishStateRequest::default()
    };
    let mut client = TelemetryServiceClient::new(vehicle.channel().await);
    client.publish_state(request).await.unwrap();
}

/// At 55° north.
const M_PER_DEG_NORTH: f64 = 111_340.0;
