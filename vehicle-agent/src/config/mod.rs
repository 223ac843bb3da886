//! What the operator decides about an agent, and how it is read.
//!
//! A key has one value: a flag's, else the environment's (`WAYSIDE__SECTION__KEY`), else the
//! file's, else the default, and every default is safe on a real road. A key that nobody reads is
//! an error and not a shrug, since a misspelt limit is a limit that does not hold. What is
//! dangerous in combination, as a public address without authentication, is refused before
//! anything is opened.

mod sections;

pub use sections::{Config, IdentityConfig, RecordConfig, RiskConfig};

#[cfg(test)]
mod tests;
