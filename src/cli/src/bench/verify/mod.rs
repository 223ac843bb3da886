//! `wayside bench verify`: what a message costs its receiver on one core.

mod lab;
mod neighbours;

use std::time::Duration;

use lab::Lab;

use super::{
    machine::Machine,
    report::{Report, Row},
    rounds::measure,
};

/// Measures rounds of the same thousand messages, case after case, until `length` has passed.
pub(super) fn run(length: Duration) -> anyhow::Result<Report> {
    let mut report = Report::new("verify", Machine::read());
    let mut lab = Lab::new()?;
    let rounds = measure(length, || lab.run_round())?;
    for (case, note) in CASES {
        let figures = [
            ("cpu_us_per_msg", rounds.median(case)),
            ("cpu_us_per_msg_min", rounds.least(case)),
            ("rounds", rounds.len() as f64),
        ];
        report.rows.push(Row {
            case,
            note,
            figures: figures.into(),
        });
    }
    report.ratios = [
        (
            "receive_path_beyond_verify_us",
            rounds.difference("receive_path", "bare_verify_strict"),
        ),
        (
            "verifier_beyond_verify_us",
            rounds.difference("verifier", "bare_verify_strict"),
        ),
        ("plausibility_us", rounds.median("plausibility")),
        ("world_us", rounds.median("world")),
        ("risk_us_per_neighbour", rounds.median("risk")),
        (
            "risk_on_lanes_us_per_neighbour",
            rounds.median("risk_on_lanes"),
        ),
        (
            "receive_path_to_bare_verify",
            rounds.ratio("receive_path", "bare_verify_strict"),
        ),
        (
            "refuse_garbage_to_receive_path",
            rounds.ratio("refuse_garbage", "receive_path"),
        ),
    ]
    .into();
    Ok(report)
}

/// What is measured, in the order of a round.
const CASES: [(&str, &str); 12] = [
    ("sign", "encode and sign one message of telemetry"),
    (
        "bare_verify_strict",
        "the floor: the signature alone, by the strict rule, with a key at hand",
    ),
    ("parse", "the envelope's frame alone"),
    (
        "verifier",
        "frame, time, window, ticket cache, budget, signature, payload",
    ),
    (
        "plausibility",
        "one verified message against its station's record and what others say",
    ),
    ("world", "one judged message into the picture"),
    (
        "risk",
        "how dangerous one of a hundred neighbours is, without a map",
    ),
    (
        "risk_on_lanes",
        "the same on the lanes of a map, of which each neighbour has its own",
    ),
    (
        "receive_path",
        "a station, from bytes to the drained events",
    ),
    ("refuse_duplicate", "the same bytes again"),
    (
        "refuse_garbage",
        "a message of the same length from a signer that nobody knows",
    ),
    (
        "admit_ticket",
        "a new ticket: its issuer's signature and its key",
    ),
];
