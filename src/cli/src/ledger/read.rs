use std::{fs, io::Write as _, path::PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use wayside::{
    id::VehicleId,
    ledger::{self, Bundle, Proof, SignedTransaction, Trunk},
    rpc::ledger::v1::{
        Finalized, GetCheckpointRequest, GetCheckpointResponse, GetCosignedCheckpointRequest,
        GetHistoryRequest, GetTransactionRequest, GetVehicleRequest, ListRecordsRequest, Position,
        ProveRequest, Record, TransactionState, Vehicle, prove_request::Subject,
    },
};

use super::{
    draft,
    text::{tip, wire_time},
    unit::{Unit, refused},
};
use crate::{files::write_whole, verify::said};

/// What a subject is: a transaction or a vehicle.
#[derive(Args, Debug)]
pub(super) struct Get {
    /// A transaction's id (64 digits) or a vehicle's (its shard, `-`, 64 digits).
    subject: String,
}

/// A vehicle's records.
#[derive(Args, Debug)]
pub(super) struct List {
    /// The vehicle's id.
    vehicle: String,
    /// The newest first.
    #[arg(long)]
    newest_first: bool,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
}

/// Where a history goes.
#[derive(Args, Debug)]
pub(super) struct Fetch {
    /// The vehicle's id.
    subject: String,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// A checkpoint that you have: the history is tied to its blocks.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// Where a proof goes.
#[derive(Args, Debug)]
pub(super) struct Prove {
    /// A transaction's id, or a vehicle's: what the ledger says of it now.
    subject: String,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Prints what it says as one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Where a checkpoint goes.
#[derive(Args, Debug)]
pub(super) struct Checkpoint {
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Only these shards, and shard 0.
    #[arg(long = "shard", value_name = "N")]
    shards: Vec<u16>,
    /// A history that you have: the checkpoint is tied to its blocks.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The newest headers that witnesses have signed, with their signatures.
    #[arg(long)]
    cosigned: bool,
}

impl Get {
    /// Prints one JSON object.
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let value = if is_vehicle(&self.subject) {
            let vehicle_id = self.subject;
            let answer = unit
                .ledger
                .get_vehicle(GetVehicleRequest { vehicle_id })
                .await;
            let vehicle = answer.map_err(|status| refused(&status))?.into_inner();
            vehicle_json(&vehicle.vehicle.context("the unit says nothing of it")?)
        } else {
            let transaction_id = self.subject;
            let request = GetTransactionRequest {
                transaction_id: transaction_id.clone(),
            };
            let answer = unit.ledger.get_transaction(request).await;
            let answer = answer.map_err(|status| refused(&status))?.into_inner();
            let status = answer.status.context("the unit says nothing of it")?;
            let signed = SignedTransaction::from_bytes(&answer.transaction, BYTES_MAX);
            json!({
                "id": transaction_id,
                "shard": status.shard_id,
                "state": match status.state() {
                    TransactionState::Pending => "pending",
                    TransactionState::Finalized => "finalized",
                    TransactionState::Unspecified => "unknown",
                },
                "finalized": status.finalized.as_ref().map(finalized_json),
                "signed": signed.ok().map(|signed| draft::describe(&signed)).transpose()?,
            })
        };
        print(&value)
    }
}

impl List {
    /// Prints one line of JSON for each record.
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let mut page_token = String::new();
        let mut left = self.limit;
        let mut out = std::io::stdout().lock();
        loop {
            let request = ListRecordsRequest {
                vehicle_id: self.vehicle.clone(),
                page_size: i32::try_from(left).unwrap_or(i32::MAX).min(PAGE),
                page_token,
                newest_first: self.newest_first,
            };
            let answer = unit.ledger.list_records(request).await;
            let page = answer.map_err(|status| refused(&status))?.into_inner();
            for record in page.records.iter().take(left) {
                writeln!(out, "{}", record_json(record))?;
            }
            left = left.saturating_sub(page.records.len());
            page_token = page.next_page_token;
            if page_token.is_empty() || left == 0 {
                return Ok(());
            }
        }
    }
}

impl Fetch {
    /// Writes a vehicle's history as a bundle.
    pub(super) async fn run(self, unit: Unit) -> anyhow::Result<()> {
        ensure!(
            is_vehicle(&self.subject),
            "{} is no vehicle's id: its shard, a hyphen and 64 digits",
            self.subject
        );
        let earlier = match &self.checkpoint {
            None => Vec::new(),
            Some(path) => {
                let bytes =
                    fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                places_of_checkpoint(&bytes).with_context(|| path.display().to_string())?
            }
        };
        let bundle = history(unit, self.subject, earlier).await?;
        write_whole(&self.out, &bundle)?;
        eprintln!(
            "{}: {} bytes; `wayside verify` says what it proves",
            self.out.display(),
            bundle.len()
        );
        Ok(())
    }
}

impl Prove {
    /// Writes the proof, and prints what it says.
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let subject = if is_vehicle(&self.subject) {
            Subject::VehicleId(self.subject)
        } else {
            Subject::TransactionId(self.subject)
        };
        let request = ProveRequest {
            subject: Some(subject),
        };
        let answer = unit.ledger.prove(request).await;
        let proof = answer.map_err(|status| refused(&status))?.into_inner();
        let (text, said) = said(&Proof::from_bytes(&proof.proof)?);
        write_whole(&self.out, &proof.proof)?;
        if self.json {
            print(&said)?;
        } else {
            writeln!(std::io::stdout(), "{text}")?;
        }
        eprintln!(
            "{}: {} bytes, under {}; `wayside verify` says what it proves",
            self.out.display(),
            proof.proof.len(),
            proof
                .anchor
                .as_ref()
                .map_or_else(|| "no block".to_owned(), tip)
        );
        Ok(())
    }
}

impl Checkpoint {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let earlier = match &self.bundle {
            None => Vec::new(),
            Some(path) => {
                let bytes =
                    fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                places_of_bundle(&bytes).with_context(|| path.display().to_string())?
            }
        };
        let shard_ids = self.shards.iter().map(|shard| (*shard).into()).collect();
        let (bytes, tips) = if self.cosigned {
            let request = GetCosignedCheckpointRequest { shard_ids, earlier };
            let answer = unit.ledger.get_cosigned_checkpoint(request).await;
            let answer = answer.map_err(|status| refused(&status))?.into_inner();
            (answer.checkpoint, answer.tips)
        } else {
            let answer = checkpoint(&mut unit, shard_ids, earlier).await?;
            (answer.checkpoint, answer.tips)
        };
        write_whole(&self.out, &bytes)?;
        let tips: Vec<String> = tips.iter().map(tip).collect();
        eprintln!("{}: {}", self.out.display(), tips.join(", "));
        Ok(())
    }
}

/// Recent headers of a unit, tied to earlier ones.
pub(crate) async fn checkpoint(
    unit: &mut Unit,
    shard_ids: Vec<u32>,
    earlier: Vec<Position>,
) -> anyhow::Result<GetCheckpointResponse> {
    let request = GetCheckpointRequest { shard_ids, earlier };
    let answer = unit.ledger.get_checkpoint(request).await;
    Ok(answer.map_err(|status| refused(&status))?.into_inner())
}

/// The newest blocks of a history.
pub(crate) fn places_of_bundle(bytes: &[u8]) -> anyhow::Result<Vec<Position>> {
    let bundle = Bundle::from_bytes(bytes)?;
    let trunks = bundle.governance.iter().chain([&bundle.home]);
    Ok(places(trunks))
}

/// The newest blocks of a checkpoint.
fn places_of_checkpoint(bytes: &[u8]) -> anyhow::Result<Vec<Position>> {
    let checkpoint = match ledger::CosignedCheckpoint::from_bytes(bytes) {
        Ok(cosigned) => cosigned.checkpoint,
        Err(_) => ledger::Checkpoint::from_bytes(bytes)?,
    };
    Ok(places(checkpoint.shards.iter()))
}

fn places<'a>(trunks: impl Iterator<Item = &'a Trunk>) -> Vec<Position> {
    let newest = trunks.map(|trunk| &trunk.newest.header);
    let places = newest.map(|header| Position {
        shard_id: header.shard.0.into(),
        height: header.height,
    });
    places.collect()
}

/// A vehicle's history bundle, tied to earlier blocks.
pub(crate) async fn history(
    mut unit: Unit,
    vehicle_id: String,
    earlier: Vec<Position>,
) -> anyhow::Result<Vec<u8>> {
    let request = GetHistoryRequest {
        vehicle_id,
        earlier,
    };
    let answer = unit.ledger.get_history(request).await;
    let mut pieces = answer.map_err(|status| refused(&status))?.into_inner();
    let mut bundle = Vec::new();
    while let Some(piece) = pieces.message().await.map_err(|status| refused(&status))? {
        bundle.extend_from_slice(&piece.bundle);
        if bundle.len() > BUNDLE_BYTES_MAX {
            bail!("the unit sends more than a history can be");
        }
    }
    Ok(bundle)
}

fn is_vehicle(subject: &str) -> bool {
    subject.parse::<VehicleId>().is_ok()
}

fn vehicle_json(vehicle: &Vehicle) -> Value {
    json!({
        "vehicle": vehicle.vehicle_id,
        "status": vehicle.status,
        "owner": vehicle.owner,
        "owner_epoch": vehicle.owner_epoch,
        "enrolment_key": vehicle.enrolment_key,
        "custodian": vehicle.custodian,
        "odometer_m": vehicle.odometer_m,
        "odometer_time": vehicle.odometer_time.as_ref().map(wire_time),
        "records": vehicle.records,
        "history_digest": vehicle.history_digest,
        "as_of": vehicle.as_of.as_ref().map(tip),
    })
}

fn record_json(record: &Record) -> Value {
    json!({
        "sequence": record.sequence,
        "action": if record.action.is_empty() { "delivery" } else { &record.action },
        "id": record.transaction_id,
        "sender": record.sender,
        "finalized": record.finalized.as_ref().map(finalized_json),
    })
}

pub(super) fn finalized_json(finalized: &Finalized) -> Value {
    let outcome = finalized.outcome.as_ref();
    let is_applied = outcome.is_some_and(|it| it.applied);
    let rule = outcome.map(|it| &it.rule).filter(|rule| !rule.is_empty());
    json!({
        "height": finalized.height,
        "entry": finalized.entry,
        "time": finalized.time.as_ref().map(wire_time),
        "outcome": if is_applied { "applied" } else { "refused" },
        "rule": rule,
    })
}

fn print(value: &Value) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{value:#}")?;
    Ok(())
}

/// More than any ledger allows for a transaction.
const BYTES_MAX: usize = 1 << 20;
const BUNDLE_BYTES_MAX: usize = 1 << 30;
const PAGE: i32 = 500;
