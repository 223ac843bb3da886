use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wayside::{
    crypto::{Context, Signature, SigningKey},
    rpc,
    time::{Now, Timestamp},
    traffic::{Config, Interval, Sighting, Traffic},
    world::WorldEvent,
};

use super::Relay;

/// What the unit says of one interval.
#[derive(Clone, Debug)]
pub(crate) struct SignedReport {
    /// When the interval ended.
    pub(crate) until: Timestamp,
    /// An encoded `TrafficReport`.
    pub(crate) bytes: Vec<u8>,
    /// By the key that the unit's operator certified.
    pub(crate) signature: Signature,
}

/// Measures traffic from what the station hears, and keeps the last hour of it, signed; less where
/// that is too much to keep.
pub(super) struct TrafficDesk {
    machine: Mutex<Traffic>,
    reports: Mutex<Reports>,
}

/// The reports of the last hour, the oldest first.
#[derive(Default)]
struct Reports {
    signed: VecDeque<SignedReport>,
    bytes: usize,
    /// Cells in the newest.
    cells: usize,
}

impl TrafficDesk {
    pub(super) fn new(config: Config) -> Self {
        Self {
            machine: Mutex::new(Traffic::new(config)),
            reports: Mutex::default(),
        }
    }

    /// Takes a change of the station's picture.
    pub(super) fn handle_event(&self, event: &WorldEvent, now: Now) {
        let WorldEvent::ObjectChanged(object) = event else {
            return;
        };
        if let Some(sighting) = Sighting::of(object) {
            lock(&self.machine).handle_sighting(&sighting, now);
        }
    }

    /// Signs the intervals that are over.
    pub(super) fn handle_timeout(&self, key: &SigningKey, now: Now) {
        let over: Vec<Interval> = {
            let mut machine = lock(&self.machine);
            machine.handle_timeout(now);
            std::iter::from_fn(|| machine.poll_interval()).collect()
        };
        let mut reports = lock(&self.reports);
        for interval in over {
            let bytes = rpc::traffic_report(&interval);
            reports.cells = interval.cells.len();
            reports.push(SignedReport {
                until: interval.until,
                signature: key.sign(Context::TrafficReport, &[&bytes]),
                bytes,
            });
        }
        reports.forget(now.timestamp.saturating_sub(HISTORY));
    }

    /// The reports that end after a time, as many as asked for and fit; and whether there are more.
    pub(super) fn reports(
        &self,
        after: Option<Timestamp>,
        len: usize,
    ) -> (Vec<SignedReport>, bool) {
        let reports = lock(&self.reports);
        let wanted = reports.signed.iter();
        let mut wanted = wanted
            .filter(|report| after.is_none_or(|after| report.until > after))
            .peekable();
        let (mut told, mut bytes) = (Vec::new(), 0);
        while let Some(report) = wanted.peek()
            && told.len() < len
            && (told.is_empty() || bytes + report.bytes.len() <= PAGE_BYTES_MAX)
        {
            bytes += report.bytes.len();
            told.extend(wanted.next().cloned());
        }
        (told, wanted.peek().is_some())
    }

    /// Cells of the last interval that enough vehicles were heard in.
    pub(super) fn cells(&self) -> usize {
        lock(&self.reports).cells
    }
}

impl Reports {
    fn push(&mut self, report: SignedReport) {
        self.bytes += report.bytes.len();
        self.signed.push_back(report);
        while self.bytes > HISTORY_BYTES_MAX {
            self.pop();
        }
    }

    fn forget(&mut self, before: Timestamp) {
        while self.signed.front().is_some_and(|it| it.until < before) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.signed.pop_front() {
            self.bytes -= oldest.bytes.len();
        }
    }
}

impl Relay {
    /// Signs what was measured of traffic meanwhile.
    pub(super) fn sign_traffic(&self) {
        let key = SigningKey::from_seed(&self.lock().key.to_seed());
        self.0.traffic.handle_timeout(&key, self.0.clock.now());
    }

    /// What the unit says of traffic, with the certificate of the key that signed it; and whether there
    /// is more.
    pub(crate) fn traffic(
        &self,
        after: Option<Timestamp>,
        len: usize,
    ) -> (Vec<SignedReport>, Vec<u8>, bool) {
        let (reports, more) = self.0.traffic.reports(after, len);
        let certificate = self.lock().certificate.as_bytes().to_vec();
        (reports, certificate, more)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is whole again after every call, also after one that panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const HISTORY: Duration = Duration::from_secs(3_600);
/// With many cells and short intervals, less than an hour is kept.
const HISTORY_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// Half of what a message may hold.
const PAGE_BYTES_MAX: usize = 512 * 1_024;
