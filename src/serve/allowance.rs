use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::Limits;
use crate::rpc;

/// What each caller may still use.
#[derive(Debug)]
pub(super) struct Allowances {
    limits: ArcSwap<Limits>,
    callers: Mutex<BTreeMap<String, Arc<Allowance>>>,
}

/// What one caller may still use; shared by all its connections.
#[derive(Debug)]
pub(super) struct Allowance {
    requests_per_s: f64,
    bucket: Mutex<Bucket>,
    streams: AtomicUsize,
    streams_max: usize,
}

/// Tokens that drip in at a steady rate up to a burst.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// The place of one open stream; given back when dropped.
#[derive(Debug)]
pub(super) struct StreamPlace(Arc<Allowance>);

impl Allowances {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: ArcSwap::from_pointee(limits.clone()),
            callers: Mutex::default(),
        }
    }

    /// Bounds every call from now on by these limits; streams that are open keep their places.
    pub(super) fn set_limits(&self, limits: &Limits) {
        let before = self.limits.swap(Arc::new(limits.clone()));
        if *before != *limits {
            lock(&self.callers).clear();
        }
    }

    /// How long a unary call may take.
    pub(super) fn unary_timeout(&self) -> Duration {
        self.limits.load().unary_timeout
    }

    /// The allowance of this caller.
    ///
    /// Only so many callers are told apart; those that come later share one.
    pub(super) fn of(&self, caller: &str, now: Instant) -> Arc<Allowance> {
        let mut callers = lock(&self.callers);
        if let Some(allowance) = callers.get(caller) {
            return Arc::clone(allowance);
        }
        if callers.len() >= CALLERS_MAX {
            callers.retain(|_, allowance| Arc::strong_count(allowance) > 1);
        }
        let name = if callers.len() < CALLERS_MAX {
            caller
        } else {
            LATECOMERS
        };
        let new = || Arc::new(Allowance::new(&self.limits.load(), now));
        Arc::clone(callers.entry(name.to_owned()).or_insert_with(new))
    }
}

impl Allowance {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let requests_per_s = f64::from(limits.requests_per_s.get());
        Self {
            requests_per_s,
            bucket: Mutex::new(Bucket {
                tokens: requests_per_s * BURST_S,
                filled: now,
            }),
            streams: AtomicUsize::new(0),
            streams_max: limits.streams_per_caller_max.get(),
        }
    }

    /// Takes one request out of the allowance.
    pub(super) fn take(&self, now: Instant) -> Result<(), Status> {
        self.try_take(now).map_err(|wait| {
            rpc::retry_later(
                Code::ResourceExhausted,
                "RATE_LIMITED",
                "too many requests a second",
                wait,
            )
        })
    }

    /// The same; fails with the time until there is one.
    pub(super) fn try_take(&self, now: Instant) -> Result<(), Duration> {
        let mut bucket = lock(&self.bucket);
        let dripped = now.duration_since(bucket.filled).as_secs_f64() * self.requests_per_s;
        bucket.tokens = (bucket.tokens + dripped).min(self.requests_per_s * BURST_S);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            let missing = 1.0 - bucket.tokens;
            return Err(Duration::from_secs_f64(missing / self.requests_per_s));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Takes a place for a stream.
    pub(super) fn open_stream(self: &Arc<Self>) -> Result<StreamPlace, Status> {
        let below_max = |open| (open < self.streams_max).then_some(open + 1);
        self.streams
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_max)
            .map(|_| StreamPlace(Arc::clone(self)))
            .map_err(|open| {
                rpc::refusal(
                    Code::ResourceExhausted,
                    "TOO_MANY_STREAMS",
                    format!("{open} streams of this caller are open, no more are allowed"),
                )
            })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Locks what stays whole even if a holder panicked: every change is a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) const CALLERS_MAX: usize = 1_024;
const LATECOMERS: &str = "";
const BURST_S: f64 = 2.0;
