use std::{
    env,
    io::{self, IsTerminal as _},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

/// What the log says, and in which form.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// What is written, as `tracing`'s directives (`info,wayside::link=debug`). The environment
    /// variables `WAYSIDE_LOG` and then `RUST_LOG` come before it.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the filter of a running daemon's log.
#[derive(Clone)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Why the log cannot be set up or changed.
#[derive(Debug, Error)]
pub enum LogError {
    /// The directives cannot be read.
    #[error("log filter {filter:?} from {origin}: {reason}")]
    Filter {
        /// The directives.
        filter: String,
        /// Where they came from: an environment variable or the configuration.
        origin: &'static str,
        /// What is wrong with them.
        reason: String,
    },
    /// The process already has a log.
    #[error("this process already has a log")]
    AlreadySet,
}

/// Sends this process's log to standard error.
///
/// Fails in a process that has a log already, and for a filter that cannot be read.
pub fn init_logs(config: &LogConfig) -> Result<LogHandle, LogError> {
    let (filter, handle) = reload::Layer::new(filter(config)?);
    let as_json = match config.format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = if as_json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(io::stderr().is_terminal()).boxed()
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .map_err(|_| LogError::AlreadySet)?;
    Ok(LogHandle { filter: handle })
}

impl LogHandle {
    /// Writes from now on what `config` says; the form of a line stays.
    pub fn reload(&self, config: &LogConfig) -> Result<(), LogError> {
        self.filter
            .reload(filter(config)?)
            .map_err(|_| LogError::AlreadySet)
    }
}

fn filter(config: &LogConfig) -> Result<EnvFilter, LogError> {
    let (origin, directives) = FILTER_VARIABLES
        .into_iter()
        .find_map(|name| Some((name, env::var(name).ok().filter(|value| !value.is_empty())?)))
        .unwrap_or(("the configuration", config.filter.clone()));
    EnvFilter::builder()
        .parse(&directives)
        .map_err(|error| LogError::Filter {
            filter: directives,
            origin,
            reason: error.to_string(),
        })
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info".to_owned(),
        }
    }
}

const FILTER_VARIABLES: [&str; 2] = ["WAYSIDE_LOG", "RUST_LOG"];
