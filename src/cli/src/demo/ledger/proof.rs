use std::path::Path;

use anyhow::{Context as _, bail};
use tokio::process::Command;
use wayside::{
    id::ShardId,
    ledger::{Committees, Genesis, Key, PartTag, Proof, Value},
    rpc::ledger::v1::{ProveRequest, StateKey, prove_request::Subject},
};

use crate::ledger::{Unit, refused};

/// How `wayside verify` ended, and its first line.
pub(super) struct Verified {
    pub(super) exit_code: Option<i32>,
    pub(super) first_line: String,
}

/// Runs `wayside verify` of this very executable, which has no network to ask.
pub(super) async fn verify(
    bundle: &Path,
    genesis: &Path,
    checkpoint: Option<&Path>,
) -> anyhow::Result<Verified> {
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let mut command = Command::new(executable);
    command
        .arg("verify")
        .arg(bundle)
        .arg("--genesis")
        .arg(genesis);
    if let Some(checkpoint) = checkpoint {
        command.arg("--checkpoint").arg(checkpoint);
    }
    let output = command.kill_on_drop(true).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(Verified {
        exit_code: output.status.code(),
        first_line: text.lines().next().unwrap_or_default().to_owned(),
    })
}

/// Whether a shard holds a part, by a proof that is verified here; the block's height.
pub(super) async fn holds_part(
    unit: &mut Unit,
    genesis: &Genesis,
    shard: ShardId,
    part: PartTag,
) -> anyhow::Result<(bool, u64)> {
    let key = Key::Part(part);
    let request = ProveRequest {
        subject: Some(Subject::StateKey(StateKey {
            shard_id: shard.0.into(),
            key: key.to_bytes().into(),
        })),
    };
    let answer = unit.ledger.prove(request).await;
    let bytes = answer
        .map_err(|status| refused(&status))?
        .into_inner()
        .proof;
    let proof = Proof::from_bytes(&bytes)?;
    let header = proof.verify(&Committees::of(genesis))?;
    let (found, height) = (header.shard, header.height);
    match &proof {
        Proof::State(proof) if proof.key == key && found == shard => {
            Ok((matches!(proof.value, Some(Value::Part(_))), height))
        }
        Proof::State(_) | Proof::Entry(_) | Proof::Receipt(_) => {
            bail!("a unit proved something else than what was asked")
        }
    }
}
