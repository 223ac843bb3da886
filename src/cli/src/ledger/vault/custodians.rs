use std::{future::Future, time::Duration};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use wayside::{
    id::ShardId,
    ledger::{AccountKey, Checkpoint, Committees, Genesis, Key, Proof, Role, Value},
    rpc::ledger::v1::{GetVaultRequest, ProveRequest, StateKey, prove_request::Subject},
};

use super::super::{
    read::checkpoint,
    unit::{Unit, UnitArguments, reason, refused},
};

/// Which units keep records and the shares of their keys.
#[derive(Args, Debug)]
pub(super) struct CustodianArguments {
    /// Where a custodian's roadside unit serves gRPC, as for --unit; once for each custodian. The unit
    /// that is asked otherwise, if not given.
    #[arg(
        long = "custodian",
        value_name = "ADDRESS",
        env = "WAYSIDE_CUSTODIANS",
        value_delimiter = ','
    )]
    addresses: Vec<String>,
}

/// A unit that keeps records, and the custodian whose shares it keeps.
pub(super) struct Keeper {
    pub(super) address: String,
    pub(super) unit: Unit,
    pub(super) custodian: Option<AccountKey>,
}

impl CustodianArguments {
    /// Connects to all that answer. Says on standard error who does not.
    pub(super) async fn connect(&self, unit: &UnitArguments) -> anyhow::Result<Vec<Keeper>> {
        let mut keepers = Vec::new();
        if self.addresses.is_empty() {
            let unit = unit.connect().await?;
            keepers.push(Keeper::of(String::from("the unit"), unit).await?);
        }
        for address in &self.addresses {
            let connected = match unit.connect_to(address).await {
                Ok(unit) => Keeper::of(address.clone(), unit).await,
                Err(error) => Err(error),
            };
            match connected {
                Ok(keeper) => keepers.push(keeper),
                Err(error) => eprintln!("{error:#}"),
            }
        }
        ensure!(!keepers.is_empty(), "no custodian's unit answers");
        Ok(keepers)
    }
}

impl Keeper {
    async fn of(address: String, mut unit: Unit) -> anyhow::Result<Self> {
        let told = unit.vault.get_vault(GetVaultRequest {}).await;
        let told = told.map_err(|status| refused(&status))?.into_inner();
        let custodian = match told.custodian.as_str() {
            "" => None,
            key => Some(
                key.parse()
                    .context("the unit names a custodian that is none")?,
            ),
        };
        Ok(Self {
            address,
            unit,
            custodian,
        })
    }
}

/// The custodians among units, each proven to hold the role on the ledger.
///
/// Fails for fewer than a ledger needs to keep its promises, unless it is for development.
pub(super) async fn proven(
    keepers: &[Keeper],
    unit: &Unit,
    genesis: &Genesis,
) -> anyhow::Result<Vec<AccountKey>> {
    let committees = committees(unit, genesis).await?;
    let mut custodians = Vec::new();
    for keeper in keepers {
        let Some(custodian) = keeper.custodian else {
            continue;
        };
        prove_role(unit, &committees, custodian)
            .await
            .with_context(|| keeper.address.clone())?;
        custodians.push(custodian);
    }
    custodians.sort_unstable();
    custodians.dedup();
    ensure!(
        !custodians.is_empty(),
        "none of these units keeps a custodian's shares"
    );
    ensure!(
        custodians.len() >= CUSTODIANS_MIN || genesis.development,
        "{} custodians are too few: name at least {CUSTODIANS_MIN} with --custodian",
        custodians.len()
    );
    Ok(custodians)
}

/// Who voted when, as a unit shows and the genesis proves.
async fn committees(unit: &Unit, genesis: &Genesis) -> anyhow::Result<Committees> {
    let shown = checkpoint(&mut unit.clone(), Vec::new(), Vec::new()).await?;
    let shown = Checkpoint::from_bytes(&shown.checkpoint)?;
    Ok(shown.committees(genesis)?)
}

async fn prove_role(
    unit: &Unit,
    committees: &Committees,
    custodian: AccountKey,
) -> anyhow::Result<()> {
    let key = Key::Role(custodian);
    let request = ProveRequest {
        subject: Some(Subject::StateKey(StateKey {
            shard_id: ShardId::GOVERNANCE.0.into(),
            key: key.to_bytes().into(),
        })),
    };
    let shown = unit.ledger.clone().prove(request).await;
    let shown = shown.map_err(|status| refused(&status))?.into_inner();
    let Proof::State(proof) = Proof::from_bytes(&shown.proof)? else {
        bail!("the unit proves something else");
    };
    let header = proof.verify(committees)?;
    let is_role = matches!(
        &proof.value,
        Some(Value::Role(holder)) if holder.roles.contains(&Role::Custodian)
    );
    ensure!(
        is_role && proof.key == key && header.shard == ShardId::GOVERNANCE,
        "the ledger does not know {custodian} as a custodian"
    );
    Ok(())
}

/// Calls again while a unit is not ready, or has not seen a transaction or a grant yet.
pub(super) async fn patiently<T, F: Future<Output = Result<T, Status>>>(
    deadline: Instant,
    mut call: impl FnMut() -> F,
) -> Result<T, Status> {
    let behind_until = Instant::now() + BEHIND_MAX;
    loop {
        let status = match call().await {
            Ok(answer) => return Ok(answer),
            Err(status) => status,
        };
        let may_change = match reason(&status).as_deref() {
            Some("TRANSACTION_UNKNOWN") => true,
            // What another unit has just taken, this one may not have seen yet.
            Some("GRANT_UNKNOWN" | "GRANT_NOT_VALID") => Instant::now() < behind_until,
            Some(_) | None => status.code() == Code::Unavailable,
        };
        if !may_change || Instant::now() + PAUSE >= deadline {
            return Err(status);
        }
        sleep(PAUSE).await;
    }
}

/// As many operators as keep a ledger's promises.
const CUSTODIANS_MIN: usize = 4;
const PAUSE: Duration = Duration::from_millis(200);
/// How far behind a unit is that keeps up with the others.
const BEHIND_MAX: Duration = Duration::from_secs(3);
