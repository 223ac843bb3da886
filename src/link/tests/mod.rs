mod roadside;

use std::time::Duration;

use bytes::Bytes;

use super::{
    Class, Config, ControlFrame, DropReason, HelloFrame, LIST_UPDATE_LEN_MAX, Link, LinkError,
    LinkEvent, ListNews, PROTOCOL_VERSION, ROADSIDE_LEN_MAX, TICKET_LEN, TicketBytes, Transmit,
    UNIT_TICKET_LEN,
};
use crate::{
    id::StationId,
    time::{Instant, Now, Timestamp},
};

#[test]
fn defaults_parse_and_unknown_keys_do_not() {
    let config: Config = serde_json::from_str(r#"{"tick": "10ms"}"#).unwrap();
    assert_eq!(config.tick, Duration::from_millis(10));
    assert!(serde_json::from_str::<Config>(r#"{"tik": "10ms"}"#).is_err());
}

#[test]
fn frames_survive_the_wire() {
    for frame in [
        hello(),
        ControlFrame::TicketRequest(station(3)),
        ControlFrame::Ticket(TicketBytes::Vehicle(Box::new([7; TICKET_LEN]))),
        unit_hello(),
        ControlFrame::Ticket(unit_ticket()),
        ControlFrame::Roadside(big(ROADSIDE_LEN_MAX)),
        ControlFrame::Rotate,
        ControlFrame::ListNews(news(7)),
        ControlFrame::ListRequest { have: 9 },
        ControlFrame::ListUpdate(big(70)),
    ] {
        assert_eq!(ControlFrame::decode(&frame.encode()), Ok(frame));
    }
}

#[test]
fn frames_of_another_length_are_malformed() {
    for frame in [
        hello(),
        unit_hello(),
        ControlFrame::Ticket(unit_ticket()),
        ControlFrame::TicketRequest(station(3)),
        ControlFrame::ListNews(news(7)),
        ControlFrame::ListRequest { have: 9 },
    ] {
        let bytes = frame.encode();
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(ControlFrame::decode(&longer), Err(LinkError::Malformed));
        for cut in 0..bytes.len() {
            assert_eq!(
                ControlFrame::decode(&bytes[..cut]),
                Err(LinkError::Malformed)
            );
        }
    }
    assert_eq!(
        ControlFrame::decode(&[11, 1, 2]),
        Err(LinkError::UnknownFrame(11))
    );
}

#[test]
fn the_latest_message_of_a_signer_is_sent() {
    let mut link = greeted(Config::default());
    link.queue_telemetry(station(1), (message(b"old"), 0), later(1_000), at(0));
    link.queue_telemetry(station(2), (message(b"other"), 0), later(1_000), at(0));
    link.queue_telemetry(station(1), (message(b"new"), 0), later(1_000), at(0));
    assert_eq!(
        link.poll_transmit(at(0)),
        Some(datagram(&[b"new", b"other"]))
    );
    assert_eq!(link.poll_transmit(at(0)), None);
    assert_eq!(dropped(&link, Class::Telemetry, DropReason::Superseded), 1);
    assert_eq!(link.counters().telemetry.sent, 2);
}

#[test]
fn telemetry_waits_for_the_tick_and_hazards_do_not() {
    let mut link = greeted(ticking(10));
    link.queue_telemetry(station(1), (message(b"one"), 0), later(1_000), at(3));
    link.queue_telemetry(station(2), (message(b"two"), 0), later(1_000), at(8));
    link.queue_hazard(message(b"danger"), 0, later(1_000));
    assert_eq!(
        link.poll_transmit(at(8)),
        Some(Transmit::hazard_stream(b"danger", 0))
    );
    assert_eq!(link.poll_transmit(at(8)), None);
    assert_eq!(link.poll_timeout(), Some(at(10).instant));
    assert_eq!(
        link.poll_transmit(at(10)),
        Some(datagram(&[b"one", b"two"]))
    );
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn a_tick_is_at_most_50_ms() {
    let mut link = greeted(ticking(60_000));
    link.queue_telemetry(station(1), (message(b"one"), 0), later(1_000), at(1));
    assert_eq!(link.poll_timeout(), Some(at(50).instant));
}

#[test]
fn packed_datagrams_stay_within_1100_bytes() {
    let mut link = greeted(ticking(10));
    for number in 0..7 {
        link.queue_telemetry(station(number), (big(300), 0), later(1_000), at(1));
    }
    let mut messages = 0;
    while let Some(transmit) = link.poll_transmit(at(10)) {
        let Transmit::Datagram(bytes) = transmit else {
            panic!("{transmit:?}");
        };
        assert!(bytes.len() <= 1_100);
        messages += bytes.len() / 302;
    }
    assert_eq!(messages, 7);
}

#[test]
fn expired_messages_are_dropped() {
    let mut link = greeted(ticking(10));
    link.queue_telemetry(station(1), (message(b"late"), 0), later(9), at(1));
    link.queue_hazard(message(b"over"), 0, later(9));
    assert_eq!(link.poll_transmit(at(10)), None);
    assert_eq!(dropped(&link, Class::Telemetry, DropReason::Expired), 1);
    assert_eq!(dropped(&link, Class::Hazard, DropReason::Expired), 1);
}

#[test]
fn full_queues_drop_and_count() {
    let mut link = greeted(Config {
        telemetry_queue_max: 2,
        hazard_queue_max: 2,
        control_queue_max: 2,
        ..Config::default()
    });
    for number in 0..3 {
        link.queue_telemetry(
            station(number),
            (message(&[number]), 0),
            later(1_000),
            at(0),
        );
        link.queue_hazard(message(&[number]), 0, later(1_000));
        link.queue_control(&ControlFrame::TicketRequest(station(number)));
    }
    let sent: Vec<_> = std::iter::from_fn(|| link.poll_transmit(at(0))).collect();
    assert_eq!(
        sent,
        [
            Transmit::Control(ControlFrame::TicketRequest(station(0)).encode()),
            Transmit::Control(ControlFrame::TicketRequest(station(1)).encode()),
            Transmit::hazard_stream(&[1], 0),
            Transmit::hazard_stream(&[2], 0),
            datagram(&[&[1], &[2]]),
        ]
    );
    for class in Class::ALL {
        assert_eq!(dropped(&link, class, DropReason::QueueFull), 1);
    }
}

#[test]
fn oversize_telemetry_is_not_sent() {
    let mut link = greeted(Config::default());
    link.queue_telemetry(station(1), (big(1_099), 0), later(1_000), at(0));
    assert_eq!(link.poll_transmit(at(0)), None);
    assert_eq!(dropped(&link, Class::Telemetry, DropReason::Oversize), 1);
}

#[test]
fn what_is_packed_is_unpacked_in_order() {
    let mut link = greeted(Config::default());
    let Transmit::Datagram(bytes) = datagram(&[b"one", b"two"]) else {
        unreachable!()
    };
    link.handle_datagram(bytes, at(0)).unwrap();
    assert_eq!(link.poll_event(), Some(heard(message(b"one"), 0)));
    assert_eq!(link.poll_event(), Some(heard(message(b"two"), 0)));
    assert_eq!(link.poll_event(), None);
}

#[test]
fn datagrams_with_wrong_lengths_are_malformed() {
    for bytes in [
        &b""[..],
        &[0],
        &[0, 0],
        &[0, 2, 1],
        &[255, 255, 1, 2],
        &[0, 1, 5, 0],
    ] {
        let mut link = greeted(Config::default());
        let result = link.handle_datagram(Bytes::copy_from_slice(bytes), at(0));
        assert_eq!(result, Err(LinkError::Malformed));
    }
}

#[test]
fn messages_before_the_hello_wait_for_it() {
    let mut link = Link::new(Config::default(), at(0));
    link.handle_hazard_stream(message(b"\x00danger"), at(0))
        .unwrap();
    assert_eq!(link.poll_event(), None);
    link.handle_control(&hello().encode(), at(1)).unwrap();
    assert!(matches!(link.poll_event(), Some(LinkEvent::Hello(_))));
    assert_eq!(link.poll_event(), Some(heard(message(b"danger"), 0)));
}

#[test]
fn telemetry_does_not_displace_hazards_that_come_before_the_hello() {
    let config = Config {
        early_queue_max: 3,
        ..Config::default()
    };
    let mut link = Link::new(config, at(0));
    for hazard in [b"one", b"two"] {
        link.handle_hazard_stream(hazard_stream(hazard, 0), at(0))
            .unwrap();
    }
    for telemetry in [b"x", b"y", b"z"] {
        let Transmit::Datagram(bytes) = datagram(&[telemetry]) else {
            panic!("a datagram");
        };
        link.handle_datagram(bytes, at(0)).unwrap();
    }
    link.handle_control(&hello().encode(), at(0)).unwrap();
    let messages: Vec<_> = std::iter::from_fn(|| link.poll_event())
        .filter_map(|event| {
            let LinkEvent::Message { bytes, .. } = event else {
                return None;
            };
            Some(bytes)
        })
        .collect();
    assert_eq!(messages, [b"one".as_slice(), b"two", b"z"]);
}

#[test]
fn early_messages_are_bounded() {
    let mut link = Link::new(
        Config {
            early_queue_max: 1,
            ..Config::default()
        },
        at(0),
    );
    link.handle_hazard_stream(message(b"\x00one"), at(0))
        .unwrap();
    link.handle_hazard_stream(message(b"\x00two"), at(0))
        .unwrap();
    assert_eq!(dropped(&link, Class::Hazard, DropReason::QueueFull), 1);
}

#[test]
fn a_peer_without_a_hello_is_told_of() {
    let mut link = Link::new(Config::default(), at(0));
    assert_eq!(link.poll_timeout(), Some(at(2_000).instant));
    link.handle_timeout(at(1_999));
    assert_eq!(link.poll_event(), None);
    link.handle_timeout(at(2_000));
    assert_eq!(link.poll_event(), Some(LinkEvent::HelloMissing));
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn one_hello_of_our_version_counts() {
    let mut link = greeted(Config::default());
    assert_eq!(
        link.handle_control(&hello().encode(), at(0)),
        Err(LinkError::SecondHello)
    );
    let mut other = Link::new(Config::default(), at(0));
    let frame = ControlFrame::Hello(HelloFrame {
        version: 2,
        ticket: TicketBytes::Vehicle(Box::new([0; TICKET_LEN])),
    });
    assert_eq!(
        other.handle_control(&frame.encode(), at(0)),
        Err(LinkError::Version(2))
    );
}

#[test]
fn q7_a_datagram_flood_is_shed_before_decoding() {
    let mut link = greeted(Config::default());
    let burst = Config::default().telemetry_rate.burst.get();
    // Nothing in it can be decoded: what is shed is not even found malformed.
    let junk = Bytes::from_static(&[255; 1_000]);
    let results: Vec<_> = (0..100_000)
        .map(|_| link.handle_datagram(junk.clone(), at(0)))
        .collect();
    let shed = results
        .iter()
        .filter(|result| **result == Err(LinkError::RateLimited))
        .count();
    assert_eq!(shed, 100_000 - usize::try_from(burst).unwrap());
    assert_eq!(
        dropped(&link, Class::Telemetry, DropReason::RateLimited),
        u64::try_from(shed).unwrap()
    );
    // The flood costs the peer's hazards nothing, and a second later it may speak again.
    link.handle_hazard_stream(message(b"\x00danger"), at(0))
        .unwrap();
    assert_eq!(
        link.handle_datagram(junk, at(1_000)),
        Err(LinkError::Malformed)
    );
}

#[test]
fn hazards_and_control_have_rates_of_their_own() {
    let mut link = greeted(Config::default());
    let hazards = Config::default().hazard_rate.burst.get();
    for _ in 0..hazards {
        link.handle_hazard_stream(message(b"\x00danger"), at(0))
            .unwrap();
    }
    assert_eq!(
        link.handle_hazard_stream(message(b"\x00danger"), at(0)),
        Err(LinkError::RateLimited)
    );
    let rotate = ControlFrame::Rotate.encode();
    assert_eq!(link.handle_control(&rotate, at(0)), Ok(()));
}

#[test]
fn oversize_streams_are_refused() {
    let mut link = greeted(Config::default());
    assert_eq!(
        link.handle_hazard_stream(big(9_000), at(0)),
        Err(LinkError::Oversize(9_000))
    );
    assert_eq!(
        link.handle_control(&[1; 301], at(0)),
        Err(LinkError::Oversize(301))
    );
    let notice = ControlFrame::Roadside(big(ROADSIDE_LEN_MAX + 1)).encode();
    assert_eq!(
        link.handle_control(&notice, at(0)),
        Err(LinkError::Oversize(ROADSIDE_LEN_MAX + 2))
    );
}

#[test]
fn counters_of_closed_links_add_up() {
    let mut link = greeted(Config::default());
    link.queue_telemetry(station(1), (big(1_099), 0), later(1_000), at(0));
    let mut sum = link.counters().clone();
    sum += link.counters();
    assert_eq!(sum.telemetry.dropped_for(DropReason::Oversize), 2);
    assert_eq!(sum.control.received, 2);
}

#[test]
fn a_list_is_taken_only_when_it_was_asked_for() {
    let mut link = greeted(Config::default());
    let update = ControlFrame::ListUpdate(big(9_000)).encode();
    assert_eq!(
        link.handle_control(&update, at(0)),
        Err(LinkError::RateLimited)
    );
    assert_eq!(link.poll_event(), None);
    link.request_list(3, at(0));
    let request = ControlFrame::ListRequest { have: 3 }.encode();
    assert_eq!(link.poll_transmit(at(0)), Some(Transmit::Control(request)));
    link.handle_control(&update, at(1)).unwrap();
    assert_eq!(link.poll_event(), Some(LinkEvent::ListUpdate(big(9_000))));
    // One answer for one request, and none beyond the bound.
    assert_eq!(
        link.handle_control(&update, at(2)),
        Err(LinkError::RateLimited)
    );
    link.request_list(3, at(3));
    let longer = ControlFrame::ListUpdate(big(LIST_UPDATE_LEN_MAX + 1)).encode();
    let refused = link.handle_control(&longer, at(4)).unwrap_err();
    assert!(refused.is_violation());
}

#[test]
fn a_list_is_asked_for_a_few_times_and_then_every_ten_seconds() {
    let mut link = greeted(Config::default());
    for _ in 0..7 {
        link.request_list(0, at(0));
    }
    assert_eq!(link.counters().control.sent, 0);
    let sent = std::iter::from_fn(|| link.poll_transmit(at(0))).count();
    assert_eq!(sent, 5);
    let due = link.poll_timeout().unwrap();
    assert_eq!(due, at(10_000).instant);
    link.handle_timeout(at(9_999));
    assert_eq!(link.poll_event(), None);
    link.handle_timeout(at(10_000));
    assert_eq!(link.poll_event(), Some(LinkEvent::ListDue));
    link.request_list(0, at(10_000));
    assert!(link.poll_transmit(at(10_000)).is_some());
}

#[test]
fn a_peer_that_asks_for_the_list_too_often_is_not_answered() {
    let mut link = greeted(Config::default());
    let request = ControlFrame::ListRequest { have: 0 }.encode();
    let answered = (0..20)
        .filter(|_| link.handle_control(&request, at(0)).is_ok())
        .count();
    assert_eq!(answered, 5);
    link.handle_control(&request, at(10_000)).unwrap();
    assert_eq!(
        link.handle_control(&request, at(10_000)),
        Err(LinkError::RateLimited)
    );
    link.queue_list_update(big(LIST_UPDATE_LEN_MAX + 1));
    assert_eq!(link.poll_transmit(at(10_000)), None);
}

fn heard(bytes: Bytes, hops: u8) -> LinkEvent {
    LinkEvent::Message { bytes, hops }
}

fn hazard_stream(envelope: &[u8], hops: u8) -> Bytes {
    match Transmit::hazard_stream(envelope, hops) {
        Transmit::HazardStream(bytes) => bytes,
        Transmit::Datagram(_) | Transmit::Control(_) => unreachable!(),
    }
}

fn unit_ticket() -> TicketBytes {
    TicketBytes::Unit(Box::new([6; UNIT_TICKET_LEN]))
}

fn unit_hello() -> ControlFrame {
    ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: unit_ticket(),
    })
}

fn news(next: u64) -> ListNews {
    ListNews {
        next,
        as_of: at(0).timestamp,
    }
}

fn greeted(config: Config) -> Link {
    let mut link = Link::new(config, at(0));
    link.handle_control(&hello().encode(), at(0)).unwrap();
    assert!(matches!(link.poll_event(), Some(LinkEvent::Hello(_))));
    link
}

fn ticking(tick_ms: u64) -> Config {
    Config {
        tick: Duration::from_millis(tick_ms),
        ..Config::default()
    }
}

fn hello() -> ControlFrame {
    ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: TicketBytes::Vehicle(Box::new([5; TICKET_LEN])),
    })
}

fn station(number: u8) -> StationId {
    StationId::from_bytes([number; 8])
}

fn message(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn big(len: usize) -> Bytes {
    Bytes::from(vec![1; len])
}

fn datagram(messages: &[&[u8]]) -> Transmit {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(message);
    }
    Transmit::Datagram(bytes.into())
}

fn dropped(link: &Link, class: Class, reason: DropReason) -> u64 {
    link.counters().class(class).dropped_for(reason)
}

fn at(ms: u64) -> Now {
    Now {
        instant: later(ms),
        timestamp: Timestamp::from_unix_ms(1_800_000_000_000 + ms).unwrap(),
    }
}

fn later(ms: u64) -> Instant {
    Instant::from_origin(Duration::from_millis(ms))
}

proptest::proptest! {
    #[test]
    fn m12_any_frame_is_taken_or_refused_within_bounds(
        frames in proptest::collection::vec(
            (0..3_u8, proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)),
            0..60,
        ),
        greeted in proptest::prelude::any::<bool>(),
    ) {
        let mut link = Link::new(Config::default(), at(0));
        if greeted {
            link.handle_control(&hello().encode(), at(0)).unwrap();
        }
        let bytes: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
        for (way, frame) in frames {
            // Whatever comes of it, it comes of each frame alone.
            let _taken: Result<(), LinkError> = match way {
                0 => link.handle_datagram(frame.into(), at(0)),
                1 => link.handle_hazard_stream(frame.into(), at(0)),
                _ => link.handle_control(&frame, at(0)),
            };
        }
        // An envelope has a byte at least, so no more come out than bytes went in.
        let events = std::iter::from_fn(|| link.poll_event());
        let told: usize = events
            .map(|event| {
                let LinkEvent::Message { bytes: envelope, .. } = event else {
                    return 0;
                };
                envelope.len()
            })
            .sum();
        proptest::prop_assert!(told <= bytes);
    }

    #[test]
    fn any_bytes_are_a_control_frame_or_refused(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        if let Ok(frame) = ControlFrame::decode(&bytes) {
            let encoded = frame.encode();
            proptest::prop_assert_eq!(encoded.as_ref(), bytes.as_slice());
        }
    }
}
