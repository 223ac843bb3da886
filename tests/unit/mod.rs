//! Real `wayside unit` processes: how they keep the ledger, whom they let ask what, and how they end.

mod backups;
mod committee;
mod doors;
mod epochs;
mod followers;
mod golden;
mod growth;
mod issuing;
mod ledger;
pub(crate) mod process;
mod rejoin;
mod relay;
mod reload;
mod rivals;
mod start;
mod traffic;
mod vault;
mod witness;
