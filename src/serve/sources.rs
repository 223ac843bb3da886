use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format as _, Toml},
    util,
    value::{Dict, Map, Value},
};

use serde::de::DeserializeOwned;

use super::ConfigError;

/// Where a daemon's configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that is read if it is there and nothing names another.
    pub usual: PathBuf,
    /// The file that a flag names.
    pub file: Option<PathBuf>,
    /// The environment, or what a test puts in its place.
    pub environment: Vec<(String, String)>,
    /// What flags say.
    pub flags: Vec<Override>,
}

/// One key's value from elsewhere than a file.
#[derive(Clone, Debug)]
pub struct Override {
    /// Who says so, in words: `flag --grpc-socket`.
    pub origin: String,
    /// The key, from the root: `grpc.socket`.
    pub key: String,
    /// Its value.
    pub value: Value,
}

impl Override {
    /// What a flag of the command line says; nothing, if it was not given.
    pub fn of_flag(flag: &str, key: &str, value: Option<impl Into<Value>>) -> Option<Self> {
        Some(Self {
            origin: format!("flag --{flag}"),
            key: key.to_owned(),
            value: value?.into(),
        })
    }

    /// [`Self::of_flag`] for the path of a file, folder or socket.
    pub fn of_path(flag: &str, key: &str, path: Option<&PathBuf>) -> Option<Self> {
        Self::of_flag(flag, key, path.map(|path| path.display().to_string()))
    }

    /// [`Self::of_flag`] for a network address.
    pub fn of_address(flag: &str, key: &str, address: Option<SocketAddr>) -> Option<Self> {
        Self::of_flag(flag, key, address.map(|address| address.to_string()))
    }
}

impl Sources {
    /// A process's own environment, with a file and flags from its command line.
    pub fn of_process(usual: &str, file: Option<PathBuf>, flags: Vec<Override>) -> Self {
        Self {
            usual: usual.into(),
            file,
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            flags,
        }
    }

    /// The file that is read; `None` if the defaults have to do.
    pub fn file(&self) -> Option<PathBuf> {
        let from_environment = || {
            let named = self
                .environment
                .iter()
                .find(|(name, _)| name == FILE_VARIABLE);
            named.map(|(_, path)| PathBuf::from(path))
        };
        let usual = || Some(self.usual.clone()).filter(|path| path.exists());
        self.file.clone().or_else(from_environment).or_else(usual)
    }

    fn overrides(&self) -> impl Iterator<Item = Override> {
        let from_environment = self.environment.iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(VARIABLE_PREFIX)?;
            Some(Override {
                origin: format!("environment variable {name}"),
                key: key.to_ascii_lowercase().replace("__", "."),
                value: value.parse().unwrap_or_else(|never| match never {}),
            })
        });
        from_environment.chain(self.flags.iter().cloned())
    }
}

/// Reads a configuration: flags before environment before file before defaults.
pub fn read<C: DeserializeOwned>(sources: &Sources) -> Result<C, ConfigError> {
    let mut merged = Figment::new();
    if let Some(path) = sources.file() {
        check_syntax(&path)?;
        merged = merged.merge(Toml::file_exact(&path));
    }
    for one in sources.overrides() {
        merged = merged.merge(one);
    }
    Ok(merged.extract()?)
}

/// Tells a file that cannot be read or parsed from one with a wrong key.
fn check_syntax(path: &Path) -> Result<(), ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Toml::from_str::<Dict>(&text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        reason: error.to_string().trim_end().replace('\n', " "),
    })?;
    Ok(())
}

impl Provider for Override {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = util::nest(&self.key, self.value.clone());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}

const FILE_VARIABLE: &str = "WAYSIDE_CONFIG";
const VARIABLE_PREFIX: &str = "WAYSIDE__";
