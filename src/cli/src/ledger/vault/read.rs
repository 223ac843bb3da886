use std::{io::Write as _, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use wayside::{
    rpc::ledger::v1::{
        GetPayloadRequest, GetPayloadResponse, ReleaseShareRequest, ReleaseShareResponse,
    },
    serve::{read_key, write_private},
    transport::Clock,
    vault::{Reader, RecordName, SignedDeal, threshold},
};
use zeroize::Zeroizing;

use super::{
    super::{
        genesis::GenesisArguments,
        unit::{Unit, UnitArguments, refused},
    },
    custodians::{CustodianArguments, Keeper, patiently},
};

/// Reads a sealed record. Each custodian that helps says so on the ledger first, where the owner sees
/// it.
#[derive(Args, Debug)]
pub(in super::super) struct Read {
    /// The record's name, as `wayside ledger attach` and `access` print it.
    record: RecordName,
    /// The reader's key: the owner's, or one that has a grant for the record's class.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The file to write, which must not be there yet; standard output, if not given.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long to wait for custodians.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    wait: Duration,
    #[command(flatten)]
    custodians: CustodianArguments,
    #[command(flatten)]
    genesis: GenesisArguments,
}

/// What is needed to read a record, or to deal its key anew.
pub(super) struct Opened {
    pub(super) reader: Reader,
    pub(super) payload: Vec<u8>,
    pub(super) text: Zeroizing<Vec<u8>>,
}

impl Read {
    pub(in super::super) async fn run(self, arguments: &UnitArguments) -> anyhow::Result<()> {
        let key = read_key(&self.key)?;
        let keepers = self.custodians.connect(arguments).await?;
        let first = keepers.first().context("no unit")?;
        let chain = self.genesis.of(&first.unit).await?.chain();
        let now = Clock::system().now().timestamp;
        let reader = Reader::new(chain, self.record, &key, now);
        let opened = open(&keepers, reader, Instant::now() + self.wait).await?;
        match &self.out {
            Some(path) => write_private(path, &opened.text)
                .with_context(|| format!("cannot write {}", path.display()))?,
            None => std::io::stdout().write_all(&opened.text)?,
        }
        Ok(())
    }
}

/// Asks custodians for shares until there are enough, then units for the sealed bytes, and opens those.
pub(super) async fn open(
    keepers: &[Keeper],
    mut reader: Reader,
    deadline: Instant,
) -> anyhow::Result<Opened> {
    collect(keepers, &mut reader, deadline).await?;
    let mut refusals = Vec::new();
    for keeper in keepers {
        let request = GetPayloadRequest {
            reading: reader.request().to_bytes().into(),
        };
        let got = patiently(deadline, || {
            let mut vault = keeper.unit.vault.clone();
            let request = request.clone();
            async move { vault.get_payload(request).await }
        });
        let payload = match got.await.map(tonic::Response::into_inner) {
            Ok(GetPayloadResponse { payload }) => payload,
            Err(status) => {
                refusals.push(format!("{}: {:#}", keeper.address, refused(&status)));
                continue;
            }
        };
        match reader.open(&payload) {
            Ok(text) => {
                return Ok(Opened {
                    payload: payload.to_vec(),
                    text,
                    reader,
                });
            }
            Err(error) => refusals.push(format!("{}: {error}", keeper.address)),
        }
    }
    bail!(
        "no unit has sealed bytes that open:\n{}",
        refusals.join("\n")
    );
}

/// Asks as many custodians at once as are needed, and another for each that does not help: every one
/// that is asked leaves a receipt.
async fn collect(keepers: &[Keeper], reader: &mut Reader, deadline: Instant) -> anyhow::Result<()> {
    let custodians = keepers.iter().filter(|it| it.custodian.is_some());
    let count = u8::try_from(custodians.clone().count()).unwrap_or(u8::MAX);
    let needed = threshold(count).map_or(usize::MAX, usize::from);
    let mut left = custodians;
    let mut asked = JoinSet::new();
    let mut refusals = Vec::new();
    for keeper in left.by_ref().take(needed) {
        asked.spawn(ask(keeper, reader, deadline));
    }
    while !asked.is_empty() {
        if let Ok(Some(answered)) = timeout(SLOW_AFTER, asked.join_next()).await {
            let (address, answer) = answered.context("asking a custodian failed")?;
            match answer.and_then(|answer| take(reader, answer)) {
                Ok(()) if reader.is_ready() => return Ok(()),
                Ok(()) => continue,
                Err(problem) => refusals.push(format!("{address}: {problem:#}")),
            }
        }
        // One has refused, or is slow.
        if let Some(keeper) = left.next() {
            asked.spawn(ask(keeper, reader, deadline));
        }
    }
    bail!(
        "too few custodians released their share of the key:\n{}",
        refusals.join("\n")
    );
}

fn ask(
    keeper: &Keeper,
    reader: &Reader,
    deadline: Instant,
) -> impl Future<Output = (String, anyhow::Result<ReleaseShareResponse>)> + 'static {
    let request = ReleaseShareRequest {
        reading: reader.request().to_bytes().into(),
    };
    let (address, unit): (_, Unit) = (keeper.address.clone(), keeper.unit.clone());
    let is_honest = keeper.custodian;
    async move {
        let asked = patiently(deadline, || {
            let mut vault = unit.vault.clone();
            let request = request.clone();
            async move { vault.release_share(request).await }
        });
        let answer = asked.await.map(tonic::Response::into_inner);
        let answer = answer.map_err(|status| refused(&status));
        let answer = answer.and_then(|answer| {
            let named = answer.custodian.parse().ok();
            if named != is_honest {
                bail!("another custodian answers than before");
            }
            Ok(answer)
        });
        (address, answer)
    }
}

fn take(reader: &mut Reader, answer: ReleaseShareResponse) -> anyhow::Result<()> {
    let custodian = answer.custodian.parse()?;
    for released in answer.shares {
        let deal = SignedDeal::from_bytes(&released.deal)?;
        reader.take(custodian, deal, &released.share)?;
    }
    Ok(())
}

/// After how long without an answer another custodian is asked.
const SLOW_AFTER: Duration = Duration::from_secs(5);
