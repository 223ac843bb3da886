use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::{EPOCH_UNIX_MS, assert_near, from_origin, names, noted, read, state, whole};
use crate::message::{AccelerationControl, DriveDirection, ExteriorLights, StationType};

pub(super) const GEOGRAPHIC: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- <configuration><output><fcd-output.geo value="true"/></output></configuration> -->
<fcd-export>
    <timestep time="130.00">
        <vehicle id="a/b:0#1" x="11.3271048" y="44.4986524" angle="346.547" type="passenger2b" speed="14.363" pos="168.1" lane="204a[0]_0" signals="10" acceleration="-0.926"/>
        <vehicle speed="0.000" id="bus_1" y="44.4904953" x="11.3274771" angle="353.903" type="bus" signals="4"/>
    </timestep>
    <timestep time="130.10">
        <vehicle id="a/b:0#1" x="11.3271000" y="44.4986600" angle="346.5" type="passenger2b" speed="14.3" signals="0" acceleration="-0.6"/>
    </timestep>
</fcd-export>
"#;

#[test]
fn attributes_in_any_order_become_telemetry() {
    let drive = whole(GEOGRAPHIC);
    assert_eq!(names(&drive), ["a/b:0#1", "bus_1"]);
    assert_eq!(drive.records.len(), 3);
    assert_eq!(drive.start.unix_ms(), EPOCH_UNIX_MS + 130_000);
    assert_eq!(drive.records[2].time.unix_ms(), EPOCH_UNIX_MS + 130_100);
    let car = state(&drive, 0);
    assert_eq!(car.position.latitude_e7(), 444_986_524);
    assert_eq!(car.position.longitude_e7(), 113_271_048);
    assert_eq!(car.heading.unwrap().centideg(), 34_655);
    assert_eq!(car.speed.unwrap().mm_per_s(), 14_363);
    assert_eq!(car.drive_direction, Some(DriveDirection::Forward));
    assert_eq!(car.longitudinal_acceleration.unwrap().mm_per_s2(), -926);
    assert_eq!(car.station_type, Some(StationType::PASSENGER_CAR));
    assert!(noted(&drive, "2026-01-01T00:00:00Z"));
}

/// <https://sumo.dlr.de/docs/TraCI/Vehicle_Signalling.html>: 2 is left, 4 hazard, 8 brake.
#[test]
fn signals_become_lights_and_pedals() {
    let drive = whole(GEOGRAPHIC);
    let (braking, warning) = (state(&drive, 0), state(&drive, 1));
    assert_eq!(
        braking.exterior_lights,
        Some(ExteriorLights(ExteriorLights::LEFT_TURN))
    );
    let pedal = AccelerationControl(AccelerationControl::BRAKE_PEDAL);
    assert_eq!(braking.acceleration_control, Some(pedal));
    assert!(warning.exterior_lights.unwrap().hazard_lights());
    assert_eq!(warning.acceleration_control, Some(AccelerationControl(0)));
}

#[test]
fn what_sumo_does_not_say_is_absent() {
    let drive = whole(GEOGRAPHIC);
    let bus = state(&drive, 1);
    assert_eq!(bus.longitudinal_acceleration, None);
    assert_eq!(bus.length, None);
    assert_eq!(bus.drive_direction, None);
}

#[test]
fn metres_lie_around_the_fixed_origin() {
    let text = r#"<fcd-export><timestep time="0"><vehicle id="a" x="300.5" y="120.25"/></timestep></fcd-export>"#;
    let drive = whole(text);
    assert_near(from_origin(state(&drive, 0)), 300.5, 120.25);
    assert!(noted(&drive, "48° N 11° E"));
}

#[test]
fn metres_that_look_like_degrees_are_told_apart_by_the_configuration() {
    let text = r#"<!-- <sumoConfiguration/> --><fcd-export><timestep time="0"><vehicle id="a" x="20" y="10"/></timestep></fcd-export>"#;
    assert_near(from_origin(state(&whole(text), 0)), 20.0, 10.0);
}

#[test]
fn several_gzip_members_are_one_recording() {
    let (head, tail) = GEOGRAPHIC.split_at(300);
    let packed = [pack(head.as_bytes()), pack(tail.as_bytes())].concat();
    assert_eq!(
        read(&packed).unwrap().drive.records,
        whole(GEOGRAPHIC).records
    );
}

#[test]
fn cut_gzip_gives_what_came_before() {
    let mut text = GEOGRAPHIC.replace("</fcd-export>\n", "");
    for step in 0..2_000 {
        let x = f64::from(step).mul_add(1e-5, 11.3);
        text.push_str(&format!(
            "<timestep time=\"{step}\"><vehicle id=\"v{step}\" x=\"{x}\" y=\"44.5\"/></timestep>\n"
        ));
    }
    let packed = pack(text.as_bytes());
    let imported = read(&packed[..packed.len() * 6 / 10]).unwrap();
    assert!(imported.drive.records.len() > 500);
    let cut = imported.cut.unwrap();
    assert!(cut.why.contains("gzip"), "{cut}");
}

#[test]
fn absurd_values_are_left_out_and_counted() {
    let text = r#"<fcd-export><timestep time="0">
        <vehicle id="a" x="11" y="44" speed="NaN" angle="1e300" acceleration="99" signals="-3"/>
        <vehicle id="b" x="1e300" y="44" speed="1"/>
        <vehicle id="c" y="44" speed="1"/>
        <vehicle id="" x="11" y="44"/>
        </timestep><timestep time="soon"><vehicle id="a" x="11" y="44"/></timestep>
        <person id="p" x="11" y="44"/></fcd-export>"#;
    let drive = whole(text);
    assert_eq!(names(&drive), ["a"]);
    let car = state(&drive, 0);
    assert_eq!(
        (car.speed, car.heading, car.exterior_lights),
        (None, None, None)
    );
    for words in [
        "speed: 1 unreadable",
        "angle: 1 unreadable",
        "acceleration: 1 unreadable",
        "signals: 1 unreadable",
        "position: 1 unreadable",
        "1 states without id",
        "1 states outside a readable timestep",
        "1 states of persons",
        "empty or overlong name",
    ] {
        assert!(noted(&drive, words), "{words} in {:?}", drive.notes);
    }
}

#[test]
fn states_are_put_in_order_and_repeated_ones_left_out() {
    let text = r#"<fcd-export>
        <timestep time="2"><vehicle id="a" x="11.2" y="44"/></timestep>
        <timestep time="1"><vehicle id="b" x="11.1" y="44"/><vehicle id="a" x="11.1" y="44"/></timestep>
        <timestep time="1"><vehicle id="a" x="11.3" y="44"/></timestep></fcd-export>"#;
    let drive = whole(text);
    let times: Vec<_> = drive
        .records
        .iter()
        .map(|record| (record.time.unix_ms() - EPOCH_UNIX_MS, record.vehicle))
        .collect();
    assert_eq!(times, [(1_000, 0), (1_000, 1), (2_000, 0)]);
    assert_eq!(names(&drive), ["a", "b"]);
    assert_eq!(state(&drive, 0).position.longitude_e7(), 111_000_000);
    assert!(noted(&drive, "1 further states"));
    assert!(noted(&drive, "1 states stood after later ones"));
}

pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
