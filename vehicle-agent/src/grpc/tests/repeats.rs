use wayside::{
    id::{ActionId, StationId},
    rpc::hazard::v1::Event,
};

use crate::grpc::repeats::{ANSWERS_MAX, Repeat, Repeats, RequestName};

#[test]
fn a_repeated_request_finds_the_first_answer() {
    let mut repeats = Repeats::default();
    repeats.insert(name("stack", "a"), event(94), action(1));
    assert_eq!(
        repeats.find(&name("stack", "a"), &event(94)),
        Repeat::Of(action(1))
    );
    assert_eq!(
        repeats.find(&name("stack", "a"), &event(99)),
        Repeat::Reused
    );
    assert_eq!(repeats.find(&name("other", "a"), &event(94)), Repeat::New);
}

#[test]
fn the_oldest_answer_is_forgotten_first() {
    let mut repeats = Repeats::default();
    for number in 0..=ANSWERS_MAX {
        let id = format!("{number}");
        repeats.insert(name("stack", &id), event(94), action(1));
    }
    assert_eq!(repeats.find(&name("stack", "0"), &event(94)), Repeat::New);
    assert_eq!(
        repeats.find(&name("stack", "1"), &event(94)),
        Repeat::Of(action(1))
    );
}

fn name(caller: &str, request_id: &str) -> RequestName {
    RequestName {
        caller: caller.into(),
        request_id: request_id.into(),
    }
}

fn event(code: u32) -> Event {
    Event {
        cause: Some(wayside::rpc::types::v1::Cause {
            code: Some(code),
            ..Default::default()
        }),
        ..Event::default()
    }
}

fn action(sequence: u16) -> ActionId {
    ActionId {
        station: StationId::from_bytes([1; 8]),
        sequence,
    }
}
