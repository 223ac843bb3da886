use std::{
    any::Any,
    future::Future,
    io::{BufRead as _, Write as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};

use crate::meter::{cpu_us, monotonic_ns, rss_peak_mib};

/// What this process has to be.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Part {
    pub(crate) product: Product,
    pub(crate) role: Role,
    pub(crate) connections: usize,
    /// How long a sender gathers messages before it sends them.
    pub(crate) gathered_ms: u64,
    /// Where to connect to; whoever listens chooses.
    pub(crate) address: Option<SocketAddr>,
    /// Where certificates are.
    pub(crate) folder: PathBuf,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(crate) enum Product {
    Zenoh,
    ZenohRouter,
    Mosquitto,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(crate) enum Role {
    Relay,
    Receiver,
    Sender,
}

/// A process that is ready to begin.
pub(crate) struct Stage {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) log: Log,
    /// Sends a payload of a car; `None` for those who send nothing.
    pub(crate) send: Option<Sending>,
    /// The process that is measured, if it is not this one.
    pub(crate) measured: Option<u32>,
    /// What must live as long as the process.
    pub(crate) kept: Box<dyn Any>,
}

/// Sends a payload of a car.
pub(crate) type Sending = Arc<dyn Fn(usize, Vec<u8>) -> Sent + Send + Sync>;
/// Done when it was handed to the product.
type Sent = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Each message's name, and when it passed.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(u64, u64, u64)>>>);

#[derive(Serialize)]
enum Word {
    Ready(Option<SocketAddr>),
    Done(Tally),
}

#[derive(Clone, Copy, Deserialize)]
enum Order {
    Start,
    Begin,
    End,
}

#[derive(Serialize)]
struct Tally {
    cpu_us: f64,
    rss_mib: f64,
    messages: usize,
    counted: u64,
    log: Vec<(u64, u64, u64)>,
}

impl Log {
    /// Notes a payload that came.
    pub(crate) fn note_payload(&self, payload: &[u8]) {
        let mut words = payload.chunks_exact(8);
        let mut next = || words.next()?.try_into().ok().map(u64::from_be_bytes);
        if let (Some(who), Some(which)) = (next(), next()) {
            self.note(who, which);
        }
    }

    fn note(&self, who: u64, which: u64) {
        lock(&self.0).push((who, which, monotonic_ns()));
    }
}

impl Stage {
    /// A process that neither sends nor listens.
    pub(crate) fn of(log: Log) -> Self {
        Self {
            address: None,
            log,
            send: None,
            measured: None,
            kept: Box::new(()),
        }
    }
}

/// Does what the conductor says, until it is gone.
pub(crate) async fn perform(mut stage: Stage, part: &Part) -> anyhow::Result<()> {
    let mut orders = listen();
    let is_sender = stage.send.is_some();
    say(&Word::Ready(stage.address))?;
    let mut begun = (0.0, 0);
    while let Some(order) = orders.recv().await {
        match order {
            Order::Start => {
                if let Some(send) = stage.send.take() {
                    start_senders(&send, &stage.log, part);
                }
            }
            Order::Begin => begun = (cpu_us(stage.measured)?, lock(&stage.log.0).len()),
            Order::End => {
                let (cpu, first) = begun;
                let spent = cpu_us(stage.measured)? - cpu;
                let last = lock(&stage.log.0).len();
                // What is still on its way counts as delivered.
                sleep(STRAGGLERS).await;
                let log = lock(&stage.log.0);
                let end = if is_sender { last } else { log.len() };
                let tally = Tally {
                    cpu_us: spent,
                    rss_mib: rss_peak_mib(stage.measured),
                    messages: last - first,
                    counted: 0,
                    log: log.get(first..end).map(<[_]>::to_vec).unwrap_or_default(),
                };
                drop(log);
                say(&Word::Done(tally))?;
            }
        }
    }
    drop(stage.kept);
    Ok(())
}

/// One task for each car, as each has a clock of its own.
fn start_senders(send: &Sending, log: &Log, part: &Part) {
    let start = Instant::now();
    let gathered: Arc<Mutex<Vec<(usize, Vec<u8>)>>> = Arc::default();
    let gathers = part.gathered_ms > 0;
    for (car, place) in (0..CARS).zip(0_u32..) {
        let (send, log, gathered) = (send.clone(), log.clone(), gathered.clone());
        tokio::spawn(async move {
            let mut ticks = interval_at(start + INTERVAL * place / CARS_COUNT, INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            for which in 1_u64.. {
                ticks.tick().await;
                let who = u64::from(place);
                let mut payload = [who.to_be_bytes(), which.to_be_bytes()].concat();
                payload.resize(PAYLOAD_LEN, 0x5a);
                log.note(who, which);
                if gathers {
                    lock(&gathered).push((car, payload));
                } else {
                    send(car, payload).await;
                }
            }
        });
    }
    if gathers {
        let send = send.clone();
        let mut ticks = tokio::time::interval(Duration::from_millis(part.gathered_ms));
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let together = std::mem::take(&mut *lock(&gathered));
                for (car, payload) in together {
                    send(car, payload).await;
                }
            }
        });
    }
}

/// A port of loopback that nobody uses, by UDP and TCP.
pub(crate) fn free_port() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    UdpSocket::bind(address)?;
    Ok(address)
}

fn listen() -> mpsc::UnboundedReceiver<Order> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let order = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            let Some(order) = order else { return };
            if sender.send(order).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(word: &Word) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("nothing panics while the mutex is held")
}

/// As in `wayside bench`.
const CARS: usize = 100;
const CARS_COUNT: u32 = 100;
const INTERVAL: Duration = Duration::from_millis(100);
const PAYLOAD_LEN: usize = 300;
const STRAGGLERS: Duration = Duration::from_millis(300);
