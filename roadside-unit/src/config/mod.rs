//! What the operator decides about a roadside unit.
//!
//! Where a value comes from, and what is refused in combination, is the same as for the agent
//! ([`wayside::serve`]). Without any genesis a unit is a committee of one for development, in a
//! folder of its own: it says so wherever it is looked at.

mod relay;
mod sections;

pub use relay::{PlaceConfig, RelayConfig, RelayLimits};
pub use sections::{
    Config, DoorConfig, EngineConfig, IdentityConfig, IssuingConfig, Profile, ProfileSet,
    StorageConfig, VaultConfig,
};

#[cfg(test)]
mod tests;
