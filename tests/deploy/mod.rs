//! What an operator runs the daemons with: service managers, containers, dashboards.

mod board;
mod config;
mod container;
mod doctor;
mod service;
