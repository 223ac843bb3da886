//! What units that lie, lag or wait can do to the records of a car: keep them waiting, and no more.

use std::time::Duration;

use super::road::Road;
use crate::outbox::{Answer, Failure, OutboxRequest, RecordId};

#[test]
fn a_unit_that_lags_and_knows_no_such_sender_is_asked_again() {
    let mut road = Road::with_signed(&[100]);
    for _ in 0..3 {
        refuse(&mut road, "SENDER_UNKNOWN");
        let wait = road.outbox.poll_timeout().unwrap();
        assert!(wait.since(road.now.instant) <= Duration::from_secs(4));
        road.now = road.now.after(wait.since(road.now.instant));
    }
    road.finish();
    road.check();
}

#[test]
fn no_refusal_without_proof_ends_a_record_however_often_it_comes() {
    for reason in REASONS {
        let mut road = Road::with_signed(&[100]);
        for visit in 0..500 {
            road.connect_to(visit % 4);
            refuse(&mut road, reason);
            road.pass(Duration::from_secs(3_600));
        }
        assert!(!road.wishes[&100].is_done, "{reason}");
        assert_eq!(road.outbox.waiting(), 1, "{reason}");
        // Switched off and on, and at last at an honest unit.
        road.restart();
        road.finish();
        road.check();
    }
}

#[test]
fn a_unit_that_says_pending_for_ever_ends_nothing() {
    let mut road = Road::with_signed(&[100]);
    for _ in 0..1_000 {
        match road.outbox.poll_transmit(road.now) {
            Some(OutboxRequest::Submit { record, .. }) => {
                road.outbox
                    .handle_answer(Answer::Submitted(record), road.now);
            }
            Some(OutboxRequest::Prove { record, .. }) => {
                let pending = failed(record, "TRANSACTION_UNKNOWN", true);
                road.outbox.handle_answer(pending, road.now);
            }
            Some(OutboxRequest::Account) | None => road.pass(Duration::from_secs(60)),
        }
    }
    assert_eq!(road.outbox.waiting(), 1);
    road.connect_to(1);
    road.finish();
    road.check();
}

/// Whoever could have the second record executed before the first would have the ledger refuse the
/// first, by the rule that an odometer does not go back.
#[test]
fn units_of_one_operator_cannot_have_a_later_record_overtake() {
    let mut road = Road::with_signed(&[100, 101]);
    for visit in 0..40 {
        road.connect_to(3);
        refuse(&mut road, REASONS[visit % REASONS.len()]);
        while let Some(request) = road.outbox.poll_transmit(road.now) {
            let OutboxRequest::Submit { record, .. } = request else {
                panic!("{request:?}");
            };
            assert_eq!(record, RecordId(0), "visit {visit}");
            let refused = failed(record, "SENDER_UNKNOWN", false);
            road.outbox.handle_answer(refused, road.now);
        }
        road.pass(Duration::from_secs(600));
    }
    assert!(road.ledger.readings.is_empty());

    road.connect_to(1);
    assert!(road.exchange() && road.exchange());
    road.settle().unwrap();
    assert!(road.wishes[&100].is_done && !road.wishes[&101].is_done);
    road.finish();
    road.check();
}

#[test]
fn what_one_unit_refused_for_long_the_next_is_asked_at_once() {
    let mut road = Road::with_signed(&[100]);
    for _ in 0..10 {
        refuse(&mut road, "QUOTA_EXHAUSTED");
        let wait = road.outbox.poll_timeout().unwrap();
        road.now = road.now.after(wait.since(road.now.instant));
    }
    refuse(&mut road, "QUOTA_EXHAUSTED");
    road.disconnect();
    let wait = road.outbox.poll_timeout().unwrap();
    assert_eq!(
        wait.since(road.now.instant),
        road.config.retry_pause_min,
        "before another unit is dialled"
    );
    road.connect_to(1);
    assert!(road.exchange());
}

/// The unit refuses the next record that it is given, without a proof.
fn refuse(road: &mut Road, reason: &str) {
    match road.outbox.poll_transmit(road.now) {
        Some(OutboxRequest::Submit { record, .. }) => {
            let refused = failed(record, reason, false);
            road.outbox.handle_answer(refused, road.now);
        }
        other => panic!("no record is handed in: {other:?}"),
    }
}

fn failed(record: RecordId, reason: &str, is_pending: bool) -> Answer {
    Answer::Failed(Failure {
        record: Some(record),
        reason: reason.to_owned(),
        retry_after: None,
        is_pending,
    })
}

/// What units say, by the names of the ledger's gRPC service.
const REASONS: [&str; 8] = [
    "SENDER_UNKNOWN",
    "NONCE_USED",
    "EXPIRED",
    "BAD_SIGNATURE",
    "TRANSACTION_MALFORMED",
    "WRONG_CHAIN",
    "METHOD_UNKNOWN",
    "ALREADY_WAITING",
];
