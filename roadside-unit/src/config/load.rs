use wayside::serve::{ConfigError, Sources, read};

use super::Config;

/// Reads a configuration and checks it: flags before environment before file before defaults.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let config: Config = read(sources)?;
    config.validate()?;
    Ok(config)
}

/// Where the file is unless something names another.
pub const FILE_USUAL: &str = "/etc/wayside/roadside-unit.toml";
