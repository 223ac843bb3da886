//! `wayside ledger`: writes to the ledger and reads from it, by way of a roadside unit.
//!
//! Keys stay here: what goes to the unit is signed, so that a unit can neither change it nor do it
//! twice. What comes back is the unit's word; `history` and `prove` fetch what `wayside verify`
//! checks without trusting anybody.

mod batch;
mod committee;
mod draft;
mod enrol;
mod genesis;
mod govern;
mod key;
mod read;
mod record;
mod secret;
mod send;
mod sent;
mod sign;
mod signer;
mod status;
mod submit;
mod tag;
mod text;
mod unit;
mod vault;
mod watch;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

pub(crate) use genesis::{DEVELOPMENT, read as read_genesis};
pub(crate) use read::{checkpoint, history, places_of_bundle};
pub(crate) use secret::{Secret, draw_home};
pub(crate) use send::{Answer, Fate, send};
pub(crate) use signer::{Options, Signer};
pub(crate) use tag::certify_vehicle;
pub(crate) use text::utc;
pub(crate) use unit::{TlsArguments, Unit, UnitArguments, refused};

/// Arguments of `wayside ledger`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    unit: UnitArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says who may read which of a vehicle's sealed records.
    Access(vault::Access),
    /// Lets somebody read a class of a vehicle's sealed records.
    Allow(vault::Allow),
    /// Signs a draft of a transaction that needs more than one key.
    Approve(draft::Approve),
    /// Seals a file as a record of a vehicle, and deals the key to custodians.
    Attach(vault::Attach),
    /// Fetches recent headers, to hold a history against; best from another operator's unit.
    Checkpoint(read::Checkpoint),
    /// Says who votes, and changes it; needs a quorum of operators' cold keys.
    Committee(committee::Arguments),
    /// Takes back what `allow` gave.
    Disallow(vault::Disallow),
    /// Brings a vehicle to the ledger.
    Enrol(enrol::Enrol),
    /// Has a sealed record destroyed everywhere.
    Erase(vault::Erase),
    /// Prints what the unit says of a transaction or a vehicle.
    Get(read::Get),
    /// Gives a key a role; needs a quorum of operators' cold keys.
    Grant(govern::Grant),
    /// Fetches a vehicle's history as a bundle, which `wayside verify` checks without a network.
    History(read::Fetch),
    /// Makes keys, and shows their public halves.
    Key(key::Arguments),
    /// Lists a vehicle's records.
    List(read::List),
    /// Fetches the proof of a transaction's outcome, or of what the ledger says of a vehicle now.
    Prove(read::Prove),
    /// Reads a sealed record, which leaves receipts.
    Read(vault::Read),
    /// Lists who read which of a vehicle's sealed records.
    Reads(vault::Reads),
    /// Deals the shares of a sealed record's key anew.
    Reshare(vault::Reshare),
    /// Takes a role from a key; needs a quorum of operators' cold keys.
    Revoke(govern::Revoke),
    /// Lists who has which role.
    Roles(govern::Roles),
    /// Has a shard follow another version of the rules from a height on; needs a quorum of operators'
    /// cold keys.
    Rules(govern::Rules),
    /// Lists the shards, and what share of new vehicles each takes.
    Shards(govern::Shards),
    /// Says where a unit and its shards stand.
    Status(status::Status),
    /// Signs records and brings them to the ledger: one, or a file of many.
    Submit(submit::Submit),
    /// Certifies the tag of a vehicle or a part; for the tag issuer.
    Tag(tag::Tag),
    /// Prints what becomes final.
    Watch(watch::Watch),
    /// Opens a spare shard, or changes what share of new vehicles it takes; needs a quorum of
    /// operators' cold keys.
    Weight(govern::Weight),
}

/// Runs `wayside ledger`.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(arguments.run())
}

impl Arguments {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let unit = self.unit;
        match self.command {
            Command::Access(it) => it.run(unit.connect().await?).await?,
            Command::Allow(it) => return it.run(&unit).await,
            Command::Approve(it) => it.run()?,
            Command::Attach(it) => return it.run(&unit).await,
            Command::Checkpoint(it) => it.run(unit.connect().await?).await?,
            Command::Committee(it) => return it.run(&unit).await,
            Command::Disallow(it) => return it.run(&unit).await,
            Command::Enrol(it) => return it.run(&unit).await,
            Command::Erase(it) => return it.run(&unit).await,
            Command::Get(it) => it.run(unit.connect().await?).await?,
            Command::Grant(it) => return it.run(&unit).await,
            Command::History(it) => it.run(unit.connect().await?).await?,
            Command::Key(it) => it.run()?,
            Command::List(it) => it.run(unit.connect().await?).await?,
            Command::Prove(it) => it.run(unit.connect().await?).await?,
            Command::Read(it) => it.run(&unit).await?,
            Command::Reads(it) => it.run(unit.connect().await?).await?,
            Command::Reshare(it) => return it.run(&unit).await,
            Command::Revoke(it) => return it.run(&unit).await,
            Command::Roles(it) => it.run(unit.connect().await?).await?,
            Command::Rules(it) => return it.run(&unit).await,
            Command::Shards(it) => it.run(unit.connect().await?).await?,
            Command::Status(it) => it.run(unit.connect().await?).await?,
            Command::Submit(it) => return it.run(&unit).await,
            Command::Tag(it) => it.run()?,
            Command::Watch(it) => it.run(unit.connect().await?).await?,
            Command::Weight(it) => return it.run(&unit).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}
