//! The agent's gRPC interface, by a real client over a real unix socket.

mod doors;
mod hazards;
mod hostile;
mod replays;
mod risks;
mod roles;
mod served;
mod states;
mod stops;
mod streams;
