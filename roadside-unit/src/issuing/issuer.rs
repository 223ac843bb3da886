use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::Sender,
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;
use wayside::{
    id::StationId,
    issuing::{Seat, Token},
    pipeline::Accusation,
};

use super::{KeyRing, Refusal, Standing, out::Reply, worker::Event};

/// What asks the unit's offices, which work on a thread of their own; clones ask the same.
#[derive(Clone)]
pub(crate) struct Issuer {
    events: Sender<Event>,
    waiting: Arc<AtomicUsize>,
    standing: Arc<Mutex<Standing>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The place of one who waits for an answer; given back when dropped.
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Issuer {
    pub(super) fn new(
        events: Sender<Event>,
        standing: Arc<Mutex<Standing>>,
        thread: JoinHandle<()>,
    ) -> Self {
        Self {
            events,
            waiting: Arc::default(),
            standing,
            thread: Arc::new(Mutex::new(Some(thread))),
        }
    }

    /// Where the offices stand.
    pub(crate) fn standing(&self) -> Standing {
        // Every change is a single assignment.
        let standing = self.standing.lock();
        standing.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whose part the unit has now; `None` for one that issues nothing.
    pub(crate) fn seat(&self) -> Option<Seat> {
        self.standing().seat
    }

    /// A vehicle's sealed request.
    pub(crate) async fn request(&self, request: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        self.ask(|reply| Event::Request { request, reply }).await
    }

    /// What came of an earlier one.
    pub(crate) async fn collect(&self, token: Token) -> Result<Vec<u8>, Refusal> {
        self.ask(|reply| Event::Collect { token, reply }).await
    }

    /// What another operator says.
    pub(crate) async fn deliver(&self, message: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        self.ask(|reply| Event::Deliver { message, reply }).await
    }

    /// Takes what stands against a station, verified, to be brought to the ledger.
    pub(crate) fn accuse(&self, station: StationId, accusation: Accusation) {
        // Offices that have stopped bring nothing any more.
        let _ = self.events.send(Event::Accusation(station, accusation));
    }

    /// Takes other keys; the ones before are wiped once nothing of them counts.
    pub(crate) fn reload(&self, keys: KeyRing, ticket_key_lifetime: Duration) {
        // Offices that have stopped need none.
        let _ = self.events.send(Event::Keys(keys, ticket_key_lifetime));
    }

    /// Tells the offices that the ledger went on.
    pub(super) fn wake(&self) -> bool {
        self.events.send(Event::Ledger).is_ok()
    }

    /// Ends the offices' thread, and waits until it has let go of its files.
    pub(crate) fn stop(self) {
        // Offices that have stopped need no end.
        let _ = self.events.send(Event::Stop);
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the offices did not end in order");
        }
    }

    async fn ask(&self, event: impl FnOnce(Reply) -> Event) -> Result<Vec<u8>, Refusal> {
        let waiting = self.wait()?;
        let (reply, answer) = oneshot::channel();
        let reply = Reply::new(reply, waiting);
        self.events
            .send(event(reply))
            .map_err(|_| Refusal::Stopped)?;
        answer.await.map_err(|_| Refusal::Stopped)?
    }

    fn wait(&self) -> Result<Waiting, Refusal> {
        let below_max = |waiting| (waiting < WAITING_MAX).then_some(waiting + 1);
        let taken = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_max);
        taken.map_err(|_| Refusal::Busy)?;
        Ok(Waiting(Arc::clone(&self.waiting)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who may wait at one time; whoever comes then is told to come later.
const WAITING_MAX: usize = 512;
