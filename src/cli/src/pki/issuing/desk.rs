use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tokio::time::{Instant, sleep};
use wayside::{
    crypto::SigningKey,
    ledger::{
        AccountKey, Action, Committees, Genesis, IssuingFacts, IssuingProof, Operator,
        RevocationList, RevocationUpdate,
    },
    rpc::issuing::v1::{GetIssuingRequest, GetRevocationsRequest},
    serve::read_key,
    transport::Clock,
};

use crate::ledger::{Answer, Fate, Options, Signer, Unit, read_genesis, refused, send};

/// Which domain, and which of its units to speak with.
#[derive(Args, Clone, Debug)]
pub(crate) struct DomainArguments {
    /// The trust domain's folder, as `wayside pki init --operators` made it.
    #[arg(long, value_name = "DIR")]
    domain: PathBuf,
    /// Where a roadside unit serves gRPC: `unix:PATH` or `http://HOST:PORT`; the domain's first unit, if
    /// not given.
    #[arg(long, value_name = "ADDRESS")]
    unit: Option<String>,
}

impl DomainArguments {
    /// The domain's folder, as it was given.
    pub(in super::super) fn folder(&self) -> &Path {
        &self.domain
    }
}

/// A domain whose keys all lie here, and a unit that takes what they sign.
pub(super) struct Desk {
    folder: PathBuf,
    unit: Unit,
    genesis: Genesis,
    /// The folders of the operators' units, in the ledger's order of the operators.
    units: Vec<PathBuf>,
}

/// Which of an operator's keys signs.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyKind {
    /// The one that governs.
    Cold,
    /// The one that speaks about tickets.
    Issuing,
}

impl Desk {
    pub(super) async fn open(domain: &DomainArguments) -> anyhow::Result<Self> {
        let folder = domain
            .domain
            .canonicalize()
            .with_context(|| format!("cannot use {}", domain.domain.display()))?;
        let genesis = read_genesis(&folder.join("genesis.toml"))
            .context("the domain has no ledger: make it with `wayside pki init --operators`")?;
        let own = || format!("unix:{}", folder.join("unit-1/unit.sock").display());
        let address = domain.unit.clone().unwrap_or_else(own);
        let unit = Unit::connect_plainly(&address).await?;
        let units = genesis
            .operators
            .iter()
            .map(|operator| unit_folder(&folder, operator))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            folder,
            unit,
            genesis,
            units,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    pub(super) fn unit(&self) -> Unit {
        self.unit.clone()
    }

    /// How many operators the ledger began with.
    pub(super) fn operators(&self) -> u16 {
        u16::try_from(self.genesis.operators.len()).unwrap_or(u16::MAX)
    }

    /// The folder of an operator's unit.
    pub(super) fn unit_folder(&self, operator: u16) -> anyhow::Result<&Path> {
        let folder = self.units.get(usize::from(operator));
        Ok(folder.context("the ledger has no such operator")?)
    }

    pub(super) fn key(&self, operator: u16, kind: KeyKind) -> anyhow::Result<SigningKey> {
        let name = match kind {
            KeyKind::Cold => "cold.key",
            KeyKind::Issuing => "issuing.key",
        };
        Ok(read_key(&self.unit_folder(operator)?.join(name))?)
    }

    /// Has all operators sign an action, and hands it in.
    pub(super) async fn perform_as_all(
        &self,
        kind: KeyKind,
        action: Action,
    ) -> anyhow::Result<Answer> {
        let keys = (0..self.operators()).map(|operator| self.key(operator, kind));
        self.perform(keys.collect::<anyhow::Result<_>>()?, action)
            .await
    }

    /// Has these keys sign an action, the first one as its sender, and hands it in; fails unless it is
    /// applied.
    pub(super) async fn perform(
        &self,
        mut keys: Vec<SigningKey>,
        action: Action,
    ) -> anyhow::Result<Answer> {
        ensure!(!keys.is_empty(), "nobody signs");
        let others = keys.split_off(1);
        let sender = keys.pop().context("nobody signs")?;
        let options = Options {
            approvers: others.iter().map(account).collect(),
            approver_keys: others,
            ..Options::default()
        };
        let name = action.name();
        let mut signer = Signer::new(self.unit(), self.genesis.clone(), sender, options);
        let signed = signer.sign(&action).await?;
        let answer = send(self.unit(), signed, Instant::now() + WAIT).await;
        match &answer.fate {
            Fate::Applied { .. } => Ok(answer),
            Fate::Refused { rule, .. } => bail!("{name} is refused by the ledger: {rule}"),
            Fate::Rejected { message, .. } => bail!("{name} is not taken: {message}"),
            Fate::Pending { problem } => bail!(
                "{name} did not become final in time{}",
                problem
                    .as_ref()
                    .map(|it| format!(": {it}"))
                    .unwrap_or_default()
            ),
        }
    }

    /// Who issues tickets, by the proof of the unit; `None` if the ledger says nothing of it yet.
    pub(super) async fn facts(&self) -> anyhow::Result<Option<IssuingFacts>> {
        let mut issuing = self.unit().issuing;
        let answer = match issuing.get_issuing(GetIssuingRequest {}).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == tonic::Code::FailedPrecondition => return Ok(None),
            Err(status) => return Err(refused(&status)),
        };
        let proof = IssuingProof::from_bytes(&answer.proof)?;
        Ok(Some(proof.verify(&self.committees())?))
    }

    /// The list of revoked tickets, by the proof of the unit.
    pub(super) async fn revocations(&self) -> anyhow::Result<(RevocationUpdate, RevocationList)> {
        let mut issuing = self.unit().issuing;
        let request = GetRevocationsRequest::default();
        let answer = issuing.get_revocations(request).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        let update = RevocationUpdate::from_bytes(&answer.update)?;
        let mut list = RevocationList::new();
        list.apply(update.clone().verify(&self.committees())?)?;
        Ok((update, list))
    }

    /// Asks again and again until something is so.
    pub(super) async fn wait_for<T>(
        &self,
        what: &str,
        ask: impl AsyncFnMut(&Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        self.wait_long_for(what, WAIT, ask).await
    }

    /// The same, with so much patience.
    pub(super) async fn wait_long_for<T>(
        &self,
        what: &str,
        patience: Duration,
        mut ask: impl AsyncFnMut(&Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + patience;
        loop {
            if let Some(found) = ask(self).await? {
                return Ok(found);
            }
            ensure!(Instant::now() < end, "{what} takes too long");
            sleep(ASK_EVERY).await;
        }
    }

    fn committees(&self) -> Committees {
        Committees::of(&self.genesis)
    }
}

/// The folder of an operator's unit, found by its cold key.
fn unit_folder(domain: &Path, operator: &Operator) -> anyhow::Result<PathBuf> {
    let folders = (1..).map(|number| domain.join(format!("unit-{number}")));
    for folder in folders.take_while(|folder| folder.exists()) {
        if account(&read_key(&folder.join("cold.key"))?) == operator.cold_key {
            return Ok(folder);
        }
    }
    bail!("the cold key of {} is not here", operator.name)
}

/// The public half of a key, as the ledger names it.
pub(super) fn account(key: &SigningKey) -> AccountKey {
    key.verifying_key().into()
}

/// The time by this machine's clock.
pub(super) fn now() -> wayside::time::Timestamp {
    Clock::system().now().timestamp
}

const WAIT: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(100);
