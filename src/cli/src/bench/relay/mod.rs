//! `wayside bench relay`: what a roadside unit spends to pass on what cars say.
//!
//! Unit, receiver and senders are processes of their own, each on one thread; the unit is the station
//! that a unit's daemon runs in a thread of its own, with the same rules. The floor is bare QUIC that
//! passes datagrams on unread, with payloads of 300 bytes. All delays are from before a sender signs
//! until the receiver has taken the message in.

mod attacks;
mod bare;
mod conductor;
mod part;
mod rows;
mod scale;
mod stations;

use std::{path::Path, time::Duration};

use anyhow::ensure;
pub(super) use conductor::{Figures, TICKETS_TOLD, figures};
use part::{Part, Role};

use super::{
    machine::Machine,
    peers::{self, Shape},
    report::{Budget, Report},
    rounds::Medians,
    stage,
};

/// Measures all cases, or those named, in rounds, so that a noisy minute is shared by all; other
/// products beside them, if there is a program that plays them.
pub(super) fn run(
    length: Duration,
    names: &[String],
    peers: Option<&Path>,
) -> anyhow::Result<Report> {
    for name in names {
        let is_known = CASES.iter().any(|case| case.name == name)
            || peers::RELAYED.iter().any(|case| case.name == name)
            || scale::CASES.contains(&name.as_str())
            || attacks::CASES.contains(&name.as_str());
        ensure!(is_known, "there is no case {name}");
    }
    let is_named = |name: &str| names.iter().any(|it| it == name);
    let is_wanted = |name: &str| names.is_empty() || is_named(name);
    let mut report = Report::new("relay", Machine::read());
    let mut found = Medians::default();
    for _ in 0..ROUNDS {
        for case in CASES.iter().filter(|case| is_wanted(case.name)) {
            found.keep(case.name, conductor::run(case, length / ROUNDS)?);
        }
        for case in &peers::RELAYED {
            if let Some(program) = peers.filter(|_| is_wanted(case.name)) {
                found.keep(case.name, peers::relay(program, case, length / ROUNDS)?);
            }
        }
    }
    let ours = CASES.iter().map(|case| (case.name, case.note));
    let theirs = peers::RELAYED.iter().map(|case| (case.name, case.note));
    report.rows = found.rows(ours.chain(theirs));
    scale::measure(length, names, &mut report)?;
    attacks::measure(length, names, &mut report)?;
    judge(&mut report);
    Ok(report)
}

/// Is one of the processes of a case.
pub(super) fn run_part(text: &str) -> anyhow::Result<()> {
    let part: Part = serde_json::from_str(text)?;
    stage::run(async {
        match part.role {
            Role::BareRelay => bare::relay(),
            Role::BareReceiver => bare::receive(&part).await,
            Role::BareSender => bare::send(&part).await,
            Role::Unit => stations::unit(&part),
            Role::Receiver => stations::receive(&part).await,
            Role::Cars => stations::cars(&part).await,
            Role::Rows => rows::rows(&part).await,
            Role::Hazards => stations::hazards(&part).await,
            Role::Junk => rows::junk(&part).await,
            Role::Flooder => rows::flooder(&part).await,
            Role::Churn => rows::churn(&part),
        }
    })
}

/// Puts figures of several rows in relation.
fn judge(report: &mut Report) {
    for (name, case, floor) in RATIOS {
        let ratio = report.figure(case, "unit_cpu_us_per_msg")
            / report.figure(floor, "unit_cpu_us_per_msg");
        if ratio.is_finite() {
            report.ratios.insert(name, ratio);
        }
    }
    for connections in ["1_connection", "100_connections"] {
        let ours = |tick: &str| format!("relay_{connections}{tick}");
        let theirs = |product: &str, gathered: &str| format!("{product}_{connections}{gathered}");
        let unit = report.figure(&ours(""), "unit_cpu_us_per_msg");
        let gathered = report.figure(&ours("_tick_10ms"), "cpu_us_per_msg");
        for together in ["", "_gathered_10ms"] {
            let router = theirs("zenoh_router_quic", together);
            report.budgets.extend(Budget::of(
                format!("{}: unit, to half of {router}", ours("")),
                unit,
                report.figure(&router, "unit_cpu_us_per_msg") / 2.0,
            ));
            let broker = theirs("mosquitto_tls", together);
            report.budgets.extend(Budget::of(
                format!("{}: unit and receiver, to {broker}", ours("_tick_10ms")),
                gathered,
                report.figure(&broker, "cpu_us_per_msg"),
            ));
        }
    }
}

/// One case.
struct Case {
    name: &'static str,
    note: &'static str,
    shape: Shape,
    is_bare: bool,
    /// How long the unit gathers telemetry.
    tick: Duration,
}

const CASES: [Case; 7] = [
    Case {
        name: "bare_quinn_relay",
        note: "the floor: unsigned payloads of 300 B in datagrams, passed on unread",
        shape: Shape::ONE,
        is_bare: true,
        tick: Duration::ZERO,
    },
    Case {
        name: "bare_quinn_relay_100_connections",
        note: "the same, each sender with an endpoint and a connection of its own",
        shape: Shape::HUNDRED,
        is_bare: true,
        tick: Duration::ZERO,
    },
    Case {
        name: "relay_1_connection",
        note: "100 signers share one link into the unit, as behind another unit",
        shape: Shape::ONE,
        is_bare: false,
        tick: Duration::ZERO,
    },
    Case {
        name: "relay_1_connection_tick_10ms",
        note: "the same, the unit gathering telemetry for 10 ms",
        shape: Shape::ONE,
        is_bare: false,
        tick: TICK,
    },
    Case {
        name: "relay_1_connection_gathered_10ms",
        note: "the same, the sender gathering it for 10 ms, the unit not at all",
        shape: Shape::ONE_GATHERED,
        is_bare: false,
        tick: Duration::ZERO,
    },
    Case {
        name: "relay_100_connections",
        note: "100 whole cars in the sending process, each with its own endpoint",
        shape: Shape::HUNDRED,
        is_bare: false,
        tick: Duration::ZERO,
    },
    Case {
        name: "relay_100_connections_tick_10ms",
        note: "the same, the unit gathering telemetry for 10 ms",
        shape: Shape::HUNDRED,
        is_bare: false,
        tick: TICK,
    },
];

/// Each is the unit's processor time per message of the first case for each unit of the second's.
const RATIOS: [(&str, &str, &str); 4] = [
    (
        "relay_1_connection_to_bare_quinn_relay",
        "relay_1_connection",
        "bare_quinn_relay",
    ),
    (
        "relay_1_connection_tick_to_bare_quinn_relay",
        "relay_1_connection_tick_10ms",
        "bare_quinn_relay",
    ),
    (
        "relay_100_connections_to_bare_quinn_relay",
        "relay_100_connections",
        "bare_quinn_relay_100_connections",
    ),
    (
        "relay_100_connections_tick_to_bare_quinn_relay",
        "relay_100_connections_tick_10ms",
        "bare_quinn_relay_100_connections",
    ),
];

const TICK: Duration = Duration::from_millis(10);
const ROUNDS: u32 = 3;
