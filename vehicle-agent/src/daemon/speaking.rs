use std::collections::BTreeSet;

use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use wayside::{
    crypto::SigningKey,
    ledger::Committees,
    security::{Slot, TrustDomain},
    transport::Handle,
};

use super::StartError;
use crate::{
    checkpoint::{CheckpointFile, CheckpointFileError, Keeper},
    config::Config,
    grpc::Hub,
    identity::{IdentityError, read_trust_domain, slots_of_files},
    ledger::{LedgerIdentity, Records},
    speaking::{Opened, RevocationFile, Speaking, follow_issuing, keep_list, listen, preload},
    state_file::StateFileError,
    tickets::{Preloader, RequestStore},
    trust::{TrustFile, TrustKeeper},
};

/// Whom the vehicle believes at the start.
pub(super) struct Trusted {
    pub(super) domain: TrustDomain,
    /// What follows the ledger; `None` without one.
    pub(super) ledger: Option<TrustedLedger>,
}

/// What the ledger said before.
pub(super) struct TrustedLedger {
    keeper: TrustKeeper,
    file: TrustFile,
    list_file: RevocationFile,
    key: SigningKey,
}

/// Reads the trust domain's file, and what was kept of the ledger.
pub(super) fn open(config: &Config, is_on_road: bool) -> Result<Trusted, StartError> {
    let path = &config.identity.trust_domain;
    let identity = if is_on_road {
        LedgerIdentity::open(&config.ledger)?
    } else {
        None
    };
    let Some((identity, sender)) = identity else {
        return Ok(Trusted {
            domain: read_trust_domain(path)?,
            ledger: None,
        });
    };
    let given = match read_trust_domain(path) {
        Ok(domain) => Some(domain),
        Err(IdentityError::Unusable { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let committees = committees(config, &identity)?;
    let state = &config.identity.state;
    let file = TrustFile::of(state);
    let keeper = TrustKeeper::new(identity.vehicle, given);
    let keeper = restore_trust(keeper, &file, &committees)?;
    let list_file = RevocationFile::of(state);
    let domain = keeper.domain()?;
    Ok(Trusted {
        domain: domain.ok_or(StartError::NoDomain(path.clone()))?,
        ledger: Some(TrustedLedger {
            keeper,
            file,
            list_file,
            key: sender.key,
        }),
    })
}

/// Goes on with the requests for tickets; the state folder must be locked already.
pub(super) fn begin(
    config: &Config,
    trusted: TrustedLedger,
    records: &Records,
    held: BTreeSet<Slot>,
) -> Result<Speaking, StartError> {
    let opened = RequestStore::open(&config.identity.state)?;
    for path in &opened.damaged {
        error!(path = %path.display(), "a request for tickets was damaged: its slots stay without");
    }
    if !opened.requests.is_empty() {
        info!(count = opened.requests.len(), "found requests for tickets");
    }
    let now = records.now();
    let mut preloader = Preloader::new(config.tickets.clone(), opened.requests, held, now);
    preloader.handle_files(slots_of_files(&config.identity.tickets)?);
    let opened = Opened {
        preloader,
        store: opened.store,
        tickets: config.identity.tickets.clone(),
        trust: trusted.keeper,
        trust_file: trusted.file,
        list_file: trusted.list_file,
    };
    Ok(Speaking::new(records.clone(), trusted.key, opened))
}

/// Begins to ask for tickets and to follow whom to believe; ends when the tasks are aborted.
pub(super) fn start(speaking: &Speaking, station: &Handle, hub: &Hub) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(preload(speaking.clone(), station.clone(), hub.own())),
        tokio::spawn(follow_issuing(speaking.clone(), station.clone())),
        tokio::spawn(listen(speaking.clone(), station.clone())),
        tokio::spawn(keep_list(speaking.clone(), station.clone(), hub.turns())),
    ]
}

/// Whose votes count, as far as the checkpoint says that was kept.
fn committees(
    config: &Config,
    identity: &LedgerIdentity,
) -> Result<std::sync::Arc<Committees>, StartError> {
    let mut keeper = Keeper::new(
        identity.genesis.clone(),
        identity.vehicle.home,
        config.ledger.checkpoints.clone(),
        identity.given.clone(),
    );
    match CheckpointFile::of(&config.identity.state).read() {
        // One that does not hold is put aside when the ledger is opened.
        Ok(Some(kept)) => drop(keeper.restore(kept)),
        Ok(None) | Err(CheckpointFileError::Damaged(_)) => {}
        Err(error @ CheckpointFileError::Unusable { .. }) => return Err(error.into()),
    }
    Ok(keeper.committees())
}

/// Takes up what was kept; what does not hold is put aside, as if it had never been there.
fn restore_trust(
    mut keeper: TrustKeeper,
    file: &TrustFile,
    committees: &Committees,
) -> Result<TrustKeeper, StartError> {
    let refused = match file.read() {
        Ok(None) => None,
        Ok(Some(kept)) => {
            let restored = keeper.restore(&kept, committees);
            restored.err().map(|error| error.to_string())
        }
        Err(StateFileError::Damaged(_)) => Some("damaged".to_owned()),
        Err(error @ StateFileError::Unusable { .. }) => return Err(error.into()),
    };
    if let Some(reason) = refused {
        let aside = file.set_aside()?;
        warn!(reason, aside = %aside.display(), "put aside what was kept of who issues tickets");
    }
    Ok(keeper)
}

/// Has the station take up the list of revoked tickets that was kept; one that does not hold is put
/// aside.
pub(super) fn restore_list(speaking: &Speaking, station: &Handle) -> Result<(), StartError> {
    let file = speaking.list_file();
    let refused = match file.read() {
        Ok(None) => None,
        Ok(Some(update)) => {
            let committees = speaking.committees();
            let taken = station.call(|station, now| {
                station.handle_committees(Committees::clone(&committees));
                station.handle_revocation_update(&update, now)
            });
            taken.err().map(|error| error.to_string())
        }
        Err(StateFileError::Damaged(_)) => Some("damaged".to_owned()),
        Err(error @ StateFileError::Unusable { .. }) => return Err(error.into()),
    };
    if let Some(reason) = refused {
        let aside = file.set_aside()?;
        warn!(reason, aside = %aside.display(), "put aside the list of revoked tickets");
    }
    Ok(())
}
