use std::time::Duration;

use wayside::transport::Clock;

use super::{
    Case,
    part::{Part, Role},
};
use crate::bench::{
    meter::quantile,
    process::Process,
    stage::{Tally, WARM_UP, delays_us, measure, ready},
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
    let mut processes = [receiver, sender];
    let ([], [received, sent]) = measure(&mut processes, (WARM_UP, length), || Ok([]))?;
    Ok(figures(&sent, &received))
}

/// What a sender and a receiver measured.
pub(in crate::bench) fn figures(sent: &Tally, received: &Tally) -> Vec<(&'static str, f64)> {
    let mut delays_us = delays_us(sent, received);
    let sender_us = sent.cpu_us_per(sent.messages);
    let receiver_us = received.cpu_us_per(received.messages);
    vec![
        ("cpu_us_per_msg", sender_us + receiver_us),
        ("sender_cpu_us_per_msg", sender_us),
        ("receiver_cpu_us_per_msg", receiver_us),
        ("p50_us", quantile(&mut delays_us, 0.5)),
        ("p99_us", quantile(&mut delays_us, 0.99)),
        ("sent_msgs", sent.log.len() as f64),
        ("delivered_msgs", delays_us.len() as f64),
        ("rss_mib", received.rss_mib),
        ("sender_rss_mib", sent.rss_mib),
    ]
}
