use std::time::Duration;

use crate::{
    id::{ActionId, StationId},
    rpc::{
        FieldProblem, from_wire_duration, from_wire_time, parse_request_id, parse_station,
        required_action, to_wire_duration, to_wire_duration_ms, to_wire_time, types::v1 as wire,
    },
    time::Timestamp,
};

/// Strings that would forge a log line, climb out of a folder, or fill a memory.
const HOSTILE: &[&str] = &[
    "\n2026-11-22T00:00:00Z ERROR forged",
    "\r\nforged",
    "../../../../etc/passwd",
    "\u{1b}[2J",
    "a\0b",
    "%n%s",
    "\u{202e}gnorw",
    "'; drop table vehicles; --",
    "0123456789abcde\n",
    "+123456789abcdef",
    "０１２３４５６７",
];

#[test]
fn g9_station_names_are_sixteen_hexadecimal_digits_and_nothing_else() {
    for text in HOSTILE {
        let error = parse_station(text, "station_id").unwrap_err();
        assert_eq!(
            error.problem(),
            FieldProblem::Malformed("16 hexadecimal digits")
        );
        assert!(!error.to_string().contains(text), "the text is echoed");
    }
    let station = StationId::from_bytes([0xab, 0, 1, 2, 3, 4, 5, 0xff]);
    assert_eq!(parse_station("ab000102030405ff", "f"), Ok(station));
    assert_eq!(parse_station("AB000102030405FF", "f"), Ok(station));
    assert_eq!(parse_station(&station.to_string(), "f"), Ok(station));
    let missing = parse_station("", "f").unwrap_err();
    assert_eq!(missing.problem(), FieldProblem::Missing);
}

#[test]
fn g9_request_names_are_short_and_plain() {
    for text in HOSTILE {
        assert!(parse_request_id(text).is_err(), "{text:?}");
    }
    assert!(parse_request_id(&"a".repeat(65)).is_err());
    assert_eq!(parse_request_id(""), Ok(None));
    let longest = "a".repeat(64);
    assert_eq!(parse_request_id(&longest), Ok(Some(longest.as_str())));
}

#[test]
fn an_event_keeps_its_name() {
    let action = ActionId {
        station: StationId::from_bytes([7; 8]),
        sequence: 65_535,
    };
    assert_eq!(required_action(Some(&action.into())), Ok(action));
}

#[test]
fn parts_of_an_events_name_are_missed_and_bounded() {
    let field =
        |action: Option<&wire::ActionId>| required_action(action).unwrap_err().field().to_owned();
    let mut action = wire::ActionId {
        station_id: "0707070707070707".into(),
        sequence: None,
    };
    assert_eq!(field(None), "action_id");
    assert_eq!(field(Some(&action)), "action_id.sequence");
    action.sequence = Some(65_536);
    assert_eq!(field(Some(&action)), "action_id.sequence");
    action.sequence = Some(0);
    action.station_id.clear();
    assert_eq!(field(Some(&action)), "action_id.station_id");
}

#[test]
fn times_keep_their_milliseconds() {
    let moment = Timestamp::from_unix_ms(1_763_800_000_123).unwrap();
    let there = to_wire_time(moment);
    assert_eq!((there.seconds, there.nanos), (1_763_800_000, 123_000_000));
    assert_eq!(from_wire_time(Some(there), "at"), Ok(Some(moment)));
    assert_eq!(from_wire_time(None, "at"), Ok(None));
}

#[test]
fn m19_times_outside_their_range_are_refused() {
    for (seconds, nanos) in [
        (-1, 0),
        (0, -1),
        (0, 1_000_000_000),
        (i64::MAX, 0),
        (i64::MIN, i32::MIN),
        (281_474_976_711, 0),
    ] {
        let moment = prost_types::Timestamp { seconds, nanos };
        assert!(from_wire_time(Some(moment), "at").is_err(), "{moment:?}");
        let duration = prost_types::Duration { seconds, nanos };
        assert!(from_wire_duration(Some(duration), "d").is_err());
    }
}

#[test]
fn durations_keep_their_sign_and_their_nanoseconds() {
    let duration = Duration::new(86_399, 999_999_999);
    let there = to_wire_duration(duration);
    assert_eq!(from_wire_duration(Some(there), "d"), Ok(Some(duration)));
    let early = to_wire_duration_ms(-1_250);
    assert_eq!((early.seconds, early.nanos), (-1, -250_000_000));
}
