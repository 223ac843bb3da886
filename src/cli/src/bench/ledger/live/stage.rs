use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tokio::{sync::Notify, task::JoinSet, time::sleep};
use wayside::{id::ShardId, transport::Clock};

use super::{
    audit::{Copy, Verdict, compare},
    load::{Load, SharedLog, watch},
    log::Log,
    units::Units,
};
use crate::{
    bench::{
        ledger::{
            conductor::free_ports,
            domain::{Domain, Plan},
        },
        meter::monotonic,
    },
    ledger::Unit,
};

/// The units, and what they said.
pub(super) struct Stage {
    pub(super) units: Units,
    /// How to talk to each unit, alive or dead.
    pub(super) clients: Vec<Unit>,
    log: SharedLog,
    watching: JoinSet<()>,
}

/// What was left when all was over.
pub(super) struct Ending {
    /// What the units said.
    pub(super) log: SharedLog,
    /// What every case has.
    pub(super) figures: Vec<(&'static str, f64)>,
    /// The promises that did not hold.
    pub(super) broken: Vec<String>,
}

/// Starts four units and, under a constant load, has `play` do something to them; it returns which
/// units are left, and these are held against each other and against what clients were told.
pub(super) async fn under_load<T>(
    snapshot_interval: u64,
    play: impl AsyncFnOnce(&mut Stage, &Domain) -> anyhow::Result<(T, Vec<Unit>)>,
) -> anyhow::Result<(T, Ending)> {
    let folder = tempfile::Builder::new()
        .prefix("wayside-bench-")
        .tempdir()?;
    let plan = Plan {
        ports: free_ports()?,
        shards: SHARDS,
        batch: BATCH,
        created_unix_ms: Clock::system().now().timestamp.unix_ms(),
        snapshot_interval,
    };
    let domain = Domain::new(&plan)?;
    let mut stage = Stage::start(folder.path(), &plan, &domain).await?;
    let log = Arc::clone(&stage.log);
    let clients = stage.clients.clone();
    let mut load = Load::enrol(Domain::new(&plan)?, clients, log, SHARDS).await?;
    let end = Arc::new(Notify::new());
    let stop = Arc::clone(&end);
    let loading = tokio::spawn(async move {
        load.run(LOAD_PER_S, &stop).await;
        load
    });
    let (played, left) = play(&mut stage, &domain).await?;
    end.notify_one();
    let mut load = loading.await?;
    let unfinished = load.finish(SETTLE_MAX).await;
    let tips = stage.agree(&left).await?;
    let mut copies = Vec::new();
    for client in &left {
        copies.push(Copy::read(client, &tips).await?);
    }
    let (acknowledged, verdict) = stage.locked(|log| {
        let finals = log.finals();
        (finals.len(), compare(&copies, &tips, finals))
    });
    let mut figures = vec![
        ("submitted", load.submitted() as f64),
        ("acknowledged", acknowledged as f64),
        ("unfinished", unfinished as f64),
    ];
    figures.extend(verdict_figures(&verdict));
    let ending = Ending {
        log: Arc::clone(&stage.log),
        figures,
        broken: broken(&verdict, unfinished),
    };
    Ok((played, ending))
}

impl Stage {
    /// Starts the units of a ledger's operators, and listens to them.
    async fn start(folder: &Path, plan: &Plan, domain: &Domain) -> anyhow::Result<Self> {
        let units = Units::start(folder, plan, &domain.genesis).await?;
        let clients = units.clients()?;
        let log = SharedLog::default();
        let mut watching = JoinSet::new();
        for client in &clients {
            watching.spawn(watch(client.clone(), Arc::clone(&log)));
        }
        Ok(Self {
            units,
            clients,
            log,
            watching,
        })
    }

    /// Starts a further unit, with this vote key, at a port of its own.
    pub(super) async fn join(&mut self, vote_key: u32, port: u16) -> anyhow::Result<usize> {
        let unit = self.units.add(vote_key, port).await?;
        let client = self.units.client(unit)?;
        let watched = watch(client.clone(), Arc::clone(&self.log));
        self.watching.spawn(watched);
        self.clients.push(client);
        Ok(unit)
    }

    /// Waits until a unit votes in all shards and has what the others have; whether its blocks begin
    /// with a snapshot.
    pub(super) async fn await_return(&self, unit: usize) -> anyhow::Result<bool> {
        let client = self.clients.get(unit).context("no such unit")?;
        let deadline = monotonic() + RETURN_MAX;
        loop {
            let heights: Vec<u64> = (0..SHARDS)
                .map(|shard| self.locked(|log| log.height(ShardId(shard))))
                .collect();
            if let Ok(info) = Units::info(client).await {
                let mut shards = info.shards.iter().zip(&heights);
                let is_back = shards.all(|(shard, height)| {
                    let own = shard.tip.as_ref().map_or(0, |tip| tip.height);
                    shard.voting && !shard.catching_up && own >= *height
                });
                if is_back {
                    return Ok(info.shards.iter().any(|shard| shard.oldest_height > 1));
                }
            }
            ensure!(monotonic() < deadline, "a unit did not come back in time");
            sleep(ASK_EVERY).await;
        }
    }

    /// Waits until these units have the same newest blocks; their heights, by shard.
    async fn agree(&self, clients: &[Unit]) -> anyhow::Result<BTreeMap<u32, u64>> {
        let deadline = monotonic() + SETTLE_MAX;
        loop {
            let mut tips: Vec<BTreeMap<u32, u64>> = Vec::new();
            for client in clients {
                let info = Units::info(client).await?;
                let heights = info.shards.iter().filter_map(|shard| {
                    let tip = shard.tip.as_ref()?;
                    Some((shard.shard_id, tip.height))
                });
                tips.push(heights.collect());
            }
            let newest = tips.first().context("no unit")?;
            if tips.iter().all(|it| it == newest) {
                return Ok(newest.clone());
            }
            ensure!(
                monotonic() < deadline,
                "the units do not come to one height"
            );
            sleep(ASK_EVERY).await;
        }
    }

    /// Looks into what the units said.
    pub(super) fn locked<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the copies show, for a report.
fn verdict_figures(verdict: &Verdict) -> [(&'static str, f64); 4] {
    [
        ("roots_compared", verdict.compared as f64),
        ("roots_differing", verdict.differing as f64),
        ("blocks_missing", verdict.missing as f64),
        ("lost", verdict.lost as f64),
    ]
}

/// The promises that did not hold.
fn broken(verdict: &Verdict, unfinished: usize) -> Vec<String> {
    let promises = [
        (verdict.lost, "acknowledged transactions are lost"),
        (verdict.differing, "heights at which units disagree"),
        (verdict.missing, "blocks are missing"),
        (unfinished, "transactions never became final"),
    ];
    let broken = promises.iter().filter(|(count, _)| *count > 0);
    broken
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
}

/// How many shards the ledger has.
pub(super) const SHARDS: u16 = 2;
/// Few enough that the load itself does not fill two cores.
const LOAD_PER_S: f64 = 300.0;
/// How long units may take to finish what is handed in, and to agree.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// How often a unit is asked where it is.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(50);
const RETURN_MAX: Duration = Duration::from_secs(120);
const BATCH: u32 = 1_000;
