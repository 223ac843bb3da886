use std::time::Duration;

use wayside::replay::{Drive, Options, import};

use crate::demo::cast::{Cast, LEAD, RANGE_M, TAIL};

fn town() -> Drive {
    let bytes = include_bytes!("../../../../../tests/drives/town.mcap");
    let options = Options::default();
    import("town.mcap", bytes, &options).unwrap().drive
}

#[test]
fn the_one_that_brakes_comes_first_and_the_others_stay_near() {
    let cast = Cast::choose(&town(), 6).unwrap();
    assert_eq!(cast.roles.len(), 6);
    // The braking car of 60.0 s and its follower, 19.1 m behind its rear; it is 4.5 m long or more.
    assert_eq!(cast.roles[0].vehicle, "westbound.2");
    assert!(cast.roles.iter().any(|role| role.vehicle == "westbound.4"));
    assert!(cast.width_m() <= RANGE_M);
}

#[test]
fn everybody_has_states_for_the_whole_play() {
    for role in Cast::choose(&town(), 8).unwrap().roles {
        let (first, last) = (role.states.first().unwrap(), role.states.last().unwrap());
        assert!(first.0 < Duration::from_millis(100), "{}", role.vehicle);
        assert!(
            last.0 > LEAD + TAIL - Duration::from_millis(100),
            "{}",
            role.vehicle
        );
    }
}

#[test]
fn a_cast_that_the_drive_does_not_have_is_refused() {
    assert!(Cast::choose(&town(), 118).is_err());
}
