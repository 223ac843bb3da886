use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::timeout;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use wayside::rpc::ledger::v1::GetInfoRequest;

use super::process::Alone;
use crate::agent::process::{PATIENCE, refused, wayside};

#[tokio::test]
async fn without_a_configuration_it_is_a_development_committee_of_one() {
    let unit = Alone::start().await;

    let mut client = unit.client().await;
    let info = client
        .get_info(GetInfoRequest {})
        .await
        .unwrap()
        .into_inner();

    assert!(info.development, "and says so");
    assert_eq!((info.operators, info.quorum), (1, 1));
    let shards: Vec<u32> = info.shards.iter().map(|shard| shard.shard_id).collect();
    assert_eq!(shards, [0, 1]);
    assert_eq!(info.chain_id, unit.genesis().chain().to_string());
    assert_eq!(info.chain_id, unit.process.address("chain"));
    assert_eq!(info.roles, ["operator"]);
}

#[tokio::test]
async fn each_shard_tells_its_health_and_the_end_is_told() {
    let mut unit = Alone::start().await;
    let mut health = HealthClient::new(unit.process.channel().await);
    for service in [
        "",
        "wayside.ledger.v1.LedgerService",
        "wayside.ledger.v1.GovernanceService",
        "wayside.ledger.v1.LedgerService/shard-0",
        "wayside.ledger.v1.LedgerService/shard-1",
    ] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut changes = health.watch(request).await.unwrap().into_inner();
        let serving = async {
            while changes.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
        };
        timeout(PATIENCE, serving).await.unwrap();
    }
    let request = HealthCheckRequest {
        service: "wayside.ledger.v1.LedgerService/shard-0".to_owned(),
    };
    let mut changes = health.watch(request).await.unwrap().into_inner();
    assert_eq!(
        changes.message().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );

    unit.process.signal(Signal::TERM);

    let told = timeout(PATIENCE, changes.message()).await.unwrap();
    assert_eq!(told.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(unit.process.end().await, Some(0));
}

#[tokio::test]
async fn metrics_are_told_by_their_names() {
    let unit = Alone::start().await;
    unit.enrol().await;

    let metrics = unit.process.scrape().await;

    for name in [
        "wayside_ledger_entries_total{shard=\"1\",kind=\"applied\"}",
        "wayside_ledger_tree_size{shard=\"0\"}",
        "wayside_ledger_append_seconds_count{shard=\"1\"}",
        "wayside_ledger_checkpoint_age_seconds{shard=\"1\"}",
        "wayside_ledger_audits_total{result=\"held\"}",
        "wayside_ledger_audit_violations_total 0",
        "wayside_grpc_requests_total{service=\"wayside.ledger.v1.LedgerService\"",
        "wayside_build_info",
    ] {
        assert!(metrics.contains(name), "{name} is missing from\n{metrics}");
    }
    assert_eq!(metrics.matches("# EOF").count(), 1);
}

#[tokio::test]
async fn g1_public_addresses_without_authentication_are_refused() {
    let folder = TempDir::new().unwrap();
    for flag in ["--grpc-address", "--metrics-address"] {
        let mut unit = wayside(&["unit", "--storage"]);
        unit.arg(folder.path().join("data"))
            .args([flag, "0.0.0.0:0"]);

        let error = refused(unit).await;

        assert!(error.contains("without authentication"), "{error}");
    }
}

#[tokio::test]
async fn l7_two_units_never_share_a_folder() {
    let unit = Alone::start().await;
    let mut second = wayside(&["unit", "--storage"]);
    second
        .arg(unit.folder.path().join("data"))
        .env(
            "WAYSIDE__GRPC__SOCKET",
            unit.folder.path().join("other.sock"),
        )
        .env("WAYSIDE__METRICS__ADDRESS", "127.0.0.1:0");

    let error = refused(second).await;

    assert!(error.contains("index.redb"), "{error}");
}

#[tokio::test]
async fn shown_configurations_are_accepted_again() {
    let folder = TempDir::new().unwrap();
    let shown = wayside(&["unit", "config", "show"]).output().await.unwrap();
    let copy = folder.path().join("copy.toml");
    std::fs::write(&copy, &shown.stdout).unwrap();

    let checked = wayside(&["unit", "config", "check", "--config"])
        .arg(&copy)
        .output()
        .await
        .unwrap();

    assert!(checked.status.success(), "{checked:?}");
}
