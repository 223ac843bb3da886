use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use serde::Deserialize;
use tokio::{task::JoinSet, time::timeout};
use tonic::transport::Endpoint;
use wayside::{
    ledger::Genesis,
    rpc::ledger::v1::{GetInfoRequest, GetInfoResponse},
    serve::write_key,
};

use crate::{
    bench::ledger::domain::{Domain, Plan},
    demo::Daemon,
    ledger::{Unit, refused},
};

/// The roadside units of four operators, in processes of their own.
pub(super) struct Units {
    folder: PathBuf,
    daemons: Vec<Daemon>,
}

/// What a unit prints when it is ready; where it is, follows from its number.
#[derive(Deserialize)]
struct Ready {}

impl Units {
    /// Writes what the units need below `folder`, and starts them.
    pub(super) async fn start(
        folder: &Path,
        plan: &Plan,
        genesis: &Genesis,
    ) -> anyhow::Result<Self> {
        fs::write(folder.join("genesis.toml"), genesis.to_toml())?;
        for (number, port) in (0..).zip(&plan.ports) {
            write_unit(folder, (usize::try_from(number)?, number), *port)?;
        }
        let mut starting = JoinSet::new();
        for number in 0..plan.ports.len() {
            let folder = folder.to_owned();
            starting.spawn(async move { (number, launch(&folder, number).await) });
        }
        let mut started = starting.join_all().await;
        started.sort_by_key(|(number, _)| *number);
        let daemons = started.into_iter().map(|(_, daemon)| daemon);
        Ok(Self {
            folder: folder.to_owned(),
            daemons: daemons.collect::<Result<_, _>>()?,
        })
    }

    /// How many there are, dead or alive.
    pub(super) fn len(&self) -> usize {
        self.daemons.len()
    }

    /// Starts a further one, with this vote key; returns its number.
    pub(super) async fn add(&mut self, vote_key: u32, port: u16) -> anyhow::Result<usize> {
        let unit = self.daemons.len();
        write_unit(&self.folder, (unit, vote_key), port)?;
        self.daemons.push(launch(&self.folder, unit).await?);
        Ok(unit)
    }

    /// Ends one with SIGKILL.
    pub(super) async fn kill(&mut self, unit: usize) -> anyhow::Result<()> {
        let daemon = self.daemons.get_mut(unit).context("no such unit")?;
        daemon.kill().await
    }

    /// Takes away all that a dead unit stored; its key and configuration stay.
    ///
    /// It is put aside until the end: to remove it would keep this machine's disk busy, which the
    /// other units share only here.
    pub(super) fn wipe(&self, unit: usize) -> anyhow::Result<()> {
        let folder = unit_folder(&self.folder, unit);
        let aside = (0..).map(|number| folder.join(format!("data-{number}")));
        let mut free = aside.filter(|path| !path.exists());
        let aside = free.next().context("numbers do not end")?;
        fs::rename(folder.join("data"), &aside).context("cannot take a unit's data away")
    }

    /// Starts a dead one again; returns once it serves.
    pub(super) async fn restart(&mut self, unit: usize) -> anyhow::Result<()> {
        let daemon = launch(&self.folder, unit).await?;
        *self.daemons.get_mut(unit).context("no such unit")? = daemon;
        Ok(())
    }

    /// How to talk to each; a connection is made, and made again, when it is needed.
    pub(super) fn clients(&self) -> anyhow::Result<Vec<Unit>> {
        (0..self.len()).map(|unit| self.client(unit)).collect()
    }

    /// How to talk to one.
    pub(super) fn client(&self, unit: usize) -> anyhow::Result<Unit> {
        let socket = unit_folder(&self.folder, unit).join("unit.sock");
        let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display()))?;
        Ok(Unit::new(endpoint.connect_lazy()))
    }

    /// What one says of itself.
    pub(super) async fn info(client: &Unit) -> anyhow::Result<GetInfoResponse> {
        let mut client = client.clone();
        let answer = timeout(ANSWER_MAX, client.ledger.get_info(GetInfoRequest {})).await;
        let answer = answer.context("a unit does not answer")?;
        Ok(answer.map_err(|status| refused(&status))?.into_inner())
    }
}

async fn launch(folder: &Path, unit: usize) -> anyhow::Result<Daemon> {
    let folder = unit_folder(folder, unit);
    let config = folder.join("unit.toml").display().to_string();
    let arguments = ["--config".to_owned(), config];
    let (daemon, Ready {}) =
        Daemon::start("unit", (&arguments, &[]), folder.join("unit.log")).await?;
    Ok(daemon)
}

fn write_unit(root: &Path, (unit, vote_key_of): (usize, u32), port: u16) -> anyhow::Result<()> {
    let folder = unit_folder(root, unit);
    fs::create_dir_all(&folder)?;
    let vote_key = folder.join("vote.key");
    write_key(&vote_key, &Domain::vote_key(vote_key_of), "benchmark")?;
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let mut text = "version = \"v1\"\nprofile = [\"validator\", \"archive\"]\n".to_owned();
    writeln!(text, "[identity]")?;
    writeln!(text, "genesis = {}", quoted(&root.join("genesis.toml")))?;
    writeln!(text, "vote_key = {}", quoted(&vote_key))?;
    writeln!(text, "[engine]\nlisten = \"127.0.0.1:{port}\"")?;
    writeln!(text, "[storage]\nfolder = {}", quoted(&folder.join("data")))?;
    writeln!(
        text,
        "[grpc]\nsocket = {}",
        quoted(&folder.join("unit.sock"))
    )?;
    writeln!(text, "[metrics]\nenabled = false")?;
    Ok(fs::write(folder.join("unit.toml"), text)?)
}

fn unit_folder(root: &Path, unit: usize) -> PathBuf {
    root.join(format!("unit-{unit}"))
}

const ANSWER_MAX: Duration = Duration::from_secs(5);
