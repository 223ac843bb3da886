use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use wayside::{
    crypto::{Digest, SigningKey},
    id::{ShardId, VehicleId},
    ledger::{self, Action, Birth, Label},
    rpc::ledger::v1::{GetVehicleRequest, ListShardsRequest},
    serve::{read_key, write_key},
};

use super::{
    desk::{Desk, DomainArguments, KeyKind, account, now},
    offices::GROUP,
};
use crate::{
    ledger::{Secret, certify_vehicle, draw_home, refused},
    pki::files::WARNING,
};

/// Brings a vehicle of the domain to its ledger and has the operators issue tickets to it.
///
/// What is missing in its folder to own it and to say which vehicle it is, is made.
pub(in super::super) async fn enrol(
    domain: &DomainArguments,
    folder: &Path,
) -> anyhow::Result<VehicleId> {
    let desk = Desk::open(domain).await?;
    let (owner, secret) = (folder.join("owner.key"), folder.join("vehicle.toml"));
    if !owner.exists() {
        write_key(&owner, &SigningKey::generate(), WARNING)?;
    }
    if !secret.exists() {
        let mut random = [0; 40];
        getrandom::fill(&mut random).context("no randomness")?;
        let (salt, number) = random.split_first_chunk().context("40 bytes are enough")?;
        let number = number
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let vin = format!("WVSDEV{:011}", number % VIN_NUMBERS);
        let mut governance = desk.unit().governance;
        let shards = governance.list_shards(ListShardsRequest {}).await;
        let shards = shards.map_err(|status| refused(&status))?;
        let home = draw_home(&shards.into_inner().shards, salt);
        Secret::make(&secret, ShardId(home.try_into()?), *salt, vin)?;
    }
    let enrolled = enrol_one(&desk, folder).await?;
    enrolled.with_context(|| format!("{} is no vehicle's", folder.display()))
}

/// The same for all vehicles of the domain; returns how many there are.
pub(super) async fn enrol_all(desk: &Desk) -> anyhow::Result<usize> {
    let mut enrolled = 0;
    let mut folders: Vec<_> = fs::read_dir(desk.folder())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.sort();
    for folder in folders {
        enrolled += usize::from(enrol_one(desk, &folder).await?.is_some());
    }
    Ok(enrolled)
}

/// `None` for a folder that is no vehicle's.
async fn enrol_one(desk: &Desk, folder: &Path) -> anyhow::Result<Option<VehicleId>> {
    let file = folder.join("vehicle.toml");
    if !file.exists() {
        return Ok(None);
    }
    let secret = Secret::read(&file)?;
    let vehicle = secret.vehicle;
    match status(desk, vehicle).await?.as_deref() {
        None => give_birth(desk, folder, &secret).await?,
        Some("refused" | "retired") => bail!("{} does not count on the ledger", folder.display()),
        Some(_) => {}
    }
    desk.wait_for(
        "the vehicle's number to be known as its own",
        async |desk| {
            let status = status(desk, vehicle).await?;
            Ok(status.filter(|status| status == "active"))
        },
    )
    .await?;
    let keys = vec![
        read_key(&folder.join("enrolment.key"))?,
        desk.key(0, KeyKind::Issuing)?,
    ];
    let action = ledger::Enrol {
        vehicle,
        group: GROUP,
    };
    desk.perform(keys, action.into()).await?;
    Ok(Some(vehicle))
}

/// How a vehicle stands on the ledger; `None` if it is not there.
async fn status(desk: &Desk, vehicle: VehicleId) -> anyhow::Result<Option<String>> {
    let request = GetVehicleRequest {
        vehicle_id: vehicle.to_string(),
    };
    match desk.unit().ledger.get_vehicle(request).await {
        Ok(told) => Ok(told.into_inner().vehicle.map(|vehicle| vehicle.status)),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(refused(&status)),
    }
}

async fn give_birth(desk: &Desk, folder: &Path, secret: &Secret) -> anyhow::Result<()> {
    let keys = desk.folder().join("keys");
    let maker = read_key(&keys.join("maker.key"))?;
    let owner = read_key(&folder.join("owner.key"))?;
    let vehicle = read_key(&folder.join("enrolment.key"))?;
    let tag_issuer = keys.join("tag_issuer.key");
    let chain = desk.genesis().chain();
    let birth = Birth {
        vehicle: secret.vehicle,
        vin: certify_vehicle(chain, account(&maker), &secret.vin, &tag_issuer)?,
        model: MODEL.parse::<Label>()?,
        built: now(),
        enrolment_key: account(&vehicle),
        attestation: Digest::from_bytes([0; 32]),
        owner: account(&owner),
    };
    desk.perform(vec![maker, owner, vehicle], Action::from(birth))
        .await?;
    Ok(())
}

const MODEL: &str = "development";
/// Eleven digits.
const VIN_NUMBERS: u64 = 100_000_000_000;
