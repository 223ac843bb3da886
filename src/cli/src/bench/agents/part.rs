use std::{
    any::Any,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use crate::bench::{
    meter::{micros, monotonic, process_cpu, rss_peak_mib},
    process::{listen, say},
    traffic::{CARS, INTERVAL},
};

/// What one process of a case has to be.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) role: Role,
    pub(super) connections: usize,
    pub(super) tick: Duration,
    /// When the case began, from which both processes make the same trust domain.
    pub(super) start_unix_ms: u64,
    /// Where the receiver listens; for the sender.
    pub(super) receiver: Option<SocketAddr>,
}

/// Which way messages take.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Kind {
    /// QUIC alone.
    Bare,
    /// Whole agents on both sides.
    Stations,
    /// Many signers behind one link on the sending side, a whole agent on the other.
    Carrier,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Role {
    Receiver,
    Sender,
}

/// What a process tells its conductor, one line of JSON each.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Word {
    /// Everything is connected; a receiver says where it listens.
    Ready(Option<SocketAddr>),
    /// What passed between [`Order::Begin`] and [`Order::End`].
    Done(Tally),
}

/// What the conductor tells a process.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Order {
    /// Send from now on.
    Start,
    /// Measure from now on.
    Begin,
    /// Tell what was measured.
    End,
}

/// What a process measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Tally {
    pub(super) cpu_us: f64,
    pub(super) rss_mib: f64,
    /// Messages sent or taken in while measured.
    pub(super) messages: usize,
    /// All messages from the start of the sending on, a little beyond the end in a receiver: two
    /// numbers that name a message, and the time in nanoseconds of a clock that both share.
    pub(super) log: Vec<(u64, u64, u64)>,
}

/// A list that the code under test writes down each message in.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<(u64, u64, u64)>>>);

/// A process that is ready to begin.
pub(super) struct Stage {
    pub(super) address: Option<SocketAddr>,
    pub(super) log: Log,
    /// Sends one message of a car; `None` in a receiver.
    pub(super) publish: Option<Box<dyn FnMut(usize) + Send>>,
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
}

/// Does what the conductor says, until it has the result.
pub(super) async fn perform(stage: Stage) -> anyhow::Result<()> {
    let mut orders = listen();
    let is_receiver = stage.publish.is_none();
    say(&Word::Ready(stage.address))?;
    if let Some(publish) = stage.publish {
        expect(&mut orders, Order::Start).await?;
        start_senders(publish);
    }
    expect(&mut orders, Order::Begin).await?;
    let (cpu, messages) = (process_cpu(), stage.log.len());
    expect(&mut orders, Order::End).await?;
    let mut tally = Tally {
        cpu_us: micros(process_cpu().saturating_sub(cpu)),
        rss_mib: rss_peak_mib(),
        messages: stage.log.len() - messages,
        log: Vec::new(),
    };
    // What is still on its way counts as delivered.
    tokio::time::sleep(STRAGGLERS).await;
    if is_receiver {
        tally.log = std::mem::take(&mut *lock(&stage.log.0));
    } else {
        let log = lock(&stage.log.0);
        let measured = log.get(messages..messages + tally.messages);
        tally.log = measured.map(<[_]>::to_vec).unwrap_or_default();
    }
    say(&Word::Done(tally))?;
    drop(stage.kept);
    Ok(())
}

/// One task for each car, as each has a clock of its own.
fn start_senders(publish: Box<dyn FnMut(usize) + Send>) {
    let publish = Arc::new(Mutex::new(publish));
    let start = tokio::time::Instant::now();
    for (car, place) in (0..CARS).zip(0_u32..) {
        let publish = publish.clone();
        let phase = INTERVAL * place / u32::try_from(CARS).unwrap_or(1);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval_at(start + phase, INTERVAL);
            // A sender that was kept from the processor does not make up for it with a burst.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                lock(&publish)(car);
            }
        });
    }
}

async fn expect(orders: &mut mpsc::UnboundedReceiver<Order>, wanted: Order) -> anyhow::Result<()> {
    let order = orders.recv().await.context("the conductor is gone")?;
    anyhow::ensure!(order == wanted, "{order:?} instead of {wanted:?}");
    Ok(())
}

/// A benchmark's processes have one thread that matters.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("nothing panics while the mutex is held")
}

const STRAGGLERS: Duration = Duration::from_millis(300);
