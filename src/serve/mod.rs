//! What both daemons do alike: read a configuration, let clients in, and hold them to their roles.
//!
//! A daemon that listens is attacked where it is dullest, in its doors, its limits and its defaults.
//! So there is one of each: how its process begins and ends ([`Process`]), where a value of the
//! configuration comes from ([`Sources`]), who may come in ([`Listener`]), what they are once inside
//! ([`Caller`]), and what stands before every method ([`Gate`]: role, rate, deadline). Which roles there are, and which may call what, each daemon says
//! itself by one table ([`Role::METHODS`]); a method that does not stand there may be called by
//! nobody.
//!
//! ```text
//! Listener ─▶ Connection with its Caller ─▶ Gate: caller, role, rate, deadline ─▶ service
//! ```

mod access;
mod admission;
mod allowance;
mod caller;
mod config_command;
mod config_error;
mod daemon;
mod gate;
mod key_file;
mod limits;
mod listen;
mod notify;
mod outlet;
mod page;
mod process;
mod sections;
mod sequences;
mod server;
mod sources;

pub use access::Access;
pub use admission::{Admission, OpenStream};
pub use caller::{Caller, CallerIdentity, Role};
pub use config_command::{ConfigCommand, ConfigCommandError, check, in_words};
pub use config_error::ConfigError;
pub use daemon::{BeginError, Daemon, DaemonArguments, DaemonConfig, Process, RunError, load};
pub use gate::{Gate, from_gate};
pub use key_file::{KeyFileError, from_hex, read_key, to_hex, write_key, write_private};
pub use limits::{Limits, MESSAGE_BYTES_MAX, STREAMS_PER_CONNECTION_MAX};
pub use listen::{Connection, Doors, Incoming, ListenError, Listener};
pub use outlet::{Inlet, Outlet, outlet};
pub use page::{bad_token, page, page_len};
pub use process::{AnnounceError, SocketError, forbid_core_dumps, socket_path};
pub use sections::{
    GrpcConfig, MetricsConfig, MetricsServeError, Mode, Reflection, RoleConfig, ShutdownConfig,
    TcpConfig, TlsFiles, Version,
};
pub use sequences::{SequenceJournal, SequenceJournalError, write_reservations};
pub use server::{serve_doors, serve_routes, with_reflection};
use sources::{Origins, read_all};
pub use sources::{Override, Sources, read};

#[cfg(test)]
mod tests;
