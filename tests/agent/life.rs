use std::path::Path;

use rustix::process::Signal;
use tokio::time::timeout;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use wayside::rpc::{
    agent::v1::Reason,
    telemetry::v1::{Outcome, telemetry_service_client::TelemetryServiceClient},
    world::v1::{
        SubscribeRequest, subscribe_response::Event, world_service_client::WorldServiceClient,
    },
};

use super::process::{Agent, PATIENCE, Pki, state, wayside};

#[tokio::test]
async fn an_agent_killed_and_restarted_within_its_slot_is_still_believed() {
    let pki = Pki::new(2).await;
    let listener = pki.start(1, &[]).await;
    let mut latitude_deg = 55.0;
    for _ in 0..3 {
        let mut speaker = pki.start(2, &[listener.quic()]).await;
        listener.wait_ready(|readiness| readiness.peers == 1).await;
        speaker
            .wait_ready(|readiness| readiness.can_sign && readiness.peers == 1)
            .await;
        latitude_deg += 0.001;

        assert_eq!(
            speaker.publish(latitude_deg).await,
            i32::from(Outcome::Sent)
        );
        wait_for_object(&listener, latitude_deg).await;

        speaker.signal(Signal::KILL);
        assert_eq!(speaker.end().await, None);
        listener.wait_ready(|readiness| readiness.peers == 0).await;
    }
    let metrics = listener.scrape().await;
    assert!(
        metrics.contains("wayside_messages_delivered_total{type=\"telemetry\"} 3"),
        "{metrics}"
    );
    assert!(!metrics.contains("equivocation"), "{metrics}");
}

#[tokio::test]
async fn a_damaged_journal_costs_the_tickets_that_were_used() {
    let pki = Pki::new(1).await;
    let mut agent = pki.start(1, &[]).await;
    agent.wait_ready(|readiness| readiness.can_sign).await;
    agent.signal(Signal::KILL);
    agent.end().await;
    let journal = pki.path("vehicle-1/state/sequences.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&journal, bytes).unwrap();

    let agent = pki.start(1, &[]).await;

    let mut client = TelemetryServiceClient::new(agent.channel().await);
    let refused = client.publish_state(state(55.0)).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(journal.with_extension("damaged").exists());
}

#[tokio::test]
async fn sigterm_tells_clients_and_ends_in_order() {
    let pki = Pki::new(1).await;
    let mut agent = pki.start(1, &[]).await;
    agent.wait_ready(|readiness| readiness.can_sign).await;
    let mut health = HealthClient::new(agent.channel().await);
    let request = HealthCheckRequest {
        service: "wayside.world.v1.WorldService".to_owned(),
    };
    let mut changes = health.watch(request).await.unwrap().into_inner();
    let first = changes.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);

    agent.signal(Signal::TERM);

    let last = timeout(PATIENCE, changes.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    assert_eq!(agent.end().await, Some(0));
    let socket = agent.address("grpc").strip_prefix("unix:").unwrap();
    assert!(!Path::new(socket).exists());
}

#[tokio::test]
async fn sighup_reads_new_tickets() {
    let pki = Pki::new(1).await;
    let mut agent = pki.start(1, &[]).await;
    let before = agent.wait_ready(|readiness| readiness.can_sign).await;
    assert_eq!(before.tickets_left, 3);
    let issued = wayside(&["pki", "issue", "vehicle-1", "--slots", "2", "--domain"])
        .arg(pki.path(""))
        .args(["--start", "2030-01-01T00:00:00Z"])
        .output()
        .await
        .unwrap();
    assert!(issued.status.success(), "{issued:?}");

    agent.signal(Signal::HUP);

    agent
        .wait_ready(|readiness| readiness.tickets_left == 5)
        .await;
    agent.signal(Signal::TERM);
    assert_eq!(agent.end().await, Some(0));
}

#[tokio::test]
async fn a_silent_driving_stack_is_shown_and_its_return_too() {
    let pki = Pki::new(1).await;
    let mut command = pki.agent(1);
    command.env("WAYSIDE__STATION__STACK_SILENT_AFTER", "200ms");
    let agent = Agent::start(command).await;
    let silent = i32::from(Reason::OwnStateSilent);
    agent.wait_ready(|readiness| readiness.can_sign).await;
    agent.publish(55.0).await;

    agent
        .wait_ready(|readiness| readiness.reasons.contains(&silent))
        .await;
    assert!(agent.scrape().await.contains("wayside_state_silent 1"));

    let mut health = HealthClient::new(agent.channel().await);
    let checked = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(checked.into_inner().status(), ServingStatus::NotServing);
    agent.publish(55.0001).await;
    assert!(agent.scrape().await.contains("wayside_state_silent 0"));
}

async fn wait_for_object(agent: &Agent, latitude_deg: f64) {
    let mut client = WorldServiceClient::new(agent.channel().await);
    let subscribed = client.subscribe(SubscribeRequest::default()).await;
    let mut events = subscribed.unwrap().into_inner();
    let seen = async {
        loop {
            let event = events.message().await.unwrap().unwrap().event;
            let Some(Event::Object(object)) = event else {
                continue;
            };
            let position = object.state.unwrap().position.unwrap();
            if (position.latitude_deg.unwrap() - latitude_deg).abs() < 1e-6 {
                return;
            }
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
}
