use bytes::Bytes;

use super::{at, big, greeted, heard, later, message, station, unit_hello, unit_ticket};
use crate::link::{Config, ControlFrame, HOPS_MAX, Link, LinkError, LinkEvent, Transmit};

#[test]
fn hops_travel_with_every_message() {
    let mut link = greeted(Config::default());
    link.queue_telemetry(station(1), (message(b"one"), 0), later(1_000), at(0));
    link.queue_telemetry(station(2), (message(b"two"), 3), later(1_000), at(0));
    link.queue_telemetry(station(3), (message(b"far"), 200), later(1_000), at(0));
    link.queue_hazard(message(b"danger"), 2, later(1_000));
    let mut other = greeted(Config::default());
    while let Some(transmit) = link.poll_transmit(at(0)) {
        match transmit {
            Transmit::Datagram(bytes) => other.handle_datagram(bytes, at(0)).unwrap(),
            Transmit::HazardStream(bytes) => other.handle_hazard_stream(bytes, at(0)).unwrap(),
            Transmit::Control(_) => {}
        }
    }
    let events: Vec<_> = std::iter::from_fn(|| other.poll_event()).collect();
    assert_eq!(
        events,
        [
            heard(message(b"danger"), 2),
            heard(message(b"one"), 0),
            heard(message(b"two"), 3),
            heard(message(b"far"), HOPS_MAX),
        ]
    );
}

#[test]
fn a_hazard_stream_without_hops_or_without_an_envelope_is_malformed() {
    for bytes in [&b""[..], &[0], &[16, 1], &[255, 1, 2]] {
        let mut link = greeted(Config::default());
        let result = link.handle_hazard_stream(Bytes::copy_from_slice(bytes), at(0));
        assert_eq!(result, Err(LinkError::Malformed));
    }
}

#[test]
fn what_cars_and_units_tell_each_other_has_a_rate_of_its_own() {
    let mut link = greeted(Config::default());
    let notice = ControlFrame::Roadside(big(100)).encode();
    let taken = (0..100)
        .filter(|_| link.handle_control(&notice, at(0)).is_ok())
        .count();
    let burst = Config::default().roadside_rate.burst.get();
    assert_eq!(taken, usize::try_from(burst).unwrap());
    assert_eq!(link.poll_event(), Some(LinkEvent::Roadside(big(100))));
    let rotate = ControlFrame::Rotate.encode();
    assert_eq!(link.handle_control(&rotate, at(0)), Ok(()));
}

#[test]
fn a_units_hello_is_one_hello() {
    let mut link = Link::new(Config::default(), at(0));
    link.handle_control(&unit_hello().encode(), at(0)).unwrap();
    let Some(LinkEvent::Hello(hello)) = link.poll_event() else {
        panic!("a hello");
    };
    assert_eq!(hello.ticket, unit_ticket());
    assert_eq!(
        link.handle_control(&unit_hello().encode(), at(0)),
        Err(LinkError::SecondHello)
    );
}
