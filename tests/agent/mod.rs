//! Real `wayside agent` processes: how they start, refuse to, talk, and end.

mod dangers;
mod doors;
mod epochs;
mod evidence;
mod fetching;
mod handover;
mod life;
mod pki;
pub(crate) mod process;
mod records;
mod revoked;
mod roadside;
mod start;
mod tickets;
mod town;
mod trips;
mod witness;
