use std::{
    fs,
    io::{IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    batch::Batch,
    draft,
    record::Record,
    send::{Answer, Fate},
    sent::Sent,
    sign::{Signing, exit_code, send_one},
    unit::UnitArguments,
};

/// Signs records and brings them to the ledger. Prints a line of JSON for each, with its outcome;
/// exits with 1 unless all were applied.
#[derive(Args, Debug)]
pub(super) struct Submit {
    /// One record as JSON; read from standard input, if it is not given or `-`.
    record: Option<String>,
    /// A file of records, one JSON object a line. What was signed for them is kept beside it, in
    /// `FILE.sent`: run it as often as you like, each record is made once.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "draft", "save_draft"])]
    file: Option<PathBuf>,
    /// A transaction that others have signed with `wayside ledger approve`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "save_draft", "key", "with"])]
    draft: Option<PathBuf>,
    #[command(flatten)]
    signing: Signing,
}

impl Submit {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        if let Some(file) = &self.file {
            return self.send_all(unit, file).await;
        }
        if let Some(draft) = &self.draft {
            let signed = draft::read(draft)?;
            if let Some(missing) = signed.missing().next() {
                bail!("{} is not yet signed by {missing}", draft.display());
            }
            let unit = unit.connect().await?;
            self.signing.genesis.of(&unit).await?;
            return send_one(unit, signed, self.signing.wait).await;
        }
        let record = self.read_record()?;
        let make = |_: &_| Ok((record.action, Vec::new()));
        self.signing.perform(unit, make).await
    }

    async fn send_all(&self, unit: &UnitArguments, file: &Path) -> anyhow::Result<ExitCode> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let records = Record::parse_all(&text).with_context(|| file.display().to_string())?;
        let unit = unit.connect().await?;
        let genesis = self.signing.genesis.of(&unit).await?;
        let signer = self.signing.signer(unit, genesis, Vec::new())?;
        let sent = Sent::open(file, signer.genesis().chain(), signer.sender())?;
        let bar = progress(records.len());
        let mut tally = Tally::default();
        let mut out = std::io::stdout();
        let batch = Batch::new(signer, sent, records, self.signing.wait);
        let done = batch
            .run(|record, answer| {
                let line = answer.to_line(Some(record.line))?;
                bar.suspend(|| writeln!(out, "{line}"))?;
                bar.inc(1);
                tally.add(answer);
                Ok(())
            })
            .await;
        bar.finish_and_clear();
        eprintln!("{}: {tally}", file.display());
        done?;
        Ok(exit_code(tally.is_all_applied()))
    }

    fn read_record(&self) -> anyhow::Result<Record> {
        let text = match self.record.as_deref() {
            Some(text) if text != "-" => text.to_owned(),
            _ => {
                let mut input = std::io::stdin();
                ensure!(
                    !input.is_terminal(),
                    "give a record as JSON, or --file with one record a line"
                );
                let mut text = String::new();
                input.read_to_string(&mut text)?;
                text
            }
        };
        Record::parse(text.trim())
    }
}

/// How many records had which outcome.
#[derive(Default)]
struct Tally {
    applied: usize,
    repeated: usize,
    refused: usize,
    rejected: usize,
    pending: usize,
}

impl Tally {
    fn add(&mut self, answer: &Answer) {
        let count = match answer.fate {
            Fate::Applied { .. } => &mut self.applied,
            Fate::Refused { .. } => &mut self.refused,
            Fate::Rejected { .. } => &mut self.rejected,
            Fate::Pending { .. } => &mut self.pending,
        };
        *count += 1;
        self.repeated += usize::from(answer.repeated);
    }

    fn is_all_applied(&self) -> bool {
        self.refused == 0 && self.rejected == 0 && self.pending == 0
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} applied", self.applied)?;
        if self.refused > 0 {
            write!(f, ", {} refused by a rule", self.refused)?;
        }
        if self.rejected > 0 {
            write!(f, ", {} not taken", self.rejected)?;
        }
        if self.repeated > 0 {
            write!(f, "; {} of them had been sent before", self.repeated)?;
        }
        if self.pending > 0 {
            write!(
                f,
                "; {} have no outcome yet: run the same command again, nothing happens twice",
                self.pending
            )?;
        }
        Ok(())
    }
}

fn progress(records: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} records, {elapsed} passed");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(records as u64).with_style(style)
}
