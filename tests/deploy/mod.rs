//! What an operator runs the daemons with: service managers, containers, dashboards.

mod board;
mod config;
mod doctor;
mod service;
