//! The drive that comes with Wayside holds what `drives/town/README.md` says of it.

use std::{sync::LazyLock, time::Duration};

use wayside::{
    message::Telemetry,
    replay::{Content, Drive, Label, Options, import},
    time::Timestamp,
};

const BYTES: &[u8] = include_bytes!("drives/town.mcap");
const BYTES_MAX: usize = 4_000_000;

static TOWN: LazyLock<Drive> = LazyLock::new(|| {
    let imported = import("town.mcap", BYTES, &Options::default()).unwrap();
    assert_eq!(imported.cut, None);
    imported.drive
});

#[test]
fn it_is_small_enough_to_ship() {
    assert!(BYTES.len() <= BYTES_MAX, "{} bytes", BYTES.len());
}

#[test]
fn it_is_three_minutes_of_many_vehicles() {
    assert!(
        TOWN.vehicles.len() >= 60,
        "{} vehicles",
        TOWN.vehicles.len()
    );
    let duration = TOWN.end().since(TOWN.start);
    assert!(duration >= Duration::from_secs(179), "{duration:?}");
}

#[test]
fn every_vehicle_tells_its_state_ten_times_a_second() {
    for vehicle in 0..TOWN.vehicles.len() {
        let times: Vec<_> = states(&TOWN, vehicle).map(|(time, _)| time).collect();
        for pair in times.windows(2) {
            assert_eq!(pair[1].since(pair[0]), Duration::from_millis(100));
        }
    }
}

#[test]
fn emergency_brakes_are_as_hard_as_labelled() {
    let brakes: Vec<_> = labelled(&TOWN, "emergency_brake").collect();
    assert_eq!(brakes.len(), 3);
    for label in brakes {
        let hardest = states_within(&TOWN, label)
            .filter_map(|state| state.longitudinal_acceleration)
            .min();
        assert!(
            hardest.unwrap().m_per_s2() <= -6.0,
            "{label:?}: {hardest:?}"
        );
    }
}

#[test]
fn the_breakdown_stands_long_with_its_hazard_lights_on() {
    let [label] = labelled(&TOWN, "breakdown").collect::<Vec<_>>()[..] else {
        panic!("one breakdown");
    };
    let standing = states_within(&TOWN, label)
        .filter(|state| state.speed.is_some_and(|speed| speed.mm_per_s() == 0))
        .filter(|state| {
            state
                .exterior_lights
                .is_some_and(|lights| lights.hazard_lights())
        })
        .count();
    // 40 s at ten states a second.
    assert!(standing >= 400, "{standing} states");
}

fn labelled<'a>(drive: &'a Drive, name: &'a str) -> impl Iterator<Item = &'a Label> {
    drive.labels.iter().filter(move |label| label.name == name)
}

fn states(drive: &Drive, vehicle: usize) -> impl Iterator<Item = (Timestamp, &Telemetry)> {
    drive
        .records
        .iter()
        .filter(move |record| record.vehicle == vehicle)
        .filter_map(|record| match &record.content {
            Content::State(state) => Some((record.time, state)),
            Content::Hazard(_) | Content::Wire { .. } => None,
        })
}

fn states_within<'a>(drive: &'a Drive, label: &Label) -> impl Iterator<Item = &'a Telemetry> {
    let during = label.from..=label.until.unwrap();
    states(drive, label.vehicle.unwrap())
        .filter(move |(time, _)| during.contains(time))
        .map(|(_, state)| state)
}
