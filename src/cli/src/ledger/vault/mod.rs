//! Records whose text is kept off the ledger: sealing, reading, erasing them, and who may and did read.
//!
//! Sealing and opening happen here, where the text is; units and custodians only ever hold sealed bytes
//! and one share each. A custodian is believed only after a proof that the ledger gives its key the role.

mod access;
mod allow;
mod attach;
mod custodians;
mod erase;
mod read;
mod reshare;

pub(super) use access::{Access, Reads};
pub(super) use allow::{Allow, Disallow};
pub(super) use attach::Attach;
pub(super) use erase::Erase;
pub(super) use read::Read;
pub(super) use reshare::Reshare;

use wayside::ledger::RecordClass;

/// Reads the name of a class of records.
fn class(text: &str) -> Result<RecordClass, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "one of birth, ownership, odometer, wear, battery, part, warranty, recall, trip".to_owned()
    })
}
