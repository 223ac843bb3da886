use std::{process::ExitCode, time::Duration};

use clap::Args;
use wayside::{
    id::VehicleId,
    ledger::{AccountKey, Action, GrantAccess, Label, RecordClass, RevokeAccess},
    transport::Clock,
};

use super::{
    super::{sign::Signing, unit::UnitArguments},
    class,
};

/// Lets somebody read one class of a vehicle's sealed records, for a purpose and a time. For the owner;
/// it ends with the ownership, too.
#[derive(Args, Debug)]
pub(in super::super) struct Allow {
    /// The vehicle's id.
    vehicle: VehicleId,
    /// The reader: the public half of a key.
    reader: AccountKey,
    /// What: birth, ownership, odometer, wear, battery, part, warranty, recall or trip.
    #[arg(long, value_parser = class)]
    class: RecordClass,
    /// What for: 1 to 32 characters of A-Z a-z 0-9 _ - . : /
    #[arg(long)]
    purpose: Label,
    /// For how long, from now on; at most 366 days.
    #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
    span: Duration,
    #[command(flatten)]
    signing: Signing,
}

/// Takes back what `wayside ledger allow` gave. What was read before stays read.
#[derive(Args, Debug)]
pub(in super::super) struct Disallow {
    /// The vehicle's id.
    vehicle: VehicleId,
    /// The reader: the public half of a key.
    reader: AccountKey,
    /// What: birth, ownership, odometer, wear, battery, part, warranty, recall or trip.
    #[arg(long, value_parser = class)]
    class: RecordClass,
    #[command(flatten)]
    signing: Signing,
}

impl Allow {
    pub(in super::super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let now = Clock::system().now().timestamp;
        let action = Action::GrantAccess(GrantAccess {
            vehicle: self.vehicle,
            reader: self.reader,
            class: self.class,
            purpose: self.purpose,
            from: now.saturating_sub(CLOCKS_APART),
            until: now.saturating_add(self.span),
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}

impl Disallow {
    pub(in super::super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let action = Action::RevokeAccess(RevokeAccess {
            vehicle: self.vehicle,
            reader: self.reader,
            class: self.class,
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}

/// A grant counts at once, also where the operators' clocks are behind.
const CLOCKS_APART: Duration = Duration::from_secs(60);
