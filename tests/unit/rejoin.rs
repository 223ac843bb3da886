//! What a unit can show that lost everything and began anew with the others' snapshot.

use std::{fs, path::Path, process::Output};

use tokio::time::timeout;
use wayside::rpc::ledger::v1::{GetInfoRequest, ledger_service_client::LedgerServiceClient};

use super::{
    committee::Committee,
    process::{Enrolled, enrol, enrol_vin, outcome, reading, submit},
};
use crate::agent::process::{PATIENCE, wayside};

#[tokio::test]
async fn a_unit_that_began_with_a_snapshot_proves_what_came_after_and_says_what_it_lacks() {
    let mut committee = Committee::start_as(4, &["--snapshot-interval", "4"]).await;
    let first = committee.unit(0).address("grpc").to_owned();
    let old = enrol(committee.folder(), &first).await;
    // Each is in a block of its own, so that snapshots are far behind.
    drive(&committee, &old, 0..20).await;

    committee.kill(3).await;
    fs::remove_dir_all(committee.folder().join("unit-4/data")).unwrap();
    committee.restart(3).await;

    let new = enrol_vin(committee.folder(), &first, "WVSTEST0000000002").await;
    let proven = drive(&committee, &new, 0..2).await;
    let begins = oldest(&committee).await;
    assert!(
        begins > 1,
        "it began with a snapshot, not with block {begins}"
    );
    check(&committee, &new, &proven).await;
    let lacking = ask(
        &committee,
        &["history", &old.id.to_string(), "--out", "old"],
    )
    .await;
    let why = String::from_utf8(lacking.stderr).unwrap();
    assert!(!lacking.status.success() && why.contains("PRUNED"), "{why}");
    assert!(
        why.contains(&format!("before block {begins} of shard 1")),
        "{why}"
    );
    assert!(why.contains("ask operator-"), "{why}");
    // What it does not know from before, it remembers.
    committee.kill(3).await;
    committee.restart(3).await;
    let proven = drive(&committee, &new, 2..4).await;
    check(&committee, &new, &proven).await;
}

/// Has a vehicle's readings recorded by the first unit, one after the other, and waits until the last
/// unit has them; the id of the last one.
async fn drive(committee: &Committee, vehicle: &Enrolled, nonces: std::ops::Range<u64>) -> String {
    let genesis = committee.genesis();
    let mut id = String::new();
    for nonce in nonces {
        let odometer_km = 10 + u32::try_from(nonce).unwrap();
        let once = reading(&genesis, vehicle, nonce, odometer_km);
        for unit in [0, 3] {
            let mut client = LedgerServiceClient::new(committee.unit(unit).channel().await);
            let submitted = submit(&mut client, &once).await;
            assert!(outcome(&submitted).applied, "{submitted:?}");
            id = submitted.transaction_id;
        }
    }
    id
}

/// The first block of shard 1 that the last unit keeps.
async fn oldest(committee: &Committee) -> u64 {
    let mut client = LedgerServiceClient::new(committee.unit(3).channel().await);
    let asked = timeout(PATIENCE, client.get_info(GetInfoRequest {})).await;
    let info = asked.unwrap().unwrap().into_inner();
    let shards = info.shards.iter();
    let mut shards = shards.filter(|shard| shard.shard_id == 1);
    shards.next().unwrap().oldest_height
}

/// Holds a proof and a whole history from the last unit against what another one says.
async fn check(committee: &Committee, vehicle: &Enrolled, transaction: &str) {
    let vehicle = vehicle.id.to_string();
    for arguments in [
        &["prove", transaction, "--out", "entry.proof"][..],
        &["prove", &vehicle, "--out", "state.proof"],
        &["history", &vehicle, "--out", "new.wayside"],
    ] {
        let done = ask(committee, arguments).await;
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
    let checkpoint = [
        "checkpoint",
        "--bundle",
        "new.wayside",
        "--out",
        "checkpoint",
    ];
    let told = async {
        // That other one may not be as far yet.
        while !ledger(committee, 1, &checkpoint).await.status.success() {}
    };
    timeout(PATIENCE, told).await.unwrap();
    for (file, checkpoint, code) in [
        ("entry.proof", None, 3),
        ("state.proof", None, 3),
        ("new.wayside", Some("checkpoint"), 0),
    ] {
        let verified = verify(committee.folder(), file, checkpoint).await;
        assert_eq!(verified.status.code(), Some(code), "{file}: {verified:?}");
    }
}

/// Asks the last unit by `wayside ledger`.
async fn ask(committee: &Committee, arguments: &[&str]) -> Output {
    ledger(committee, 3, arguments).await
}

async fn ledger(committee: &Committee, unit: usize, arguments: &[&str]) -> Output {
    let mut command = wayside(&["ledger", "--unit", committee.unit(unit).address("grpc")]);
    let command = command.args(arguments).current_dir(committee.folder());
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

async fn verify(folder: &Path, file: &str, checkpoint: Option<&str>) -> Output {
    let mut command = wayside(&["verify", file, "--genesis", "genesis.toml"]);
    if let Some(checkpoint) = checkpoint {
        command.args(["--checkpoint", checkpoint]);
    }
    let command = command.current_dir(folder);
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}
