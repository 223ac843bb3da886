//! `wayside bench agents`: what a message costs from one vehicle's agent to another's.
//!
//! Sender and receiver are processes of their own, each on one thread, as agents are. The floor is
//! bare QUIC with payloads of 300 bytes, which is more than a message of telemetry needs.

mod bare;
mod carrier;
mod conductor;
mod part;
mod stations;
pub(super) mod tls;

use std::{path::Path, time::Duration};

use anyhow::ensure;

use super::{
    machine::Machine,
    peers,
    report::{Budget, Report},
    rounds::Medians,
    stage,
};
pub(super) use conductor::figures;
pub(super) use part::{Kind, Part, Role};

/// Measures all cases, or those named, in rounds, so that a noisy minute is shared by all; other
/// products beside them, if there is a program that plays them.
pub(super) fn run(
    length: Duration,
    names: &[String],
    peers: Option<&Path>,
) -> anyhow::Result<Report> {
    for name in names {
        let is_known = CASES.iter().any(|case| case.name == name)
            || peers::DIRECT.iter().any(|case| case.name == name);
        ensure!(is_known, "there is no case {name}");
    }
    let is_wanted = |case: &str| names.is_empty() || names.iter().any(|name| name == case);
    let mut report = Report::new("agents", Machine::read());
    let mut found = Medians::default();
    for _ in 0..ROUNDS {
        for case in CASES.iter().filter(|case| is_wanted(case.name)) {
            found.keep(case.name, conductor::run(case, length / ROUNDS)?);
        }
        for case in &peers::DIRECT {
            if let Some(program) = peers.filter(|_| is_wanted(case.name)) {
                found.keep(case.name, peers::direct(program, case, length / ROUNDS)?);
            }
        }
    }
    let ours = CASES.iter().map(|case| (case.name, case.note));
    let theirs = peers::DIRECT.iter().map(|case| (case.name, case.note));
    report.rows = found.rows(ours.chain(theirs));
    judge(&mut report);
    Ok(report)
}

/// Puts figures of several rows in relation.
fn judge(report: &mut Report) {
    for (name, case, floor) in RATIOS {
        let ratio = report.figure(case, "cpu_us_per_msg") / report.figure(floor, "cpu_us_per_msg");
        if ratio.is_finite() {
            report.ratios.insert(name, ratio);
        }
    }
    for (ours, theirs) in [
        ("agents_1_connection", "zenoh_quic"),
        ("agents_100_connections", "zenoh_quic_100_connections"),
    ] {
        report.budgets.extend(Budget::of(
            format!("{ours}: both ends, to {theirs}"),
            report.figure(ours, "cpu_us_per_msg"),
            report.figure(theirs, "cpu_us_per_msg"),
        ));
    }
    let hundred = |figure| report.figure("agents_100_connections", figure);
    let (cpu_us, rss_mib) = (hundred("cpu_us_per_msg"), hundred("rss_mib"));
    for (name, found, at_most) in [
        ("both ends, microseconds", cpu_us, 180.0),
        ("receiver, MiB", rss_mib, 20.0),
    ] {
        let name = format!("agents_100_connections: {name}");
        report.budgets.extend(Budget::of(name, found, at_most));
    }
}

/// Is one of the two processes of a case.
pub(super) fn run_part(text: &str) -> anyhow::Result<()> {
    let part: Part = serde_json::from_str(text)?;
    stage::run(async {
        match (part.kind, part.role) {
            (Kind::Bare, Role::Receiver) => bare::receive(),
            (Kind::Bare, Role::Sender) => bare::send(&part).await,
            (Kind::Stations | Kind::Carrier, Role::Receiver) => stations::receive(&part),
            (Kind::Stations, Role::Sender) => stations::send(&part).await,
            (Kind::Carrier, Role::Sender) => carrier::send(&part).await,
        }
    })
}

/// One case.
struct Case {
    name: &'static str,
    note: &'static str,
    kind: Kind,
    connections: usize,
    tick: Duration,
}

const CASES: [Case; 6] = [
    Case {
        name: "bare_quinn",
        note: "the floor: unsigned payloads of 300 B in datagrams, read and counted",
        kind: Kind::Bare,
        connections: 1,
        tick: Duration::ZERO,
    },
    Case {
        name: "bare_quinn_100_connections",
        note: "the same, each sender with an endpoint and a connection of its own",
        kind: Kind::Bare,
        connections: 100,
        tick: Duration::ZERO,
    },
    Case {
        name: "agents_1_connection",
        note: "100 signers share one link into one agent, as behind a relay",
        kind: Kind::Carrier,
        connections: 1,
        tick: Duration::ZERO,
    },
    Case {
        name: "agents_1_connection_tick_10ms",
        note: "the same, telemetry waiting up to 10 ms for company",
        kind: Kind::Carrier,
        connections: 1,
        tick: TICK,
    },
    Case {
        name: "agents_100_connections",
        note: "100 whole agents in the sending process, each with its own endpoint",
        kind: Kind::Stations,
        connections: 100,
        tick: Duration::ZERO,
    },
    Case {
        name: "agents_100_connections_tick_10ms",
        note: "the same with the tick, which saves little where each connection has one sender",
        kind: Kind::Stations,
        connections: 100,
        tick: TICK,
    },
];

/// Each is the processor time per message of the first case for each unit of the second's.
const RATIOS: [(&str, &str, &str); 4] = [
    (
        "agents_1_connection_to_bare_quinn",
        "agents_1_connection",
        "bare_quinn",
    ),
    (
        "agents_1_connection_tick_to_bare_quinn",
        "agents_1_connection_tick_10ms",
        "bare_quinn",
    ),
    (
        "agents_100_connections_to_bare_quinn",
        "agents_100_connections",
        "bare_quinn_100_connections",
    ),
    (
        "agents_100_connections_tick_to_bare_quinn",
        "agents_100_connections_tick_10ms",
        "bare_quinn_100_connections",
    ),
];

const TICK: Duration = Duration::from_millis(10);
const ROUNDS: u32 = 3;
