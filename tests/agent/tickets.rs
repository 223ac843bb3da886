//! Tickets of five operators, from the first to the last: made together, used, and revoked.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{sleep, timeout};
use wayside::rpc::{
    agent::v1::Reason,
    world::v1::{
        RemovalReason, SubscribeRequest, subscribe_response::Event,
        world_service_client::WorldServiceClient,
    },
};

use super::{
    process::{Agent, PATIENCE, agent, wayside},
    town::{Town, kill},
};

#[tokio::test]
async fn with_one_signer_down_tickets_flow_and_a_revoked_car_is_heard_by_nobody() {
    let (town, _units, unit) = issuing_town().await;
    let listener = start(&town, 1).await;
    let ready = listener.wait_ready(|readiness| readiness.can_sign).await;
    assert!(ready.own_revocation.is_none(), "{ready:?}");
    // The other one follows no ledger: nobody tells it to be silent.
    let speaker = stubborn(&town, &unit, &listener).await;
    let heard = speaker.wait_ready(|readiness| readiness.can_sign && readiness.peers == 1);
    let station = heard.await.station_id;

    let mut world = WorldServiceClient::new(listener.channel().await);
    let subscribed = world.subscribe(SubscribeRequest::default()).await;
    let mut events = subscribed.unwrap().into_inner();
    let mut is_ordered = false;
    let revoked = async {
        loop {
            let event = events.message().await.unwrap().unwrap().event.unwrap();
            if let Event::ObjectRemoved(removed) = &event
                && removed.station_id == station
            {
                return removed.reason();
            }
            if matches!(&event, Event::Object(object) if object.station_id == station)
                && !std::mem::replace(&mut is_ordered, true)
            {
                let ticket = current_ticket(&town.path("vehicle-2/tickets"));
                let ticket = ticket.display().to_string();
                pki(&["revoke", "--unit", &unit], &town, &[&ticket]).await;
            }
        }
    };
    let reason = timeout(PATIENCE, async {
        tokio::select! {
            reason = revoked => reason,
            () = drive(&speaker) => unreachable!("a drive does not end"),
        }
    });
    assert_eq!(reason.await.unwrap(), RemovalReason::Revoked);

    // It dials again and again, and is let in no more.
    let told = listener.wait_ready(|readiness| readiness.list_next == 1);
    assert!(told.await.can_sign);
    let refused = async {
        while !listener.scrape().await.contains("reason=\"revoked\"") {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
    drop(speaker);
    falls_silent(&town).await;
}

/// Five operators' units that issue tickets, one of which signs and is down; the address of one that is
/// not.
async fn issuing_town() -> (Town, Vec<Agent>, String) {
    let town = Town::new_with(5, &LONG_SLOTS).await;
    let mut units = start_units(&town).await;
    pki(&["issuing"], &town, &LONG_SLOTS).await;
    let signer = unit_of(&town, "members/0").await;
    kill(units.remove(signer - 1)).await;
    let left = address(&town, if signer == 1 { 2 } else { 1 });
    (town, units, left)
}

/// Starts the units of five operators.
pub(super) async fn start_units(town: &Town) -> Vec<Agent> {
    // They wait for one another.
    let (one, two, three, four, five) = tokio::join!(
        town.start_unit(1),
        town.start_unit(2),
        town.start_unit(3),
        town.start_unit(4),
        town.start_unit(5)
    );
    vec![one, two, three, four, five]
}

/// Where a unit serves gRPC.
pub(super) fn address(town: &Town, number: usize) -> String {
    let socket = town.path(&format!("unit-{number}/unit.sock"));
    format!("unix:{}", socket.display())
}

/// Starts the second vehicle's agent, with tickets but without a ledger.
async fn stubborn(town: &Town, unit: &str, listener: &Agent) -> Agent {
    let (vehicle, file) = (town.path("vehicle-2"), town.path("stubborn.toml"));
    clear(&vehicle);
    let asked = ["issue", "--from-operators", "--slots", "3", "--unit", unit];
    pki(&asked, town, &["vehicle-2"]).await;
    let domain = file.display().to_string();
    pki(
        &["show", "--unit", unit, "--trust-domain", &domain],
        town,
        &[],
    )
    .await;
    let mut command = agent(&without_ledger(&vehicle));
    command
        .env("WAYSIDE__IDENTITY__TRUST_DOMAIN", &file)
        .args(["--peer", &listener.quic().to_string()]);
    Agent::start(command).await
}

/// The second vehicle's own agent, which follows the ledger, says that it is revoked and signs nothing.
async fn falls_silent(town: &Town) {
    let car = Agent::start(agent(&town.path("vehicle-2/agent.toml"))).await;
    let told = car.wait_ready(|readiness| readiness.own_revocation.is_some());
    let told = told.await;
    assert!(!told.can_sign, "{told:?}");
    assert!(
        told.reasons.contains(&i32::from(Reason::Revoked)),
        "{told:?}"
    );
    assert!(publish(&car, 0).await.is_err());
}

/// Says where the car is, five times a second.
async fn drive(car: &Agent) {
    for step in 0.. {
        publish(car, step).await.unwrap();
        sleep(Duration::from_millis(200)).await;
    }
}

/// Starts a vehicle's agent, without the tickets that `wayside pki init` made.
async fn start(town: &Town, vehicle: u16) -> Agent {
    let folder = town.path(&format!("vehicle-{vehicle}"));
    clear(&folder);
    let mut command = agent(&folder.join("agent.toml"));
    command.env("WAYSIDE__TRANSPORT__PEERS", "[]");
    Agent::start(command).await
}

/// Takes a vehicle's tickets away.
pub(super) fn clear(vehicle: &Path) {
    for entry in fs::read_dir(vehicle.join("tickets")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

/// A vehicle's configuration without its last section, which names the ledger.
fn without_ledger(vehicle: &Path) -> PathBuf {
    let text = fs::read_to_string(vehicle.join("agent.toml")).unwrap();
    let (kept, _) = text.split_once("[ledger]").unwrap();
    let path = vehicle.join("stubborn.toml");
    fs::write(&path, kept).unwrap();
    path
}

/// Runs `wayside pki` on a domain, and returns what it printed.
pub(super) async fn pki(arguments: &[&str], town: &Town, more: &[&str]) -> String {
    let mut command = wayside(&["pki"]);
    command
        .args(arguments)
        .arg("--domain")
        .arg(town.path(""))
        .args(more);
    let output = timeout(4 * PATIENCE, command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The number of the unit of the operator that holds an office.
pub(super) async fn unit_of(town: &Town, office: &str) -> usize {
    let shown: Value = serde_json::from_str(&pki(&["show"], town, &[]).await).unwrap();
    let offices = shown.pointer("/groups/0/offices").unwrap();
    let holder = offices.pointer(&format!("/{office}")).unwrap();
    let seats = shown.get("seats").unwrap().as_array().unwrap();
    let seat = seats
        .iter()
        .find(|seat| seat.get("operator") == Some(holder));
    let door = seat
        .unwrap()
        .pointer("/seat/door")
        .unwrap()
        .as_str()
        .unwrap();
    let config = |number: &usize| town.path(&format!("unit-{number}/unit.toml"));
    (1..=5)
        .find(|number| fs::read_to_string(config(number)).unwrap().contains(door))
        .unwrap()
}

/// The file of the ticket of this moment, which is the first: the vehicle was just given tickets.
pub(super) fn current_ticket(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).min().unwrap()
}

pub(super) async fn publish(
    car: &Agent,
    step: u32,
) -> Result<tonic::Response<wayside::rpc::telemetry::v1::PublishStateResponse>, tonic::Status> {
    use wayside::rpc::telemetry::v1::telemetry_service_client::TelemetryServiceClient;
    let mut client = TelemetryServiceClient::new(car.channel().await);
    client
        .publish_state(super::process::state(55.0 + f64::from(step) * 1e-4))
        .await
}

/// With these, nobody's ticket changes during a test, but four times a day.
pub(super) const LONG_SLOTS: [&str; 2] = ["--slot-length", "6h"];
