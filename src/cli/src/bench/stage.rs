//! The processes of a benchmark in which messages are sent at a steady rate, and how they are told
//! what to do.

use std::{
    any::Any,
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use serde::{Deserialize, Serialize};
use tokio::time::MissedTickBehavior;

use super::{
    meter::{micros, monotonic, process_cpu, rss_peak_mib},
    process::{Process, listen, pause, say},
    traffic::{CARS, INTERVAL},
};

/// What a process tells its conductor, one line of JSON each.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Word {
    /// Everything is connected; whoever listens at an address says which.
    Ready(Option<SocketAddr>),
    /// What passed between [`Order::Begin`] and [`Order::End`].
    Done(Tally),
}

/// What the conductor tells a process.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Order {
    /// Send from now on, whoever sends, if it does not do so already.
    Start,
    /// Measure from now on.
    Begin,
    /// Tell what was measured.
    End,
}

/// What a process measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Tally {
    pub(super) cpu_us: f64,
    pub(super) rss_mib: f64,
    /// Messages sent or taken in while measured.
    pub(super) messages: usize,
    /// Messages that were only counted.
    pub(super) counted: u64,
    /// Each of those messages, and a little beyond the end in a receiver: two numbers that name it, and
    /// the time in nanoseconds of a clock that both share.
    pub(super) log: Vec<(u64, u64, u64)>,
}

/// A list that the code under test writes down each message in.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<(u64, u64, u64)>>>);

/// A process that is ready to begin.
pub(super) struct Stage {
    pub(super) address: Option<SocketAddr>,
    pub(super) log: Log,
    /// Says what a car has to say; `None` for those who send nothing.
    pub(super) publish: Option<Box<dyn FnMut(usize) + Send>>,
    /// How many cars speak, and how often each.
    pub(super) pace: (usize, Duration),
    /// Messages that are only counted.
    pub(super) count: Arc<AtomicU64>,
    /// What must live as long as the process.
    pub(super) kept: Box<dyn Any>,
}

impl Log {
    /// Notes that the message of this name passed now.
    pub(super) fn note(&self, who: u64, which: u64) {
        let now_ns = u64::try_from(monotonic().as_nanos()).unwrap_or(u64::MAX);
        lock(&self.0).push((who, which, now_ns));
    }

    fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// So many notes after the first ones; all that there are, in a receiver, which may hear of a
    /// message after the sender's time is over.
    fn measured(&self, first: usize, count: usize, is_receiver: bool) -> Vec<(u64, u64, u64)> {
        let log = lock(&self.0);
        let last = if is_receiver {
            log.len()
        } else {
            first + count
        };
        log.get(first..last).map(<[_]>::to_vec).unwrap_or_default()
    }
}

impl Stage {
    /// A process that neither sends nor listens.
    pub(super) fn of(log: Log) -> Self {
        Self {
            address: None,
            log,
            publish: None,
            pace: (CARS, INTERVAL),
            count: Arc::default(),
            kept: Box::new(()),
        }
    }
}

impl Tally {
    /// Of a process that measured nothing yet.
    pub(super) const NONE: Self = Self {
        cpu_us: 0.0,
        rss_mib: 0.0,
        messages: 0,
        counted: 0,
        log: Vec::new(),
    };

    /// Processor time for each of so many messages.
    pub(super) fn cpu_us_per(&self, messages: usize) -> f64 {
        self.cpu_us / messages.max(1) as f64
    }
}

/// How long each message took that a sender and a receiver both wrote down, in microseconds.
pub(super) fn delays_us(sent: &Tally, received: &Tally) -> Vec<f64> {
    let arrived: BTreeMap<(u64, u64), u64> = received
        .log
        .iter()
        .map(|(who, which, at_ns)| ((*who, *which), *at_ns))
        .collect();
    let passed = sent.log.iter().filter_map(|(who, which, at_ns)| {
        let arrived_ns = arrived.get(&(*who, *which))?;
        Some(micros(Duration::from_nanos(
            arrived_ns.saturating_sub(*at_ns),
        )))
    });
    passed.collect()
}

/// Waits until a process is ready; says where it listens.
pub(super) fn ready(process: &mut Process) -> anyhow::Result<Option<SocketAddr>> {
    match process.word()? {
        Word::Ready(address) => Ok(address),
        Word::Done(_) => bail!("a process ended before it began"),
    }
}

/// Waits for what a process measured.
pub(super) fn done(process: &mut Process) -> anyhow::Result<Tally> {
    match process.word()? {
        Word::Done(tally) => Ok(tally),
        Word::Ready(_) => bail!("a process began twice"),
    }
}

/// Lets processes send and receive, for a while before it counts; those that send are last. Also says
/// by how much the figures of `read` grew while it counted.
pub(super) fn measure<const N: usize, const M: usize>(
    processes: &mut [Process; N],
    (warm_up, length): (Duration, Duration),
    read: impl Fn() -> anyhow::Result<[f64; M]>,
) -> anyhow::Result<([f64; M], [Tally; N])> {
    for process in processes.iter_mut() {
        process.order(&Order::Start)?;
    }
    pause(warm_up);
    // Whoever receives begins first and ends last, so that nothing counts as lost.
    for process in processes.iter_mut() {
        process.order(&Order::Begin)?;
    }
    let before = read()?;
    pause(length);
    let mut grown = read()?;
    for process in processes.iter_mut().rev() {
        process.order(&Order::End)?;
    }
    let mut tallies = [const { Tally::NONE }; N];
    for (tally, process) in tallies.iter_mut().zip(processes) {
        *tally = done(process)?;
    }
    for (grown, before) in grown.iter_mut().zip(before) {
        *grown -= before;
    }
    Ok((grown, tallies))
}

/// Runs one part of a benchmark on the one thread that agents have, too.
pub(super) fn run(part: impl Future<Output = anyhow::Result<Stage>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { perform(part.await?).await })
}

/// Does what the conductor says, until it is gone.
async fn perform(mut stage: Stage) -> anyhow::Result<()> {
    let mut orders = listen();
    let is_receiver = stage.publish.is_none();
    say(&Word::Ready(stage.address))?;
    let mut begun = (Duration::ZERO, 0, 0);
    let counted = || stage.count.load(Ordering::Relaxed);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Start => {
                if let Some(publish) = stage.publish.take() {
                    start_senders(publish, stage.pace);
                }
            }
            Order::Begin => begun = (process_cpu(), stage.log.len(), counted()),
            Order::End => {
                let (cpu, messages, counted_before) = begun;
                let mut tally = Tally {
                    cpu_us: micros(process_cpu().saturating_sub(cpu)),
                    rss_mib: rss_peak_mib(),
                    messages: stage.log.len() - messages,
                    counted: counted() - counted_before,
                    log: Vec::new(),
                };
                // What is still on its way counts as delivered.
                tokio::time::sleep(STRAGGLERS).await;
                tally.log = stage.log.measured(messages, tally.messages, is_receiver);
                say(&Word::Done(tally))?;
            }
        }
    }
    drop(stage.kept);
    Ok(())
}

/// One task for each car, as each has a clock of its own.
fn start_senders(publish: Box<dyn FnMut(usize) + Send>, (cars, interval): (usize, Duration)) {
    let publish = Arc::new(Mutex::new(publish));
    let start = tokio::time::Instant::now();
    for car in 0..cars {
        let publish = publish.clone();
        let phase = interval.mul_f64(car as f64 / cars as f64);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval_at(start + phase, interval);
            // A sender that was kept from the processor does not make up for it with a burst.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                lock(&publish)(car);
            }
        });
    }
}

/// A benchmark's processes have one thread that matters.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("nothing panics while the mutex is held")
}

/// How long senders send before anything is measured.
pub(super) const WARM_UP: Duration = Duration::from_millis(1_500);
const STRAGGLERS: Duration = Duration::from_millis(300);
