use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use wayside::{
    id::{ShardId, VehicleId},
    rpc::ledger::v1::Shard,
    serve::{from_hex, to_hex, write_private},
};

/// Shows that a vehicle has its identification number. Whoever reads it knows.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) vehicle: VehicleId,
    pub(crate) vin: String,
    salt: String,
}

impl Secret {
    /// Draws a name for a vehicle that is born in `home`, and keeps what it rests on in a file.
    pub(crate) fn make(
        path: &Path,
        home: ShardId,
        salt: [u8; 32],
        vin: String,
    ) -> anyhow::Result<Self> {
        let secret = Self {
            vehicle: VehicleId::commit(home, &salt, &vin),
            vin,
            salt: to_hex(&salt),
        };
        let text = format!(
            "# Shows which vehicle this is. Whoever reads it knows.\n{}",
            toml::to_string(&secret)?
        );
        write_private(path, text.as_bytes())?;
        Ok(secret)
    }

    /// Reads what an earlier run, or `wayside pki`, kept.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let what = || format!("{} does not say which vehicle it is of", path.display());
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let secret: Self = toml::from_str(&text).with_context(what)?;
        let salt: Option<[u8; 32]> =
            from_hex(&secret.salt).and_then(|salt| salt.as_slice().try_into().ok());
        let salt = salt.with_context(what)?;
        ensure!(
            VehicleId::commit(secret.vehicle.home, &salt, &secret.vin) == secret.vehicle,
            "{}: the vehicle is not named by this number and salt",
            path.display()
        );
        Ok(secret)
    }
}

/// A shard by the shards' weights.
pub(crate) fn draw_home(shards: &[Shard], salt: &[u8; 32]) -> u32 {
    let [a, b, c, d, ..] = *salt;
    let total: u64 = shards.iter().map(|it| u64::from(it.weight)).sum();
    let mut drawn = u64::from(u32::from_be_bytes([a, b, c, d])) % total.max(1);
    for shard in shards {
        let weight = u64::from(shard.weight);
        if drawn < weight {
            return shard.shard_id;
        }
        drawn -= weight;
    }
    ShardId::GOVERNANCE.0.into()
}
