//! Middleware by which automated vehicles share data with each other and with the road.
//!
//! Vehicles tell each other where they are and what is dangerous, over QUIC, every message signed;
//! a driving stack sees the judged picture by gRPC. This library holds everything that is decided,
//! and the thin edges that its processes share. All of it is information-only: never the sole
//! trigger for braking.
//!
//! # The two ways of a message
//!
//! ```text
//! driving stack ─▶ rpc ─▶ pipeline ─▶ message ─▶ security::Signer ─▶ link ─▶ transport ─▶ QUIC
//! QUIC ─▶ transport ─▶ link ─▶ security::Verifier ─▶ plausibility ─▶ world ─▶ rpc ─▶ driving stack
//! recorded drive ─▶ replay ─▶ sim or a live fleet ─▶ the same pipeline
//! ```
//!
//! Each step inward changes the type, `Bytes → Envelope → Verified<M> → Judged<M> → Object`, and only
//! the step's own module can make it, so that none can be skipped.
//!
//! # The modules, in the order in which they may use each other
//!
//! | | module | holds |
//! |---|---|---|
//! | values | [`units`] | quantities that cannot hold nonsense |
//! | | [`time`] | both clocks as values, and memory by age |
//! | | [`id`] | names of things |
//! | | [`geo`] | places on the earth, areas, cells |
//! | | [`lanes`] | the lanes of a road, as a map draws them |
//! | statements | [`message`] | telemetry and hazards, and their bytes |
//! | | [`crypto`] | keys, signatures, digests |
//! | | [`security`] | tickets, envelopes, who may say what |
//! | machines | [`link`] | one peer's queues and limits |
//! | | [`track`] | one road user over time |
//! | | [`risk`] | how dangerous a neighbour is, in the measures of traffic safety |
//! | | [`hazards`] | dangers that the own vehicle finds by itself |
//! | | [`plausibility`] | whether a statement can be true |
//! | | [`world`] | the picture of the road, and subscribers' views of it |
//! | | [`traffic`] | how traffic flows where a roadside unit hears it |
//! | | [`evidence`] | what shows anybody that a station lied |
//! | | [`ledger`] | records of vehicles that no single operator can alter unseen, and their proofs |
//! | | [`vault`] | records kept off the ledger: sealed, shared among custodians, erasable |
//! | | [`issuing`] | how vehicles get tickets, so that no single operator can follow or invent one |
//! | | [`relay`] | who is told what at the road, what is kept there, what is left out |
//! | | [`pipeline`] | one station: all of the above as one machine |
//! | laboratory | [`replay`] | recorded drives, from the formats of others and in our own |
//! | | [`sim`] | many stations on virtual time, with faults and liars |
//! | edges | [`rpc`] | the gRPC schemas and their conversions |
//! | | [`transport`] | a station on a QUIC endpoint |
//! | | [`telemetry`] | logs and metrics |
//! | | [`serve`] | what both daemons do alike: configuration, doors, roles |
//!
//! Logic never reads a clock, a file, a socket or randomness: time is an argument, and every machine
//! has the same verbs (`handle_*`, `poll_transmit`, `poll_event`, `poll_timeout`). The simulator and
//! the driver in [`transport`] are their only two callers. A test holds this order.

pub mod crypto;
pub mod evidence;
pub mod geo;
pub mod hazards;
pub mod id;
pub mod issuing;
pub mod lanes;
pub mod ledger;
pub mod link;
pub mod message;
pub mod pipeline;
pub mod plausibility;
pub mod relay;
pub mod replay;
pub mod risk;
pub mod rpc;
pub mod security;
pub mod serve;
pub mod sim;
pub mod telemetry;
pub mod time;
pub mod track;
pub mod traffic;
pub mod transport;
pub mod units;
pub mod vault;
pub mod world;
