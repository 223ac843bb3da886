//! Middleware by which automated vehicles share data with each other and with the road.

pub mod crypto;
pub mod geo;
pub mod id;
pub mod link;
pub mod message;
pub mod pipeline;
pub mod plausibility;
pub mod replay;
pub mod rpc;
pub mod security;
pub mod sim;
pub mod telemetry;
pub mod time;
pub mod track;
pub mod transport;
pub mod units;
pub mod world;
