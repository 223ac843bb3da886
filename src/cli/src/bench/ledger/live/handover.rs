use std::{collections::BTreeMap, sync::PoisonError, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use tokio::time::{sleep, timeout};
use wayside::{
    ledger::{RemoveOperator, ReplaceSeat, SeatChange, SignedTransaction},
    rpc::ledger::v1::{ListOperatorsRequest, ListOperatorsResponse, SubmitRequest},
};

use super::{
    log::Log,
    stage::{ASK_EVERY, Stage, under_load},
};
use crate::{
    bench::{
        ledger::{
            conductor::free_ports,
            domain::{Domain, address},
        },
        meter::monotonic,
        report::{Report, Row},
    },
    ledger::{Unit, refused},
};

/// One change of the committee.
struct Handover {
    what: &'static str,
    /// When the change was handed in.
    asked: Duration,
    /// When all shards had begun the new epoch.
    begun: Duration,
    /// When whoever got a vote used it everywhere.
    settled: Duration,
}

/// Changes the committee under load three times, and adds to the report what came of it.
pub(in super::super) fn run(report: &mut Report) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(hand_over(report))
}

async fn hand_over(report: &mut Report) -> anyhow::Result<()> {
    let (handovers, ending) = under_load(SNAPSHOT_INTERVAL, change_thrice).await?;
    let log = ending.log.lock().unwrap_or_else(PoisonError::into_inner);
    let mut figures = figures_of(&handovers, &log);
    figures.extend(ending.figures);
    report.rows.push(Row {
        case: super::super::HANDOVER,
        note: "an operator joins four, one gets another vote key and machine, one leaves",
        figures,
    });
    report.broken.extend(ending.broken);
    Ok(())
}

/// Has the committee change three times; what came of it, and the units that are left.
async fn change_thrice(
    stage: &mut Stage,
    domain: &Domain,
) -> anyhow::Result<(Vec<Handover>, Vec<Unit>)> {
    let ports = free_ports()?;
    let [joins, replaces, ..] = ports[..] else {
        unreachable!("there are ports for four")
    };
    sleep(BEFORE).await;
    let added = SeatChange::Add(Domain::operator(JOINS, joins)?);
    let change = domain.change(vec![added], &[0, 1, 2, 3, JOINS], 0)?;
    let joining = Some((JOINS, joins));
    let mut handovers = vec![change_once(stage, ("joins", change), joining).await?];

    sleep(BEFORE).await;
    let replaced = SeatChange::Replace(ReplaceSeat {
        operator: domain.operator_number(REPLACED)?,
        vote_key: Some(Domain::vote_key(NEW_KEY).verifying_key().into()),
        address: Some(address(replaces)),
    });
    let change = domain.change(vec![replaced], &[0, REPLACED, 2, 3, JOINS], 1)?;
    let joining = Some((NEW_KEY, replaces));
    handovers.push(change_once(stage, ("replaced", change), joining).await?);
    stage.units.kill(REPLACED as usize).await?;

    sleep(BEFORE).await;
    let removed = SeatChange::Remove(RemoveOperator {
        operator: domain.operator_number(LEAVES)?,
    });
    let change = domain.change(vec![removed], &[0, REPLACED, 3, JOINS], 2)?;
    handovers.push(change_once(stage, ("leaves", change), None).await?);
    stage.units.kill(LEAVES as usize).await?;
    sleep(AFTER).await;

    let gone = [REPLACED, LEAVES].map(|unit| unit as usize);
    let clients = stage.clients.iter().enumerate();
    let left = clients.filter(|(unit, _)| !gone.contains(unit));
    Ok((handovers, left.map(|(_, client)| client.clone()).collect()))
}

/// Has the committee change, and starts the unit with a vote key at a port that it gives a vote.
///
/// Others let a unit connect once it is to have a vote.
async fn change_once(
    stage: &mut Stage,
    (what, change): (&'static str, SignedTransaction),
    joining: Option<(u32, u16)>,
) -> anyhow::Result<Handover> {
    let mut governing = stage.clients.first().context("a unit")?.clone();
    let before = operators(&governing).await?.epoch;
    let asked = monotonic();
    let request = SubmitRequest {
        transaction: Bytes::from(change.to_bytes()),
        wait: Some(prost_types::Duration {
            seconds: 30,
            nanos: 0,
        }),
    };
    let answer = governing.ledger.submit(request).await;
    let outcome = answer.map_err(|status| refused(&status))?.into_inner();
    let outcome = outcome.status.and_then(|it| it.finalized?.outcome);
    let applied = outcome.as_ref().is_some_and(|it| it.applied);
    ensure!(applied, "the committee does not change: {outcome:?}");
    let votes = match joining {
        Some((vote_key, port)) => Some(stage.join(vote_key, port).await?),
        None => None,
    };
    timeout(CHANGE_MAX, await_epoch(&governing, before + 1))
        .await
        .context("the next epoch does not begin in time")??;
    let begun = monotonic();
    if let Some(unit) = votes {
        stage.await_return(unit).await?;
    }
    let handover = Handover {
        what,
        asked,
        begun,
        settled: monotonic(),
    };
    sleep(AFTER).await;
    stage.locked(|log| {
        eprintln!(
            "an operator {what}: the epoch begins in all shards {:.1} s later, longest gap {:.2} s",
            (begun.saturating_sub(asked)).as_secs_f64(),
            log.gap(asked, handover.settled + AFTER).as_secs_f64(),
        );
    });
    Ok(handover)
}

async fn operators(client: &Unit) -> anyhow::Result<ListOperatorsResponse> {
    let mut client = client.clone();
    let answer = client
        .governance
        .list_operators(ListOperatorsRequest {})
        .await;
    Ok(answer.map_err(|status| refused(&status))?.into_inner())
}

/// Waits until a unit has every shard in an epoch.
async fn await_epoch(client: &Unit, epoch: u64) -> anyhow::Result<()> {
    loop {
        let told = operators(client).await?;
        let is_there = told.epoch == epoch && told.shards.iter().all(|shard| shard.epoch == epoch);
        if is_there {
            return Ok(());
        }
        sleep(ASK_EVERY).await;
    }
}

fn figures_of(handovers: &[Handover], log: &Log) -> BTreeMap<&'static str, f64> {
    let mut figures = BTreeMap::new();
    let most = |of: &dyn Fn(&Handover) -> Duration| {
        let values = handovers.iter().map(of);
        values.max().unwrap_or_default().as_secs_f64()
    };
    let before = |it: &Handover| log.gap(it.asked.saturating_sub(BEFORE), it.asked);
    let during = |it: &Handover| log.gap(it.asked, it.settled + AFTER);
    figures.insert("gap_before_ms_max", most(&before) * 1e3);
    figures.insert("gap_change_ms_max", most(&during) * 1e3);
    figures.insert(
        "begins_after_s_max",
        most(&|it| it.begun.saturating_sub(it.asked)),
    );
    let rates = handovers.iter().map(|it| log.rate(it.asked, it.settled));
    figures.insert("tx_per_s_min", rates.fold(f64::INFINITY, f64::min));
    for handover in handovers {
        let name = match handover.what {
            "joins" => "gap_joins_ms",
            "replaced" => "gap_replaced_ms",
            _ => "gap_leaves_ms",
        };
        figures.insert(name, during(handover).as_secs_f64() * 1e3);
    }
    figures
}

/// What is compared with, before each change.
const BEFORE: Duration = Duration::from_secs(4);
/// What a change does to the others may show a while later.
const AFTER: Duration = Duration::from_secs(4);
const CHANGE_MAX: Duration = Duration::from_secs(120);
/// Short, so that the next epoch is near.
const SNAPSHOT_INTERVAL: u64 = 32;
/// The member that joins.
const JOINS: u32 = 4;
/// The member whose operator gets another vote key.
const REPLACED: u32 = 1;
/// Whose vote key that is.
const NEW_KEY: u32 = 5;
/// The member whose operator leaves.
const LEAVES: u32 = 2;
