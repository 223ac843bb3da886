//! `wayside bench agents`: what a message costs from one vehicle's agent to another's.
//!
//! Sender and receiver are processes of their own, each on one thread, as agents are. The floor is
//! bare QUIC with payloads of 300 bytes, which is more than a message of telemetry needs.

mod bare;
mod carrier;
mod conductor;
mod part;
mod stations;
mod tls;

use std::{collections::BTreeMap, time::Duration};

use anyhow::ensure;
use part::{Kind, Part, Role};

use super::{
    machine::Machine,
    meter::median,
    report::{Report, Row},
};

/// Measures all cases, or those named, in rounds, so that a noisy minute is shared by all.
pub(super) fn run(length: Duration, names: &[String]) -> anyhow::Result<Report> {
    for name in names {
        let is_known = CASES.iter().any(|case| case.name == name);
        ensure!(is_known, "there is no case {name}");
    }
    let wanted = |case: &&Case| names.is_empty() || names.iter().any(|name| name == case.name);
    let cases: Vec<_> = CASES.iter().filter(wanted).collect();
    let mut report = Report::new("agents", Machine::read());
    let mut found: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for case in &cases {
            for (name, figure) in conductor::run(case, length / ROUNDS)? {
                found.entry((case.name, name)).or_default().push(figure);
            }
        }
    }
    for case in &cases {
        let figures = found
            .iter_mut()
            .filter(|((name, _), _)| *name == case.name)
            .map(|((_, figure), values)| (*figure, median(values)));
        report.rows.push(Row {
            case: case.name,
            note: case.note,
            figures: figures.collect(),
        });
    }
    for (name, case, floor) in RATIOS {
        let ratio = report.figure(case, "cpu_us_per_msg") / report.figure(floor, "cpu_us_per_msg");
        if ratio.is_finite() {
            report.ratios.insert(name, ratio);
        }
    }
    Ok(report)
}

/// Is one of the two processes of a case.
pub(super) fn run_part(text: &str) -> anyhow::Result<()> {
    let part: Part = serde_json::from_str(text)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stage = match (part.kind, part.role) {
            (Kind::Bare, Role::Receiver) => bare::receive()?,
            (Kind::Bare, Role::Sender) => bare::send(&part).await?,
            (Kind::Stations | Kind::Carrier, Role::Receiver) => stations::receive(&part)?,
            (Kind::Stations, Role::Sender) => stations::send(&part).await?,
            (Kind::Carrier, Role::Sender) => carrier::send(&part).await?,
        };
        part::perform(stage).await
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
