//! Units that follow the ledger without a vote.

use std::{fs, path::Path};

use rustix::process::Signal;
use tokio::time::timeout;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use wayside::{
    ledger::{Committees, Proof},
    rpc::ledger::v1::{
        GetInfoRequest, ProveRequest, ledger_service_client::LedgerServiceClient,
        prove_request::Subject,
    },
};

use super::{
    committee::Committee,
    process::{enrol, outcome, reading, submit},
};
use crate::agent::process::{Agent, PATIENCE, wayside};

#[tokio::test]
async fn a_follower_takes_tells_and_proves_without_a_vote() {
    let arguments = ["--followers", "1", "--snapshot-interval", "4"];
    let committee = Committee::start_as(4, &arguments).await;
    let mut follower = start(committee.folder()).await;
    let genesis = committee.genesis();

    // Everything by way of the follower: what it takes, the members make final.
    let vehicle = enrol(committee.folder(), follower.address("grpc")).await;
    let first = reading(&genesis, &vehicle, 0, 10);
    for unit in [&follower, committee.unit(2)] {
        let mut client = LedgerServiceClient::new(unit.channel().await);
        assert!(outcome(&submit(&mut client, &first).await).applied);
    }
    let mut client = LedgerServiceClient::new(follower.channel().await);
    let info = client.get_info(GetInfoRequest {}).await.unwrap();
    let info = info.into_inner();
    assert_eq!(info.profiles, ["relay"]);
    assert_eq!(info.operator, "", "it has no vote");
    assert!(info.shards.iter().all(|shard| !shard.voting));
    timeout(PATIENCE, serving(&follower)).await.unwrap();
    assert!(follower.address("ledger").starts_with("127.0.0.1:"));

    // Nobody waits for it, and it comes back with nothing.
    follower.signal(Signal::KILL);
    follower.end().await;
    let mut member = LedgerServiceClient::new(committee.unit(0).channel().await);
    for nonce in 1..16 {
        let odometer_km = 10 + u32::try_from(nonce).unwrap();
        let next = reading(&genesis, &vehicle, nonce, odometer_km);
        assert!(outcome(&submit(&mut member, &next).await).applied);
    }
    fs::remove_dir_all(committee.folder().join("follower-1/data")).unwrap();
    let follower = start(committee.folder()).await;

    let mut client = LedgerServiceClient::new(follower.channel().await);
    let last = reading(&genesis, &vehicle, 16, 30);
    let submitted = submit(&mut client, &last).await;
    assert!(outcome(&submitted).applied);
    let request = ProveRequest {
        subject: Some(Subject::TransactionId(submitted.transaction_id)),
    };
    let proof = client.prove(request).await.unwrap().into_inner().proof;
    let proof = Proof::from_bytes(&proof).unwrap();
    proof.verify(&Committees::of(&genesis)).unwrap();
}

async fn start(folder: &Path) -> Agent {
    let mut command = wayside(&["unit", "--config"]);
    command.arg(folder.join("follower-1/unit.toml"));
    Agent::start(command).await
}

/// Returns once a unit says that it serves.
async fn serving(unit: &Agent) {
    let mut client = HealthClient::new(unit.channel().await);
    let request = HealthCheckRequest::default();
    let mut changes = client.watch(request).await.unwrap().into_inner();
    while let Some(change) = changes.message().await.unwrap() {
        if change.status() == ServingStatus::Serving {
            return;
        }
    }
    panic!("the unit stopped");
}
