use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use wayside::{
    id::ShardId,
    ledger::{
        Entry, Key, MempoolConfig, Outcome, SignedTransaction, TransactionId, Value, VehicleStatus,
    },
};
use wayside_engine::{
    Application, Config, FinalizedBlock, Handle, Seat, SubmitError, Timing, start,
};

use super::domain::{Domain, Plan, Vehicle};
use crate::bench::{
    meter::{micros, monotonic, process_cpu, rss_peak_mib},
    process::{listen, say},
};

/// One member of a case's committee.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Part {
    pub(super) plan: Plan,
    pub(super) member: u32,
    pub(super) storage: PathBuf,
    /// Without rules and state.
    pub(super) bare: bool,
    pub(super) load: Load,
}

/// How transactions come.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) enum Load {
    /// This many of each member's wait in each shard, always.
    Waiting(usize),
    /// One of each member at a time, this often.
    Every(Duration),
}

/// What the conductor tells a member.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Order {
    /// Begin with the load.
    Start,
    /// Measure from now on.
    Begin,
    /// Tell what was measured.
    End,
}

/// What a member says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Word {
    /// Everything that the load needs is on the ledger.
    Ready,
    /// What passed between [`Order::Begin`] and [`Order::End`].
    Done(Tally),
}

/// What a member measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Tally {
    pub(super) elapsed_s: f64,
    pub(super) cpu_us: f64,
    pub(super) rss_mib: f64,
    /// In final blocks, whosever they are.
    pub(super) transactions: u64,
    /// How many of those a rule refused.
    pub(super) refused: u64,
    pub(super) blocks: u64,
    /// Of the consensus; more than blocks by those that were lost.
    pub(super) views: u64,
    /// What the folder grew by.
    pub(super) storage_bytes: f64,
    /// Of the own transactions, from the submission until they were final.
    pub(super) latencies_us: Vec<f64>,
}

/// Is one member of a committee.
pub(super) async fn run(part: Part) -> anyhow::Result<()> {
    let domain = Domain::new(&part.plan)?;
    let mut orders = listen();
    let mut member = Member::start(&part, domain)?;
    member.handle.ready().await?;
    if !part.bare {
        member.enrol(part.member).await?;
    }
    say(&Word::Ready)?;
    expect(&mut orders, Order::Start).await?;
    let tally = match part.load {
        Load::Waiting(count) => member.keep_waiting(count, &mut orders).await?,
        Load::Every(interval) => member.trickle(interval, &mut orders).await?,
    };
    say(&Word::Done(tally))
}

struct Member {
    domain: Domain,
    handle: Handle,
    blocks: broadcast::Receiver<Arc<FinalizedBlock>>,
    storage: PathBuf,
    /// The own vehicles, by shard.
    vehicles: BTreeMap<ShardId, VecDeque<Vehicle>>,
    /// The own transactions that are not final, with their time of submission.
    waiting: BTreeMap<TransactionId, (ShardId, Duration)>,
    tally: Tally,
}

impl Member {
    fn start(part: &Part, domain: Domain) -> anyhow::Result<Self> {
        let shards: Vec<ShardId> = (0..part.plan.shards).map(ShardId).collect();
        let number = usize::try_from(part.member)?;
        let port = *part.plan.ports.get(number).context("a port")?;
        let (handle, _running) = start(Config {
            genesis: domain.genesis.clone(),
            shards: shards.clone(),
            seat: Seat::Member {
                vote_key: Domain::vote_key(part.member),
                followers: Vec::new(),
            },
            storage: part.storage.clone(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            timing: Timing::default(),
            retention: None,
            mempool: MempoolConfig::default(),
            application: if part.bare {
                Application::Bare
            } else {
                Application::Ledger
            },
        })?;
        let vehicles = shards.iter().map(|shard| {
            (
                *shard,
                domain.vehicles(part.member, *shard, VEHICLES).into(),
            )
        });
        Ok(Self {
            blocks: handle.subscribe(),
            vehicles: vehicles.collect(),
            domain,
            handle,
            storage: part.storage.clone(),
            waiting: BTreeMap::new(),
            tally: Tally::default(),
        })
    }

    /// Brings the own vehicles to the ledger.
    async fn enrol(&mut self, number: u32) -> anyhow::Result<()> {
        let mut births = Vec::new();
        for (shard, vehicles) in &self.vehicles {
            for (nonce, vehicle) in (0..).zip(vehicles) {
                births.push((*shard, self.domain.birth(number, vehicle, nonce)?));
            }
        }
        for (shard, birth) in births {
            let is_taken = self.submit(shard, birth).await?;
            ensure!(is_taken, "an empty ledger has no room");
        }
        let born = async {
            while !self.waiting.is_empty() {
                self.take_block().await?;
            }
            // A tag of another shard comes back as a receipt, in a later block.
            while !self.all_are_active() {
                self.take_block().await?;
            }
            anyhow::Ok(())
        };
        timeout(ENROL_MAX, born)
            .await
            .context("the vehicles were not enrolled in time")??;
        ensure!(self.tally.refused == 0, "a vehicle was refused");
        Ok(())
    }

    /// Always has `count` transactions in each shard that are not final.
    async fn keep_waiting(
        mut self,
        count: usize,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> anyhow::Result<Tally> {
        let shards = self.handle.shards();
        let mut owed: BTreeMap<_, _> = shards.into_iter().map(|shard| (shard, count)).collect();
        // What is not taken now, since too many wait, is submitted after the next block.
        let mut has_room = true;
        let mut begun = None;
        loop {
            tokio::select! {
                // The load comes last, so that nothing is measured late because of it.
                biased;
                order = orders.recv() => match order.context("the conductor is gone")? {
                    Order::Begin => begun = Some(self.begin()),
                    Order::End => return self.end(begun),
                    Order::Start => bail!("started twice"),
                },
                done = self.take_block() => {
                    has_room = true;
                    for shard in done? {
                        *owed.entry(shard).or_default() += 1;
                    }
                }
                () = std::future::ready(()), if has_room => {
                    has_room = self.submit_owed(&mut owed).await?;
                }
            }
        }
    }

    /// Submits a few of what is owed; returns whether to go on at once.
    async fn submit_owed(&mut self, owed: &mut BTreeMap<ShardId, usize>) -> anyhow::Result<bool> {
        let mut goes_on = false;
        for (shard, count) in owed {
            for _ in 0..SUBMITTED_AT_ONCE.min(*count) {
                if !self.submit_reading(*shard).await? {
                    return Ok(false);
                }
                *count -= 1;
            }
            goes_on |= *count > 0;
        }
        Ok(goes_on)
    }

    /// Submits one at a time.
    async fn trickle(
        mut self,
        interval: Duration,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> anyhow::Result<Tally> {
        let shard = ShardId::GOVERNANCE;
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut begun = None;
        loop {
            tokio::select! {
                order = orders.recv() => match order.context("the conductor is gone")? {
                    Order::Begin => begun = Some(self.begin()),
                    Order::End => return self.end(begun),
                    Order::Start => bail!("started twice"),
                },
                done = self.take_block() => drop(done?),
                _ = ticks.tick() => {
                    let is_taken = self.submit_reading(shard).await?;
                    ensure!(is_taken, "an idle ledger has no room");
                }
            }
        }
    }

    fn all_are_active(&self) -> bool {
        self.vehicles.iter().all(|(shard, vehicles)| {
            let Some(tip) = self.handle.tip(*shard) else {
                return false;
            };
            let is_active = |vehicle: &Vehicle| {
                let value = tip.state.get(&Key::Vehicle(vehicle.id()));
                matches!(value, Some(Value::Vehicle(it)) if it.status == VehicleStatus::Active)
            };
            vehicles.iter().all(is_active)
        })
    }

    /// Lets the next vehicle of a shard sign; returns whether there was room for it.
    async fn submit_reading(&mut self, shard: ShardId) -> anyhow::Result<bool> {
        let vehicles = self.vehicles.get_mut(&shard).context("a shard")?;
        // The one that signed last is at the end.
        let mut vehicle = vehicles.pop_front().context("a vehicle")?;
        let reading = self.domain.reading(&vehicle);
        let is_taken = self.submit(shard, reading).await?;
        let vehicles = self.vehicles.entry(shard).or_default();
        if is_taken {
            vehicle.count_submitted();
            vehicles.push_back(vehicle);
        } else {
            vehicles.push_front(vehicle);
        }
        Ok(is_taken)
    }

    /// Submits a transaction; returns whether there was room for it.
    async fn submit(
        &mut self,
        shard: ShardId,
        transaction: SignedTransaction,
    ) -> anyhow::Result<bool> {
        let begun = monotonic();
        match self.handle.submit(shard, transaction).await {
            Ok(id) => {
                self.waiting.insert(id, (shard, begun));
                Ok(true)
            }
            Err(SubmitError::Mempool(_)) => Ok(false),
            Err(error @ (SubmitError::Transaction(_) | SubmitError::UnknownShard(_))) => {
                Err(error.into())
            }
        }
    }

    /// Takes in the next final block; the shards of the own transactions in it.
    async fn take_block(&mut self) -> anyhow::Result<Vec<ShardId>> {
        let block = self.blocks.recv().await?;
        let now = monotonic();
        self.tally.blocks += 1;
        let mut done = Vec::new();
        for (entry, outcome) in block.block.entries.iter().zip(&block.outcomes) {
            let Entry::Transaction(transaction) = entry else {
                continue;
            };
            self.tally.transactions += 1;
            self.tally.refused += u64::from(*outcome != Outcome::Applied);
            if let Some((shard, begun)) = self.waiting.remove(&transaction.id()) {
                let latency = micros(now.saturating_sub(begun));
                self.tally.latencies_us.push(latency);
                done.push(shard);
            }
        }
        Ok(done)
    }

    fn begin(&mut self) -> Begun {
        self.tally = Tally::default();
        Begun {
            at: monotonic(),
            cpu: process_cpu(),
            storage_bytes: bytes_under(&self.storage),
            views: self.views(),
        }
    }

    /// The newest views of all shards, together.
    fn views(&self) -> u64 {
        let shards = self.handle.shards().into_iter();
        let statuses = shards.filter_map(|shard| self.handle.status(shard));
        statuses.map(|status| status.view).sum()
    }

    fn end(mut self, begun: Option<Begun>) -> anyhow::Result<Tally> {
        let begun = begun.context("measured nothing")?;
        self.tally.elapsed_s = monotonic().saturating_sub(begun.at).as_secs_f64();
        self.tally.cpu_us = micros(process_cpu().saturating_sub(begun.cpu));
        self.tally.rss_mib = rss_peak_mib();
        self.tally.views = self.views().saturating_sub(begun.views);
        self.tally.storage_bytes = bytes_under(&self.storage) - begun.storage_bytes;
        Ok(self.tally)
    }
}

/// How things stood when the measurement began.
struct Begun {
    at: Duration,
    cpu: Duration,
    storage_bytes: f64,
    views: u64,
}

async fn expect(orders: &mut mpsc::UnboundedReceiver<Order>, wanted: Order) -> anyhow::Result<()> {
    let order = orders.recv().await.context("the conductor is gone")?;
    ensure!(order == wanted, "{order:?} instead of {wanted:?}");
    Ok(())
}

/// What the files below a folder hold.
fn bytes_under(folder: &Path) -> f64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0.0;
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_under(&entry.path()),
            Ok(metadata) => metadata.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}

/// Between two looks at what else there is to do.
const SUBMITTED_AT_ONCE: usize = 50;
const ENROL_MAX: Duration = Duration::from_secs(60);
/// Of each member in each shard: few enough to enrol quickly, and enough that windows of nonces
/// never run full.
const VEHICLES: u32 = 48;
