use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{error, info};
use wayside::{
    crypto::SigningKey,
    geo::Position,
    pipeline::Station,
    security::{
        Refusal, Slot, TrustDomain, UnitCertificate, UnitCertificateError, Wallet, unit_credentials,
    },
    serve::{SequenceJournal, write_reservations},
    telemetry::{Metrics, RelayMetrics},
    time::Now,
    transport::{Clock, Driver, Handle, ResetKey, Setup, door::DoorIdentity},
};

use super::{
    LedgerView, RelayStartError,
    lane::Lane,
    roadworks::Roadworks,
    sequences,
    sink::{Sink, from_value},
    store::{Entries, Name, Store, Writing},
    traffic::TrafficDesk,
};
use crate::{config::RelayConfig, issuing::Issuer};

/// What a unit relays by; clones are the same.
#[derive(Clone)]
pub(crate) struct Relay(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) folder: PathBuf,
    pub(super) clock: Clock,
    pub(super) ledger: LedgerView,
    pub(super) metrics: Arc<Metrics>,
    pub(super) relay_metrics: Arc<RelayMetrics>,
    pub(super) issuer: Option<Issuer>,
    pub(super) store: Store,
    pub(super) traffic: Arc<TrafficDesk>,
    pub(super) lane: Lane,
    /// Held from before something is told until it is known what of it was.
    pub(super) roadworks: tokio::sync::Mutex<Roadworks>,
    pub(super) state: Mutex<State>,
    /// As it was looked at last.
    pub(super) is_ready: AtomicBool,
}

/// How far the relay is.
pub(super) struct State {
    /// What the operator decides, as far as it counts by now.
    pub(super) config: RelayConfig,
    pub(super) certificate: UnitCertificate,
    pub(super) key: SigningKey,
    pub(super) station: Option<Running>,
    /// Why there is no station yet, or none any more.
    pub(super) lacks: Lacks,
    /// What an earlier run kept, for the station.
    kept: Entries,
    writing: Option<Writing>,
}

/// The station on its lane.
pub(super) struct Running {
    pub(super) handle: Handle,
    /// Where vehicles connect.
    pub(super) address: SocketAddr,
    /// The last slot that it has a ticket for.
    last: Slot,
    /// Write down what it may sign with.
    writing: JoinHandle<()>,
}

/// Why there is no station.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lacks {
    /// Nobody says whose tickets count.
    Domain,
    /// Its port cannot be had, or its journal.
    Port,
    /// The unit is stopping.
    Stopped,
}

/// Why nothing can be asked of the station.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum RelayError {
    /// It has not begun yet.
    #[error("the unit does not relay yet")]
    Starting,
    /// It has ended.
    #[error("the unit is stopping")]
    Stopped,
}

impl Relay {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Where the unit stands.
    pub(crate) fn place(&self) -> Option<Position> {
        self.lock().config.place()
    }

    /// How far around it serves, in metres.
    pub(crate) fn radius_m(&self) -> u32 {
        self.lock().config.radius_m
    }

    /// Whether nothing kept it from relaying when that was looked at last.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Relaxed)
    }

    /// Where vehicles connect; `None` while they cannot.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.lock().station.as_ref().map(|running| running.address)
    }

    /// Has something asked of the station, on its lane. Must be short.
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Station, Now) -> R + Send + 'static,
    ) -> Result<R, RelayError> {
        let handle = {
            let state = self.lock();
            let running = state.station.as_ref();
            running.map(|running| running.handle.clone()).ok_or({
                match state.lacks {
                    Lacks::Domain | Lacks::Port => RelayError::Starting,
                    Lacks::Stopped => RelayError::Stopped,
                }
            })?
        };
        let called = self.0.lane.run(async move { handle.call(work) });
        called.await.map_err(|_| RelayError::Stopped)
    }

    /// Whether the station answers, or there is none yet; never returns while its lane is stuck.
    pub(crate) async fn is_alive(&self) -> bool {
        match self.call(|_, _| ()).await {
            Ok(()) | Err(RelayError::Starting) => true,
            Err(RelayError::Stopped) => false,
        }
    }

    /// Ends: hazards that are on their way are delivered, within `grace`, and what is kept is on disk.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let (running, writing) = {
            let mut state = self.lock();
            state.lacks = Lacks::Stopped;
            (state.station.take(), state.writing.take())
        };
        if let Some(running) = running {
            let handle = running.handle;
            let ended = self.0.lane.run(async move { handle.shutdown(grace).await });
            if ended.await.is_err() {
                error!("the relay did not end in order");
            }
            running.writing.abort();
            // An aborted task says so; what counts is that it has let go of its files.
            let _ = running.writing.await;
        }
        let relay = self.clone();
        let ended = tokio::task::spawn_blocking(move || {
            relay.0.lane.end();
            if let Some(writing) = writing {
                writing.close();
            }
        });
        if ended.await.is_err() {
            error!("the relay did not end in order");
        }
    }

    /// Puts the station on its lane, in a trust domain; nothing, if it is there. Vehicles are let in
    /// once it has what an earlier run kept.
    pub(super) async fn begin(&self, domain: TrustDomain) -> Result<(), RelayStartError> {
        if self.lock().station.is_some() {
            return Ok(());
        }
        let now = self.0.clock.now();
        let domain = Arc::new(domain);
        let (station, last, journal) = self.station(&domain, now)?;
        let (reservations, wanted) = mpsc::channel(RESERVATIONS_MAX);
        let sink = Sink {
            metrics: Arc::clone(&self.0.metrics),
            reservations,
            store: self.0.store.clone(),
            traffic: Arc::clone(&self.0.traffic),
            issuer: self.0.issuer.clone(),
        };
        let (config, reset_key) = {
            let state = self.lock();
            (state.config.transport(), ResetKey::of(&state.key))
        };
        let setup = Setup {
            config,
            clock: self.0.clock.clone(),
            domain: domain.id(),
            seed: seed(),
            reset_key: Some(reset_key),
        };
        let started = self
            .0
            .lane
            .run(async move { Driver::start(setup, station, sink) });
        let (handle, _) = match started.await {
            Ok(started) => started?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let write = write_reservations(journal, wanted, handle.clone());
        let writing = self.0.lane.spawn(write);
        let (kept, address) = {
            let mut state = self.lock();
            let address = state.config.address;
            let address = address.unwrap_or_else(|| handle.local_addr());
            state.station = Some(Running {
                handle,
                address,
                last,
                writing,
            });
            (std::mem::take(&mut state.kept), address)
        };
        let relay = self.clone();
        // Only a unit that is stopping does not.
        let _ = self.0.lane.run(async move { relay.obey(&[]) }).await;
        self.restore(kept).await;
        info!(%address, "relaying");
        Ok(())
    }

    /// A station with the unit's own tickets.
    fn station(
        &self,
        domain: &Arc<TrustDomain>,
        now: Now,
    ) -> Result<(Station, Slot, SequenceJournal), RelayStartError> {
        let slots = domain.slots();
        let present = slots.slot_at(now.timestamp);
        let (first, last) = (earlier(present, slots.length()), later(present));
        let (credentials, certificate, config) = {
            let state = self.lock();
            let credentials = unit_credentials(&state.key, domain, first..=last);
            let certificate = state.certificate.clone();
            (credentials, certificate, state.config.station())
        };
        let used = || {
            let begun = credentials.iter();
            let begun = begun.filter(|it| slots.valid_from(it.ticket().slot()) <= now.timestamp);
            begun.map(|credential| credential.station()).collect()
        };
        let (journal, mut reservations) = SequenceJournal::open_or_give_up(&self.0.folder, used)?;
        reservations.extend(sequences::passed(&credentials, slots, now.timestamp));
        let mut station = Station::new(
            config,
            Arc::clone(domain),
            Wallet::new(slots, credentials),
            &reservations,
            now,
        );
        station.handle_unit(certificate);
        station.handle_operators(self.0.ledger.operators());
        Ok((station, last, journal))
    }

    /// Gives the station what it could not judge yet of what an earlier run kept.
    pub(super) async fn restore_unsettled(&self) {
        let unsettled = {
            let mut state = self.lock();
            if state.station.is_none() || state.kept.is_empty() {
                return;
            }
            std::mem::take(&mut state.kept)
        };
        self.restore(unsettled).await;
    }

    /// Gives the station what an earlier run kept.
    async fn restore(&self, kept: Entries) {
        let (mut heard, mut own) = (Vec::new(), Vec::new());
        for (name, value) in kept {
            match name {
                Name::Own(name) => own.push((name, value)),
                Name::Heard { .. } => heard.push((name, value)),
            }
        }
        let count = heard.len();
        let restored = self.call(move |station, now| {
            let (mut over, mut unsettled) = (Vec::new(), Vec::new());
            for (name, value) in heard {
                let restored = from_value(&value).map(|(signer, bytes, hops)| {
                    station.restore_hazard(signer, (bytes.to_vec().into(), hops), now)
                });
                match restored {
                    Some(Ok(())) => {}
                    Some(Err(refusal)) if is_for_now(&refusal) => unsettled.push((name, value)),
                    Some(Err(_)) | None => over.push(name),
                }
            }
            (over, unsettled)
        });
        let (over, unsettled) = restored.await.unwrap_or_default();
        let taken = count - over.len() - unsettled.len();
        if taken + over.len() > 0 {
            let (over, later) = (over.len(), unsettled.len());
            info!(taken, over, later, "took up the hazards that were kept");
        }
        for name in over {
            self.0.store.put(name, None);
        }
        self.lock().kept.extend(unsettled);
        self.restore_own(own).await;
    }

    /// Gives the station tickets for the slots to come.
    pub(super) async fn renew_tickets(&self) {
        let Ok(domain) = self.call(|station, _| Arc::clone(station.domain())).await else {
            return;
        };
        let slots = domain.slots();
        let last = later(slots.slot_at(self.0.clock.now().timestamp));
        let credentials = {
            let mut state = self.lock();
            let key = SigningKey::from_seed(&state.key.to_seed());
            let Some(running) = &mut state.station else {
                return;
            };
            let Some(first) = running.last.next().filter(|first| *first <= last) else {
                return;
            };
            running.last = last;
            unit_credentials(&key, &domain, first..=last)
        };
        // Only a unit that is stopping does not take them.
        let _ = self
            .call(|station, now| station.handle_credentials(credentials, now))
            .await;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Before there is a station.
    pub(super) fn new(
        config: RelayConfig,
        identity: &DoorIdentity,
        (kept, writing): (Entries, Writing),
    ) -> Self {
        Self {
            config,
            certificate: identity.certificate.clone(),
            key: SigningKey::from_seed(&identity.key.to_seed()),
            station: None,
            lacks: Lacks::Domain,
            kept,
            writing: Some(writing),
        }
    }
}

/// The first slot whose ticket is of use still: as long as what was signed with it may last.
fn earlier(present: Slot, length: Duration) -> Slot {
    let slots = TICKETS_KEPT.as_secs() / length.as_secs().max(1);
    let slots = u32::try_from(slots).unwrap_or(u32::MAX).min(EARLIER_MAX);
    Slot::from_number(present.number().saturating_sub(slots))
}

/// The last slot to have a ticket for.
fn later(present: Slot) -> Slot {
    Slot::from_number(present.number().saturating_add(LATER))
}

/// Whether a kept hazard may be believed later, when the ledger is read further or the clock is right.
fn is_for_now(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::OverBudget
            | Refusal::Future(_)
            | Refusal::TicketNotValid
            | Refusal::UnknownIssuer(_)
            | Refusal::UnitCertificate(UnitCertificateError::UnknownOperator)
    )
}

/// Differs between stations that start at the same moment.
fn seed() -> u64 {
    let key = SigningKey::generate().verifying_key();
    let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Reservations that wait for the disk; a station asks for few at a time.
const RESERVATIONS_MAX: usize = 64;
/// As long as a hazard may last that was signed with one.
const TICKETS_KEPT: Duration = Duration::from_secs(86_400);
/// Making a ticket takes tens of microseconds; with slots of seconds, less than a day is gone back to.
const EARLIER_MAX: u32 = 1_024;
/// Slots ahead for which the unit makes tickets.
const LATER: u32 = 8;
