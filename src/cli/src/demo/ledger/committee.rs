use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tonic::transport::Endpoint;
use wayside::rpc::ledger::v1::{GetInfoRequest, GetInfoResponse};

use crate::{
    demo::daemon::Daemon,
    ledger::{Unit, refused},
};

/// Roadside units in processes of their own, each of another operator.
pub(super) struct Committee {
    folder: PathBuf,
    units: Vec<Process>,
}

/// One unit.
struct Process {
    daemon: Daemon,
    ready: Ready,
    is_dead: bool,
}

/// What a unit says of itself once it can be reached.
#[derive(Clone, Debug, Deserialize)]
struct Ready {
    /// Where clients connect to.
    grpc: String,
    /// Its process.
    pid: u32,
}

impl Committee {
    /// None of the units of `wayside pki init` runs yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            units: Vec::new(),
        }
    }

    /// Starts the units, and waits until each answers.
    pub(super) async fn start(&mut self, count: usize) -> anyhow::Result<()> {
        // Side by side: what is new on a disk must be agreed on before it is served.
        let mut starting = JoinSet::new();
        for number in 1..=count {
            let folder = self.folder.clone();
            starting.spawn(async move { (number, launch(&folder, number).await) });
        }
        let mut started = starting.join_all().await;
        started.sort_by_key(|(number, _)| *number);
        for (_, unit) in started {
            self.units.push(unit?);
        }
        Ok(())
    }

    /// Ends one with SIGKILL; returns its process.
    pub(super) async fn kill(&mut self, unit: usize) -> anyhow::Result<u32> {
        let unit = self.units.get_mut(unit).context("no such unit")?;
        unit.daemon.kill().await?;
        unit.is_dead = true;
        Ok(unit.ready.pid)
    }

    /// Starts one again, with what it has on disk.
    pub(super) async fn restart(&mut self, unit: usize) -> anyhow::Result<()> {
        let process = launch(&self.folder, unit + 1).await?;
        *self.units.get_mut(unit).context("no such unit")? = process;
        Ok(())
    }

    /// A connection to one.
    pub(super) async fn connect(&self, unit: usize) -> anyhow::Result<Unit> {
        let unit = self.units.get(unit).context("no such unit")?;
        let endpoint = Endpoint::from_shared(unit.ready.grpc.clone())?;
        let channel = endpoint.connect_timeout(CONNECT_MAX).connect().await;
        Ok(Unit::new(channel.context("a unit does not answer")?))
    }

    /// What each of those that run says of itself.
    pub(super) async fn infos(&self) -> anyhow::Result<Vec<GetInfoResponse>> {
        let mut infos = Vec::new();
        for (number, unit) in self.units.iter().enumerate() {
            if !unit.is_dead {
                let mut unit = self.connect(number).await?;
                let answer = unit.ledger.get_info(GetInfoRequest {}).await;
                infos.push(answer.map_err(|status| refused(&status))?.into_inner());
            }
        }
        Ok(infos)
    }

    /// Waits until all that run say what is wanted of them, together.
    pub(super) async fn wait_for(
        &mut self,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&[GetInfoResponse]) -> bool,
    ) -> anyhow::Result<Vec<GetInfoResponse>> {
        let end = Instant::now() + deadline;
        loop {
            self.all_run()?;
            // One that has just begun may not answer yet.
            let infos = self.infos().await.unwrap_or_default();
            if !infos.is_empty() && holds(&infos) {
                return Ok(infos);
            }
            if Instant::now() > end {
                bail!("{what}: not within {deadline:?}");
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Asks all to end; how many of those that ran did, and without an error.
    pub(super) async fn stop(&mut self) -> usize {
        let mut stops = JoinSet::new();
        for mut unit in self.units.drain(..).filter(|unit| !unit.is_dead) {
            stops.spawn(async move { unit.daemon.stop().await });
        }
        stops.join_all().await.into_iter().filter(|ok| *ok).count()
    }

    fn all_run(&mut self) -> anyhow::Result<()> {
        for (number, unit) in (1..).zip(&mut self.units) {
            let status = unit.daemon.ended().filter(|_| !unit.is_dead);
            if let Some(status) = status {
                let log = unit.daemon.last_words();
                bail!("unit {number} ended by itself: {status}; its log ends: {log}");
            }
        }
        Ok(())
    }
}

async fn launch(folder: &Path, number: usize) -> anyhow::Result<Process> {
    let folder = folder.join(format!("unit-{number}"));
    let config = folder.join("unit.toml").display().to_string();
    let arguments = ["--config".to_owned(), config];
    let (daemon, ready) = Daemon::start("unit", (&arguments, &[]), folder.join("unit.log")).await?;
    Ok(Process {
        daemon,
        ready,
        is_dead: false,
    })
}

const ASK_EVERY: Duration = Duration::from_millis(100);
const CONNECT_MAX: Duration = Duration::from_secs(2);
