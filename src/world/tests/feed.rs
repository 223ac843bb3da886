use std::{collections::BTreeSet, time::Duration};

use super::{Road, Speaker, cruising, place};
use crate::{
    geo::Area,
    id::StationId,
    message::{HazardStatement, InformationQuality},
    time::Now,
    world::{
        AreaFilter, BUFFER_LEN_MAX, Config, Feed, FeedConfig, FeedError, FeedEvent, Filter,
        GapReason, HazardFilter, Overflow, Removal,
    },
};

/// A receiver with one subscriber.
struct Reader {
    road: Road,
    feed: Feed,
}

/// What a test compares: the event without its content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Got {
    Object(StationId),
    Gone(StationId, Removal),
    Hazard(u16),
    HazardGone(Removal),
    End(u32, u32),
    Gap(u64, u64),
    Heartbeat,
    Closed,
}

impl Reader {
    fn new(road: Road, config: FeedConfig) -> Self {
        let feed = Feed::new(config, &road.world.snapshot(), None, road.now).unwrap();
        Self { road, feed }
    }

    /// A subscriber of an empty world that has read the end of the snapshot.
    fn ready(config: FeedConfig) -> Self {
        let mut reader = Self::new(Road::new(Config::default()), config);
        assert_eq!(reader.read(), [Got::End(0, 0)]);
        reader
    }

    fn say(&mut self, speaker: &mut Speaker, east_m: f64) {
        self.road.say(speaker, cruising(east_m));
        self.forward();
    }

    fn report(&mut self, speaker: &mut Speaker) {
        let breakdown = speaker.breakdown(self.road.now);
        self.road
            .report(speaker, HazardStatement::unsigned(breakdown));
        self.forward();
    }

    fn pass(&mut self, ms: u64) {
        self.road.pass(ms);
        self.forward();
    }

    fn forward(&mut self) {
        let now = self.road.now;
        while let Some(event) = self.road.world.poll_event() {
            self.feed.handle_event(&event, now);
        }
    }

    fn read(&mut self) -> Vec<Got> {
        let (feed, now): (&mut Feed, Now) = (&mut self.feed, self.road.now);
        std::iter::from_fn(|| feed.poll_event(now))
            .map(|delivery| got(&delivery.event))
            .collect()
    }
}

fn got(event: &FeedEvent) -> Got {
    match event {
        FeedEvent::Object(object) => Got::Object(object.station()),
        FeedEvent::ObjectRemoved { station, reason } => Got::Gone(*station, *reason),
        FeedEvent::Hazard(known) => Got::Hazard(known.hazard().update),
        FeedEvent::HazardRemoved { reason, .. } => Got::HazardGone(*reason),
        FeedEvent::SnapshotEnd { objects, hazards } => Got::End(*objects, *hazards),
        FeedEvent::Gap {
            dropped,
            first_sequence,
            ..
        } => Got::Gap(*dropped, *first_sequence),
        FeedEvent::Heartbeat => Got::Heartbeat,
        FeedEvent::Closed => Got::Closed,
    }
}

/// No heartbeats, which most tests would only have to skip.
fn quiet() -> FeedConfig {
    FeedConfig {
        heartbeat_interval: None,
        ..FeedConfig::default()
    }
}

#[test]
fn the_snapshot_comes_first_then_its_end_then_changes() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    road.say(&mut alice, cruising(0.0));
    let breakdown = bob.breakdown(road.now);
    road.report(&mut bob, HazardStatement::unsigned(breakdown));
    road.events();
    let mut reader = Reader::new(road, quiet());
    reader.say(&mut bob, 50.0);
    assert_eq!(
        reader.read(),
        [
            Got::Hazard(0),
            Got::Object(alice.station),
            Got::End(1, 1),
            Got::Object(bob.station),
        ]
    );
    reader.pass(3_000);
    assert_eq!(reader.read().len(), 2);
}

#[test]
fn sequences_count_from_one_without_a_hole() {
    let mut reader = Reader::new(Road::new(Config::default()), quiet());
    let mut alice = reader.road.speaker(10);
    reader.say(&mut alice, 0.0);
    let now = reader.road.now;
    let sequences: Vec<u64> = std::iter::from_fn(|| reader.feed.poll_event(now))
        .map(|delivery| delivery.sequence)
        .collect();
    assert_eq!(sequences, [1, 2]);
}

#[test]
fn a_change_before_the_snapshot_is_read_is_in_the_snapshot() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    road.say(&mut alice, cruising(0.0));
    road.say(&mut bob, cruising(0.0));
    road.events();
    let mut reader = Reader::new(road, quiet());
    reader.pass(2_000);
    reader.say(&mut alice, 20.0);
    // Bob is forgotten before anybody was told of him.
    reader.pass(1_000);
    let now = reader.road.now;
    let first = reader.feed.poll_event(now).unwrap().event;
    assert!(matches!(first, FeedEvent::Object(object)
        if object.telemetry().position == place(20.0)));
    assert_eq!(reader.read(), [Got::End(1, 0)]);
}

#[test]
fn a_forgotten_station_is_told() {
    let mut reader = Reader::ready(quiet());
    let mut alice = reader.road.speaker(10);
    reader.say(&mut alice, 0.0);
    reader.pass(3_000);
    assert_eq!(
        reader.read(),
        [
            Got::Object(alice.station),
            Got::Gone(alice.station, Removal::Silent)
        ]
    );
}

#[test]
fn the_oldest_is_dropped_and_the_gap_is_told_in_its_place() {
    let mut reader = Reader::ready(FeedConfig {
        buffer: 2,
        ..quiet()
    });
    let mut alice = reader.road.speaker(10);
    for step in 0..5 {
        reader.say(&mut alice, f64::from(step));
        reader.pass(100);
    }
    // 5 changes in a buffer of 2; the end of the snapshot was number 1, so 2, 3 and 4 are missing.
    let alice = Got::Object(alice.station);
    assert_eq!(reader.read(), [Got::Gap(3, 2), alice, alice]);
}

#[test]
fn the_newest_is_dropped_and_the_gap_is_told_after_the_rest() {
    let mut reader = Reader::ready(FeedConfig {
        buffer: 2,
        overflow: Overflow::DropNewest,
        ..quiet()
    });
    let mut alice = reader.road.speaker(10);
    for step in 0..5 {
        reader.say(&mut alice, f64::from(step));
        reader.pass(100);
    }
    let change = Got::Object(alice.station);
    // Numbers 2 and 3 arrive, 4 to 6 are missing.
    assert_eq!(reader.read(), [change, change, Got::Gap(3, 4)]);
    reader.say(&mut alice, 5.0);
    assert_eq!(reader.read(), [change]);
}

#[test]
fn a_feed_that_wants_no_gap_ends_when_its_buffer_is_full() {
    let mut reader = Reader::ready(FeedConfig {
        buffer: 2,
        overflow: Overflow::Close,
        ..quiet()
    });
    let mut alice = reader.road.speaker(10);
    for step in 0..5 {
        reader.say(&mut alice, f64::from(step));
        reader.pass(100);
    }
    let change = Got::Object(alice.station);
    assert_eq!(reader.read(), [change, change, Got::Closed]);
    assert!(reader.feed.is_closed());
    reader.say(&mut alice, 9.0);
    assert_eq!(reader.read(), []);
    assert_eq!(reader.feed.poll_timeout(), None);
}

#[test]
fn without_a_buffer_only_the_latest_of_each_waits() {
    let mut reader = Reader::ready(FeedConfig {
        buffer: 0,
        ..quiet()
    });
    let (mut alice, mut bob) = (reader.road.speaker(10), reader.road.speaker(11));
    for step in 0..5 {
        reader.say(&mut alice, f64::from(step));
        reader.say(&mut bob, f64::from(step));
        reader.pass(100);
    }
    let now = reader.road.now;
    let positions: Vec<_> = std::iter::from_fn(|| reader.feed.poll_event(now))
        .map(|delivery| {
            let FeedEvent::Object(object) = delivery.event else {
                panic!("{delivery:?}");
            };
            object.telemetry().position
        })
        .collect();
    assert_eq!(positions, [place(4.0), place(4.0)]);
}

#[test]
fn a_gap_before_the_feed_is_told_too() {
    let mut reader = Reader::ready(quiet());
    let mut alice = reader.road.speaker(10);
    reader.say(&mut alice, 0.0);
    reader.feed.handle_lost(7);
    let now = reader.road.now;
    reader.feed.poll_event(now).unwrap();
    let gap = reader.feed.poll_event(now).unwrap();
    assert!(matches!(
        gap.event,
        FeedEvent::Gap {
            dropped: 7,
            first_sequence: 3,
            reason: GapReason::Overload
        }
    ));
    // 3 to 9 were lost.
    assert_eq!(gap.sequence, 10);
}

#[test]
fn the_interval_coalesces_to_the_latest_and_delivers_it_when_it_is_over() {
    let mut reader = Reader::ready(FeedConfig {
        min_interval: Duration::from_millis(1_000),
        ..quiet()
    });
    let mut alice = reader.road.speaker(10);
    let began = reader.road.now.instant;
    reader.say(&mut alice, 0.0);
    assert_eq!(reader.read(), [Got::Object(alice.station)]);
    for step in 1..=5 {
        reader.pass(100);
        reader.say(&mut alice, f64::from(step));
        assert_eq!(reader.read(), []);
    }
    assert_eq!(
        reader.feed.poll_timeout(),
        Some(began + Duration::from_millis(1_000))
    );
    reader.pass(500);
    let now = reader.road.now;
    let latest = reader.feed.poll_event(now).unwrap().event;
    assert!(matches!(latest, FeedEvent::Object(object)
        if object.telemetry().position == place(5.0)));
    assert_eq!(reader.read(), []);
    assert_eq!(reader.feed.poll_timeout(), None);
}

#[test]
fn removals_and_hazards_do_not_wait_for_the_interval() {
    let mut reader = Reader::ready(FeedConfig {
        min_interval: Duration::from_secs(60),
        ..quiet()
    });
    let mut alice = reader.road.speaker(10);
    reader.say(&mut alice, 0.0);
    reader.pass(100);
    reader.say(&mut alice, 1.0);
    reader.report(&mut alice);
    assert_eq!(reader.read(), [Got::Hazard(0), Got::Object(alice.station)]);
    reader.pass(3_000);
    // The change that was held is out of date with the removal.
    assert_eq!(reader.read(), [Got::Gone(alice.station, Removal::Silent)]);
}

#[test]
fn g6_no_amount_of_telemetry_displaces_or_delays_a_hazard() {
    let mut reader = Reader::ready(FeedConfig {
        buffer: 1,
        ..quiet()
    });
    let (mut alice, mut bob) = (reader.road.speaker(10), reader.road.speaker(11));
    reader.say(&mut alice, 0.0);
    reader.report(&mut bob);
    for step in 0..100 {
        reader.pass(50);
        reader.say(&mut alice, f64::from(step));
    }
    // The end of the snapshot was number 1 and the hazard is 2.
    assert_eq!(
        reader.read(),
        [Got::Hazard(0), Got::Gap(100, 3), Got::Object(alice.station)]
    );
}

#[test]
fn a_hazard_that_ends_unread_is_told_as_ended_only() {
    let mut reader = Reader::ready(quiet());
    let mut alice = reader.road.speaker(10);
    reader.report(&mut alice);
    reader.pass(30_000);
    assert_eq!(reader.read(), [Got::HazardGone(Removal::Expired)]);
}

#[test]
fn silence_is_broken_by_heartbeats() {
    let mut reader = Reader::ready(FeedConfig::default());
    let began = reader.road.now.instant;
    assert_eq!(
        reader.feed.poll_timeout(),
        Some(began + Duration::from_secs(1))
    );
    reader.pass(999);
    assert_eq!(reader.read(), []);
    reader.pass(1);
    assert_eq!(reader.read(), [Got::Heartbeat]);
    let mut alice = reader.road.speaker(10);
    reader.pass(600);
    reader.say(&mut alice, 0.0);
    assert_eq!(reader.read(), [Got::Object(alice.station)]);
    reader.pass(600);
    assert_eq!(reader.read(), []);
}

#[test]
fn what_leaves_a_fixed_area_is_told_as_gone() {
    let mut reader = Reader::ready(FeedConfig {
        filter: Filter {
            area: AreaFilter::Fixed(Area::Circle {
                centre: place(0.0),
                radius_m: 100,
            }),
            ..Filter::default()
        },
        ..quiet()
    });
    let (mut alice, mut bob) = (reader.road.speaker(10), reader.road.speaker(11));
    reader.say(&mut bob, 500.0);
    reader.say(&mut alice, 95.0);
    reader.pass(1_000);
    reader.say(&mut alice, 105.0);
    reader.pass(1_000);
    reader.say(&mut alice, 115.0);
    assert_eq!(
        reader.read(),
        [
            Got::Object(alice.station),
            Got::Gone(alice.station, Removal::LeftArea)
        ]
    );
}

#[test]
fn a_circle_around_the_own_vehicle_moves_with_it() {
    let mut reader = Reader::ready(FeedConfig {
        filter: Filter {
            area: AreaFilter::AroundOwn { radius_m: 100 },
            ..Filter::default()
        },
        ..quiet()
    });
    let (mut alice, mut bob) = (reader.road.speaker(10), reader.road.speaker(11));
    // Until the own position is known, everything passes.
    reader.say(&mut alice, 0.0);
    reader.report(&mut bob);
    assert_eq!(reader.read(), [Got::Hazard(0), Got::Object(alice.station)]);
    reader.feed.handle_own_position(place(1_000.0));
    assert_eq!(
        reader.read(),
        [
            Got::HazardGone(Removal::LeftArea),
            Got::Gone(alice.station, Removal::LeftArea)
        ]
    );
    // The hazard does not change, but is told when the vehicle comes near.
    reader.feed.handle_own_position(place(99.0));
    assert_eq!(reader.read(), [Got::Hazard(0)]);
    reader.feed.handle_own_position(place(50.0));
    assert_eq!(reader.read(), []);
    reader.say(&mut bob, 60.0);
    assert_eq!(reader.read(), [Got::Object(bob.station)]);
}

#[test]
fn kinds_and_stations_are_filtered() {
    let mut road = Road::new(Config::default());
    let (mut alice, mut bob) = (road.speaker(10), road.speaker(11));
    for speaker in [&mut alice, &mut bob] {
        road.say(speaker, cruising(0.0));
        let breakdown = speaker.breakdown(road.now);
        road.report(speaker, HazardStatement::unsigned(breakdown));
    }
    let (only, excluded) = (BTreeSet::from([alice.station]), BTreeSet::new());
    let cases = [
        (
            Filter {
                only: Some(only.clone()),
                ..Filter::default()
            },
            Got::End(1, 1),
        ),
        (
            Filter {
                excluded: only,
                ..Filter::default()
            },
            Got::End(1, 1),
        ),
        (
            Filter {
                telemetry: false,
                ..Filter::default()
            },
            Got::End(0, 2),
        ),
        (
            Filter {
                hazards: None,
                excluded,
                ..Filter::default()
            },
            Got::End(2, 0),
        ),
        (hazards(4, None), Got::End(2, 0)),
        (hazards(3, None), Got::End(2, 2)),
        (hazards(0, Some(94)), Got::End(2, 2)),
        (hazards(0, Some(99)), Got::End(2, 0)),
    ];
    for (filter, end) in cases {
        let config = FeedConfig {
            filter: filter.clone(),
            ..quiet()
        };
        let mut feed = Feed::new(config, &road.world.snapshot(), None, road.now).unwrap();
        let last = std::iter::from_fn(|| feed.poll_event(road.now)).last();
        assert_eq!(got(&last.unwrap().event), end, "{filter:?}");
    }
}

#[test]
fn a_feed_that_cannot_be_is_refused() {
    let refused = |config: FeedConfig| {
        let road = Road::new(Config::default());
        Feed::new(config, &road.world.snapshot(), None, road.now).err()
    };
    assert_eq!(
        refused(FeedConfig {
            buffer: BUFFER_LEN_MAX,
            ..quiet()
        }),
        None
    );
    assert_eq!(
        refused(FeedConfig {
            buffer: 1_001,
            ..quiet()
        }),
        Some(FeedError::BufferTooLong(1_001))
    );
    assert_eq!(
        refused(FeedConfig {
            heartbeat_interval: Some(Duration::ZERO),
            ..quiet()
        }),
        Some(FeedError::HeartbeatZero)
    );
}

/// Hazards of at least this quality, and of this cause.
fn hazards(level: u8, cause: Option<u8>) -> Filter {
    Filter {
        hazards: Some(HazardFilter {
            quality_min: InformationQuality::from_level(level).unwrap(),
            causes: cause.map(|code| BTreeSet::from([code])),
        }),
        ..Filter::default()
    }
}
