use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use wayside::{
    crypto::SigningKey,
    ledger::Committees,
    security::Slot,
    time::{Instant, Now, Timestamp},
    transport::door::UnitTrust,
};

use super::RevocationFile;
use crate::{
    ledger::Records,
    tickets::{PreloadState, Preloader, RequestStore},
    trust::{Enrolled, TrustFile, TrustKeeper},
};

/// The vehicle's tickets and what it knows of the trust domain, for everybody who has something to do
/// with them; clones are the same.
#[derive(Clone)]
pub struct Speaking {
    shared: Arc<Shared>,
}

struct Shared {
    records: Records,
    /// The vehicle's enrolment key; it signs requests here and never leaves.
    key: SigningKey,
    preloader: Mutex<Preloader>,
    store: RequestStore,
    /// The folder of tickets.
    tickets: PathBuf,
    trust: Mutex<TrustKeeper>,
    trust_file: TrustFile,
    list_file: RevocationFile,
    /// Told when the preloader may have something to do.
    changed: Notify,
    /// Told when what is known of the issuers is old.
    outdated: Notify,
}

/// What is on disk, and where.
pub(crate) struct Opened {
    pub(crate) preloader: Preloader,
    pub(crate) store: RequestStore,
    pub(crate) tickets: PathBuf,
    pub(crate) trust: TrustKeeper,
    pub(crate) trust_file: TrustFile,
    pub(crate) list_file: RevocationFile,
}

/// How things are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SpeakingState {
    /// Tickets on their way.
    pub preload: PreloadState,
    /// How the vehicle stands with those who issue tickets.
    pub enrolled: Enrolled,
    /// When it was so what is known of the issuers; `None` before anything was heard.
    pub issuing_as_of: Option<Timestamp>,
}

impl Speaking {
    /// Goes on with what the disk has.
    pub(crate) fn new(records: Records, key: SigningKey, opened: Opened) -> Self {
        let speaking = Self {
            shared: Arc::new(Shared {
                records,
                key,
                preloader: Mutex::new(opened.preloader),
                store: opened.store,
                tickets: opened.tickets,
                trust: Mutex::new(opened.trust),
                trust_file: opened.trust_file,
                list_file: opened.list_file,
                changed: Notify::new(),
                outdated: Notify::new(),
            }),
        };
        speaking.pass_on();
        speaking
    }

    /// How things are.
    pub fn state(&self) -> SpeakingState {
        let now = self.now().timestamp;
        let (enrolled, issuing_as_of) =
            self.with_trust(|trust| (trust.enrolled_at(now), trust.as_of()));
        SpeakingState {
            preload: self.look(Preloader::state),
            enrolled,
            issuing_as_of,
        }
    }

    /// Somebody put tickets of these slots on disk.
    pub(crate) fn handle_held(&self, slots: Vec<Slot>) {
        self.call(|preloader, _| preloader.handle_held(slots));
    }

    /// Tickets of these slots count no more.
    pub(super) fn handle_outdated(&self, slots: Vec<Slot>) {
        self.call(|preloader, _| preloader.handle_outdated(slots));
    }

    /// The way to the ledger.
    pub(super) fn records(&self) -> &Records {
        &self.shared.records
    }

    pub(super) fn key(&self) -> &SigningKey {
        &self.shared.key
    }

    pub(super) fn store(&self) -> &RequestStore {
        &self.shared.store
    }

    pub(super) fn tickets(&self) -> &PathBuf {
        &self.shared.tickets
    }

    /// Whose votes count on the ledger.
    pub(crate) fn committees(&self) -> Arc<Committees> {
        self.records().with_keeper(|keeper| keeper.committees())
    }

    pub(super) fn trust_file(&self) -> &TrustFile {
        &self.shared.trust_file
    }

    pub(super) fn now(&self) -> Now {
        self.shared.records.now()
    }

    /// Does something with the preloader, and lets its task look what there is to do.
    pub(super) fn call<T>(&self, change: impl FnOnce(&mut Preloader, Now) -> T) -> T {
        let now = self.now();
        let answer = change(&mut self.preloader(), now);
        self.shared.changed.notify_one();
        answer
    }

    /// Asks the preloader for something to do.
    pub(super) fn poll<T>(&self, ask: impl FnOnce(&mut Preloader, Now) -> T) -> T {
        let now = self.now();
        ask(&mut self.preloader(), now)
    }

    /// Looks into the preloader.
    pub(super) fn look<T>(&self, read: impl FnOnce(&Preloader) -> T) -> T {
        read(&self.preloader())
    }

    /// Does something with what is known of the trust domain.
    pub(super) fn with_trust<T>(&self, act: impl FnOnce(&mut TrustKeeper) -> T) -> T {
        // Each step leaves it whole.
        let trust = self.shared.trust.lock();
        act(&mut trust.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn list_file(&self) -> &RevocationFile {
        &self.shared.list_file
    }

    /// Which units are believed.
    pub(super) fn units(&self) -> UnitTrust {
        let identity = self.records().identity();
        let chain = identity.genesis.chain();
        self.with_trust(|trust| trust.units(chain, &identity.operators))
    }

    /// Tells the others what is known of the trust domain.
    pub(super) fn pass_on(&self) {
        let units = self.units();
        let (doors, horizon, domain) =
            self.with_trust(|trust| (trust.doors(), trust.horizon(), trust.domain()));
        self.records().handle_units(units, &doors);
        if let (Some(horizon), Ok(Some(domain))) = (horizon, domain) {
            let domain = Arc::new(domain);
            self.call(|preloader, _| preloader.handle_issuing(horizon, domain));
        }
    }

    pub(super) fn changed(&self) -> &Notify {
        &self.shared.changed
    }

    pub(super) fn outdated(&self) -> &Notify {
        &self.shared.outdated
    }

    /// Returns at a moment.
    pub(super) async fn at(&self, moment: Instant) {
        self.records().clock().sleep_until(moment).await;
    }

    fn preloader(&self) -> MutexGuard<'_, Preloader> {
        // What panics in here has broken an invariant: nobody may go on with it.
        let preloader = self.shared.preloader.lock();
        preloader.expect("nothing panics while the preloader is held")
    }
}
