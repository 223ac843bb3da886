//! What the operator decides about an agent, and how it is read.
//!
//! A key has one value: a flag's, else the environment's (`WAYSIDE__SECTION__KEY`), else the
//! file's, else the default, and every default is safe on a real road. A key that nobody reads is
//! an error and not a shrug, since a misspelt limit is a limit that does not hold. What is
//! dangerous in combination, as a public address without authentication, is refused before
//! anything is opened.

mod error;
mod load;
mod sections;
mod show;

pub use error::ConfigError;
pub use load::{Override, Sources, load};
pub use sections::{
    Config, GrpcConfig, IdentityConfig, MetricsConfig, Mode, RecordConfig, Reflection, RoleConfig,
    ShutdownConfig, TcpConfig, TlsFiles, Version,
};

#[cfg(test)]
mod tests;
