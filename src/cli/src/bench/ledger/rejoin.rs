//! `wayside bench ledger --case rejoin`: how a member of a large ledger comes back that lost all.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use wayside::{
    id::ShardId,
    ledger::{MempoolConfig, SignedTransaction},
    transport::Clock,
};
use wayside_engine::{
    Application, Config, Handle, Running, Seat, SubmitError, Timing, newest_snapshot, start,
    stored_bytes,
};

use super::{
    conductor::free_ports,
    domain::{Domain, Plan, Vehicle},
};
use crate::bench::{
    meter::monotonic,
    report::{Report, Row},
};

/// Brings vehicles to a committee of four, takes one member everything that it stored, and adds to
/// the report how it came back.
///
/// The members run in this process, as the engine runs in a roadside unit; what gRPC would cost
/// beside that is left out.
pub(super) fn run(vehicles: u32, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let folder = tempfile::Builder::new()
        .prefix("wayside-bench-")
        .tempdir()?;
    let figures = runtime.block_on(measure(folder.path(), vehicles))?;
    report.rows.push(Row {
        case: super::REJOIN,
        note: "a member of four that lost everything begins with the others' snapshot",
        figures,
    });
    Ok(())
}

async fn measure(folder: &Path, vehicles: u32) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let plan = Plan {
        ports: free_ports()?,
        shards: 1,
        batch: BATCH,
        created_unix_ms: Clock::system().now().timestamp.unix_ms(),
        snapshot_interval: SNAPSHOT_INTERVAL,
    };
    let domain = Domain::new(&plan)?;
    let mut members = Vec::new();
    for number in (0..).take(plan.ports.len()) {
        members.push(Member::start(&domain, &plan, folder, number)?);
    }
    for member in &members {
        member.handle.ready().await?;
    }
    let begun = monotonic();
    enrol(&domain, &members, vehicles).await?;
    let births = monotonic() - begun;
    let snapshot = cross_border(&domain, &members, vehicles).await?;

    let mut figures = lose_all(&domain, &plan, folder, members).await?;
    figures.extend([
        ("vehicles", f64::from(vehicles)),
        ("births_s", births.as_secs_f64()),
        ("snapshot_height", snapshot as f64),
    ]);
    Ok(figures)
}

/// Takes the last member everything, and waits until it is back.
async fn lose_all(
    domain: &Domain,
    plan: &Plan,
    folder: &Path,
    mut members: Vec<Member>,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let lost = members.pop().context("a member")?;
    let storage = lost.storage.clone();
    lost.end().await?;
    fs::remove_dir_all(&storage)?;
    let begun = monotonic();
    let wiped = Member::start(domain, plan, folder, LOST)?;
    wiped.handle.ready().await?;
    let ready = monotonic() - begun;
    let first = &members.first().context("a member")?.handle;
    while height(&wiped.handle) < height(first) {
        ensure!(monotonic() - begun < PATIENCE, "it does not come back");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    let caught_up = monotonic() - begun;
    let began = wiped
        .handle
        .past(SHARD)
        .context("it began with the genesis")?;
    let tips = [first, &wiped.handle].map(|it| it.tip(SHARD));
    let [Some(theirs), Some(own)] = tips else {
        anyhow::bail!("a shard is not kept");
    };
    ensure!(own.state.len() == theirs.state.len(), "another state");
    let (_, received) = newest_snapshot(&storage, SHARD).context("no snapshot is stored")?;
    let stored = stored_bytes(&storage, SHARD);
    let theirs_stored = members
        .first()
        .map_or(0, |it| stored_bytes(&it.storage, SHARD));
    let figures = [
        ("height", height(first) as f64),
        ("began_at_height", began.count() as f64),
        ("state_entries", own.state.len() as f64),
        ("snapshot_bytes", received as f64),
        ("ready_s", ready.as_secs_f64()),
        ("caught_up_s", caught_up.as_secs_f64()),
        ("stored_after_bytes", stored as f64),
        ("stored_by_others_bytes", theirs_stored as f64),
    ];
    wiped.end().await?;
    for member in members {
        member.end().await?;
    }
    Ok(figures.into())
}

/// One member's engine.
struct Member {
    handle: Handle,
    running: Running,
    storage: PathBuf,
}

impl Member {
    fn start(domain: &Domain, plan: &Plan, folder: &Path, number: u32) -> anyhow::Result<Self> {
        let storage = folder.join(format!("member-{number}"));
        let port = plan.ports.get(usize::try_from(number)?).context("a port")?;
        let (handle, running) = start(Config {
            genesis: domain.genesis.clone(),
            shards: vec![SHARD],
            seat: Seat::Member {
                vote_key: Domain::vote_key(number),
                followers: Vec::new(),
            },
            storage: storage.clone(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, *port)),
            timing: Timing::default(),
            retention: None,
            mempool: MempoolConfig::default(),
            application: Application::Ledger,
        })?;
        Ok(Self {
            handle,
            running,
            storage,
        })
    }

    async fn end(self) -> anyhow::Result<()> {
        self.handle.shutdown();
        let running = self.running;
        tokio::task::spawn_blocking(move || running.join()).await??;
        Ok(())
    }
}

/// Has every vehicle born, each by the maker that goes with one of the members.
async fn enrol(domain: &Domain, members: &[Member], vehicles: u32) -> anyhow::Result<()> {
    let makers = u32::try_from(members.len())?;
    for (index, member) in (0..).zip(members) {
        let share = vehicles / makers + u32::from(index < vehicles % makers);
        let vehicles = domain.many_vehicles(index, SHARD, share);
        let handle = member.handle.clone();
        let domain = domain.clone();
        // What waits of one maker is bounded by the window of its nonces, so that makers take turns
        // by themselves.
        tokio::spawn(async move { bear(&domain, &handle, index, vehicles).await });
    }
    let first = &members.first().context("a member")?.handle;
    let begun = monotonic();
    loop {
        let tip = first.tip(SHARD).context("the shard is kept")?;
        // A vehicle is an entry, its key's account another, its number's tag a third.
        if tip.state.len() >= 3 * usize::try_from(vehicles)? {
            return Ok(());
        }
        ensure!(
            monotonic() - begun < PATIENCE,
            "the births do not become final"
        );
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

async fn bear(
    domain: &Domain,
    handle: &Handle,
    maker: u32,
    vehicles: impl Iterator<Item = Vehicle>,
) -> anyhow::Result<()> {
    for (nonce, vehicle) in (0..).zip(vehicles) {
        let birth = domain.birth(maker, &vehicle, nonce)?;
        submit(handle, birth).await?;
    }
    Ok(())
}

/// Hands a transaction in, as soon as there is room for it.
async fn submit(handle: &Handle, signed: SignedTransaction) -> anyhow::Result<()> {
    let begun = monotonic();
    loop {
        match handle.submit(SHARD, signed.clone()).await {
            Ok(_) => return Ok(()),
            Err(SubmitError::Mempool(_)) if monotonic() - begun < PATIENCE => {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Has blocks made until there is a snapshot of a state with all vehicles; returns its height.
async fn cross_border(domain: &Domain, members: &[Member], vehicles: u32) -> anyhow::Result<u64> {
    let first = &members.first().context("a member")?.handle;
    // A member that is behind by less fetches blocks instead of a snapshot.
    let border = height(first).next_multiple_of(SNAPSHOT_INTERVAL);
    let border = border.max(3 * SNAPSHOT_INTERVAL);
    // The block at the border, and some above, so that the snapshot is written.
    let mut drivers = domain.many_vehicles(0, SHARD, vehicles.min(1));
    let mut driver = drivers.next().context("a vehicle")?;
    while height(first) < border + BLOCKS_ABOVE {
        let before = height(first);
        submit(first, domain.reading(&driver)).await?;
        driver.count_submitted();
        let begun = monotonic();
        while height(first) == before {
            ensure!(
                monotonic() - begun < PATIENCE,
                "a reading does not become final"
            );
            tokio::time::sleep(LOOK_INTERVAL / 4).await;
        }
    }
    let begun = monotonic();
    for member in members {
        while newest_snapshot(&member.storage, SHARD).is_none_or(|(height, _)| height < border) {
            ensure!(monotonic() - begun < PATIENCE, "no snapshot is written");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
    Ok(border)
}

fn height(handle: &Handle) -> u64 {
    handle.tip(SHARD).map_or(0, |tip| tip.header.height)
}

const SHARD: ShardId = ShardId::GOVERNANCE;
/// The index of whoever loses everything.
const LOST: u32 = 3;
/// The most transactions of a block.
const BATCH: u32 = 1_000;
const SNAPSHOT_INTERVAL: u64 = 16;
/// Enough for the votes on the border's block to be there for everybody.
const BLOCKS_ABOVE: u64 = 3;
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long nothing may come of what is waited for.
const PATIENCE: Duration = Duration::from_secs(1_800);
