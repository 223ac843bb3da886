use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::bail;
use wayside::transport::Clock;

use super::{
    Case,
    part::{Order, Part, Role, Tally, Word},
};
use crate::bench::{
    meter::quantile,
    process::{Process, pause},
};

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
    let mut receiver = Process::start("agents", &part)?;
    part.receiver = ready(&mut receiver)?;
    part.role = Role::Sender;
    let mut sender = Process::start("agents", &part)?;
    ready(&mut sender)?;
    sender.order(&Order::Start)?;
    pause(WARM_UP);
    sender.order(&Order::Begin)?;
    receiver.order(&Order::Begin)?;
    pause(length);
    sender.order(&Order::End)?;
    receiver.order(&Order::End)?;
    Ok(figures(&done(&mut sender)?, &done(&mut receiver)?))
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

fn ready(process: &mut Process) -> anyhow::Result<Option<SocketAddr>> {
    match process.word()? {
        Word::Ready(address) => Ok(address),
        Word::Done(_) => bail!("a process ended before it began"),
    }
}

fn done(process: &mut Process) -> anyhow::Result<Tally> {
    match process.word()? {
        Word::Done(tally) => Ok(tally),
        Word::Ready(_) => bail!("a process began twice"),
    }
}

const WARM_UP: Duration = Duration::from_millis(1_500);
