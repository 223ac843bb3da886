use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use wayside::transport::Clock;

use super::{
    Case,
    part::{Order, Part, Role, Tally, Word},
};
use crate::bench::meter::quantile;

/// Runs one case in two processes and says what it found.
pub(super) fn run(case: &Case, length: Duration) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let mut part = Part {
        kind: case.kind,
        role: Role::Receiver,
        connections: case.connections,
        tick: case.tick,
        start_unix_ms: Clock::system().now().timestamp.unix_ms(),
        receiver: None,
    };
    let mut receiver = Process::start(&part)?;
    part.receiver = receiver.ready()?;
    part.role = Role::Sender;
    let mut sender = Process::start(&part)?;
    sender.ready()?;
    sender.order(Order::Start)?;
    pause(WARM_UP);
    sender.order(Order::Begin)?;
    receiver.order(Order::Begin)?;
    pause(length);
    sender.order(Order::End)?;
    receiver.order(Order::End)?;
    Ok(figures(&sender.done()?, &receiver.done()?))
}

fn figures(sent: &Tally, received: &Tally) -> Vec<(&'static str, f64)> {
    let arrived: BTreeMap<(u64, u64), u64> = received
        .log
        .iter()
        .map(|(who, which, at_ns)| ((*who, *which), *at_ns))
        .collect();
    let mut latencies_us: Vec<f64> = sent
        .log
        .iter()
        .filter_map(|(who, which, at_ns)| {
            let arrived_ns = arrived.get(&(*who, *which))?;
            Some(Duration::from_nanos(arrived_ns.saturating_sub(*at_ns)).as_secs_f64() * 1e6)
        })
        .collect();
    let sender_us = sent.cpu_us / sent.messages.max(1) as f64;
    let receiver_us = received.cpu_us / received.messages.max(1) as f64;
    vec![
        ("cpu_us_per_msg", sender_us + receiver_us),
        ("sender_cpu_us_per_msg", sender_us),
        ("receiver_cpu_us_per_msg", receiver_us),
        ("p50_us", quantile(&mut latencies_us, 0.5)),
        ("p99_us", quantile(&mut latencies_us, 0.99)),
        ("sent_msgs", sent.log.len() as f64),
        ("delivered_msgs", latencies_us.len() as f64),
        ("rss_mib", received.rss_mib),
        ("sender_rss_mib", sent.rss_mib),
    ]
}

/// One of the two processes; ended when dropped.
struct Process {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

impl Process {
    fn start(part: &Part) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "agents", "--part", &serde_json::to_string(part)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().context("standard input is a pipe")?;
        let words = child.stdout.take().context("standard output is a pipe")?;
        Ok(Self {
            child,
            orders,
            words: BufReader::new(words),
        })
    }

    fn order(&mut self, order: Order) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.orders, &order)?;
        writeln!(self.orders)?;
        Ok(self.orders.flush()?)
    }

    fn ready(&mut self) -> anyhow::Result<Option<std::net::SocketAddr>> {
        match self.word()? {
            Word::Ready(address) => Ok(address),
            Word::Done(_) => bail!("a process ended before it began"),
        }
    }

    fn done(&mut self) -> anyhow::Result<Tally> {
        match self.word()? {
            Word::Done(tally) => Ok(tally),
            Word::Ready(_) => bail!("a process began twice"),
        }
    }

    fn word(&mut self) -> anyhow::Result<Word> {
        let mut line = String::new();
        self.words.read_line(&mut line)?;
        serde_json::from_str(&line).context("a process of the benchmark failed")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the conductor only waits while two processes work"
)]
fn pause(length: Duration) {
    std::thread::sleep(length);
}

const WARM_UP: Duration = Duration::from_millis(1_500);
