//! Dangers that vehicles find by themselves in the drive that comes with Wayside.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use wayside::{
    geo::Position,
    hazards::{Config, Danger, Detector, LOOK_INTERVAL, LOOK_RADIUS_M, Neighbour, Observation},
    id::StationId,
    message::Telemetry,
    replay::{Content, Drive, Label, Options, import},
    sim::Replay,
    time::Timestamp,
};

#[test]
fn the_towns_brakes_and_its_breakdown_are_found_and_nothing_else() {
    let town = town();
    let found = find(&town, Config::default(), |_| {});
    check(&town, &found);
}

#[test]
fn the_same_is_found_where_nobody_knows_the_lights() {
    let town = town();
    let found = find(&town, Config::default(), |state| {
        state.exterior_lights = None;
    });
    check(&town, &found);
}

#[test]
fn a_replay_without_labels_shows_what_vehicles_found() {
    let mut town = town();
    let [brake, ..] = labelled(&town, "emergency_brake")[..] else {
        panic!("three brakes");
    };
    let (vehicle, from) = (brake.vehicle.unwrap(), brake.from.since(town.start));
    let name = town.vehicles[vehicle].name.clone();
    town.labels.clear();
    let report = Replay::of(town)
        .duration(Some(Duration::from_secs(25)))
        .run()
        .unwrap()
        .report;
    let [found] = report.hazards.as_slice() else {
        panic!("{:?}", report.hazards);
    };
    assert_eq!(found.vehicle, name);
    assert_eq!((found.cause_code, found.sub_cause_code), (99, 1));
    let late = Duration::from_millis(found.reported_at_ms).checked_sub(from);
    // It takes 0.3 s to bite.
    assert!(late.unwrap() <= Duration::from_millis(800), "{late:?}");
    assert!(found.cancelled_at_ms.is_some());
    assert!(found.expected > 0 && found.heard_by >= found.expected);
    assert_eq!(found.acted_on_by, 0, "nobody else says so");
}

/// What was found of one vehicle, from when on.
#[derive(Debug)]
struct Found {
    vehicle: usize,
    danger: Danger,
    from: Timestamp,
    position: Position,
}

/// Every vehicle finds by itself, and hears everybody near.
fn find(drive: &Drive, config: Config, change: impl Fn(&mut Telemetry)) -> Vec<Found> {
    let mut detectors: BTreeMap<usize, Detector> = BTreeMap::new();
    let mut holding: BTreeSet<(usize, Danger)> = BTreeSet::new();
    let mut latest: BTreeMap<usize, (Timestamp, Telemetry)> = BTreeMap::new();
    let mut all = Vec::new();
    for record in &drive.records {
        let Content::State(state) = &record.content else {
            continue;
        };
        let mut own = state.clone();
        change(&mut own);
        latest.insert(record.vehicle, (record.time, own.clone()));
        let detector = detectors.entry(record.vehicle);
        let detector = detector.or_insert_with(|| Detector::new(config.clone()));
        let near = detector
            .is_look_due(record.time)
            .then(|| neighbours(&latest, record.vehicle, record.time));
        let found = detector.observe(&Observation {
            own: &own,
            measured: record.time,
            neighbours: near.as_deref(),
        });
        for danger in Danger::ALL {
            let name = (record.vehicle, danger);
            let holds = found.lasting.contains(&danger) || found.occurred.contains(&danger);
            if !holds {
                holding.remove(&name);
            } else if holding.insert(name) {
                all.push(Found {
                    vehicle: record.vehicle,
                    danger,
                    from: record.time,
                    position: own.position,
                });
            }
        }
    }
    all
}

fn neighbours(
    latest: &BTreeMap<usize, (Timestamp, Telemetry)>,
    own: usize,
    now: Timestamp,
) -> Vec<Neighbour> {
    let place = latest[&own].1.position;
    latest
        .iter()
        .filter(|(vehicle, (heard, state))| {
            **vehicle != own
                && now.since(*heard) < Duration::from_secs(3)
                && place.distance_m(state.position) <= f64::from(LOOK_RADIUS_M)
        })
        .filter_map(|(vehicle, (_, state))| {
            let name = u64::try_from(*vehicle).unwrap().to_be_bytes();
            Neighbour::of(StationId::from_bytes(name), state)
        })
        .collect()
}

/// Three brakes and a breakdown, each of the car that is labelled, in time and in place.
fn check(town: &Drive, found: &[Found]) {
    let (brakes, others): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|found| found.danger == Danger::EmergencyBrake);
    let labels = labelled(town, "emergency_brake");
    assert_eq!(brakes.len(), labels.len(), "{brakes:?}");
    for (brake, label) in brakes.iter().zip(labels) {
        assert_eq!(Some(brake.vehicle), label.vehicle);
        // From when it bites, 0.3 s after the label begins.
        let late = brake.from.since(label.from);
        assert!(late <= Duration::from_millis(800), "{late:?}");
        if let Some(place) = label.position {
            // 0.8 s at 19 m/s, and 10 m.
            assert!(place.distance_m(brake.position) <= 25.0);
        }
    }
    let [breakdown] = others.as_slice() else {
        panic!("{others:?}");
    };
    let [label] = labelled(town, "breakdown")[..] else {
        panic!("one breakdown");
    };
    assert_eq!(breakdown.danger, Danger::Stationary);
    assert_eq!(Some(breakdown.vehicle), label.vehicle);
    // Told 30 s after it came to stand, by the next look around at the latest.
    let told = breakdown.from.since(stands_from(town, label));
    let timer = Duration::from_secs(30);
    assert!(told >= timer && told <= timer + LOOK_INTERVAL, "{told:?}");
}

/// When a labelled car first stands.
fn stands_from(drive: &Drive, label: &Label) -> Timestamp {
    let mut records = drive.records.iter();
    let first = records.find(|record| {
        let Content::State(state) = &record.content else {
            return false;
        };
        let stands = state.speed.is_some_and(|speed| speed.mm_per_s() < 300);
        Some(record.vehicle) == label.vehicle && record.time >= label.from && stands
    });
    first.unwrap().time
}

fn labelled<'a>(drive: &'a Drive, name: &str) -> Vec<&'a Label> {
    let labels = drive.labels.iter();
    labels.filter(|label| label.name == name).collect()
}

fn town() -> Drive {
    let bytes = include_bytes!("drives/town.mcap");
    import("town.mcap", bytes, &Options::default())
        .unwrap()
        .drive
}
