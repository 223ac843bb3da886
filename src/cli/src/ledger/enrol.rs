use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tokio::time::{Instant, sleep};
use wayside::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{Action, Birth, Genesis, Label, TagCertificate, TagKind},
    rpc::ledger::v1::GetVehicleRequest,
    time::Timestamp,
    transport::Clock,
};

use super::{
    govern::shards as open_shards,
    key::Party,
    secret::{Secret, draw_home},
    sign::Signing,
    tag::{certify_vehicle, parse_vin},
    unit::{Unit, UnitArguments},
};
use crate::pki::parse_time;

/// Brings a vehicle to the ledger. The maker (`--key`), the first owner and the vehicle itself sign.
///
/// Its identification number stays off the ledger: there stands a commitment to it, whose salt is
/// kept in `--secret`, and a tag by which nobody can enrol the same number again.
#[derive(Args, Debug)]
pub(super) struct Enrol {
    /// The vehicle identification number (ISO 3779): 17 capital letters and digits. Not needed if
    /// the file `--secret` is there.
    #[arg(long, value_parser = parse_vin)]
    vin: Option<String>,
    /// The maker's code for the model: 1 to 32 characters of A-Z a-z 0-9 _ - . : /
    #[arg(long)]
    model: Label,
    /// The first owner's key: its file, which signs, or its public half.
    #[arg(long, value_name = "KEY")]
    owner: Party,
    /// The vehicle's own key: its file, which signs, or its public half.
    #[arg(long, value_name = "KEY")]
    vehicle: Party,
    /// The file of the tag issuer's key.
    #[arg(long, value_name = "KEY", required_unless_present = "certificate")]
    tag_issuer: Option<PathBuf>,
    /// What the tag issuer wrote with `wayside ledger tag`, if its key is not here.
    #[arg(long, value_name = "FILE", conflicts_with = "tag_issuer")]
    certificate: Option<PathBuf>,
    /// The file of the salt, which shows to whom you want which number the vehicle has; made if it
    /// is not there.
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// The shard that keeps the vehicle for ever; chosen by the shards' weights, if not given.
    #[arg(long, value_name = "N")]
    home: Option<u16>,
    /// When it was built, as 2026-01-31T12:00:00Z or seconds since 1970; now, if not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    built: Option<Timestamp>,
    #[command(flatten)]
    signing: Signing,
}

impl Enrol {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let Self {
            vin,
            model,
            owner,
            vehicle,
            tag_issuer,
            certificate,
            secret,
            home,
            built,
            signing,
        } = self;
        let maker = signing.account()?;
        let (is_sent, wait) = (signing.save_draft.is_none(), signing.wait);
        let mut born = None;
        let shards = if home.is_some() || secret.exists() {
            Vec::new()
        } else {
            open_shards(unit.connect().await?).await?
        };
        let make = |genesis: &Genesis| -> anyhow::Result<(Action, Vec<Party>)> {
            let secret = if secret.exists() {
                Secret::read(&secret)?
            } else {
                let mut salt = [0; 32];
                getrandom::fill(&mut salt).context("no randomness")?;
                let home = match home {
                    Some(home) => ShardId(home),
                    None => ShardId(draw_home(&shards, &salt).try_into()?),
                };
                let vin = vin.context("--vin is missing")?;
                Secret::make(&secret, home, salt, vin)?
            };
            let vin = &secret.vin;
            let vin_certificate = match (tag_issuer, certificate) {
                (Some(path), _) => certify_vehicle(genesis.chain(), maker, vin, &path)?,
                (None, Some(path)) => read_certificate(&path)?,
                (None, None) => anyhow::bail!("neither --tag-issuer nor --certificate is given"),
            };
            let birth = Birth {
                vehicle: secret.vehicle,
                vin: vin_certificate,
                model,
                built: built.unwrap_or_else(|| Clock::system().now().timestamp),
                enrolment_key: vehicle.account(),
                attestation: Digest::from_bytes([0; 32]),
                owner: owner.account(),
            };
            eprintln!("vehicle {}", birth.vehicle);
            born = Some(birth.vehicle);
            Ok((Action::Birth(birth), vec![owner, vehicle]))
        };
        let outcome = signing.perform(unit, make).await?;
        match born.filter(|_| is_sent && outcome == ExitCode::SUCCESS) {
            Some(vehicle) => settle(unit.connect().await?, vehicle, wait).await,
            None => Ok(outcome),
        }
    }
}

/// Waits until the shard that keeps the vehicle's tag has said whether it is free: before that, the
/// ledger refuses everything that is recorded of the vehicle.
async fn settle(mut unit: Unit, vehicle: VehicleId, wait: Duration) -> anyhow::Result<ExitCode> {
    let end = Instant::now() + wait;
    loop {
        let request = GetVehicleRequest {
            vehicle_id: vehicle.to_string(),
        };
        // A unit that does not know it yet is a block behind.
        let told = unit.ledger.get_vehicle(request).await;
        let told = told.ok().and_then(|told| told.into_inner().vehicle);
        match told.as_ref().map(|vehicle| vehicle.status.as_str()) {
            Some("active") => {
                eprintln!("it is active: its identification number is nobody else's");
                return Ok(ExitCode::SUCCESS);
            }
            Some("refused") => {
                eprintln!("it is refused: another vehicle has its identification number");
                return Ok(ExitCode::FAILURE);
            }
            Some(_) | None => {}
        }
        if Instant::now() >= end {
            eprintln!(
                "it is pending: nothing can be recorded of it until the shard that keeps its tag \
                 has answered, which `wayside ledger get {vehicle}` tells"
            );
            return Ok(ExitCode::SUCCESS);
        }
        sleep(ASK_EVERY).await;
    }
}

fn read_certificate(path: &PathBuf) -> anyhow::Result<TagCertificate> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let certificate: TagCertificate = serde_json::from_str(&text)
        .with_context(|| format!("{} is no certificate of a tag", path.display()))?;
    anyhow::ensure!(
        certificate.kind == TagKind::Vehicle,
        "{} is for a part, not for a vehicle",
        path.display()
    );
    Ok(certificate)
}

const ASK_EVERY: Duration = Duration::from_millis(50);
