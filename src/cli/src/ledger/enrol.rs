use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use wayside::serve::{to_hex, write_private};
use wayside::{
    crypto::{Digest, SigningKey},
    id::{ShardId, VehicleId},
    ledger::{Action, Birth, Genesis, Label, TagCertificate, TagKind},
    transport::Clock,
};

use super::{
    key::Party,
    sign::Signing,
    tag::{certify_vehicle, parse_vin},
    unit::UnitArguments,
};

/// Brings a vehicle to the ledger. The maker (`--key`), the first owner and the vehicle itself sign.
///
/// Its identification number stays off the ledger: there stands a commitment to it, whose salt is
/// kept in `--secret`, and a tag by which nobody can enrol the same number again.
#[derive(Args, Debug)]
pub(super) struct Enrol {
    /// The vehicle identification number (ISO 3779): 17 capital letters and digits.
    #[arg(long, value_parser = parse_vin)]
    vin: String,
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
    /// Where to write the salt, which shows to whom you want which number the vehicle has.
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// The shard that keeps the vehicle for ever; chosen by the shards' weights, if not given.
    #[arg(long, value_name = "N")]
    home: Option<u16>,
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
            signing,
        } = self;
        let maker = signing.account()?;
        let make = |genesis: &Genesis| -> anyhow::Result<(Action, Vec<SigningKey>)> {
            let salt = *SigningKey::generate().to_seed();
            let home = home.map_or_else(|| draw_home(genesis, &salt), ShardId);
            let vin_certificate = match (tag_issuer, certificate) {
                (Some(path), _) => certify_vehicle(genesis.chain(), maker, &vin, &path)?,
                (None, Some(path)) => read_certificate(&path)?,
                (None, None) => anyhow::bail!("neither --tag-issuer nor --certificate is given"),
            };
            let birth = Birth {
                vehicle: VehicleId::commit(home, &salt, &vin),
                vin: vin_certificate,
                model,
                built: Clock::system().now().timestamp,
                enrolment_key: vehicle.account(),
                attestation: Digest::from_bytes([0; 32]),
                owner: owner.account(),
            };
            let text = format!(
                "# Shows that this vehicle has this identification number. Whoever reads it knows.\n\
                 vehicle = \"{}\"\nvin = \"{vin}\"\nsalt = \"{}\"\n",
                birth.vehicle,
                to_hex(&salt)
            );
            write_private(&secret, text.as_bytes())?;
            eprintln!("vehicle {}", birth.vehicle);
            let others = [owner.into_key()?, vehicle.into_key()?];
            let others = others.into_iter().flatten().collect();
            Ok((Action::Birth(birth), others))
        };
        signing.perform(unit, make).await
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

/// A shard by the weights of the genesis.
fn draw_home(genesis: &Genesis, salt: &[u8; 32]) -> ShardId {
    let [a, b, c, d, ..] = *salt;
    let total: u64 = genesis.shards.iter().map(|it| u64::from(it.weight)).sum();
    let mut drawn = u64::from(u32::from_be_bytes([a, b, c, d])) % total.max(1);
    for shard in &genesis.shards {
        let weight = u64::from(shard.weight);
        if drawn < weight {
            return shard.id;
        }
        drawn -= weight;
    }
    ShardId::GOVERNANCE
}
