use super::Config;

impl Config {
    /// Every key with its value, as TOML that can be read again.
    ///
    /// Secrets stand in files that the configuration only names, so nothing has to be masked.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("numbers, text and tables are TOML")
    }
}
