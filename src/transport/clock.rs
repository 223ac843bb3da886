use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::watch;

use crate::time::{Instant, Now, Timestamp};

/// The clocks of one station; clones are the same clock.
///
/// Either this machine's, or that of a recorded drive, which can be stopped and moved.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    /// Told whenever a drive's clock is stopped, started or moved.
    changed: Arc<watch::Sender<()>>,
}

#[derive(Clone)]
enum Source {
    System { origin: std::time::Instant },
    Drive(Arc<Mutex<Drive>>),
}

struct Drive {
    /// What the clock showed at `anchor`.
    shown: Now,
    anchor: std::time::Instant,
    rate: f64,
    is_playing: bool,
    /// Where it stops by itself.
    until: Option<Instant>,
}

impl Clock {
    /// This machine's clocks.
    pub fn system() -> Self {
        Self::new(Source::System {
            origin: read_monotonic(),
        })
    }

    /// A clock that shows `start`, stands still until [`Self::play`] and then runs at `rate`.
    ///
    /// Rates are held within 0.01 and 1 000; one that is no number counts as 1.
    pub fn drive(start: Timestamp, rate: f64) -> Self {
        Self::new(Source::Drive(Arc::new(Mutex::new(Drive {
            shown: Now {
                instant: Instant::from_origin(Duration::ZERO),
                timestamp: start,
            },
            anchor: read_monotonic(),
            rate: within_bounds(rate),
            is_playing: false,
            until: None,
        }))))
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        match &self.source {
            Source::System { origin } => Now {
                instant: Instant::from_origin(origin.elapsed()),
                timestamp: read_utc(),
            },
            Source::Drive(drive) => lock(drive).now(),
        }
    }

    /// Lets a drive's clock run.
    pub fn play(&self) {
        self.change(|drive| {
            drive.is_playing = true;
            drive.until = None;
        });
    }

    /// Lets a drive's clock run until it shows `deadline`, where it stops by itself.
    pub fn play_until(&self, deadline: Instant) {
        self.change(|drive| {
            drive.is_playing = true;
            drive.until = Some(deadline);
        });
    }

    /// Stops a drive's clock.
    pub fn pause(&self) {
        self.change(|drive| drive.is_playing = false);
    }

    /// Changes how fast a drive's clock runs, within the bounds of [`Self::drive`].
    pub fn set_rate(&self, rate: f64) {
        self.change(|drive| drive.rate = within_bounds(rate));
    }

    /// Moves a drive's clock.
    ///
    /// Forward, both clocks move. Backward only the timestamp does, since nothing may see the other
    /// go back; a station that lives through that rightly doubts its clock, so begin with new ones.
    pub fn seek(&self, to: Timestamp) {
        self.change(|drive| {
            drive.shown = drive.shown.after(to.since(drive.shown.timestamp));
            drive.shown.timestamp = to;
        });
    }

    /// Whether the clock runs; always so for this machine's.
    pub fn is_playing(&self) -> bool {
        match &self.source {
            Source::System { .. } => true,
            Source::Drive(drive) => lock(drive).runs(),
        }
    }

    /// Returns once the clock has reached `deadline`, however it gets there.
    pub async fn sleep_until(&self, deadline: Instant) {
        let mut changed = self.changed.subscribe();
        loop {
            match self.real_time_until(deadline) {
                Some(Duration::ZERO) => return,
                Some(remaining) => tokio::select! {
                    () = tokio::time::sleep(remaining) => {}
                    _ = changed.changed() => {}
                },
                None => {
                    // The sender lives as long as this clock.
                    let _ = changed.changed().await;
                }
            }
        }
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    /// `None` while the clock stands still.
    fn real_time_until(&self, deadline: Instant) -> Option<Duration> {
        let remaining = deadline.since(self.now().instant);
        match &self.source {
            Source::System { .. } => Some(remaining),
            Source::Drive(_) if remaining.is_zero() => Some(remaining),
            Source::Drive(drive) => {
                let drive = lock(drive);
                let is_reached = drive.until.is_none_or(|until| deadline <= until);
                (drive.runs() && is_reached).then(|| remaining.div_f64(drive.rate))
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Drive)) {
        if let Source::Drive(drive) = &self.source {
            let mut drive = lock(drive);
            drive.shown = drive.now();
            drive.anchor = read_monotonic();
            change(&mut drive);
        }
        self.changed.send_replace(());
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

impl Drive {
    fn now(&self) -> Now {
        if !self.is_playing {
            return self.shown;
        }
        let passed = self.anchor.elapsed().mul_f64(self.rate);
        let left = self.until.map(|until| until.since(self.shown.instant));
        self.shown
            .after(left.map_or(passed, |left| passed.min(left)))
    }

    fn runs(&self) -> bool {
        self.is_playing && self.until.is_none_or(|until| self.now().instant < until)
    }
}

fn lock(drive: &Mutex<Drive>) -> MutexGuard<'_, Drive> {
    drive
        .lock()
        .expect("nothing panics while the clock is held")
}

fn within_bounds(rate: f64) -> f64 {
    if rate.is_nan() {
        1.0
    } else {
        rate.clamp(RATE_MIN, RATE_MAX)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the monotonic clock"
)]
fn read_monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads universal time"
)]
fn read_utc() -> Timestamp {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    // A clock before 1970 or after the year 10889 is wrong in a way that the clock check notices.
    let epoch = Timestamp::from_unix_ms(0).expect("the epoch is in range");
    epoch.saturating_add(since_epoch)
}

const RATE_MIN: f64 = 0.01;
const RATE_MAX: f64 = 1_000.0;
