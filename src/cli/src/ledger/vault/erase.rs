use std::process::ExitCode;

use clap::Args;
use wayside::{
    ledger::{Action, EraseRecord, Label},
    vault::RecordName,
};

use super::super::{sign::Signing, unit::UnitArguments};

/// Has a record destroyed everywhere: its sealed bytes, its salt, and every share of its key. Only a
/// tombstone stays. This cannot be taken back; `wayside ledger access` tells which custodians have done
/// it.
#[derive(Args, Debug)]
pub(in super::super) struct Erase {
    /// The record's name, as `wayside ledger attach` and `access` print it.
    record: RecordName,
    /// Why: 1 to 32 characters of A-Z a-z 0-9 _ - . : /
    #[arg(long, default_value = "owner")]
    reason: Label,
    #[command(flatten)]
    signing: Signing,
}

impl Erase {
    pub(in super::super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let action = Action::EraseRecord(EraseRecord {
            vehicle: self.record.vehicle,
            record: self.record.record,
            reason: self.reason,
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}
