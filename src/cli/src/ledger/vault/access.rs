use std::io::Write as _;

use clap::Args;
use serde_json::json;
use wayside::{
    id::VehicleId,
    ledger::{Bundle, RecordCommitment},
    transport::Clock,
    vault::{AccessRecord, RecordName},
};

use super::super::{genesis::GenesisArguments, read::history, unit::Unit};

/// Prints who may read which class of a vehicle's records, and the records themselves, as one JSON
/// object; from its proven history.
#[derive(Args, Debug)]
pub(in super::super) struct Access {
    /// The vehicle's id.
    vehicle: VehicleId,
    #[command(flatten)]
    genesis: GenesisArguments,
}

/// Prints a line of JSON for every share of a key that a custodian let somebody have, the oldest first;
/// from the vehicle's proven history, so that none is missing.
#[derive(Args, Debug)]
pub(in super::super) struct Reads {
    /// The vehicle's id.
    vehicle: VehicleId,
    #[command(flatten)]
    genesis: GenesisArguments,
}

impl Access {
    pub(in super::super) async fn run(self, unit: Unit) -> anyhow::Result<()> {
        let told = told(unit, self.vehicle, &self.genesis).await?;
        let now = Clock::system().now().timestamp;
        let records = told.records.iter().map(|held| {
            json!({
                "record": name(self.vehicle, held.record),
                "class": held.class,
                "attached_by": held.by,
                "attached_unix_ms": held.attached.unix_ms(),
                "erased_unix_ms": held.erased.map(|time| time.unix_ms()),
                "destroyed_by": held.destroyed_by,
            })
        });
        let grants = told.grants.iter().map(|given| {
            let grant = &given.grant;
            json!({
                "reader": grant.reader,
                "class": grant.class,
                "purpose": grant.purpose,
                "from_unix_ms": grant.from.unix_ms(),
                "until_unix_ms": grant.until.unix_ms(),
                "holds_now": grant.from <= now && now < grant.until,
            })
        });
        let whole = json!({
            "vehicle": self.vehicle,
            "records": records.collect::<Vec<_>>(),
            "grants": grants.collect::<Vec<_>>(),
            "reads": told.reads.len(),
        });
        writeln!(std::io::stdout(), "{whole:#}")?;
        Ok(())
    }
}

impl Reads {
    pub(in super::super) async fn run(self, unit: Unit) -> anyhow::Result<()> {
        let told = told(unit, self.vehicle, &self.genesis).await?;
        let mut out = std::io::stdout().lock();
        for read in &told.reads {
            let line = json!({
                "reader": read.receipt.reader,
                "record": name(self.vehicle, read.receipt.record),
                "class": read.receipt.class,
                "custodian": read.custodian,
                "time_unix_ms": read.time.unix_ms(),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// Who may and did read, by a vehicle's history, which is verified against the genesis.
pub(super) async fn told(
    unit: Unit,
    vehicle: VehicleId,
    genesis: &GenesisArguments,
) -> anyhow::Result<AccessRecord> {
    let genesis = genesis.of(&unit).await?;
    let bundle = history(unit, vehicle.to_string(), Vec::new()).await?;
    let report = Bundle::from_bytes(&bundle)?.verify(&genesis, None)?;
    anyhow::ensure!(report.vehicle == vehicle, "the history of another vehicle");
    Ok(AccessRecord::of(&report))
}

fn name(vehicle: VehicleId, record: RecordCommitment) -> String {
    RecordName { vehicle, record }.to_string()
}
