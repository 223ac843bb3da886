//! What real agents need on disk.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use vehicle_agent::identity::write_credential;
use wayside::time::Timestamp;

use crate::bench::traffic::Traffic;

/// Writes an agent's files, and returns its configuration's place.
pub(super) fn write_agent(
    folder: &Path,
    name: &str,
    traffic: &Traffic,
    now: Timestamp,
) -> anyhow::Result<PathBuf> {
    let own = folder.join(name);
    let (tickets, domain) = (own.join("tickets"), own.join("trust-domain.toml"));
    for folder in [&own, &tickets, &own.join("state")] {
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    fs::write(&domain, traffic.cast.domain().to_toml())?;
    let wallet = traffic.named_wallet(name);
    write_credential(&tickets, wallet.credential_at(now).context("a ticket")?)?;
    let mut config = "version = \"v1\"\n".to_owned();
    writeln!(config, "[identity]")?;
    writeln!(config, "trust_domain = {domain:?}")?;
    writeln!(config, "tickets = {tickets:?}")?;
    writeln!(config, "state = {:?}", own.join("state"))?;
    writeln!(config, "[grpc]\nsocket = {:?}", socket(folder, name))?;
    writeln!(config, "[station]")?;
    writeln!(
        config,
        "generation = {{ rule = \"fixed\", interval = \"50ms\" }}"
    )?;
    let path = own.join("agent.toml");
    fs::write(&path, config)?;
    Ok(path)
}

/// Where an agent's driving stack connects to.
pub(super) fn socket(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join("agent.sock")
}

/// The agent that is told states.
pub(super) const PUBLISHER: &str = "publisher";
/// The agent that hears others.
pub(super) const SUBSCRIBER: &str = "subscriber";
