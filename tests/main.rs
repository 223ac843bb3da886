//! Everything that is tested from outside the library, in one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may stop it, as the test itself may"
)]

mod agent;
mod architecture;
mod bench;
mod bundled_drive;
mod conformance;
mod deploy;
mod grpc;
mod hazards;
mod ledger;
mod loopback;
mod redteam;
mod replay;
mod simulation;
mod traffic;
mod unit;
