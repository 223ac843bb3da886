use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Context as _;
use serde::Deserialize;
use tempfile::TempDir;
use wayside::transport::Clock;

use super::{
    folder::{PUBLISHER, SUBSCRIBER, socket, write_agent},
    part::{Part, Role},
};
use crate::bench::{
    agents,
    meter::{cpu_of, quantile, rss_peak_mib_of},
    process::Process,
    stage::{WARM_UP, delays_us, measure, ready},
    traffic::Traffic,
};

/// What a case found.
pub(super) type Figures = Vec<(&'static str, f64)>;

/// Measures tonic alone.
pub(super) fn bare(length: Duration) -> anyhow::Result<Figures> {
    let folder = folder()?;
    let mut part = Part {
        role: Role::BareRelay,
        socket: folder.path().join("relay.sock"),
        start_unix_ms: 0,
    };
    let mut start = |role| {
        part.role = role;
        let mut process = Process::start("grpc", &part)?;
        ready(&mut process)?;
        anyhow::Ok(process)
    };
    let mut processes = [
        start(Role::BareRelay)?,
        start(Role::BareSubscriber)?,
        start(Role::BarePublisher)?,
    ];
    let ([], [relay, subscriber, publisher]) =
        measure(&mut processes, (WARM_UP, length), || Ok([]))?;
    let messages = publisher.messages;
    let mut delays_us = delays_us(&publisher, &subscriber);
    Ok(vec![
        (
            "cpu_us_per_msg",
            publisher.cpu_us_per(messages)
                + relay.cpu_us_per(messages)
                + subscriber.cpu_us_per(messages),
        ),
        ("publisher_cpu_us_per_msg", publisher.cpu_us_per(messages)),
        ("relay_cpu_us_per_msg", relay.cpu_us_per(messages)),
        ("subscriber_cpu_us_per_msg", subscriber.cpu_us_per(messages)),
        ("p50_us", quantile(&mut delays_us, 0.5)),
        ("p99_us", quantile(&mut delays_us, 0.99)),
        ("sent_msgs", messages as f64),
        ("delivered_msgs", delays_us.len() as f64),
        ("rss_mib", relay.rss_mib),
    ])
}

/// Measures real agents; then, by itself, the one that is subscribed to before it was.
pub(super) fn through(length: Duration) -> anyhow::Result<(Figures, Figures)> {
    let folder = folder()?;
    let now = Clock::system().now().timestamp;
    let traffic = Traffic::since(now.unix_ms())?;
    for name in [PUBLISHER, SUBSCRIBER] {
        write_agent(folder.path(), name, &traffic, now)?;
    }
    let (subscribed, ears) = agent(folder.path(), SUBSCRIBER, None)?;
    let (published, _) = agent(folder.path(), PUBLISHER, Some(ears.quic))?;
    let cars = agents::Part {
        kind: agents::Kind::Carrier,
        role: agents::Role::Sender,
        connections: 1,
        tick: Duration::ZERO,
        start_unix_ms: now.unix_ms(),
        receiver: Some(ears.quic),
    };
    let start = |name: &str, role| {
        let part = Part {
            role,
            socket: socket(folder.path(), name),
            start_unix_ms: now.unix_ms(),
        };
        let mut process = Process::start("grpc", &part)?;
        ready(&mut process)?;
        anyhow::Ok(process)
    };
    let mut cars = [Process::start("agents", &cars)?];
    ready(&mut cars[0])?;
    let agents_us = || Ok([cpu_of(published.id())?, cpu_of(subscribed.id())?]);

    let (before, [unheard]) = measure(&mut cars, (WARM_UP, length), agents_us)?;
    let [_, without_us] = before;
    let without_us = without_us / unheard.messages.max(1) as f64;

    let [car] = cars;
    let mut processes = [
        car,
        start(SUBSCRIBER, Role::Subscriber)?,
        start(PUBLISHER, Role::Publisher)?,
    ];
    let (spent, [heard, told, stated]) = measure(&mut processes, (WARM_UP, length), agents_us)?;
    let [publishing_us, subscribed_us] = spent;
    let publishing_us = publishing_us / stated.messages.max(1) as f64;
    let subscribed_us = subscribed_us / heard.messages.max(1) as f64;
    let publisher_us = stated.cpu_us_per(stated.messages);
    let subscriber_us = told.cpu_us_per(told.messages);
    let mut delays = delays_us(&stated, &told);
    let mut heard_delays = delays_us(&heard, &told);
    let all_us = publisher_us + publishing_us + (subscribed_us - without_us) + subscriber_us;
    let figures = vec![
        ("cpu_us_per_msg", all_us),
        ("publisher_cpu_us_per_msg", publisher_us),
        ("publishing_agent_cpu_us_per_msg", publishing_us),
        ("subscribed_agent_cpu_us_per_msg", subscribed_us),
        ("subscriber_cpu_us_per_msg", subscriber_us),
        ("p50_us", quantile(&mut delays, 0.5)),
        ("p99_us", quantile(&mut delays, 0.99)),
        ("heard_p50_us", quantile(&mut heard_delays, 0.5)),
        ("heard_p99_us", quantile(&mut heard_delays, 0.99)),
        ("published_msgs", stated.messages as f64),
        ("heard_msgs", heard.messages as f64),
        ("delivered_msgs", heard_delays.len() as f64),
        ("rss_mib", rss_peak_mib_of(subscribed.id())),
    ];
    Ok((figures, vec![("cpu_us_per_msg", without_us)]))
}

/// What an agent prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    quic: SocketAddr,
}

/// Starts an agent in a process of its own.
fn agent(folder: &Path, name: &str, peer: Option<SocketAddr>) -> anyhow::Result<(Process, Ready)> {
    let config = folder.join(name).join("agent.toml").display().to_string();
    let mut arguments = vec!["agent".to_owned(), "--config".to_owned(), config];
    for address in ["--quic-address", "--metrics-address"] {
        arguments.extend([address.to_owned(), "127.0.0.1:0".to_owned()]);
    }
    if let Some(peer) = peer {
        arguments.extend(["--peer".to_owned(), peer.to_string()]);
    }
    let mut agent = Process::daemon(&arguments)?;
    let ready = agent.word().context("an agent does not start")?;
    Ok((agent, ready))
}

/// A folder whose path leaves room for the name of a unix socket.
fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("wayside-").tempdir()?)
}
