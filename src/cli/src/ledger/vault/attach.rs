use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;
use tokio::time::Instant;
use wayside::{
    id::VehicleId,
    ledger::{Action, RecordClass},
    rpc::ledger::v1::{PutPayloadRequest, PutShareRequest},
    vault::{Dealt, RecordName, SealedRecord},
};
use zeroize::Zeroizing;

use super::{
    super::{
        send::{Fate, send},
        sign::{Signing, exit_code},
        unit::{UnitArguments, refused},
    },
    class,
    custodians::{CustodianArguments, Keeper, patiently, proven},
};

/// Seals a file, ties it to a vehicle on the ledger, and hands the sealed bytes to units and a share of
/// their key to each custodian. Prints a line of JSON with the record's name; exits with 1 unless enough
/// custodians have their share.
#[derive(Args, Debug)]
pub(in super::super) struct Attach {
    /// The vehicle's id.
    vehicle: VehicleId,
    /// What kind of record it is: birth, ownership, odometer, wear, battery, part, warranty, recall or
    /// trip. A grant is for one kind.
    #[arg(long, value_parser = class)]
    class: RecordClass,
    /// The text: any file of at most 512 KiB. It is left as it is.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    custodians: CustodianArguments,
    #[command(flatten)]
    signing: Signing,
}

impl Attach {
    pub(in super::super) async fn run(self, arguments: &UnitArguments) -> anyhow::Result<ExitCode> {
        ensure!(
            self.signing.save_draft.is_none(),
            "a record's key exists only while it is sealed: --save-draft is of no use here"
        );
        let text = std::fs::read(&self.file).map(Zeroizing::new);
        let text = text.with_context(|| format!("cannot read {}", self.file.display()))?;
        let unit = arguments.connect().await?;
        let genesis = self.signing.genesis.of(&unit).await?;
        let chain = genesis.chain();
        let keepers = self.custodians.connect(arguments).await?;
        let custodians = proven(&keepers, &unit, &genesis).await?;

        let sealed = SealedRecord::seal(self.vehicle, self.class, &text)?;
        let dealt = sealed.deal(chain, &custodians, &self.signing.key()?)?;
        let name = RecordName::of(sealed.attached());
        let mut signer = self.signing.signer(unit.clone(), genesis, Vec::new())?;
        let signed = signer
            .sign(&Action::AttachRecord(sealed.attached().clone()))
            .await?;
        let deadline = Instant::now() + self.signing.wait;
        let answer = send(unit, signed, deadline).await;
        if !matches!(answer.fate, Fate::Applied { .. }) {
            writeln!(std::io::stdout(), "{}", answer.to_line(None)?)?;
            return Ok(ExitCode::FAILURE);
        }

        let transaction = answer.id.to_string();
        let deadline = Instant::now() + self.signing.wait;
        let copies = put_payload(&keepers, &transaction, sealed.payload(), deadline).await;
        let shares = put_shares(&keepers, &transaction, &dealt, deadline).await;
        let needed = usize::from(dealt.deal.deal.threshold);
        let line = json!({
            "record": name.to_string(),
            "id": transaction,
            "class": self.class,
            "outcome": answer.fate.word(),
            "payloads": copies,
            "shares": shares,
            "custodians": custodians.len(),
            "shares_needed": needed,
        });
        writeln!(std::io::stdout(), "{line}")?;
        if copies == 0 || shares < needed {
            bail!("the record is on the ledger, but cannot be read: attach it again");
        }
        if shares < custodians.len() {
            eprintln!("some custodians have no share: `wayside ledger reshare` deals them one");
        }
        Ok(exit_code(true))
    }
}

/// Hands the sealed bytes to as many units as there shall be copies; returns how many took them.
pub(super) async fn put_payload(
    keepers: &[Keeper],
    transaction: &str,
    payload: &[u8],
    deadline: Instant,
) -> usize {
    let mut copies = 0;
    for keeper in keepers {
        if copies == COPIES {
            break;
        }
        let request = PutPayloadRequest {
            transaction_id: transaction.to_owned(),
            payload: payload.to_vec().into(),
        };
        let put = patiently(deadline, || {
            let mut vault = keeper.unit.vault.clone();
            let request = request.clone();
            async move { vault.put_payload(request).await }
        });
        match put.await {
            Ok(_) => copies += 1,
            Err(status) => eprintln!("{}: {:#}", keeper.address, refused(&status)),
        }
    }
    copies
}

/// Hands each custodian its share; returns how many took it.
pub(super) async fn put_shares(
    keepers: &[Keeper],
    transaction: &str,
    dealt: &Dealt,
    deadline: Instant,
) -> usize {
    let mut placed = 0;
    for (custodian, share) in &dealt.shares {
        let mut owners = keepers.iter();
        let Some(keeper) = owners.find(|it| it.custodian == Some(*custodian)) else {
            continue;
        };
        let request = PutShareRequest {
            transaction_id: transaction.to_owned(),
            deal: dealt.deal.to_bytes().into(),
            share: share.clone().into(),
        };
        let put = patiently(deadline, || {
            let mut vault = keeper.unit.vault.clone();
            let request = request.clone();
            async move { vault.put_share(request).await }
        });
        match put.await {
            Ok(_) => placed += 1,
            Err(status) => eprintln!("{}: {:#}", keeper.address, refused(&status)),
        }
    }
    placed
}

/// How many units keep the sealed bytes, or all if there are fewer.
const COPIES: usize = 3;
