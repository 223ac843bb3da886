use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Profile, Provider, Source,
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
    Ok(merged(sources, &[])?.extract()?)
}

/// The same, naming every key that is wrong and not only the first; the configuration has defaults in
/// their place, or is `None` where that does not help.
pub(super) fn read_all<C: DeserializeOwned>(sources: &Sources) -> (Option<C>, Vec<ConfigError>) {
    let (mut left_out, mut wrong) = (Vec::new(), Vec::new());
    loop {
        let merged = match merged(sources, &left_out) {
            Ok(merged) => merged,
            Err(error) => return (None, vec![error]),
        };
        let errors = match merged.extract() {
            Ok(config) => return (Some(config), wrong),
            Err(errors) => errors,
        };
        let known = left_out.len();
        for error in errors {
            if !error.path.is_empty() && !left_out.contains(&error.path) {
                left_out.push(error.path.clone());
            }
            wrong.push(error.into());
        }
        if left_out.len() == known {
            return (None, wrong);
        }
    }
}

/// All that is said, but for what stands at or below these paths.
fn merged(sources: &Sources, left_out: &[Vec<String>]) -> Result<Figment, ConfigError> {
    let mut merged = Figment::new();
    if let Some(path) = sources.file() {
        check_syntax(&path)?;
        let said = Toml::file_exact(&path);
        merged = merged.merge(Without { said, left_out });
    }
    for said in sources.overrides() {
        merged = merged.merge(Without { said, left_out });
    }
    Ok(merged)
}

/// What somebody says, but for some paths.
struct Without<'a, P> {
    said: P,
    left_out: &'a [Vec<String>],
}

impl<P: Provider> Provider for Without<'_, P> {
    fn metadata(&self) -> Metadata {
        self.said.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = self.said.data()?;
        for dict in data.values_mut() {
            for path in self.left_out {
                leave_out(dict, path);
            }
        }
        Ok(data)
    }
}

/// Removes what stands at a path; of an array, all.
fn leave_out(dict: &mut Dict, path: &[String]) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    match dict.get_mut(key) {
        Some(Value::Dict(_, inner)) if !rest.is_empty() => leave_out(inner, rest),
        _ => {
            dict.remove(key);
        }
    }
}

/// Where each value of a configuration comes from.
pub(super) struct Origins {
    merged: Figment,
    said: Dict,
}

impl Origins {
    /// Those of what these sources say.
    pub(super) fn of(sources: &Sources) -> Result<Self, ConfigError> {
        let merged = merged(sources, &[])?;
        let said = merged.data()?.remove(&Profile::Default);
        Ok(Self {
            said: said.unwrap_or_default(),
            merged,
        })
    }

    /// In words, who says the value with this path.
    pub(super) fn find(&self, path: &[&str]) -> String {
        let value = path.split_last().and_then(|(last, tables)| {
            let mut dict = &self.said;
            for table in tables {
                dict = dict.get(*table)?.as_dict()?;
            }
            dict.get(*last)
        });
        let metadata = value.and_then(|value| self.merged.get_metadata(value.tag()));
        metadata.map_or_else(|| "default".to_owned(), origin)
    }
}

/// In words, who says something.
pub(super) fn origin(metadata: &Metadata) -> String {
    match metadata.source.as_ref().and_then(Source::file_path) {
        Some(path) => format!("file {}", path.display()),
        None => metadata.name.to_string(),
    }
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
