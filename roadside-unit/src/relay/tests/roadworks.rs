use std::time::Duration;

use wayside::{
    geo::Position,
    id::{ActionId, StationId},
    message::{Cause, Hazard, InformationQuality, RelevanceRadius, Validity},
    pipeline::HazardReport,
    time::Timestamp,
};

use crate::relay::roadworks::{Due, Event, KeptTold, Roadworks, Told};

#[test]
fn a_hazard_without_an_end_is_renewed_at_half_its_validity() {
    let told = told(None, START);
    assert_eq!(due(&told, START + 29 * MINUTE), None);
    assert_eq!(due(&told, START + 30 * MINUTE), Some(Due::Renew(action())));
    assert_eq!(due(&told, START + 300 * MINUTE), Some(Due::Renew(action())));
}

#[test]
fn the_last_report_before_the_end_is_not_renewed_and_then_forgotten() {
    let told = told(Some(START + 60 * MINUTE), START);
    assert_eq!(due(&told, START + 59 * MINUTE), None);
    assert_eq!(due(&told, START + 60 * MINUTE), Some(Due::Forget));
}

#[test]
fn no_report_holds_longer_than_the_hazard() {
    let told = told(Some(START + 70 * MINUTE), START);
    let validity = |at| told.report_at(time(at)).validity.duration();
    assert_eq!(validity(START), Duration::from_secs(3_600));
    assert_eq!(validity(START + 65 * MINUTE), Duration::from_secs(5 * 60));
}

#[test]
fn another_event_takes_its_place_before_the_key_to_update_it_is_gone() {
    let mut told = told(None, START);
    let late = START + 20 * 60 * MINUTE;
    told.event = told.event.map(|event| Event {
        expires: time(late + 60 * MINUTE),
        ..event
    });
    assert_eq!(due(&told, late - 1), None);
    assert_eq!(due(&told, late), Some(Due::Replace(Some(action()))));
}

#[test]
fn what_is_not_told_is_told_anew() {
    let mut told = told(None, START);
    told.event = None;
    assert_eq!(due(&told, START), Some(Due::Replace(None)));
}

#[test]
fn what_is_on_disk_is_read_again() {
    for until in [None, Some(START + MINUTE)] {
        let told = told(until, START);
        let bytes = told.to_bytes(b"envelope");
        let kept = KeptTold::from_bytes(&bytes).unwrap();
        assert_eq!(kept.envelope, b"envelope");
        let hazard = hazard(time(START));
        let read = kept.to_told(&hazard, true);
        assert_eq!((read.until, read.event), (told.until, told.event));
        assert_eq!(read.report.validity, told.report.validity);
        assert_eq!(kept.to_told(&hazard, false).event, None);
        for cut in 0..20 {
            assert!(KeptTold::from_bytes(&bytes[..cut]).is_none(), "{cut}");
        }
    }
}

fn told(until: Option<u64>, since: u64) -> Told {
    let cause = Cause::from_codes(3, 1).unwrap();
    Told {
        report: HazardReport {
            position: Position::from_deg(48.1, 11.5),
            validity: Validity::saturating(Duration::from_secs(3_600)),
            ..HazardReport::of(cause)
        },
        until: until.map(time),
        event: Some(Event {
            action: action(),
            since: time(since),
            expires: time(since + 60 * MINUTE),
        }),
    }
}

/// As it was signed last, for less long than it is told.
fn hazard(detected: Timestamp) -> Hazard {
    Hazard {
        action: action(),
        update: 0,
        cause: Cause::from_codes(3, 1).unwrap(),
        detected,
        position: Position::from_deg(48.1, 11.5).unwrap(),
        altitude: None,
        heading: None,
        speed: None,
        relevance_radius: RelevanceRadius::KILOMETRE,
        relevance_direction: None,
        validity: Validity::saturating(Duration::from_secs(3_600)),
        termination: None,
        quality: InformationQuality::default(),
        update_key: None,
    }
}

fn due(told: &Told, now: u64) -> Option<Due> {
    let mut roadworks = Roadworks::default();
    roadworks.insert("works".to_owned(), told.clone());
    let due = roadworks.due(time(now));
    assert!(due.iter().all(|(name, _)| name == "works"));
    due.first().map(|(_, due)| *due)
}

fn action() -> ActionId {
    ActionId {
        station: StationId::from_bytes([1; 8]),
        sequence: 3,
    }
}

fn time(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(ms).unwrap()
}

const START: u64 = 1_763_800_000_000;
const MINUTE: u64 = 60_000;
