use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use clap::Subcommand;
use thiserror::Error;
use toml::{Table, Value};

use super::{ConfigError, DaemonConfig, Origins, Sources, load, read_all};

/// What to do with a daemon's configuration instead of running the daemon.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Names everything that is wrong with it, each with its key and where it stands; exits with 1 if
    /// anything is.
    Check,
    /// Prints everything in effect, as TOML that can be read again, and where each value comes from.
    /// Secrets stand in files, of which only the paths are shown.
    Show,
}

/// Why a configuration is not accepted or not shown.
#[derive(Debug, Error)]
pub enum ConfigCommandError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What is wrong was printed.
    #[error("the configuration is refused: {0} wrong")]
    Wrong(usize),
    /// Standard output is closed.
    #[error("cannot print")]
    Print(#[from] io::Error),
}

impl ConfigCommand {
    /// Does it.
    pub fn run<C: DaemonConfig>(self, sources: &Sources) -> Result<(), ConfigCommandError> {
        let mut output = io::stdout().lock();
        match self {
            Self::Check => {
                let wrong = check::<C>(sources);
                for error in &wrong {
                    writeln!(output, "{}", in_words(error))?;
                }
                if !wrong.is_empty() {
                    return Err(ConfigCommandError::Wrong(wrong.len()));
                }
                Ok(())
            }
            Self::Show => {
                let config: C = load(sources)?;
                let values = config.to_toml().parse::<Table>();
                let values = values.expect("what was written as TOML is TOML");
                let origins = Origins::of(sources)?;
                let mut shown = String::new();
                show(&values, &mut Vec::new(), &origins, &mut shown);
                output.write_all(shown.as_bytes())?;
                Ok(())
            }
        }
    }
}

/// Everything that is wrong with a configuration; nothing, if a daemon would start with it.
pub fn check<C: DaemonConfig>(sources: &Sources) -> Vec<ConfigError> {
    let (config, mut wrong) = read_all::<C>(sources);
    wrong.extend(config.iter().flat_map(C::refusals));
    wrong
}

/// An error with its causes, in one line.
pub fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}

/// Writes a table: its values with where they come from, then the tables in it.
fn show<'a>(table: &'a Table, path: &mut Vec<&'a str>, origins: &Origins, shown: &mut String) {
    let mut tables = Vec::new();
    for (key, value) in table {
        if let Value::Table(inner) = value {
            tables.push((key, inner));
            continue;
        }
        path.push(key);
        let origin = origins.find(path);
        path.pop();
        let (key, value) = (quoted(key), value.to_string());
        writeln!(shown, "{key} = {value}  # {origin}").expect("a string takes all");
    }
    for (key, inner) in tables {
        path.push(key);
        let name: Vec<String> = path.iter().map(|part| quoted(part)).collect();
        writeln!(shown, "\n[{}]", name.join(".")).expect("a string takes all");
        show(inner, path, origins, shown);
        path.pop();
    }
}

/// A key as TOML has it.
fn quoted(key: &str) -> String {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        return key.to_owned();
    }
    Value::from(key).to_string()
}
