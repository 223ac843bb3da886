use super::{EPOCH_UNIX_MS, assert_near, from_origin, names, noted, read, state, whole};
use crate::{
    message::{AccelerationControl, StationType},
    replay::{Drive, ImportError, Options, import},
};

pub(super) const LIES: &str = "\
t_s,sender,true_vehicle,lat,lon,heading_deg,speed_mps,accel_mps2,brake,hazard,label
0.0,a,a,44.4986524,11.3271048,346.55,14.363,-0.926,0,0,genuine
0.0,b,b,44.4904953,11.3274771,353.9,4.77,-8.5,1,1,fake_brake
0.1,a,a,44.4986600,11.3271040,346.55,14.4,,0,0,genuine
0.1,b,b,44.4904990,11.3274770,353.9,4.7,-8.5,1,1,fake_brake
0.2,b,b,44.4904999,11.3274770,353.9,4.6,-8.5,0,0,genuine
";

const TRACKS: &str = "\
track_id,frame_id,timestamp_ms,agent_type,x,y,vx,vy,psi_rad,length,width
1,1,100,car,1,2.5,10,0,0,4,1.8
";

fn mapped(text: &str, map: &str) -> Result<Drive, ImportError> {
    let options = Options {
        columns: Some(map.to_owned()),
        ..Options::default()
    };
    import("a table", text.as_bytes(), &options).map(|imported| imported.drive)
}

#[test]
fn table_of_lies_needs_no_map() {
    let drive = whole(LIES);
    assert_eq!(names(&drive), ["a", "b"]);
    assert_eq!(drive.records.len(), 5);
    let liar = state(&drive, 1);
    assert_eq!(liar.longitudinal_acceleration.unwrap().mm_per_s2(), -8_500);
    let pedal = AccelerationControl(AccelerationControl::BRAKE_PEDAL);
    assert_eq!(liar.acceleration_control, Some(pedal));
    assert!(liar.exterior_lights.unwrap().hazard_lights());
    assert_eq!(state(&drive, 2).longitudinal_acceleration, None);
}

#[test]
fn equal_labels_of_a_vehicle_are_one() {
    let drive = whole(LIES);
    let [label] = drive.labels.as_slice() else {
        panic!("{:?}", drive.labels)
    };
    assert_eq!(
        (label.name.as_str(), label.vehicle),
        ("fake_brake", Some(1))
    );
    assert_eq!(label.from.unix_ms(), EPOCH_UNIX_MS);
    assert_eq!(label.until.unwrap().unix_ms(), EPOCH_UNIX_MS + 100);
}

#[test]
fn tracks_of_interaction_need_no_map() {
    let drive = whole(TRACKS);
    let car = state(&drive, 0);
    assert_eq!(drive.start.unix_ms(), EPOCH_UNIX_MS + 100);
    assert_eq!(car.speed.unwrap().mm_per_s(), 10_000);
    assert_eq!(car.heading.unwrap().centideg(), 9_000);
    assert_eq!(car.station_type, Some(StationType::PASSENGER_CAR));
    // The centre, and half of the four metres to the east.
    assert_near(from_origin(car), 3.0, 2.5);
}

#[test]
fn map_names_columns_and_units() {
    let text = "when;who;lat;lon;v\n1767225600500;x;48;11;36\n";
    let drive = mapped(
        text,
        "unix_time_ms=when, vehicle=who, latitude=lat, longitude=lon, speed_km_per_h=v",
    )
    .unwrap();
    assert_eq!(drive.start.unix_ms(), EPOCH_UNIX_MS + 500);
    assert_eq!(state(&drive, 0).speed.unwrap().mm_per_s(), 10_000);
}

#[test]
fn unit_at_the_end_of_a_column_counts() {
    let text = "t_ms,id,x_ft,y_ft\n500,1,100,0\n";
    let drive = mapped(text, "time=t_ms,vehicle=id,east=x_ft,north=y_ft").unwrap();
    assert_eq!(drive.start.unix_ms(), EPOCH_UNIX_MS + 500);
    assert_near(from_origin(state(&drive, 0)), 30.48, 0.0);
}

#[test]
fn wrong_map_says_what_is_wrong() {
    let cases = [
        (
            "time=t_s,vehicle=sender,latitude=lat",
            "latitude and longitude",
        ),
        ("vehicle=sender,latitude=lat,longitude=lon", "time"),
        ("time=t_s,latitude=lat,longitude=lon", "vehicle"),
        ("time=clock", "no column \"clock\""),
        ("tempo=t_s", "\"tempo\" is no quantity"),
        (
            "speed_furlongs=speed_mps",
            "\"speed_furlongs\" is no quantity",
        ),
        ("time", "not of the form"),
        ("position=roof", "centre or front"),
    ];
    for (map, words) in cases {
        let error = mapped(LIES, map).unwrap_err().to_string();
        assert!(error.contains(words), "{map}: {error}");
    }
}

#[test]
fn unknown_header_asks_for_a_map() {
    let error = read(b"a,b,c,d\n1,2,3,4\n").unwrap_err();
    assert!(error.to_string().contains("a, b, c, d"), "{error}");
    assert!(error.to_string().contains("column map"), "{error}");
}

#[test]
fn lines_that_do_not_fit_are_counted() {
    let text = LIES
        .replace("0.1,a,a", "0.1,a,a,a")
        .replace("0.2,b", "soon,b");
    let drive = whole(&text);
    assert_eq!(drive.records.len(), 3);
    assert!(noted(&drive, "1 lines with too few or too many columns"));
    assert!(noted(&drive, "time: 1 unreadable"));
}

#[test]
fn last_line_that_is_cut_names_its_line() {
    let text = LIES.trim_end().strip_suffix(",0,0,genuine").unwrap();
    let imported = read(text.as_bytes()).unwrap();
    assert_eq!(imported.drive.records.len(), 4);
    let cut = imported.cut.unwrap();
    assert!(cut.why.contains("line 6"), "{cut}");
}

#[test]
fn labels_can_come_from_a_list_of_events() {
    let options = Options {
        labels: Some(
            r#"{"source": "ours", "events": [
                {"time_s": 0.1, "until_s": 0.2, "vehicle": "a", "kind": "emergency_brake", "cause_code": 99, "sub_cause_code": 1, "lat": 44.5, "lon": 11.3},
                {"time_s": 0.1, "vehicle": "nobody", "kind": "breakdown"}]}"#
                .to_owned(),
        ),
        ..Options::default()
    };
    let drive = import("a table", LIES.as_bytes(), &options).unwrap().drive;
    let label = &drive.labels[1];
    assert_eq!(
        label.cause,
        Some(crate::message::Cause::EMERGENCY_BRAKE_LIGHT)
    );
    assert_eq!(label.from.unix_ms(), EPOCH_UNIX_MS + 100);
    assert_eq!(label.until.unwrap().unix_ms(), EPOCH_UNIX_MS + 200);
    assert_eq!(label.vehicle, Some(0));
    assert_eq!(drive.labels.len(), 2);
    assert!(noted(
        &drive,
        "1 labels about vehicles that are not in the recording"
    ));
}

#[test]
fn unusable_events_are_named() {
    for (labels, words) in [
        ("{", "not JSON"),
        ("{}", "no list of events"),
        (r#"[{"kind": "x"}]"#, "event 1: time_s"),
        (r#"[{"time_s": 1}]"#, "event 1: kind"),
        (
            r#"[{"time_s": 1, "kind": "x", "cause_code": 700}]"#,
            "event 1: cause_code",
        ),
    ] {
        let options = Options {
            labels: Some(labels.to_owned()),
            ..Options::default()
        };
        let error = import("a table", LIES.as_bytes(), &options).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
