//! Backups, and how a ledger goes on that lost more than it may.

use std::{fs, path::PathBuf, process::Output};

use serde_json::Value;
use tokio::time::timeout;
use wayside::{ledger::Bundle, rpc::ledger::v1::ledger_service_client::LedgerServiceClient};

use super::{
    committee::Committee,
    process::{Enrolled, enrol, outcome, reading, run, submit},
};
use crate::agent::process::{PATIENCE, wayside};

#[tokio::test]
async fn a_ledger_that_lost_its_quorum_still_answers_and_goes_on_from_backups() {
    let mut committee = Committee::start_as(4, &["--snapshot-interval", "4"]).await;
    let vehicle = enrol(committee.folder(), committee.unit(0).address("grpc")).await;
    govern(&committee).await;
    record(&committee, 0, &vehicle, 0..6).await;
    for index in [2, 3] {
        let lines = backup(&committee, index).await;
        assert!(lines[0]["bytes"].as_u64() > Some(1_000), "{lines:?}");
    }
    record(&committee, 0, &vehicle, 6..9).await;

    // Two of four lose everything; the others wait for them, and go on answering.
    for index in [2, 3] {
        committee.kill(index).await;
        fs::remove_dir_all(data(&committee, index)).unwrap();
    }
    let proven = history(&committee, 0, &vehicle).await;

    // Restoring is refused where something is, and of what was altered.
    let in_use = unit(&committee, 0, &["restore", &file(&committee, 2)]).await;
    assert!(
        said(&in_use).contains("in use by another process"),
        "{in_use:?}"
    );
    let whole = fs::read(file(&committee, 2)).unwrap();
    let altered = committee.folder().join("altered");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&altered, bytes).unwrap();
    let refused = unit(&committee, 2, &["restore", altered.to_str().unwrap()]).await;
    assert!(!refused.status.success(), "{refused:?}");

    for index in [2, 3] {
        let restored = unit(&committee, index, &["restore", &file(&committee, index)]).await;
        assert!(restored.status.success(), "{restored:?}");
    }
    let again = unit(&committee, 2, &["restore", &file(&committee, 2)]).await;
    assert!(said(&again).contains("is not empty"), "{again:?}");
    for index in [0, 1] {
        committee.kill(index).await;
    }
    for index in 0..4 {
        let refused = unit(&committee, index, &["forget-votes"]).await;
        assert!(
            said(&refused).contains("--every-unit-is-stopped"),
            "{refused:?}"
        );
        let forgot = unit(
            &committee,
            index,
            &["forget-votes", "--every-unit-is-stopped"],
        )
        .await;
        assert!(forgot.status.success(), "{forgot:?}");
    }
    for index in 0..4 {
        committee.restart(index).await;
    }

    record(&committee, 3, &vehicle, 9..11).await;
    assert_eq!(history(&committee, 3, &vehicle).await, proven + 2);
}

/// Gives the shard that governs a block.
async fn govern(committee: &Committee) {
    let folder = committee.folder();
    let cold = |number: u16| folder.join(format!("unit-{number}/cold.key"));
    let genesis = committee.genesis();
    let key = genesis.operators.first().unwrap().cold_key.to_string();
    let mut grant = wayside(&["ledger", "grant", &key, "workshop", "--unit"]);
    grant.arg(committee.unit(0).address("grpc"));
    grant.arg("--key").arg(cold(1));
    for number in [2, 3] {
        grant.arg("--with").arg(cold(number));
    }
    run(&mut grant).await;
}

/// Has readings of a vehicle recorded by a unit, and waits until every running unit has them.
async fn record(
    committee: &Committee,
    index: usize,
    vehicle: &Enrolled,
    nonces: std::ops::Range<u64>,
) {
    let genesis = committee.genesis();
    for nonce in nonces {
        let once = reading(&genesis, vehicle, nonce, 10 + u32::try_from(nonce).unwrap());
        let order = [index, 0, 1, 2, 3];
        for unit in order {
            let mut client = LedgerServiceClient::new(committee.unit(unit).channel().await);
            assert!(outcome(&submit(&mut client, &once).await).applied);
        }
    }
}

/// How many records a unit proves of a vehicle.
async fn history(committee: &Committee, index: usize, vehicle: &Enrolled) -> usize {
    let out = committee.folder().join("car.wayside");
    let mut history = wayside(&["ledger", "history", &vehicle.id.to_string(), "--unit"]);
    history.arg(committee.unit(index).address("grpc"));
    run(history.arg("--out").arg(&out)).await;
    let bundle = Bundle::from_bytes(&fs::read(out).unwrap()).unwrap();
    bundle
        .verify(&committee.genesis(), None)
        .unwrap()
        .records
        .len()
}

async fn backup(committee: &Committee, index: usize) -> Vec<Value> {
    let taken = unit(
        committee,
        index,
        &["backup", "--out", &file(committee, index)],
    )
    .await;
    assert!(taken.status.success(), "{taken:?}");
    let text = String::from_utf8(taken.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What `wayside unit` does beside running, for one of the units.
async fn unit(committee: &Committee, index: usize, arguments: &[&str]) -> Output {
    let config = committee
        .folder()
        .join(format!("unit-{}/unit.toml", index + 1));
    let mut command = wayside(&["unit"]);
    command.args(arguments).arg("--config").arg(config);
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

fn data(committee: &Committee, index: usize) -> PathBuf {
    committee.folder().join(format!("unit-{}/data", index + 1))
}

fn file(committee: &Committee, index: usize) -> String {
    let file = committee
        .folder()
        .join(format!("unit-{}.backup", index + 1));
    file.to_str().unwrap().to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
