//! `wayside doctor`: what is wrong with an installation, in plain words.
//!
//! A daemon refuses to start over the first thing that is wrong, and says nothing of what only makes
//! it slow or will be wrong tomorrow. Here everything is looked at that can be without starting
//! anything, on the machine and for each configuration, and every finding says what to do about it.
//! Nothing is changed and no key leaves its file.

mod agent;
mod files;
mod machine;
mod network;
mod report;
#[cfg(test)]
mod tests;
mod unit;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use wayside::{
    serve::{ConfigError, DaemonConfig, Sources, check, in_words, load},
    transport::Clock,
};

use report::Report;

/// Arguments of `wayside doctor`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The configurations of agents and units to look at; those in /etc/wayside, if they are there,
    /// unless given.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    config: Vec<PathBuf>,
    /// Says what is as it should be, too.
    #[arg(long)]
    all: bool,
    /// Prints one JSON object, with all that was looked at, instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs `wayside doctor`.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut report = Report::default();
    machine::look(&mut report);
    for config in configurations(arguments) {
        runtime.block_on(look_at(&config, &mut report));
    }
    let mut output = io::stdout().lock();
    if arguments.json {
        writeln!(output, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(output, "{}", report.lines(arguments.all))?;
    }
    Ok(match report.count_wrong() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn configurations(arguments: &Arguments) -> Vec<PathBuf> {
    if !arguments.config.is_empty() {
        return arguments.config.clone();
    }
    let usual = [
        vehicle_agent::config::Config::FILE_USUAL,
        roadside_unit::config::Config::FILE_USUAL,
    ];
    let usual = usual.into_iter().map(PathBuf::from);
    usual.filter(|path| path.exists()).collect()
}

/// Looks at one configuration and what it names.
async fn look_at(file: &Path, report: &mut Report) {
    let now = Clock::system().now().timestamp;
    match is_of_unit(file) {
        Ok(true) => {
            if let Some(config) = read(file, report) {
                unit::look(&config, now, report).await;
            }
        }
        Ok(false) => {
            if let Some(config) = read(file, report) {
                agent::look(&config, now, report).await;
            }
        }
        Err(error) => report.wrong(
            &file.display().to_string(),
            format!("cannot be read as TOML: {error}"),
            "name a daemon's configuration, which `wayside pki init` writes for example",
        ),
    }
}

/// Whether a file has sections or keys that only units have.
fn is_of_unit(file: &Path) -> Result<bool, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let sections: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    let only_units_have = ["profile", "engine", "storage", "door", "vault", "issuing"];
    Ok(only_units_have.iter().any(|name| sections.contains(name)))
}

/// The configuration, if a daemon would start with it; what is wrong with it else.
fn read<C: DaemonConfig>(file: &Path, report: &mut Report) -> Option<C> {
    let sources = Sources::of_process(C::FILE_USUAL, Some(file.to_owned()), Vec::new());
    let about = format!("configuration {}", file.display());
    let remedy = |error: &ConfigError| match error {
        ConfigError::Unauthenticated { remedy, .. } => *remedy,
        ConfigError::Unreadable { .. }
        | ConfigError::Syntax { .. }
        | ConfigError::UnknownKey { .. }
        | ConfigError::BadValue { .. }
        | ConfigError::OutOfRange { .. } => {
            "put it right: `wayside agent|unit config check --config FILE` says when it is"
        }
    };
    for error in check::<C>(&sources) {
        report.wrong(&about, in_words(&error), remedy(&error));
    }
    let config = load(&sources).ok()?;
    report.well(&about, "accepted");
    Some(config)
}
