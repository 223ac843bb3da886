//! `wayside verify`: what a file proves of the ledger, without a network and without trust in
//! whoever gave it.
//!
//! Only the genesis has to come from somebody who is trusted. Whether what is proven is also what
//! everybody else sees takes a recent checkpoint; without one the exit code says so.

mod bundle;
mod entry;
mod proof;

pub(crate) use proof::said;

use std::{
    fs,
    io::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use wayside::ledger::{
    Bundle, BundleError, Checkpoint, CosignedCheckpoint, FileError, Genesis, NoteKey, Proof,
    Witnesses,
};

use crate::ledger::read_genesis;

/// Arguments of `wayside verify`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A vehicle's history (`wayside ledger history`) or a single proof (`wayside ledger prove`).
    #[arg(value_name = "BUNDLE")]
    file: PathBuf,
    /// The ledger's genesis, from somebody you trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Recent headers, from somebody other than who gave you the bundle.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The key of a witness, as NAME+HASH+KEY: the checkpoint must be one that witnesses have signed
    /// (`wayside ledger checkpoint --cosigned`). May be given several times.
    #[arg(long = "witness", value_name = "KEY", requires = "checkpoint")]
    witnesses: Vec<NoteKey>,
    /// How many of these witnesses must have signed; all, if not given.
    #[arg(long, value_name = "N", requires = "witnesses")]
    witnesses_needed: Option<NonZeroUsize>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What was found.
struct Finding {
    verdict: Verdict,
    text: String,
    json: Value,
}

/// What a file is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    /// It holds, and is the past of the checkpoint.
    Verified,
    /// It holds by itself; somebody with retired keys could have made another.
    Unanchored,
    /// It does not hold.
    False,
}

/// Exits with 0 for what is verified against a checkpoint, 3 for what holds by itself, 1 for what is
/// false, and 2 if there is nothing to check.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let finding = match arguments.find() {
        Ok(finding) => finding,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{:#}", finding.json)?;
    } else {
        writeln!(out, "{}", finding.text.trim_end())?;
    }
    Ok(ExitCode::from(finding.verdict.exit_code()))
}

impl Arguments {
    fn find(&self) -> anyhow::Result<Finding> {
        let genesis = read_genesis(&self.genesis)?;
        let bytes = read(&self.file)?;
        let checkpoint = match &self.checkpoint {
            None => None,
            Some(path) => match self.checkpoint(&read(path)?, &genesis) {
                Ok(checkpoint) => Some(checkpoint),
                Err(why) => return Ok(Finding::refuse(&format!("checkpoint: {why}"))),
            },
        };
        Ok(find(&bytes, &genesis, checkpoint.as_ref()))
    }

    /// The checkpoint, once as many witnesses as are asked for are seen to have signed it.
    fn checkpoint(&self, bytes: &[u8], genesis: &Genesis) -> Result<Checkpoint, String> {
        let cosigned = match CosignedCheckpoint::from_bytes(bytes) {
            Ok(cosigned) => cosigned,
            Err(FileError::OtherKind(_)) if self.witnesses.is_empty() => {
                return Checkpoint::from_bytes(bytes).map_err(|error| error.to_string());
            }
            Err(FileError::OtherKind(_)) => {
                return Err("no witness has signed it: fetch one with --cosigned".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        };
        let known = self.witnesses.len();
        let witnesses = Witnesses {
            keys: self.witnesses.clone(),
            needed: self.witnesses_needed.map_or(known, NonZeroUsize::get),
        };
        let verified = cosigned.verify(genesis, &witnesses);
        verified.map_err(|error| error.to_string())?;
        Ok(cosigned.checkpoint)
    }
}

fn find(bytes: &[u8], genesis: &Genesis, checkpoint: Option<&Checkpoint>) -> Finding {
    let bundle = match Bundle::from_bytes(bytes) {
        Err(BundleError::File(FileError::OtherKind(_))) => {
            return match Proof::from_bytes(bytes) {
                Ok(proof) => proof::find(&proof, genesis, checkpoint),
                Err(_) => Finding::refuse("neither a vehicle's history nor a proof"),
            };
        }
        other => other,
    };
    match bundle.and_then(|bundle| bundle.verify(genesis, checkpoint)) {
        Ok(report) => bundle::describe(&report, genesis),
        Err(error) => Finding::refuse(&error.to_string()),
    }
}

impl Finding {
    fn refuse(why: &str) -> Self {
        Self {
            verdict: Verdict::False,
            text: format!("FALSE: {why}"),
            json: json!({ "verdict": Verdict::False.word(), "why": why }),
        }
    }
}

impl Verdict {
    fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Unanchored => 3,
            Self::False => 1,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unanchored => "unanchored",
            Self::False => "false",
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A file is missing, or no genesis.
const UNUSABLE: u8 = 2;
