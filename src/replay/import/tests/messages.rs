use super::{EPOCH_UNIX_MS, assert_near, from_origin, names, noted, read, state, whole};
use crate::message::{AccelerationControl, DriveDirection, ExteriorLights, StationType};

/// An event with two vehicles, the second of which sends every "unavailable" there is.
pub(super) const EVENT: &str = r#"{"eventHeader": {"eventType": "fcw", "hostVehID": "AA"}, "bsmList": [
{"eventMsgSeqNum": 1, "bsmRecord": {"bsmMsg": {"coreData": {"id": "AA", "accuracy": {"semiMajor": 15, "semiMinor": 10, "orientation": 0}, "transmission": "forwardGears", "accelSet": {"long_mpss": 0.36, "lat_mpss": -0.06, "vert_mpss": -0.259, "yaw_dps": -2.26}, "brakes": {"wheelBrakes": "78"}, "size": {"width": 211, "length": 800}, "X_m": -120.0, "Y_m": -92.0, "Z_m": -4.0, "T_s": -6.634, "speed_mps": 22.2, "heading_deg": 90.0}, "partII": [{"partII-Id": 0, "partII-Value": {"lights": {"value": "3000", "length": 9}}}, {"partII-Id": 2, "partII-Value": {"classification": 25}}]}}},
{"eventMsgSeqNum": 2, "bsmRecord": {"bsmMsg": {"coreData": {"id": "BB", "accuracy": {"semiMajor": 255, "semiMinor": 255, "orientation": 65535}, "transmission": "unavailable", "accelSet": {"long_mpss": 20.01, "lat_mpss": 20.01, "vert_mpss": -0.259, "yaw_dps": 327.67}, "brakes": {"wheelBrakes": "80"}, "size": {"width": 0, "length": 0}, "X_m": 1.0, "Y_m": 2.0, "Z_m": 0.1, "T_s": 0.5, "speed_mps": 163.82, "heading_deg": 360.0}}}},
{"eventMsgSeqNum": 3, "timRecord": {}}
], "timList": []}"#;

/// Schema 6 in SI units, schema 9 in steps, a warning of another kind, and a message alone.
pub(super) const LINES: &str = concat!(
    r#"{"metadata":{"recordGeneratedAt":"2018-05-01T16:04:23.694Z","odeReceivedAt":"2019-04-09T18:07:12.352Z"},"payload":{"data":{"coreData":{"id":"31325431","secMark":23794,"position":{"latitude":40.5657318,"longitude":-105.0318485,"elevation":1472.8},"accelSet":{"accelLat":0.5,"accelLong":0.52,"accelYaw":1.00},"accuracy":{"semiMajor":2.00,"semiMinor":1.00},"transmission":"NEUTRAL","speed":0.10,"heading":250.9125,"brakes":{"wheelBrakes":{"leftFront":true,"unavailable":false}},"size":{"width":190,"length":570}}}}}"#,
    "\n",
    r#"{"metadata":{"recordGeneratedAt":"2018-05-01T16:04:59.900Z"},"payload":{"dataType":"TravelerInformation","data":{"MessageFrame":{"messageId":31}}}}"#,
    "\n",
    r#"{"metadata":{"recordGeneratedAt":"","odeReceivedAt":"2018-05-01T16:05:00.100Z"},"payload":{"data":{"messageId":20,"value":{"BasicSafetyMessage":{"coreData":{"id":"9D59FB77","secMark":59950,"lat":391874242,"long":-1048498164,"elev":-4096,"accuracy":{"semiMajor":40,"semiMinor":20,"orientation":16384},"transmission":"reverseGears","speed":500,"heading":7200,"accelSet":{"long":-416,"lat":2001,"vert":-127,"yaw":-125},"brakes":{"wheelBrakes":"00000"},"size":{"width":0,"length":0}}}}}}}"#,
    "\n",
    r#"{"coreData":{"id":"C0","secMark":100,"position":{"latitude":40.0,"longitude":-105.0},"size":{},"speed":7.02}}"#,
    "\n",
);

#[test]
fn event_of_the_new_york_pilot_is_read() {
    let drive = whole(EVENT);
    assert_eq!(names(&drive), ["AA", "BB"]);
    // -6.634 s from the epoch.
    assert_eq!(drive.start.unix_ms(), EPOCH_UNIX_MS - 6_634);
    let host = state(&drive, 0);
    // East, and 4 m of the 8 m lie before the centre.
    assert_near(from_origin(host), -116.0, -92.0);
    assert_eq!(host.speed.unwrap().mm_per_s(), 22_200);
    assert_eq!(host.heading.unwrap().centideg(), 9_000);
    assert_eq!(host.drive_direction, Some(DriveDirection::Forward));
    assert_eq!(host.longitudinal_acceleration.unwrap().mm_per_s2(), 360);
    // To the right in the message, to the left in ours.
    assert_eq!(host.lateral_acceleration.unwrap().mm_per_s2(), 60);
    assert_eq!(host.yaw_rate.unwrap().centideg_per_s(), -226);
    assert_eq!(host.length.unwrap().mm(), 8_000);
    assert_eq!(host.width.unwrap().mm(), 2_110);
    assert_eq!(host.altitude, None);
    assert_eq!(host.station_type, Some(StationType::HEAVY_TRUCK));
    assert!(host.exterior_lights.unwrap().hazard_lights());
    let pedal = AccelerationControl(AccelerationControl::BRAKE_PEDAL);
    assert_eq!(host.acceleration_control, Some(pedal));
    // 15 steps of 0.05 m are 0.75 m, one deviation; 95 % lie within 2.4477 of it.
    let accuracy = host.position_accuracy.unwrap();
    assert_eq!(accuracy.semi_major().mm(), 1_836);
    assert_eq!(accuracy.semi_minor().mm(), 1_224);
    assert!(noted(&drive, "1 records that are no basic safety message"));
}

#[test]
fn warning_of_an_event_is_a_label_at_its_time_zero() {
    let drive = whole(EVENT);
    let [label] = drive.labels.as_slice() else {
        panic!("{:?}", drive.labels)
    };
    assert_eq!(label.from.unix_ms(), EPOCH_UNIX_MS);
    assert_eq!(label.name, "warning fcw");
    assert_eq!(label.vehicle, Some(0));
}

/// SAE J2735: 8191, 28800, 2001, 32767, 255, 0 (sizes) and the first wheel bit.
#[test]
fn unavailable_is_absent_and_never_zero() {
    let drive = whole(EVENT);
    let mute = state(&drive, 1);
    let mut expected = crate::message::Telemetry::at(mute.position);
    expected.exterior_lights = None;
    assert_eq!(*mute, expected);
    assert_near(from_origin(mute), 1.0, 2.0);
}

#[test]
fn messages_of_all_schemas_are_read() {
    let drive = whole(LINES);
    assert_eq!(names(&drive), ["31325431", "9D59FB77", "C0"]);
    // `secMark` says the millisecond of the minute that the log's time names.
    let times: Vec<_> = drive
        .records
        .iter()
        .map(|record| record.time.unix_ms())
        .collect();
    assert_eq!(
        times,
        [1_525_190_663_794, 1_525_190_699_950, 1_525_190_700_100]
    );
    let first = state(&drive, 0);
    assert_eq!(first.altitude.unwrap().mm(), 1_472_800);
    assert_eq!(first.heading.unwrap().centideg(), 25_091);
    assert_eq!(first.lateral_acceleration.unwrap().mm_per_s2(), -500);
    assert_eq!(first.yaw_rate.unwrap().centideg_per_s(), 100);
    assert_eq!(first.position_accuracy.unwrap().semi_major().mm(), 4_895);
    let pedal = AccelerationControl(AccelerationControl::BRAKE_PEDAL);
    assert_eq!(first.acceleration_control, Some(pedal));
    assert!(noted(&drive, "1 records that are no basic safety message"));
    assert!(noted(&drive, "1 messages have no date"));
}

#[test]
fn steps_of_the_standard_become_units() {
    let drive = whole(LINES);
    let second = state(&drive, 1);
    assert_eq!(second.position.latitude_e7(), 391_874_242);
    assert_eq!(second.position.longitude_e7(), -1_048_498_164);
    // 500 steps of 0.02 m/s; 7200 steps of 0.0125° are 90°, and the car goes the other way.
    assert_eq!(second.speed.unwrap().mm_per_s(), 10_000);
    assert_eq!(second.drive_direction, Some(DriveDirection::Backward));
    assert_eq!(second.heading.unwrap().centideg(), 27_000);
    assert_eq!(second.altitude, None);
    assert_eq!(
        second.longitudinal_acceleration.unwrap().mm_per_s2(),
        -4_160
    );
    assert_eq!(second.lateral_acceleration, None);
    // 16384 of 65535 steps of a turn are 90.001°.
    let accuracy = second.position_accuracy.unwrap();
    assert_eq!(accuracy.orientation().centideg(), 9_000);
    assert_eq!(second.acceleration_control, Some(AccelerationControl(0)));
}

#[test]
fn last_line_that_is_cut_is_a_cut() {
    let imported = read(&LINES.as_bytes()[..LINES.len() - 40]).unwrap();
    assert_eq!(imported.drive.records.len(), 2);
    assert!(noted(&imported.drive, "not complete: cut at byte"));
    let cut = imported.cut.unwrap();
    let last_line = LINES.trim_end().rfind('\n').unwrap() + 1;
    assert_eq!(cut.at, u64::try_from(last_line).unwrap());
}

#[test]
fn damaged_line_is_counted_and_the_next_is_read() {
    let drive = whole(&LINES.replacen("{\"metadata\"", "{\"meta\u{1}", 1));
    assert_eq!(names(&drive), ["9D59FB77", "C0"]);
    assert!(noted(&drive, "1 lines that are not JSON"));
}

#[test]
fn records_without_a_message_are_an_error_that_says_what_there_was() {
    let line = LINES.lines().nth(1).unwrap();
    let error = read(line.as_bytes()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1 records that are no basic safety message"),
        "{error}"
    );
}

/// The bits of SAE J2735 `ExteriorLights` in the lights of ours.
#[test]
fn each_light_keeps_its_meaning() {
    let lights = |value: &str| {
        let event = EVENT.replace("\"3000\"", &format!("\"{value}\""));
        state(&whole(&event), 0).exterior_lights.unwrap()
    };
    assert_eq!(lights("8000"), ExteriorLights(1));
    assert_eq!(lights("4000"), ExteriorLights(1 << 1));
    assert_eq!(lights("2000"), ExteriorLights(ExteriorLights::LEFT_TURN));
    assert_eq!(lights("1000"), ExteriorLights(ExteriorLights::RIGHT_TURN));
    assert!(lights("0800").hazard_lights());
    assert_eq!(lights("0080"), ExteriorLights(1 << 7));
    assert_eq!(lights("000000000"), ExteriorLights(0));
}
