use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::time::Instant;
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{AccountKey, Action, Genesis, SignedTransaction},
    serve::read_key,
};

use super::{
    draft,
    genesis::GenesisArguments,
    key::{self, Party},
    send::{Fate, send},
    signer::{Options, Signer},
    unit::{Unit, UnitArguments},
};

/// Who signs what is submitted, and for how long it counts.
#[derive(Args, Debug)]
pub(super) struct Signing {
    /// The key that signs: a file of `wayside ledger key new` or `wayside pki`.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Somebody else's key that signs too, as that of a vehicle's buyer; may be repeated.
    #[arg(long = "with", value_name = "FILE")]
    with: Vec<PathBuf>,
    /// The public half of a key whose owner must sign too, later, with `wayside ledger approve`;
    /// may be repeated. For `--save-draft`.
    #[arg(long = "approver", value_name = "KEY", requires = "save_draft")]
    approvers: Vec<AccountKey>,
    /// Writes what is signed to a file, for others to approve, and sends nothing.
    #[arg(long, value_name = "FILE")]
    pub(super) save_draft: Option<PathBuf>,
    /// The shard, where it is not the one that the record belongs to.
    #[arg(long, value_name = "N")]
    shard: Option<u16>,
    /// How long it may wait for its block; for ever, if not given.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
    /// How long to wait for each outcome.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(super) wait: Duration,
    #[command(flatten)]
    pub(super) genesis: GenesisArguments,
}

impl Signing {
    /// Signs an action and sends it, or keeps it as a draft; exits with 1 unless it was applied.
    pub(super) async fn perform(
        self,
        unit: &UnitArguments,
        make: impl FnOnce(&Genesis) -> anyhow::Result<(Action, Vec<Party>)>,
    ) -> anyhow::Result<ExitCode> {
        let unit = unit.connect().await?;
        let genesis = self.genesis.of(&unit).await?;
        let (action, others) = make(&genesis)?;
        let mut signer = self.signer(unit.clone(), genesis, others)?;
        let signed = signer.sign(&action).await?;
        match &self.save_draft {
            Some(path) => {
                draft::write_new(path, &signed)?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                if let Some(missing) = signed.missing().next() {
                    bail!("{missing} must sign too: give its file, or use --save-draft");
                }
                send_one(unit, signed, self.wait).await
            }
        }
    }

    /// Whose key signs first.
    pub(super) fn account(&self) -> anyhow::Result<AccountKey> {
        Ok(key::account(&read_key(self.key_file()?)?))
    }

    /// The key that signs first.
    pub(super) fn key(&self) -> anyhow::Result<SigningKey> {
        Ok(read_key(self.key_file()?)?)
    }

    /// Signs with these keys, and `others`.
    pub(super) fn signer(
        &self,
        unit: Unit,
        genesis: Genesis,
        others: Vec<Party>,
    ) -> anyhow::Result<Signer> {
        let mut approvers = self.approvers.clone();
        let mut approver_keys = Vec::new();
        for path in &self.with {
            approver_keys.push(read_key(path)?);
        }
        for other in others {
            approvers.push(other.account());
            approver_keys.extend(other.into_key()?);
        }
        approvers.extend(approver_keys.iter().map(key::account));
        let options = Options {
            approvers,
            approver_keys,
            shard: self.shard.map(ShardId),
            lifetime: self.expires_in,
        };
        Ok(Signer::new(
            unit,
            genesis,
            read_key(self.key_file()?)?,
            options,
        ))
    }

    fn key_file(&self) -> anyhow::Result<&Path> {
        let file = self.key.as_deref();
        file.context("--key is missing: the file of the key that signs")
    }
}

/// Sends a transaction and prints its outcome; exits with 1 unless it was applied.
pub(super) async fn send_one(
    unit: Unit,
    signed: SignedTransaction,
    wait: Duration,
) -> anyhow::Result<ExitCode> {
    let answer = send(unit, signed, Instant::now() + wait).await;
    writeln!(std::io::stdout(), "{}", answer.to_line(None)?)?;
    Ok(exit_code(matches!(answer.fate, Fate::Applied { .. })))
}

/// 0 for what was applied.
pub(super) fn exit_code(is_applied: bool) -> ExitCode {
    if is_applied {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
