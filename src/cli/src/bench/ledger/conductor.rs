use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use anyhow::bail;
use wayside::transport::Clock;

use super::{
    domain::{NO_SNAPSHOTS, Plan},
    member::{Load, Order, Part, Tally, Word},
};
use crate::bench::{
    meter::{median, quantile},
    process::{Process, pause},
};

/// One committee to measure.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) note: &'static str,
    pub(super) bare: bool,
    pub(super) shards: u16,
    pub(super) batch: u32,
    pub(super) load: Load,
}

/// Runs a committee of four in processes of their own, and says what it did.
pub(super) fn run(case: &Case, length: Duration) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let folder = tempfile::Builder::new()
        .prefix("wayside-bench-")
        .tempdir()?;
    let plan = Plan {
        ports: free_ports()?,
        shards: case.shards,
        batch: case.batch,
        created_unix_ms: Clock::system().now().timestamp.unix_ms(),
        snapshot_interval: NO_SNAPSHOTS,
    };
    let mut members = Vec::new();
    for member in 0..MEMBERS {
        let part = Part {
            plan: plan.clone(),
            member,
            storage: folder.path().join(format!("member-{member}")),
            bare: case.bare,
            load: case.load,
        };
        members.push(Process::start("ledger", &part)?);
    }
    for member in &mut members {
        match member.word()? {
            Word::Ready => {}
            Word::Done(_) => bail!("a member ended before it began"),
        }
    }
    order(&mut members, Order::Start)?;
    pause(WARM_UP);
    order(&mut members, Order::Begin)?;
    pause(length);
    order(&mut members, Order::End)?;
    let mut tallies = Vec::new();
    for member in &mut members {
        match member.word()? {
            Word::Done(tally) => tallies.push(tally),
            Word::Ready => bail!("a member began twice"),
        }
    }
    Ok(figures(&tallies))
}

fn figures(tallies: &[Tally]) -> Vec<(&'static str, f64)> {
    let over_members = |of: &dyn Fn(&Tally) -> f64| {
        let mut values: Vec<f64> = tallies.iter().map(of).collect();
        median(&mut values)
    };
    let transactions = |tally: &Tally| tally.transactions.max(1) as f64;
    let latencies = tallies.iter().flat_map(|tally| &tally.latencies_us);
    let mut latencies_us: Vec<f64> = latencies.copied().collect();
    vec![
        (
            "tx_per_s",
            over_members(&|it| it.transactions as f64 / it.elapsed_s),
        ),
        (
            "blocks_per_s",
            over_members(&|it| it.blocks as f64 / it.elapsed_s),
        ),
        (
            "views_per_block",
            over_members(&|it| it.views as f64 / it.blocks.max(1) as f64),
        ),
        (
            "tx_per_block",
            over_members(&|it| transactions(it) / it.blocks.max(1) as f64),
        ),
        (
            "cpu_us_per_tx_and_member",
            over_members(&|it| it.cpu_us / transactions(it)),
        ),
        (
            "storage_bytes_per_tx_and_member",
            over_members(&|it| it.storage_bytes / transactions(it)),
        ),
        ("rss_mib", over_members(&|it| it.rss_mib)),
        ("p50_us", quantile(&mut latencies_us, 0.5)),
        ("p99_us", quantile(&mut latencies_us, 0.99)),
        ("refused_tx", over_members(&|it| it.refused as f64)),
    ]
}

fn order(members: &mut [Process], order: Order) -> anyhow::Result<()> {
    members
        .iter_mut()
        .try_for_each(|member| member.order(&order))
}

/// Ports that nobody uses now.
pub(super) fn free_ports() -> anyhow::Result<Vec<u16>> {
    let listeners = (0..MEMBERS)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()?;
    let ports = listeners.iter().map(|it| Ok(it.local_addr()?.port()));
    ports.collect()
}

const MEMBERS: u32 = 4;
const WARM_UP: Duration = Duration::from_millis(1_500);
