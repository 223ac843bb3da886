//! A committee that changes while it works.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use roadside_unit::development::free_ports;
use tokio::time::{sleep, timeout};
use wayside::{
    ledger::{AccountKey, Bundle, Checkpoint, Genesis},
    rpc::ledger::v1::{
        GetInfoRequest, ListOperatorsRequest, ListOperatorsResponse,
        governance_service_client::GovernanceServiceClient,
        ledger_service_client::LedgerServiceClient,
    },
    serve::read_key,
};

use super::{
    committee::Committee,
    process::{Enrolled, enrol, outcome, reading, run, submit},
};
use crate::agent::process::{Agent, PATIENCE, refused, wayside};

#[tokio::test]
async fn operators_join_change_keys_and_leave_under_load_and_nothing_is_lost() {
    let arguments = ["--shards", "3", "--snapshot-interval", "16"];
    let mut committee = Committee::start_as(4, &arguments).await;
    let (folder, genesis) = (committee.folder().to_owned(), committee.genesis());
    // The second unit's operator stays; it takes the load and tells what became of it.
    let staying = committee.unit(1).address("grpc").to_owned();
    let vehicle = Arc::new(enrol(&folder, &staying).await);
    let club = folder.join("club.key");
    run(wayside(&["witness", "key", "new"])
        .arg(&club)
        .args(["--name", "club"]))
    .await;
    witness(&folder, &staying).await;
    let before = folder.join("before");
    history(&staying, &vehicle, &before, None).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(drive(
        staying.clone(),
        genesis.clone(),
        Arc::clone(&vehicle),
        Arc::clone(&is_over),
    ));
    let cold_key = |unit: u16| folder.join(format!("unit-{unit}/cold.key"));

    // A fifth operator joins.
    let newcomer = folder.join("operator-5");
    make_operator(&folder, &newcomer).await;
    let others = [cold_key(2), cold_key(3), newcomer.join("cold.key")];
    add_by_draft(&staying, &newcomer, &cold_key(1), &others).await;
    committee.join(&newcomer.join("unit.toml")).await;
    begun(committee.units(), 1).await;
    votes(committee.unit(4)).await;

    // The fourth operator gets another vote key, and its unit a folder of its own for it.
    let (number, key) = new_vote_key(&folder, &genesis, 4).await;
    let replace = ["--replace", &number, "--vote-key", &key].map(PathBuf::from);
    change(&staying, &replace, &[1, 2, 3, 4].map(cold_key)).await;
    committee.kill(3).await;
    committee.restart(3).await;
    begun(committee.units(), 2).await;
    votes(committee.unit(3)).await;

    // The third operator leaves, and its unit is switched off.
    let leaving = operator_of(&genesis, &cold_key(3));
    let remove = ["--remove", &leaving].map(PathBuf::from);
    let signers = [&[1, 2, 4].map(cold_key)[..], &[newcomer.join("cold.key")]].concat();
    change(&staying, &remove, &signers).await;
    begun(committee.units(), 3).await;
    committee.kill(2).await;

    is_over.store(true, Ordering::Relaxed);
    let readings = load.await.unwrap();
    // A witness follows, and what it sees now continues what it signed at first.
    witness(&folder, &staying).await;
    let checkpoint = folder.join("checkpoint");
    run(
        wayside(&["ledger", "checkpoint", "--unit", &staying, "--bundle"])
            .arg(&before)
            .arg("--out")
            .arg(&checkpoint),
    )
    .await;
    let after = folder.join("after");
    history(&staying, &vehicle, &after, Some(&checkpoint)).await;
    for bundle in [&before, &after] {
        verify(&folder, bundle, &checkpoint).await;
    }
    let [before, after] = [before, after].map(|path| {
        let bundle = Bundle::from_bytes(&fs::read(path).unwrap()).unwrap();
        bundle.verify(&genesis, None).unwrap()
    });
    assert_eq!(after.records.len(), before.records.len() + readings);
    assert_eq!((after.operators, after.quorum), (4, 3));
    let checkpoint = Checkpoint::from_bytes(&fs::read(checkpoint).unwrap()).unwrap();
    let committees = checkpoint.committees(&genesis).unwrap();
    let last = committees.committee(3).unwrap();
    assert!(last.index(&key.parse().unwrap()).is_some());
}

#[tokio::test]
async fn an_operators_keys_are_private_and_never_overwritten() {
    let committee = Committee::start(1).await;
    let (folder, out) = (committee.folder(), committee.folder().join("new"));
    let named = || {
        let mut make = wayside(&["pki", "operator", "--name", "new", "--out"]);
        make.arg(&out)
            .arg("--genesis")
            .arg(folder.join("genesis.toml"));
        make.args(["--address", "ledger.example:7445"]);
        make
    };
    assert!(refused(named()).await.contains("--listen"));
    assert!(!out.exists(), "nothing is half made");
    run(named().args(["--listen", "127.0.0.1:7445"])).await;
    for key in ["cold.key", "vote.key"] {
        let mode = fs::metadata(out.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut again = named();
    again.args(["--listen", "127.0.0.1:7445"]);
    assert!(refused(again).await.contains("nothing is overwritten"));
    // Nobody takes itself in.
    let mut change = wayside(&["ledger", "committee", "change", "--add"]);
    change
        .arg(out.join("operator.toml"))
        .args(["--unit", committee.unit(0).address("grpc")])
        .arg("--key")
        .arg(folder.join("keys/maker.key"))
        .arg("--with")
        .arg(out.join("cold.key"));
    let output = timeout(PATIENCE, change.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("quorum_missing"), "{output:?}");
    let show = wayside(&["ledger", "committee", "show", "--json"])
        .args(["--unit", committee.unit(0).address("grpc")])
        .output();
    let shown = timeout(PATIENCE, show).await.unwrap().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["committee"]["members"].as_array().unwrap().len(), 1);
    assert!(shown["next_committee"].is_null());
}

/// Reads the odometer again and again; returns how often, once told that it is enough.
async fn drive(
    unit: String,
    genesis: Genesis,
    vehicle: Arc<Enrolled>,
    is_over: Arc<AtomicBool>,
) -> usize {
    let mut client = LedgerServiceClient::connect(unit).await.unwrap();
    for number in 0_u32.. {
        let reading = reading(&genesis, &vehicle, number.into(), number);
        // What is not final yet is asked for again, and never done twice.
        let answered = async {
            loop {
                let answer = submit(&mut client, &reading).await;
                let status = answer.status.as_ref();
                if status.is_some_and(|status| status.finalized.is_some()) {
                    return outcome(&answer);
                }
            }
        };
        assert!(timeout(PATIENCE, answered).await.unwrap().applied);
        if is_over.load(Ordering::Relaxed) {
            return usize::try_from(number).unwrap() + 1;
        }
    }
    unreachable!()
}

/// Keys and configuration of an operator that joins, at a port that nobody uses.
async fn make_operator(domain: &Path, out: &Path) {
    let ports = free_ports(1).unwrap();
    let address = format!("127.0.0.1:{}", ports.first().unwrap().engine);
    let mut make = wayside(&["pki", "operator", "--name", "operator-5", "--address"]);
    make.arg(address)
        .arg("--genesis")
        .arg(domain.join("genesis.toml"))
        .arg("--out")
        .arg(out);
    run(&mut make).await;
}

/// Has governance take an operator in by a draft that goes from one to the next.
async fn add_by_draft(unit: &str, newcomer: &Path, sender: &Path, others: &[PathBuf]) {
    let draft = newcomer.join("draft.json");
    let mut change = wayside(&["ledger", "committee", "change", "--unit", unit]);
    change.arg("--add").arg(newcomer.join("operator.toml"));
    change.arg("--key").arg(sender);
    change.arg("--save-draft").arg(&draft);
    for other in others {
        let key: AccountKey = read_key(other).unwrap().verifying_key().into();
        change.args(["--approver", &key.to_string()]);
    }
    run(&mut change).await;
    for other in others {
        let mut submit = wayside(&["ledger", "submit", "--unit", unit, "--draft"]);
        let early = timeout(PATIENCE, submit.arg(&draft).output()).await;
        assert!(
            !early.unwrap().unwrap().status.success(),
            "{other:?} has not signed"
        );
        let mut approve = wayside(&["ledger", "approve"]);
        run(approve.arg(&draft).arg("--key").arg(other)).await;
    }
    let mut submit = wayside(&["ledger", "submit", "--unit", unit, "--draft"]);
    run(submit.arg(&draft)).await;
}

/// Has governance change the committee, once every shard is done with the change before.
async fn change(unit: &str, what: &[PathBuf], signers: &[PathBuf]) {
    let changed = async {
        loop {
            let mut change = wayside(&["ledger", "committee", "change", "--unit", unit]);
            let (sender, others) = signers.split_first().unwrap();
            change.args(what).arg("--key").arg(sender);
            for other in others {
                change.arg("--with").arg(other);
            }
            let output = change.output().await.unwrap();
            if output.status.success() {
                return;
            }
            assert!(said(&output).contains("committee_changing"), "{output:?}");
        }
    };
    timeout(3 * PATIENCE, changed).await.unwrap();
}

/// Waits until all units have final blocks of an epoch in every shard.
async fn begun(units: &[Agent], epoch: u64) {
    for unit in units {
        let reached = async {
            loop {
                let told = operators(unit).await;
                let is_there = told.is_some_and(|told| {
                    told.epoch == epoch && told.shards.iter().all(|shard| shard.epoch == epoch)
                });
                if is_there {
                    return;
                }
                sleep(LOOK_PAUSE).await;
            }
        };
        timeout(3 * PATIENCE, reached).await.unwrap();
    }
}

/// What a unit says of the committee; `None` while it is far behind.
async fn operators(unit: &Agent) -> Option<ListOperatorsResponse> {
    let mut client = GovernanceServiceClient::new(unit.channel().await);
    let told = client.list_operators(ListOperatorsRequest {}).await;
    Some(told.ok()?.into_inner())
}

/// Waits until a unit votes in every shard.
async fn votes(unit: &Agent) {
    let mut client = LedgerServiceClient::new(unit.channel().await);
    let voting = async {
        loop {
            let info = client.get_info(GetInfoRequest {}).await.unwrap();
            if info.get_ref().shards.iter().all(|shard| shard.voting) {
                return;
            }
            sleep(LOOK_PAUSE).await;
        }
    };
    timeout(3 * PATIENCE, voting).await.unwrap();
}

/// Makes another vote key for a unit, which has it from its next start on; the number of its operator,
/// and the key's public half.
async fn new_vote_key(domain: &Path, genesis: &Genesis, unit: u16) -> (String, String) {
    let folder = domain.join(format!("unit-{unit}"));
    let key = folder.join("vote-2.key");
    run(wayside(&["ledger", "key", "new"]).arg(&key)).await;
    let config = folder.join("unit.toml");
    let text = fs::read_to_string(&config).unwrap();
    let changed = text.replace("vote.key", "vote-2.key");
    assert_ne!(changed, text);
    fs::write(&config, changed).unwrap();
    let public: AccountKey = read_key(&key).unwrap().verifying_key().into();
    let number = operator_of(genesis, &folder.join("cold.key"));
    (number, public.to_string())
}

/// The number of the operator with a cold key.
fn operator_of(genesis: &Genesis, cold_key: &Path) -> String {
    let cold: AccountKey = read_key(cold_key).unwrap().verifying_key().into();
    let mut operators = genesis.operators.iter();
    let number = operators.position(|operator| operator.cold_key == cold);
    number.unwrap().to_string()
}

async fn history(unit: &str, vehicle: &Enrolled, out: &Path, checkpoint: Option<&Path>) {
    let id = vehicle.id.to_string();
    let mut history = wayside(&["ledger", "history", &id, "--unit", unit, "--out"]);
    history.arg(out);
    if let Some(checkpoint) = checkpoint {
        history.arg("--checkpoint").arg(checkpoint);
    }
    run(&mut history).await;
}

/// Has a witness look once at what a unit shows of all shards.
async fn witness(domain: &Path, unit: &str) {
    run(
        wayside(&["witness", "run", "--once", "--name", "club", "--unit", unit])
            .arg("--genesis")
            .arg(domain.join("genesis.toml"))
            .arg("--key")
            .arg(domain.join("club.key"))
            .arg("--state")
            .arg(domain.join("club")),
    )
    .await;
}

/// Holds that a history is the past of a checkpoint.
async fn verify(domain: &Path, bundle: &Path, checkpoint: &Path) {
    run(wayside(&["verify"])
        .arg(bundle)
        .arg("--genesis")
        .arg(domain.join("genesis.toml"))
        .arg("--checkpoint")
        .arg(checkpoint))
    .await;
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

const LOOK_PAUSE: Duration = Duration::from_millis(100);
