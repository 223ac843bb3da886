use std::{num::NonZeroUsize, time::Duration};

use super::road::{Road, failure, name, place, submission};
use crate::outbox::{
    Answer, Failure, Level, OutboxConfig, OutboxEvent, OutboxRequest, Proven, RecordId,
    SubmissionError, Taken,
};

#[test]
fn nothing_is_acknowledged_before_the_disk_has_it() {
    let mut road = Road::new();
    assert_eq!(road.ask(100), Ok(Taken::New(RecordId(0))));
    assert_eq!(road.ask(100), Ok(Taken::Pending(RecordId(0))));
    assert_eq!(road.outbox.poll_event(), None);
    road.settle().unwrap();
    assert!(road.wishes[&100].is_acknowledged);
    assert_eq!(road.ask(100), Ok(Taken::Before(RecordId(0))));
}

#[test]
fn a_refused_write_gives_the_record_back_to_its_client() {
    let mut road = Road::new();
    road.disk.refusals = 1;
    road.ask(100).unwrap();
    road.settle().unwrap();
    assert_eq!(road.wishes[&100].asked_of, None);
    assert_eq!(road.outbox.waiting(), 0);
    // The next attempt has another number, and waits until the disk may have recovered.
    assert_eq!(road.ask(100), Ok(Taken::New(RecordId(1))));
    road.settle().unwrap();
    assert!(!road.wishes[&100].is_acknowledged);
    road.pass(Duration::from_secs(1));
    road.settle().unwrap();
    assert!(road.wishes[&100].is_acknowledged);
}

#[test]
fn one_name_is_for_one_record() {
    let mut road = Road::new();
    road.ask(100).unwrap();
    let mut other = submission(200);
    other.name = Some(name(100));
    assert_eq!(
        road.outbox.handle_submission(other, road.now),
        Err(SubmissionError::NameReused(RecordId(0)))
    );
}

#[test]
fn a_full_outbox_refuses_and_drops_nothing() {
    let mut road = Road::with(OutboxConfig {
        waiting_max: NonZeroUsize::new(2).unwrap(),
        ..OutboxConfig::default()
    });
    road.ask(100).unwrap();
    road.ask(101).unwrap();
    assert!(matches!(
        road.ask(102),
        Err(SubmissionError::Full { waiting: 2, .. })
    ));
    // A retry of what is there is no new record.
    assert_eq!(road.ask(101), Ok(Taken::Pending(RecordId(1))));
    road.finish();
    assert!(road.ask(102).is_ok());
    road.finish();
    road.check();
}

#[test]
fn an_outbox_full_of_bytes_refuses() {
    let mut road = Road::with(OutboxConfig {
        waiting_bytes_max: NonZeroUsize::new(1_000).unwrap(),
        ..OutboxConfig::default()
    });
    road.ask(100).unwrap();
    let refused = road.ask(101).unwrap_err();
    assert!(matches!(refused, SubmissionError::Full { waiting: 1, .. }));
}

#[test]
fn nothing_is_signed_before_the_account_is_known() {
    let mut road = Road::new();
    road.ledger.nonces = (0..5).fold(Default::default(), |mut nonces, nonce| {
        assert!(wayside::ledger::NonceWindow::take(&mut nonces, nonce));
        nonces
    });
    road.ask(100).unwrap();
    road.settle().unwrap();
    assert!(
        road.outbox
            .entry(RecordId(0))
            .unwrap()
            .transaction()
            .is_none()
    );
    road.connect();
    assert_eq!(
        road.outbox.poll_transmit(road.now),
        Some(OutboxRequest::Account)
    );
    assert_eq!(road.outbox.poll_transmit(road.now), None);
    let answer = road.ledger.answer(OutboxRequest::Account);
    road.outbox.handle_answer(answer, road.now);
    // Signed, but not sent before the disk has it.
    assert_eq!(road.outbox.poll_transmit(road.now), None);
    road.settle().unwrap();
    assert!(matches!(
        road.outbox.poll_transmit(road.now),
        Some(OutboxRequest::Submit { .. })
    ));
    road.finish();
    assert_eq!(road.ledger.nonces.next(), 6);
}

#[test]
fn the_same_bytes_are_sent_until_a_proof_comes() {
    let mut road = Road::with_signed(&[100]);
    let first = road.outbox.poll_transmit(road.now).unwrap();
    road.disconnect();
    road.restart();
    road.connect();
    assert_eq!(road.outbox.poll_transmit(road.now).unwrap(), first);
}

#[test]
fn a_units_word_alone_finishes_nothing() {
    let mut road = Road::with_signed(&[100]);
    let Some(OutboxRequest::Submit {
        record,
        bytes: first,
    }) = road.outbox.poll_transmit(road.now)
    else {
        panic!("it is to be handed in");
    };
    // The unit says that it has the transaction, and never executes it.
    road.outbox
        .handle_answer(Answer::Submitted(record), road.now);
    let mut again = 0;
    for _ in 0..200 {
        match road.outbox.poll_transmit(road.now) {
            Some(OutboxRequest::Prove { record, .. }) => {
                road.outbox
                    .handle_answer(Answer::Failed(failure(record)), road.now);
            }
            Some(OutboxRequest::Submit { record, bytes }) => {
                assert_eq!(bytes, first);
                again += 1;
                road.outbox
                    .handle_answer(Answer::Submitted(record), road.now);
            }
            Some(OutboxRequest::Account) | None => {}
        }
        road.pass(Duration::from_secs(10));
    }
    assert!(again > 1, "it is handed in again");
    assert!(!road.wishes[&100].is_done);
    assert_eq!(road.outbox.waiting(), 1);
}

#[test]
fn a_proof_of_another_transaction_finishes_nothing() {
    let mut road = Road::with_signed(&[100]);
    road.outbox.poll_transmit(road.now).unwrap();
    let other = wayside::ledger::TransactionId::of(b"another");
    let proof = Answer::Proof(RecordId(0), Proven::made_up(other, 0, place()));
    road.outbox.handle_answer(proof, road.now);
    road.settle().unwrap();
    assert!(!road.wishes[&100].is_done);
    assert_eq!(
        road.outbox.last_failure(),
        Some("the proof is of another transaction")
    );
    road.finish();
    road.check();
}

#[test]
fn a_proven_refusal_is_done_and_names_its_rule() {
    let mut road = Road::with_signed(&[100]);
    road.outbox.poll_transmit(road.now).unwrap();
    let entry = road.outbox.entry(RecordId(0)).unwrap();
    let rule = wayside::ledger::Rule::ALL[0];
    let proven = Proven::made_up(entry.transaction().unwrap(), rule.code(), place());
    road.outbox
        .handle_answer(Answer::Proof(RecordId(0), proven), road.now);
    road.settle().unwrap();
    let verdict = road.outbox.entry(RecordId(0)).unwrap().verdict().unwrap();
    assert_eq!(verdict.rule().as_deref(), Some(rule.name()));
    assert_eq!(road.outbox.waiting(), 0);
    road.restart();
    let verdict = road.outbox.entry(RecordId(0)).unwrap().verdict().unwrap();
    assert_eq!(verdict.place, place());
}

#[test]
fn nobody_is_told_of_a_verdict_before_the_disk_has_it() {
    let mut road = Road::with_signed(&[100]);
    // Handed in, then proven.
    assert!(road.exchange() && road.exchange());
    assert!(road.outbox.entry(RecordId(0)).unwrap().verdict().is_none());
    assert_eq!(road.outbox.poll_event(), None);
    assert!(road.outbox.poll_write(road.now).is_some());
    road.outbox.handle_written(road.now);
    assert_eq!(
        road.outbox.poll_event(),
        Some(OutboxEvent::Changed(RecordId(0)))
    );
    assert!(road.outbox.entry(RecordId(0)).unwrap().verdict().is_some());
}

#[test]
fn the_nonce_after_a_lost_state_is_the_ledgers() {
    let mut road = Road::new();
    road.ask(100).unwrap();
    road.finish();
    // The state folder is lost, and with it that the first record was done.
    road.disk.bytes.truncate(8);
    road.restart();
    road.ask(101).unwrap();
    road.finish();
    assert_eq!(road.ledger.nonces.next(), 2);
}

#[test]
fn pauses_grow_with_failures_and_obey_the_unit() {
    let mut road = Road::with_signed(&[100]);
    let mut pauses = Vec::new();
    for retry_after in [None, None, Some(Duration::from_secs(60)), None] {
        road.outbox.poll_transmit(road.now).unwrap();
        let refused = Answer::Failed(Failure {
            record: Some(RecordId(0)),
            reason: "too many wait".to_owned(),
            retry_after,
            is_pending: false,
        });
        road.outbox.handle_answer(refused, road.now);
        let until = road.outbox.poll_timeout().unwrap();
        let pause = until.since(road.now.instant);
        pauses.push(pause.as_secs());
        assert!(!road.outbox.wants_unit(road.now));
        road.pass(pause);
        assert!(road.outbox.wants_unit(road.now));
    }
    assert_eq!(pauses, [1, 2, 60, 8]);
    assert_eq!(road.outbox.last_failure(), Some("too many wait"));
}

#[test]
fn only_so_many_are_signed_at_one_time_and_all_arrive() {
    let mut road = Road::new();
    for km in 0..600 {
        road.ask(km).unwrap();
    }
    road.settle().unwrap();
    road.connect();
    road.exchange();
    let signed = road.outbox.entries();
    let signed = signed.filter(|entry| entry.transaction().is_some());
    assert_eq!(signed.count(), 32);
    road.finish();
    road.check();
    assert_eq!(road.ledger.nonces.next(), 600);
}

#[test]
fn records_arrive_in_the_order_in_which_they_were_taken() {
    let mut road = Road::with_signed(&[300, 100, 200]);
    assert!(matches!(
        road.outbox.poll_transmit(road.now),
        Some(OutboxRequest::Submit {
            record: RecordId(0),
            ..
        })
    ));
    // The next one waits until this one is proven, not just handed in.
    assert_eq!(road.outbox.poll_transmit(road.now), None);
    road.outbox
        .handle_answer(Answer::Submitted(RecordId(0)), road.now);
    assert!(matches!(
        road.outbox.poll_transmit(road.now),
        Some(OutboxRequest::Prove {
            record: RecordId(0),
            ..
        })
    ));
    assert_eq!(road.outbox.poll_transmit(road.now), None);
}

#[test]
fn a_record_that_never_succeeds_at_any_unit_is_passed_by() {
    let mut road = Road::with_signed(&[100, 101]);
    let mut visits = 0;
    for _ in 0..100 {
        match road.outbox.poll_transmit(road.now) {
            Some(OutboxRequest::Submit { record, .. }) if record == RecordId(0) => {
                let refused = Answer::Failed(Failure {
                    record: Some(record),
                    reason: "its nonce was used".to_owned(),
                    retry_after: None,
                    is_pending: false,
                });
                road.outbox.handle_answer(refused, road.now);
            }
            Some(request) => {
                let answer = road.ledger.answer(request);
                road.outbox.handle_answer(answer, road.now);
                road.settle().unwrap();
            }
            None => {
                road.pass(Duration::from_secs(60));
                visits += 1;
                road.connect_to(visits % 2);
            }
        }
    }
    assert!(road.wishes[&101].is_done);
    assert!(!road.wishes[&100].is_done);
    assert_eq!(road.outbox.waiting(), 1);
}

#[test]
fn it_tells_how_full_it_is_and_since_when_nothing_was_delivered() {
    let mut road = Road::with(OutboxConfig {
        waiting_max: NonZeroUsize::new(5).unwrap(),
        ..OutboxConfig::default()
    });
    assert_eq!(road.outbox.undelivered_since(), None);
    let begun = road.now.timestamp;
    let mut levels = Vec::new();
    for km in 100..105 {
        road.ask(km).unwrap();
        levels.push(road.outbox.level());
        road.pass(Duration::from_secs(10));
    }
    use Level::{Full, NearlyFull, Room};
    assert_eq!(levels, [Room, Room, Room, NearlyFull, Full]);
    assert!(road.ask(105).is_err());
    assert_eq!(road.outbox.undelivered_since(), Some(begun));

    // The account, and then the first record: handed in, and proven.
    road.settle().unwrap();
    road.connect();
    for _ in 0..3 {
        assert!(road.exchange());
        road.settle().unwrap();
    }
    let delivered = road.now.timestamp;
    assert_eq!(road.outbox.level(), NearlyFull);
    road.disconnect();
    road.pass(Duration::from_secs(10));
    assert_eq!(road.outbox.undelivered_since(), Some(delivered));

    road.finish();
    assert_eq!(road.outbox.level(), Room);
    assert_eq!(road.outbox.undelivered_since(), None);
}

#[test]
fn by_bytes_it_is_full_when_one_more_like_those_has_no_room() {
    let mut road = Road::with(OutboxConfig {
        waiting_bytes_max: NonZeroUsize::new(2_000).unwrap(),
        ..OutboxConfig::default()
    });
    while road.outbox.level() != Level::Full {
        road.ask(u32::try_from(road.outbox.waiting()).unwrap())
            .unwrap();
    }
    assert!(road.ask(1_000).is_err());
}

#[test]
fn the_oldest_waiting_record_has_an_age() {
    let mut road = Road::new();
    assert_eq!(road.outbox.oldest_age(road.now.timestamp), None);
    road.ask(100).unwrap();
    road.pass(Duration::from_secs(90));
    let age = road.outbox.oldest_age(road.now.timestamp);
    assert_eq!(age, Some(Duration::from_secs(90)));
}
