//! A car whose ledger gets another committee while it is on the road.

use std::collections::BTreeMap;

use tokio::time::timeout;
use wayside::rpc::ledger::v1::{
    ListOperatorsRequest, governance_service_client::GovernanceServiceClient,
};

use super::{
    process::{Agent, PATIENCE, wayside},
    town::{
        Town, client, everything_is_applied, submit, the_history_holds_each_once,
        the_metrics_say_that_nothing_waits,
    },
};

#[tokio::test]
async fn a_car_follows_its_ledger_into_another_epoch() {
    let town = Town::new_with(1, &["--snapshot-interval", "16"]).await;
    let unit = town.start_unit(1).await;
    town.enrol(&unit).await;
    let car = town.start_agent(&[]).await;
    let mut records = client(&car).await;
    let mut taken = BTreeMap::new();
    taken.insert(1, submit(&mut records, 1).await.record_id);
    everything_is_applied(&mut records).await;

    next_epoch(&town, &unit).await;
    for km in 2..5 {
        taken.insert(km, submit(&mut records, km).await.record_id);
    }
    everything_is_applied(&mut records).await;
    the_history_holds_each_once(&mut records, &taken).await;
    the_metrics_say_that_nothing_waits(&car).await;
}

/// Has governance reach the only operator elsewhere, which begins an epoch, and waits for it.
async fn next_epoch(town: &Town, unit: &Agent) {
    let mut change = wayside(&["ledger", "committee", "change", "--replace", "0"]);
    change
        .args(["--address", "localhost:9", "--unit", unit.address("grpc")])
        .arg("--key")
        .arg(town.path("unit-1/cold.key"));
    let changed = timeout(PATIENCE, change.output()).await.unwrap().unwrap();
    assert!(changed.status.success(), "{changed:?}");
    let mut governance = GovernanceServiceClient::new(unit.channel().await);
    let begun = async {
        loop {
            let told = governance.list_operators(ListOperatorsRequest {}).await;
            let told = told.unwrap().into_inner();
            if told.epoch == 1 && told.shards.iter().all(|shard| shard.epoch == 1) {
                return;
            }
        }
    };
    timeout(3 * PATIENCE, begun).await.unwrap();
}
