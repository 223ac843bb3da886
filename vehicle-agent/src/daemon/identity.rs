use std::sync::Arc;

use tracing::error;
use wayside::{
    security::{Credential, Reservation, TrustDomain, Wallet},
    time::Now,
};

use super::StartError;
use crate::{
    config::IdentityConfig,
    identity::{read_credentials, read_trust_domain},
    journal::{Journal, JournalError},
};

/// Who the vehicle is, and what it has signed before.
pub(super) struct Opened {
    pub(super) domain: Arc<TrustDomain>,
    pub(super) wallet: Wallet,
    pub(super) journal: Journal,
    pub(super) reservations: Vec<Reservation>,
}

/// Reads trust domain, tickets and journal.
///
/// A damaged journal costs every ticket whose time has begun: nobody knows which of their sequences
/// were used, and using one again would convict this car.
pub(super) fn open(config: &IdentityConfig, now: Now) -> Result<Opened, StartError> {
    let domain = read_trust_domain(&config.trust_domain)?;
    let credentials = read_credentials(&config.tickets, &domain)?;
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
    Ok(Opened {
        wallet: Wallet::new(domain.slots(), credentials),
        domain: Arc::new(domain),
        journal,
        reservations,
    })
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
