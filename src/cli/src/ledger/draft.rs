use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};
use wayside::{
    ledger::SignedTransaction,
    serve::{from_hex, read_key, to_hex},
};

use super::key::account;
use crate::files::write_whole;

/// Agrees with a transaction that somebody else began.
#[derive(Args, Debug)]
pub(super) struct Approve {
    /// The draft, as `--save-draft` wrote it; your signature is added to it.
    draft: PathBuf,
    /// Your key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Approve {
    /// Shows what is approved, from the bytes that are signed.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let signed = read(&self.draft)?;
        let key = read_key(&self.key)?;
        let account = account(&key);
        ensure!(
            signed.transaction.approvers.contains(&account),
            "nobody asks {account} to sign: the draft names {} others",
            signed.transaction.approvers.len()
        );
        let approval = signed.transaction.approve(&key);
        let signed = signed.with_approval(approval);
        let value = describe(&signed)?;
        write_whole(&self.draft, format!("{value:#}\n").as_bytes())?;
        writeln!(std::io::stdout(), "{value:#}")?;
        Ok(())
    }
}

/// Reads a transaction that may wait for signatures.
pub(super) fn read(path: &Path) -> anyhow::Result<SignedTransaction> {
    let what = || format!("{} is no draft of a transaction", path.display());
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_str(&text).with_context(what)?;
    let bytes = value
        .get("transaction")
        .and_then(Value::as_str)
        .and_then(from_hex)
        .with_context(what)?;
    SignedTransaction::from_bytes(&bytes, TRANSACTION_BYTES_MAX).with_context(what)
}

/// Writes a transaction for others to sign.
pub(super) fn write_new(path: &Path, signed: &SignedTransaction) -> anyhow::Result<()> {
    ensure!(
        !path.exists(),
        "{} is there already: nothing is overwritten",
        path.display()
    );
    let value = describe(signed)?;
    write_whole(path, format!("{value:#}\n").as_bytes())?;
    eprintln!(
        "{}: a draft; others sign it with `wayside ledger approve`, then anybody sends it with \
         `wayside ledger submit --draft`",
        path.display()
    );
    Ok(())
}

/// What a transaction says, in words for people; only `transaction` counts.
pub(super) fn describe(signed: &SignedTransaction) -> anyhow::Result<Value> {
    let transaction = &signed.transaction;
    let approved = signed.approvals.iter().map(|it| it.key.to_string());
    let missing = signed.missing().map(|key| key.to_string());
    Ok(json!({
        "chain": transaction.chain.to_string(),
        "shard": transaction.shard.0,
        "sender": transaction.sender.to_string(),
        "nonce": transaction.nonce,
        "expires_unix_ms": transaction.expires.map(|it| it.unix_ms()),
        "record": serde_json::to_value(&transaction.action)?,
        "approved_by": approved.collect::<Vec<_>>(),
        "not_yet_approved_by": missing.collect::<Vec<_>>(),
        "transaction": to_hex(&signed.to_bytes()),
    }))
}

/// More than any ledger allows.
const TRANSACTION_BYTES_MAX: usize = 1 << 20;
