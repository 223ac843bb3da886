use std::time::Duration;

use wayside::{
    crypto::SigningKey,
    security::{Credential, Slot, Ticket},
};

use super::bench::{Bench, FIRST, SLOT, accepted, collected};
use crate::tickets::{Answer, Errand, Problem, Refused, TicketsConfig, Token, Write};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_car_that_drives_never_lacks_a_ticket() {
    let mut bench = Bench::new();
    for _ in 0..12 {
        bench.drive();
        bench.run(Duration::from_secs(600));
        let present = bench.office.domain.slots().slot_at(bench.now.timestamp);
        for ahead in 0..12 {
            let slot = Slot::from_number(present.number() + ahead);
            assert!(bench.disk.tickets.contains_key(&slot), "{slot:?}");
        }
    }
    assert!(bench.disk.requests.is_empty());
    assert_eq!(bench.preloader.state().requests, 0);
    assert_eq!(bench.preloader.state().problem, None);
}

#[test]
fn a_parked_car_asks_for_few() {
    let mut bench = Bench::new();
    bench.drive();
    bench.run(HOUR);
    let driving = bench.office.given.len();
    bench.run(23 * HOUR);
    let day = bench.office.given.len();
    // 25 slots ahead of its last minutes; then one for each slot of the day, and never more than
    // half an hour ahead.
    assert!((25..=37).contains(&driving), "{driving}");
    assert!(day <= 288 + 6, "{day}");
    let last = bench.disk.tickets.keys().last().unwrap().number();
    assert!(last <= FIRST + 288 + 6, "{last}");
}

#[test]
fn nothing_is_sent_before_it_is_on_disk() {
    let mut bench = Bench::new();
    bench.drive();
    assert!(bench.draft());
    assert!(!bench.preloader.wants_unit(bench.now));
    assert!(bench.preloader.poll_errand(bench.now).is_none());
    assert!(bench.write());
    assert!(bench.preloader.wants_unit(bench.now));
}

#[test]
fn without_a_unit_requests_wait_and_are_not_repeated() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    let waiting = bench.preloader.state();
    // 25 slots, at most 13 in one request.
    assert_eq!((waiting.requests, waiting.slots), (2, 25));
    for _ in 0..10 {
        let reason = "nobody there".to_owned();
        bench.preloader.handle_unreachable(reason, bench.now);
        bench.pass(Duration::from_secs(1));
        bench.settle();
    }
    assert_eq!(bench.preloader.state().slots, 25);
    let (problem, _) = bench.preloader.state().problem.unwrap();
    assert_eq!(problem.name(), "no_unit");
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
    assert_eq!(bench.preloader.state().problem, None);
}

#[test]
fn a_lost_connection_brings_the_same_request_again_and_later_each_time() {
    let mut bench = Bench::with(TicketsConfig {
        requests_max: 1.try_into().unwrap(),
        ..TicketsConfig::default()
    });
    bench.drive();
    bench.settle();
    let mut sealed = Vec::new();
    for pause_s in [1, 4, 16] {
        let Some(Errand::Send(request)) = bench.preloader.poll_errand(bench.now) else {
            panic!("nothing to send");
        };
        sealed.push(request.sealed.clone());
        bench.preloader.handle_lost(bench.now);
        assert!(bench.preloader.poll_errand(bench.now).is_none());
        // Its operator may have it: that is asked for first, and then it is sent once more.
        bench.pass(Duration::from_secs(pause_s));
        let Some(errand @ Errand::Collect(_)) = bench.preloader.poll_errand(bench.now) else {
            panic!("nothing to collect");
        };
        let (token, answer) = bench.office.answer(&errand);
        bench.preloader.handle_answer(token, answer, bench.now);
        bench.pass(Duration::from_secs(2 * pause_s) - Duration::from_millis(1));
        assert!(!bench.preloader.wants_unit(bench.now));
        bench.pass(Duration::from_millis(1));
        assert!(bench.preloader.wants_unit(bench.now));
    }
    sealed.dedup();
    assert_eq!(sealed.len(), 1);
}

#[test]
fn the_pause_has_an_end() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    for _ in 0..40 {
        while bench.preloader.poll_errand(bench.now).is_some() {}
        bench.preloader.handle_lost(bench.now);
        bench.pass(bench.config.retry_pause_max);
        assert!(bench.preloader.wants_unit(bench.now));
    }
}

#[test]
fn refusals_are_told_by_name_and_end_the_request() {
    for (refused, name) in [
        (Refused::NotEnrolled, "not_enrolled"),
        (Refused::Revoked, "revoked"),
        (Refused::Suspended, "suspended"),
        (Refused::NoIssuer, "no_issuer_key"),
        (Refused::Clock, "clock"),
        (Refused::Outdated, "outdated"),
    ] {
        let mut bench = Bench::new();
        bench.drive();
        bench.settle();
        refuse_all(&mut bench, refused);
        bench.settle();
        let state = bench.preloader.state();
        assert_eq!(state.requests, 0, "{name}");
        assert_eq!(state.tally.refused.get(name), Some(&2));
        let (problem, _) = state.problem.unwrap();
        assert_eq!(problem, Problem::Refused(refused));
        assert!(bench.disk.requests.is_empty());
        assert!(bench.preloader.poll_draft(bench.now).is_none(), "{name}");
    }
}

#[test]
fn tickets_that_were_granted_while_the_answer_was_lost_are_collected_however_late() {
    for refused in [Refused::Clock, Refused::Outdated] {
        let mut bench = Bench::new();
        bench.drive();
        bench.settle();
        while let Some(errand) = bench.preloader.poll_errand(bench.now) {
            bench.office.answer(&errand);
        }
        bench.preloader.handle_lost(bench.now);
        bench.pass(Duration::from_secs(600));
        let errand = bench.preloader.poll_errand(bench.now);
        assert!(matches!(errand, Some(Errand::Collect(_))));
        // Neither does it end by being too late for sending it.
        bench.preloader.handle_lost(bench.now);
        bench.pass(Duration::from_secs(2));
        refuse_all(&mut bench, refused);
        bench.settle();
        assert_eq!(bench.disk.requests.len(), 2);
        bench.run(Duration::from_secs(60));
        for slot in FIRST..FIRST + 24 {
            assert!(bench.held().contains(&slot), "{slot}");
        }
        assert_eq!(bench.preloader.state().tally.refused.get("used"), None);
    }
}

#[test]
fn a_refused_car_asks_again_and_later_each_time() {
    let mut bench = Bench::new();
    bench.drive();
    for pause_s in [2, 8, 32] {
        bench.settle();
        refuse_all(&mut bench, Refused::Suspended);
        bench.settle();
        // Two requests, each of which doubles the pause.
        bench.pass(Duration::from_secs(pause_s) - Duration::from_millis(1));
        assert!(!bench.draft());
        bench.pass(Duration::from_millis(1));
        assert!(bench.draft());
    }
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
    assert_eq!(bench.preloader.state().problem, None);
}

#[test]
fn an_operator_that_is_busy_gets_the_same_request_again() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    let before: Vec<_> = bench.disk.requests.keys().copied().collect();
    refuse_all(&mut bench, Refused::Busy);
    bench.settle();
    assert!(bench.disk.requests.keys().eq(&before));
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
}

#[test]
fn a_slot_for_which_none_can_be_made_is_given_up() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    while let Some(errand) = bench.preloader.poll_errand(bench.now) {
        let (Errand::Send(request) | Errand::Collect(request)) = &errand;
        let (token, mut answer) = bench.office.answer(&errand);
        if let Answer::Collected { tickets, failed } = &mut answer {
            failed.push(tickets.remove(0).ticket().slot());
            // A slot that was not asked for is none of this request's business.
            failed.push(Slot::from_number(FIRST + 100));
        }
        assert_eq!(token, request.token);
        bench.preloader.handle_answer(token, answer, bench.now);
        bench.settle();
    }
    assert_eq!(bench.held().len(), 23);
    assert!(bench.disk.requests.is_empty());
    assert_eq!(bench.settle(), 0);
}

#[test]
fn slots_that_had_their_tickets_are_found_and_not_asked_for_again() {
    let mut bench = Bench::new();
    bench.drive();
    // Another disk was lost with the tickets of three slots.
    let other = Token([255; 16]);
    let lost = [FIRST + 2, FIRST + 3, FIRST + 9];
    for slot in lost {
        bench.office.given.insert(Slot::from_number(slot), other);
    }
    bench.run(HOUR);
    let held = bench.held();
    for slot in FIRST + 12..FIRST + 24 {
        assert!(held.contains(&slot), "{slot}");
    }
    assert!(lost.iter().all(|slot| !held.contains(slot)));
    let missing = (FIRST..FIRST + 24)
        .filter(|slot| !held.contains(slot))
        .count();
    assert_eq!(missing, lost.len());
    bench.drive();
    bench.run(Duration::from_secs(60));
    let asked = bench.preloader.state().tally.requests;
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.preloader.state().tally.requests, asked);
}

#[test]
fn an_answer_for_another_token_changes_nothing() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    let Some(errand) = bench.preloader.poll_errand(bench.now) else {
        panic!("nothing to send");
    };
    let (token, _) = bench.office.answer(&errand);
    let stranger = Token([200; 16]);
    let tickets = vec![bench.office.credential(stranger, Slot::from_number(FIRST))];
    let answer = collected(tickets);
    bench.preloader.handle_answer(stranger, answer, bench.now);
    bench.settle();
    assert!(bench.held().is_empty());
    // Nor a second answer to one question.
    let answer = accepted(Duration::ZERO);
    bench.preloader.handle_answer(token, answer, bench.now);
    let refused = Answer::Refused(Refused::Revoked);
    bench.preloader.handle_answer(token, refused, bench.now);
    assert_eq!(bench.preloader.state().requests, 2);
}

#[test]
fn only_tickets_that_count_and_were_asked_for_are_taken() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    let Some(Errand::Send(request)) = bench.preloader.poll_errand(bench.now) else {
        panic!("nothing to send");
    };
    let token = request.token;
    let good = |number| bench.office.credential(token, Slot::from_number(number));
    // Signed by nobody, and not asked for.
    let flipped = {
        let one = good(FIRST + 1);
        let mut bytes = *one.ticket().as_bytes();
        bytes[100] ^= 1;
        let ticket = Ticket::from_bytes(&bytes).unwrap();
        let key = SigningKey::from_seed(&one.key().to_seed());
        Credential::new(ticket, key).unwrap()
    };
    let tickets = vec![flipped, good(FIRST + 200), good(FIRST + 6)];
    let answer = collected(tickets);
    bench.preloader.handle_answer(token, answer, bench.now);
    bench.settle();

    assert_eq!(bench.held(), [FIRST + 6]);
    assert_eq!(bench.preloader.state().tally.bad_tickets, 2);
    // The request is not over: what is right may still come.
    bench.office.answer(&Errand::Send(request));
    bench.run(Duration::from_secs(300));
    assert!(bench.held().len() >= 24);
}

#[test]
fn an_answer_with_a_ticket_that_cannot_be_used_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    while let Some(errand) = bench.preloader.poll_errand(bench.now) {
        let (token, _) = bench.office.answer(&errand);
        let slot = Slot::from_number(FIRST);
        let answer = Answer::BadTicket(slot, "for another key".to_owned());
        bench.preloader.handle_answer(token, answer, bench.now);
    }
    let (problem, _) = bench.preloader.state().problem.unwrap();
    assert_eq!(problem.name(), "bad_ticket");
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
}

#[test]
fn without_its_operator_a_request_waits_and_is_fetched_when_it_is_ready() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    let mut asked = 0;
    for _ in 0..5 {
        while let Some(errand) = bench.preloader.poll_errand(bench.now) {
            asked += 1;
            let token = match &errand {
                Errand::Send(request) | Errand::Collect(request) => request.token,
            };
            let answer = match &errand {
                Errand::Send(_) => {
                    bench.office.answer(&errand);
                    accepted(Duration::from_secs(5))
                }
                Errand::Collect(_) => collected(Vec::new()),
            };
            bench.preloader.handle_answer(token, answer, bench.now);
        }
        bench.pass(Duration::from_secs(5));
    }
    // Two requests; each is sent, and then asked for after 2 s, and 1, 2 and 4 s after that, as often as
    // somebody looks.
    assert_eq!(asked, 2 * 5);
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
}

#[test]
fn an_operator_that_forgot_a_request_gets_it_again() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    while let Some(errand) = bench.preloader.poll_errand(bench.now) {
        let Errand::Send(request) = errand else {
            break;
        };
        let answer = accepted(Duration::ZERO);
        bench
            .preloader
            .handle_answer(request.token, answer, bench.now);
    }
    bench.preloader.handle_lost(bench.now);
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
}

#[test]
fn a_request_for_an_old_key_is_made_anew_only_when_units_of_many_operators_say_so() {
    let mut bench = with_one_request();
    let first = *bench.disk.requests.keys().next().unwrap();
    // One unit says it all the time; another one, and a third.
    for said_by in [1, 1, 1, 1, 2, 3] {
        assert!(bench.disk.requests.contains_key(&first), "{said_by}");
        say(&mut bench, Answer::Stale(said_by));
        bench.settle();
    }
    assert!(!bench.disk.requests.contains_key(&first));
    bench.drive();
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
}

#[test]
fn no_words_of_units_end_a_request_that_its_operator_has() {
    let mut bench = with_one_request();
    let Some(errand) = bench.preloader.poll_errand(bench.now) else {
        panic!("nothing to send");
    };
    let (token, answer) = bench.office.answer(&errand);
    bench.preloader.handle_answer(token, answer, bench.now);
    for said_by in 0..4 {
        say(&mut bench, Answer::Unknown(said_by));
        say(&mut bench, Answer::Stale(said_by));
        say(&mut bench, Answer::Refused(Refused::Clock));
    }
    bench.settle();
    assert!(bench.disk.requests.contains_key(&token));
}

#[test]
fn a_request_that_nobody_knows_and_that_is_too_old_is_made_anew() {
    let mut bench = with_one_request();
    let token = *bench.disk.requests.keys().next().unwrap();
    assert!(bench.preloader.poll_errand(bench.now).is_some());
    bench.preloader.handle_lost(bench.now);
    for said_by in [1, 1, 2, 3] {
        assert!(bench.disk.requests.contains_key(&token), "{said_by}");
        say(&mut bench, Answer::Unknown(said_by));
        say(&mut bench, Answer::Refused(Refused::Clock));
        bench.settle();
    }
    assert!(!bench.disk.requests.contains_key(&token));
}

#[test]
fn nobody_asks_by_a_clock_that_is_doubted() {
    let mut bench = Bench::new();
    bench.drive();
    bench.preloader.handle_clock(true);
    assert_eq!(bench.settle(), 0);
    bench.preloader.handle_clock(false);
    assert!(bench.settle() > 0);
}

#[test]
fn a_doubted_clock_removes_nothing() {
    let mut bench = Bench::new();
    bench.drive();
    bench.run(Duration::from_secs(60));
    bench.preloader.handle_clock(true);
    bench.pass(48 * HOUR);
    bench.settle();
    assert_eq!(bench.held().len(), 25);
    bench.preloader.handle_clock(false);
    bench.settle();
    assert!(bench.held().is_empty());
}

#[test]
fn a_ticket_is_removed_a_day_after_its_slot() {
    let mut bench = Bench::new();
    bench.drive();
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().first(), Some(&FIRST));
    bench.pass(24 * HOUR);
    bench.settle();
    assert_eq!(bench.held().first(), Some(&FIRST));
    // The first slot ends after 300 s and counts for 60 s more.
    bench.pass(SLOT + Duration::from_secs(61));
    bench.settle();
    assert_eq!(bench.held().first(), Some(&(FIRST + 1)));
}

#[test]
fn a_file_whose_ticket_does_not_count_is_removed_alike_and_is_no_ticket() {
    let mut bench = Bench::new();
    let token = Token([1; 16]);
    let credential = bench.office.credential(token, Slot::from_number(FIRST));
    let slot = credential.ticket().slot();
    bench.disk.write(&Write::Tickets(token, vec![credential]));
    bench.preloader.handle_files([slot]);
    bench.drive();
    bench.settle();
    assert_eq!(bench.preloader.state().slots, 25);
    bench.pass(24 * HOUR + SLOT + Duration::from_secs(61));
    bench.settle();
    assert!(bench.held().is_empty());
}

#[test]
fn a_request_whose_slots_are_over_is_let_go() {
    let mut bench = Bench::new();
    bench.settle();
    assert_eq!(bench.disk.requests.len(), 1);
    bench.pass(2 * HOUR);
    bench.settle();
    let state = bench.preloader.state();
    assert_eq!(state.tally.expired, 1);
    // One for the present is in its place.
    assert_eq!((bench.disk.requests.len(), state.requests), (1, 1));
}

#[test]
fn a_full_disk_costs_a_request_and_no_slot() {
    let mut bench = Bench::new();
    bench.drive();
    bench.is_disk_full = true;
    bench.settle();
    assert!(!bench.preloader.wants_unit(bench.now));
    assert_eq!(bench.preloader.state().requests, 0);
    let (problem, _) = bench.preloader.state().problem.unwrap();
    assert_eq!(problem.name(), "disk");
    bench.is_disk_full = false;
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
}

#[test]
fn tickets_that_do_not_fit_on_disk_are_not_used_and_not_lost() {
    let mut bench = Bench::new();
    bench.drive();
    bench.settle();
    bench.is_disk_full = true;
    bench.visit();
    bench.run(Duration::from_secs(30));
    assert_eq!((bench.held().len(), bench.used.len()), (0, 0));
    assert!(!bench.disk.requests.is_empty());
    bench.is_disk_full = false;
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held().len(), 25);
    assert_eq!(bench.used.len(), 25);
}

#[test]
fn tickets_that_somebody_else_brought_are_counted() {
    let mut bench = Bench::new();
    bench.drive();
    let slots = (FIRST..FIRST + 100).map(Slot::from_number);
    bench.preloader.handle_held(slots);
    assert_eq!(bench.settle(), 0);
}

#[test]
fn slots_whose_tickets_count_no_more_are_asked_for_again() {
    let mut bench = Bench::new();
    bench.drive();
    let all = (FIRST..FIRST + 100).map(Slot::from_number);
    bench.preloader.handle_held(all);
    assert_eq!(bench.settle(), 0);
    let outdated = [FIRST, FIRST + 3].map(Slot::from_number);
    bench.preloader.handle_outdated(outdated);
    bench.run(Duration::from_secs(60));
    assert_eq!(bench.held(), [FIRST, FIRST + 3]);
}

#[test]
fn what_is_switched_off_asks_for_nothing() {
    let mut bench = Bench::with(TicketsConfig {
        fetch: false,
        ..TicketsConfig::default()
    });
    bench.drive();
    assert_eq!(bench.settle(), 0);
}

fn refuse_all(bench: &mut Bench, refused: Refused) {
    while let Some(errand) = bench.preloader.poll_errand(bench.now) {
        let (Errand::Send(request) | Errand::Collect(request)) = errand;
        let answer = Answer::Refused(refused);
        bench
            .preloader
            .handle_answer(request.token, answer, bench.now);
    }
}

fn with_one_request() -> Bench {
    let mut bench = Bench::with(TicketsConfig {
        requests_max: 1.try_into().unwrap(),
        ..TicketsConfig::default()
    });
    bench.drive();
    bench.settle();
    bench
}

/// A unit says something as soon as it is asked.
fn say(bench: &mut Bench, answer: Answer) {
    bench.pass(bench.config.retry_pause_max);
    let Some(Errand::Send(request) | Errand::Collect(request)) =
        bench.preloader.poll_errand(bench.now)
    else {
        panic!("nothing to ask");
    };
    let token = request.token;
    bench.preloader.handle_answer(token, answer, bench.now);
}
