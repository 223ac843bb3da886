//! `wayside bench grpc`: what a message costs on its way from one driving stack to another's, but
//! for the road between their agents.
//!
//! Both agents are real ones in processes of their own, reached by their unix sockets. One is told
//! 1,000 states a second; the other hears 100 cars, 10 messages a second each, and tells its
//! subscriber of each. What the second one spends without a subscriber is not counted, since that is
//! for signatures and QUIC, which `wayside bench agents` measures. The floor is a relay of tonic
//! alone, with payloads of 300 bytes.

mod bare;
mod conductor;
mod folder;
mod part;
mod stacks;

use std::{collections::BTreeMap, time::Duration};

use anyhow::ensure;

use super::{
    machine::Machine,
    meter::median,
    report::{Report, Row},
    stage,
};
use conductor::Figures;
use part::{Part, Role};

/// Measures all cases, or those named, in rounds, so that a noisy minute is shared by all.
pub(super) fn run(length: Duration, names: &[String]) -> anyhow::Result<Report> {
    for name in names {
        let is_known = CASES.iter().any(|(case, _)| case == name);
        ensure!(is_known, "there is no case {name}");
    }
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let mut report = Report::new("grpc", Machine::read());
    let mut found: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    let mut keep = |case: &'static str, figures: &Figures| {
        for (name, figure) in figures {
            found.entry((case, *name)).or_default().push(*figure);
        }
    };
    for _ in 0..ROUNDS {
        if is_wanted(BARE) {
            keep(BARE, &conductor::bare(length / ROUNDS)?);
        }
        if is_wanted(THROUGH) {
            let (figures, unheard) = conductor::through(length / ROUNDS)?;
            keep(THROUGH, &figures);
            keep(UNHEARD, &unheard);
        }
    }
    for (case, note) in CASES {
        let of_case = found.iter_mut().filter(|((name, _), _)| *name == case);
        let figures: BTreeMap<_, _> = of_case
            .map(|((_, figure), values)| (*figure, median(values)))
            .collect();
        if !figures.is_empty() {
            report.rows.push(Row {
                case,
                note,
                figures,
            });
        }
    }
    let ratio = report.figure(THROUGH, "cpu_us_per_msg") / report.figure(BARE, "cpu_us_per_msg");
    if ratio.is_finite() {
        report.ratios.insert("grpc_to_bare_tonic_relay", ratio);
    }
    Ok(report)
}

/// Is one of the processes of a case.
pub(super) fn run_part(text: &str) -> anyhow::Result<()> {
    let part: Part = serde_json::from_str(text)?;
    stage::run(async {
        match part.role {
            Role::BareRelay => bare::relay(&part),
            Role::BarePublisher => bare::publish(&part).await,
            Role::BareSubscriber => bare::subscribe(&part).await,
            Role::Publisher => stacks::publish(&part).await,
            Role::Subscriber => stacks::subscribe(&part).await,
        }
    })
}

/// The cases, and what they are.
const CASES: [(&str, &str); 3] = [
    (
        BARE,
        "the floor: payloads of 300 B by a stream into a relay and by another out of it, unix socket",
    ),
    (
        UNHEARD,
        "an agent that hears the same 1,000 messages a second and has no subscriber; not counted above",
    ),
    (
        THROUGH,
        "both streams of real agents; the delays are of what one stack told the other, road included",
    ),
];

const BARE: &str = "bare_tonic_relay";
const UNHEARD: &str = "agent_without_subscriber";
const THROUGH: &str = "publish_to_subscribe";
const ROUNDS: u32 = 3;
