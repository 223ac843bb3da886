use std::{collections::BTreeSet, path::Path, sync::Arc};

use tracing::warn;
use wayside::{
    id::StationId,
    security::{Credential, Reservation, Slot, TrustDomain, Wallet},
    serve::SequenceJournal,
    time::Now,
};

use super::StartError;
use crate::{
    config::IdentityConfig,
    identity::{IdentityError, read_credentials, read_fetched},
};

/// Who the vehicle is, and what it has signed before.
pub(super) struct Opened {
    pub(super) domain: Arc<TrustDomain>,
    pub(super) wallet: Wallet,
    pub(super) journal: SequenceJournal,
    pub(super) reservations: Vec<Reservation>,
    /// The slots of the tickets.
    pub(super) slots: BTreeSet<Slot>,
}

/// Reads tickets and journal.
///
/// A damaged journal costs every ticket whose time has begun: nobody knows which of their sequences
/// were used, and using one again would convict this car.
pub(super) fn open(
    config: &IdentityConfig,
    domain: TrustDomain,
    is_fetched: bool,
    now: Now,
) -> Result<Opened, StartError> {
    let credentials = read(&config.tickets, &domain, is_fetched)?;
    let used = || used(&credentials, &domain, now);
    let (journal, reservations) = SequenceJournal::open_or_give_up(&config.state, used)?;
    let slots = credentials.iter().map(|it| it.ticket().slot()).collect();
    Ok(Opened {
        slots,
        wallet: Wallet::new(domain.slots(), credentials),
        domain: Arc::new(domain),
        journal,
        reservations,
    })
}

/// Reads the tickets; `is_fetched`: the vehicle fetches them itself, so that there may be none yet.
pub(super) fn read(
    folder: &Path,
    domain: &TrustDomain,
    is_fetched: bool,
) -> Result<Vec<Credential>, IdentityError> {
    if !is_fetched {
        return read_credentials(folder, domain);
    }
    let read = read_fetched(folder, domain)?;
    if let Some(reason) = read.refused.last() {
        let count = read.refused.len();
        warn!(count, %reason, "passed over tickets that do not count any more");
    }
    Ok(read.credentials)
}

/// The tickets that may have been used.
fn used(credentials: &[Credential], domain: &TrustDomain, now: Now) -> Vec<StationId> {
    let has_begun = |credential: &&Credential| {
        domain.slots().valid_from(credential.ticket().slot()) <= now.timestamp
    };
    let begun = credentials.iter().filter(has_begun);
    begun.map(Credential::station).collect()
}
