use std::{collections::BTreeSet, path::Path, sync::Arc};

use tracing::{error, warn};
use wayside::{
    security::{Credential, Reservation, Slot, TrustDomain, Wallet},
    time::Now,
};

use super::StartError;
use crate::{
    config::IdentityConfig,
    identity::{IdentityError, read_credentials, read_fetched},
    journal::{Journal, JournalError},
};

/// Who the vehicle is, and what it has signed before.
pub(super) struct Opened {
    pub(super) domain: Arc<TrustDomain>,
    pub(super) wallet: Wallet,
    pub(super) journal: Journal,
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
    let (journal, reservations) = match Journal::open(&config.state) {
        Ok(opened) => opened,
        Err(damage @ JournalError::Corrupt { .. }) => {
            let given_up = give_up(&credentials, &domain, now);
            error!(error = %damage, tickets = given_up.len(), "gave up all tickets used so far");
            let journal = Journal::replace_corrupt(&config.state, &given_up)?;
            (journal, given_up)
        }
        Err(error @ (JournalError::Locked(_) | JournalError::Unusable { .. })) => {
            return Err(error.into());
        }
    };
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

/// Reserves all sequences of each ticket that may have been used.
fn give_up(credentials: &[Credential], domain: &TrustDomain, now: Now) -> Vec<Reservation> {
    let has_begun = |credential: &&Credential| {
        domain.slots().valid_from(credential.ticket().slot()) <= now.timestamp
    };
    credentials
        .iter()
        .filter(has_begun)
        .map(|credential| Reservation {
            station: credential.station(),
            telemetry_until: u32::MAX,
            hazard_until: u32::MAX,
        })
        .collect()
}
