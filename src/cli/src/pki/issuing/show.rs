use std::{fs, io::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::desk::{Desk, DomainArguments};

/// Prints who issues tickets, after the proof was checked: policy, groups with their offices, the
/// operators' issuing keys and the keys that sign tickets, as one JSON object.
#[derive(Args, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    domain: DomainArguments,
    /// Writes whose tickets count now to a file, for stations that do not follow the ledger.
    #[arg(long, value_name = "FILE")]
    trust_domain: Option<PathBuf>,
}

impl Show {
    pub(in super::super) async fn run(self) -> anyhow::Result<()> {
        let desk = Desk::open(&self.domain).await?;
        let mut out = std::io::stdout().lock();
        let Some(facts) = desk.facts().await? else {
            anyhow::bail!("nobody issues tickets on this ledger yet: see `wayside pki issuing`");
        };
        if let Some(path) = &self.trust_domain {
            fs::write(path, facts.trust_domain()?.to_toml())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let groups: Vec<_> = facts
            .groups
            .iter()
            .map(|(id, group)| json!({ "group": id, "offices": group }))
            .collect();
        let seats: Vec<_> = facts
            .seats
            .iter()
            .map(|((operator, replica), seat)| {
                json!({ "operator": operator, "replica": replica, "seat": seat })
            })
            .collect();
        let shown = json!({
            "development": facts.development,
            "as_of_unix_ms": facts.as_of.unix_ms(),
            "policy": facts.policy,
            "groups": groups,
            "seats": seats,
            "issuers": facts.issuers,
        });
        writeln!(out, "{shown:#}")?;
        Ok(())
    }
}
