//! The command line of Wayside.

mod bench;
mod demo;
mod doctor;
mod drive;
mod files;
mod health;
mod ledger;
mod lines;
mod pki;
mod replay;
mod road;
mod sim;
mod verify;
mod witness;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};
use vehicle_agent::daemon::{AgentArguments, run_from_arguments};
use wayside::serve::forbid_core_dumps;

/// Middleware by which automated vehicles share data with each other and with the road.
#[derive(Debug, Parser)]
#[command(name = "wayside", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a vehicle's agent, as `vehicle-agent` does.
    Agent(AgentArguments),
    /// Measures this installation, as ratios within one run.
    Bench(bench::Arguments),
    /// Shows the main job on this machine: agents in processes of their own, fed by a recorded
    /// drive. Exits with 0 only if every step held.
    Demo(demo::Arguments),
    /// Says what is wrong with this installation, in plain words, and what to do about it. Exits with 0
    /// unless something will not work, else with 1.
    Doctor(doctor::Arguments),
    /// Imports recorded drives, and says what they hold.
    Drive(drive::Arguments),
    /// Asks a daemon whether it serves. Exits with 0 if it does, 1 if not.
    Health(health::Arguments),
    /// Writes to the ledger and reads from it, by way of a roadside unit.
    Ledger(ledger::Arguments),
    /// Makes and reads trust domains and tickets, for development.
    Pki(pki::Arguments),
    /// Runs a recorded drive through real stations, in virtual or in real time.
    Replay(replay::Arguments),
    /// Has a roadside unit tell vehicles of roadworks and other dangers, and shows what it relays.
    Road(road::Arguments),
    /// Simulates roads with faults and liars, and says which promise broke on them.
    Sim(sim::Arguments),
    /// Runs a roadside unit, as `roadside-unit` does.
    Unit(roadside_unit::daemon::UnitArguments),
    /// Says what a vehicle's history or another proof of the ledger is worth, offline. Exits with 0
    /// if it is verified against a checkpoint, 3 if it is consistent but not anchored, 1 if it is
    /// false.
    Verify(verify::Arguments),
    /// Watches that units show everybody the same past, and signs what it saw.
    Witness(witness::Arguments),
}

fn main() -> ExitCode {
    // Some of these commands read keys.
    if let Err(error) = forbid_core_dumps() {
        eprintln!("error: cannot forbid core dumps: {error}");
        return ExitCode::FAILURE;
    }
    run(Arguments::parse().command).unwrap_or_else(|error| {
        // Whoever reads the output has seen enough, as `head` has.
        let is_cut = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        if !error.downcast_ref().is_some_and(is_cut) {
            // One line, whatever the environment says of backtraces.
            eprintln!("error: {error:#}");
        }
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Agent(arguments) => run_from_arguments(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Drive(arguments) => drive::run(arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Ledger(arguments) => ledger::run(arguments),
        Command::Pki(arguments) => pki::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Road(arguments) => road::run(arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Unit(arguments) => {
            roadside_unit::daemon::run_from_arguments(&arguments).map(|()| ExitCode::SUCCESS)
        }
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Witness(arguments) => witness::run(arguments),
    }
}
