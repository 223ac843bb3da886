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
    // Also where it was told to hold for less long than the operator would have it.
    let short = Told {
        event: told.event.map(|event| Event {
            expires: time(START + 10 * MINUTE),
            ..event
        }),
        ..told
    };
    assert_eq!(due(&short, START + 4 * MINUTE), None);
    assert_eq!(due(&short, START + 5 * MINUTE), Some(Due::Renew(action())));
}

#[test]
fn the_last_report_before_the_end_is_not_renewed_and_then_forgotten() {
    let told = told(Some(START + 60 * MINUTE), START);
    assert_eq!(due(&told, START + 59 * MINUTE), None);
    assert_eq!(due(&told, START + 60 * MINUTE), Some(Due::Forget));
}

#[test]
fn no_report_holds_longer_than_the_hazard_or_much_longer_than_its_name() {
    let told = told(Some(START + 70 * MINUTE), START);
    let validity = |at, latest| told.report_at(time(at), time(latest)).validity.duration();
    let late = START + 100 * MINUTE;
    assert_eq!(validity(START, late), Duration::from_secs(3_600));
    assert_eq!(
        validity(START + 65 * MINUTE, late),
        Duration::from_secs(5 * 60)
    );
    assert_eq!(
        validity(START, START + 11 * MINUTE),
        Duration::from_secs(11 * 60)
    );
}

#[test]
fn another_event_takes_its_place_once_the_unit_goes_by_another_name() {
    let told = told(None, START);
    let mut roadworks = Roadworks::default();
    roadworks.insert("works".to_owned(), told);
    let due = |own| {
        let due = roadworks.due(time(START), own).into_iter();
        due.map(|(_, due)| due).collect::<Vec<_>>()
    };
    assert_eq!(due(Some(action().station)), []);
    // Nobody who comes later could see that its updates are the unit's.
    let next = StationId::from_bytes([2; 8]);
    assert_eq!(due(Some(next)), [Due::Replace(Some(action()))]);
    assert_eq!(due(None), [], "without a ticket nothing can be said");
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
        for cut in 0..12 {
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
            told: time(since),
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
    let due = roadworks.due(time(now), Some(action().station));
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
