//! A ledger that is given more shards while it runs.

use std::{
    fs,
    path::Path,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::time::timeout;
use wayside::{
    ledger::{Bundle, Genesis},
    rpc::ledger::v1::ledger_service_client::LedgerServiceClient,
};

use super::{
    committee::Committee,
    process::{Enrolled, ask_to_enrol, enrol, outcome, reading, run, submit, wait_until},
};
use crate::agent::process::{PATIENCE, wayside};

const VIN: &str = "WVSTEST0000000001";

#[tokio::test]
async fn shards_open_under_load_and_what_was_proven_before_stays_proven() {
    let arguments = ["--shards", "2", "--spare-shards", "2"];
    let committee = Committee::start_as(4, &arguments).await;
    let (folder, genesis) = (committee.folder(), committee.genesis());
    // Each shard by way of a unit of its own, since another one may be a block behind.
    let [of_first, of_second, of_third] =
        [3, 1, 2].map(|index| committee.unit(index).address("grpc"));
    let first = Arc::new(enrol(folder, of_first).await);
    let before = folder.join("before");
    history(of_first, &first, &before).await;
    let (closed, _) = ask_to_enrol(folder, of_second, "WVSTEST0000000002", 2).await;
    assert!(said(&closed).contains("shard_closed"), "{closed:?}");

    let is_over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(drive(
        of_first.to_owned(),
        genesis.clone(),
        Arc::clone(&first),
        Arc::clone(&is_over),
    ));
    for shard in ["2", "3"] {
        open(&committee, shard).await;
    }
    let second = born(folder, of_second, 2).await;
    let third = born(folder, of_third, 3).await;
    for vehicle in [&second, &third] {
        timeout(PATIENCE, wait_until(of_third, vehicle.id, "active"))
            .await
            .unwrap();
    }
    // A number that was born before is taken in new shards, too.
    let (again, twin) = ask_to_enrol(folder, of_third, VIN, 3).await;
    assert!(
        said(&again).contains("another vehicle has its"),
        "{again:?}"
    );
    timeout(PATIENCE, wait_until(of_third, twin.id, "refused"))
        .await
        .unwrap();
    is_over.store(true, Ordering::Relaxed);
    let readings = load.await.unwrap();

    let after = folder.join("after");
    history(of_first, &first, &after).await;
    let [before, after] = [before, after].map(|path| {
        let bundle = Bundle::from_bytes(&fs::read(path).unwrap()).unwrap();
        bundle.verify(&genesis, None).unwrap().records
    });
    assert_eq!(after.get(..before.len()), Some(before.as_slice()));
    assert_eq!(after.len(), before.len() + readings);
}

/// Reads the odometer again and again, through another unit; returns how often.
async fn drive(
    unit: String,
    genesis: Genesis,
    vehicle: Arc<Enrolled>,
    is_over: Arc<AtomicBool>,
) -> usize {
    let mut client = LedgerServiceClient::connect(unit).await.unwrap();
    for number in 0_u32.. {
        let reading = reading(&genesis, &vehicle, number.into(), number);
        assert!(outcome(&submit(&mut client, &reading).await).applied);
        if is_over.load(Ordering::Relaxed) {
            return usize::try_from(number).unwrap() + 1;
        }
    }
    unreachable!()
}

/// Three of the four operators open a shard.
async fn open(committee: &Committee, shard: &str) {
    let cold_key = |number: u16| committee.folder().join(format!("unit-{number}/cold.key"));
    let unit = committee.unit(0).address("grpc");
    run(wayside(&["ledger", "weight", shard, "1", "--unit", unit])
        .arg("--key")
        .arg(cold_key(1))
        .arg("--with")
        .arg(cold_key(2))
        .arg("--with")
        .arg(cold_key(3)))
    .await;
}

/// A vehicle that is born in a shard as soon as that has heard that it is open.
async fn born(folder: &Path, unit: &str, home: u16) -> Enrolled {
    let asked = async {
        for number in 0.. {
            let vin = format!("WVSTEST{home}{number:09}");
            let (output, vehicle) = ask_to_enrol(folder, unit, &vin, home).await;
            if output.status.success() {
                return vehicle;
            }
            assert!(said(&output).contains("shard_closed"), "{output:?}");
        }
        unreachable!()
    };
    timeout(PATIENCE, asked).await.unwrap()
}

async fn history(unit: &str, vehicle: &Enrolled, out: &Path) {
    let id = vehicle.id.to_string();
    run(wayside(&["ledger", "history", &id, "--unit", unit, "--out"]).arg(out)).await;
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}
