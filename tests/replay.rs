//! Recorded drives in, expected world out: through the library and through the command line.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use wayside::{
    replay::{Drive, mcap},
    sim::{Placement, Replay, Seed},
};

#[test]
fn everybody_in_range_hears_the_town() {
    let report = Replay::of(town())
        .duration(seconds(25))
        .run()
        .unwrap()
        .report;
    assert_eq!(report.delivered, report.expected);
    assert!(report.expected > 10_000, "{}", report.expected);
    assert!(report.refused.is_empty() && report.unpublished.is_empty());
    // The label at 15.2 s becomes a hazard of its vehicle, and its end at 19.9 s a cancellation.
    let [brake] = report.hazards.as_slice() else {
        panic!("{:?}", report.hazards);
    };
    assert_eq!(brake.vehicle, "eastbound.7");
    assert_eq!((brake.cause_code, brake.sub_cause_code), (99, 1));
    assert_eq!(brake.reported_at_ms, 15_200);
    assert_eq!(brake.cancelled_at_ms, Some(19_900));
    assert!(brake.expected > 0 && brake.heard_by >= brake.expected);
}

#[test]
fn the_world_at_the_end_is_where_the_recording_says() {
    let outcome = Replay::of(town())
        .vehicles(Some(20))
        .duration(seconds(10))
        .seed(Seed(3))
        .run()
        .unwrap();
    let viewer = wayside::sim::NodeId(0);
    let at = outcome.road.now_of(viewer).timestamp;
    let seen = outcome.road.station(viewer).world().world_at(at, None);
    assert!(!seen.is_empty());
    for object in seen {
        let estimate = object.estimate;
        let owner = (1..20)
            .map(wayside::sim::NodeId)
            .find(|node| outcome.road.station(*node).station() == Some(object.object.station()))
            .unwrap();
        let truth = outcome.road.station(owner).own_state().unwrap();
        let error_m = estimate.position.distance_m(truth.telemetry.position);
        // At most a second old by the generation rule, and extrapolated since.
        assert!(error_m < 15.0, "{error_m} m");
    }
}

#[test]
fn the_command_gives_the_same_bytes_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str, arguments: &[&str]| {
        let path = folder.path().join(name);
        let output = wayside(
            &[
                &["replay", TOWN, "--vehicles", "12", "--duration", "5"],
                arguments,
                &["--report", path.to_str().unwrap()],
            ]
            .concat(),
        );
        assert!(output.status.success(), "{output:?}");
        std::fs::read(path).unwrap()
    };
    let first = report("a.json", &["--loss", "0.1", "--seed", "1"]);
    assert_eq!(first, report("b.json", &["--loss", "0.1", "--seed", "1"]));
    let other = report("c.json", &["--loss", "0.1", "--seed", "2"]);
    let digest = |bytes: &[u8]| json(bytes)["digest"].as_str().unwrap().to_owned();
    assert_ne!(digest(&first), digest(&other));
}

#[test]
fn a_recorded_replay_verifies_every_signature_again() {
    let folder = tempfile::tempdir().unwrap();
    let signed = path(folder.path(), "signed.mcap");
    let town = ["replay", TOWN, "--vehicles", "12", "--duration", "5"];
    let first = wayside(&[&town[..], &["--report", "-", "--record", &signed]].concat());
    assert!(first.status.success(), "{first:?}");
    let second = wayside(&["replay", &signed, "--report", "-"]);
    assert!(second.status.success(), "{second:?}");
    let (first, second) = (json(&first.stdout), json(&second.stdout));
    assert_eq!(first["delivered"], second["delivered"]);
    assert_eq!(second["delivered"], second["expected"]);
    assert_eq!(second["refused"], serde_json::json!({}));
}

#[test]
fn a_cut_recording_plays_to_the_cut_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(TOWN).unwrap();
    let cut = path(folder.path(), "cut.mcap");
    std::fs::write(&cut, &whole[..whole.len() * 6 / 10]).unwrap();
    let output = wayside(&["replay", &cut, "--vehicles", "5", "--report", "-"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output.stdout);
    assert!(report["cut"].as_str().unwrap().starts_with("cut at byte"));
    assert!(report["delivered"].as_u64().unwrap() > 0);
    assert!(report["duration_ms"].as_u64().unwrap() < 179_900);
    assert!(text(&output.stderr).contains("cut at byte"));
}

#[test]
fn a_page_holds_what_one_vehicle_saw_and_nothing_that_loads() {
    let folder = tempfile::tempdir().unwrap();
    let page = path(folder.path(), "town.html");
    let view = [
        "--report-html",
        &page,
        "--view",
        "eastbound.6",
        "--duration",
        "20",
    ];
    let output = wayside(&[&["replay", TOWN][..], &view].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(
        !html.contains("http") && !html.contains("src="),
        "it loads something"
    );
    let (_, rest) = html
        .split_once(r#"type="application/json" id="data">"#)
        .unwrap();
    let data = json(rest.split_once("</script>").unwrap().0.as_bytes());
    let names = data["vehicles"].as_array().unwrap();
    let viewer = usize::try_from(data["viewer"].as_u64().unwrap()).unwrap();
    assert_eq!(names[viewer], "eastbound.6");
    assert_eq!(data["tracks"].as_array().unwrap().len(), names.len());
    let columns = data["heard"].as_array().unwrap().len();
    assert_eq!(
        Some(columns as u64),
        data["heard_count"].as_u64().map(|count| 9 * count)
    );
    assert!(columns > 0);
    let hazards = data["hazards"].as_array().unwrap();
    assert_eq!(hazards.len(), 1);
    assert_eq!(hazards[0]["by"], "eastbound.7");

    let unknown = wayside(&["replay", TOWN, "--report-html", &page, "--view", "nobody"]);
    assert_eq!(
        text(&unknown.stderr).trim(),
        "error: no vehicle nobody plays in the drive"
    );
}

#[test]
fn a_page_of_a_scenario_shows_its_lanes() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, page) = (
        path(folder.path(), "lanes.xml"),
        path(folder.path(), "lanes.html"),
    );
    std::fs::write(&scenario, LANES).unwrap();
    let output = wayside(&["replay", &scenario, "--report-html", &page]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let html = std::fs::read_to_string(&page).unwrap();
    let (_, rest) = html
        .split_once(r#"type="application/json" id="data">"#)
        .unwrap();
    let data = json(rest.split_once("</script>").unwrap().0.as_bytes());
    let lanes = data["lanes"].as_array().unwrap();
    let [lane] = &lanes[..] else {
        panic!("one lane: {lanes:?}");
    };
    let columns = lane.as_array().unwrap().iter();
    let lane: Vec<i64> = columns.map(|cm| cm.as_i64().unwrap()).collect();
    // From the front of the first vehicle, 2 m ahead of its middle: the left border there, the right one
    // back.
    let expected = [-1_200, 200, 8_800, 200, 8_800, -200, -1_200, -200];
    assert_eq!(lane.len(), expected.len());
    for (found, expected) in lane.iter().zip(expected) {
        assert!((found - expected).abs() <= 2, "{lane:?}");
    }
}

/// A lane of 100 m to the east, and two cars on it.
const LANES: &str = r#"<?xml version='1.0' encoding='UTF-8'?>
<commonRoad timeStepSize="0.1" commonRoadVersion="2020a" benchmarkID="ZAM_Test-1_1_T-1">
  <location><gpsLatitude>48.0</gpsLatitude><gpsLongitude>11.0</gpsLongitude></location>
  <lanelet id="1">
    <leftBound><point><x>0</x><y>22</y></point><point><x>100</x><y>22</y></point></leftBound>
    <rightBound><point><x>0</x><y>18</y></point><point><x>100</x><y>18</y></point></rightBound>
  </lanelet>
  <dynamicObstacle id="30">
    <type>car</type>
    <shape><rectangle><length>4.0</length><width>1.6</width></rectangle></shape>
    <initialState>
      <position><point><x>10.0</x><y>20.0</y></point></position>
      <orientation><exact>0.0</exact></orientation>
      <time><exact>0</exact></time>
      <velocity><exact>0.0</exact></velocity>
    </initialState>
  </dynamicObstacle>
  <dynamicObstacle id="31">
    <type>car</type>
    <shape><rectangle><length>4.0</length><width>1.6</width></rectangle></shape>
    <initialState>
      <position><point><x>40.0</x><y>20.0</y></point></position>
      <orientation><exact>0.0</exact></orientation>
      <time><exact>0</exact></time>
      <velocity><exact>0.0</exact></velocity>
    </initialState>
  </dynamicObstacle>
</commonRoad>
"#;

#[test]
fn what_cannot_be_played_is_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let empty = path(folder.path(), "empty.mcap");
    std::fs::write(&empty, b"").unwrap();
    let noise = path(folder.path(), "noise.json");
    std::fs::write(&noise, b"\x00\xff not a recording").unwrap();
    let missing = path(folder.path(), "missing.mcap");
    for file in [&empty, &noise, &missing] {
        let output = wayside(&["replay", file]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        let message = text(&output.stderr);
        assert!(message.starts_with("error: "), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
    }
    for wrong in [
        ["--loss", "NaN"],
        ["--range-m", "-1"],
        ["--duration", "inf"],
    ] {
        let output = wayside(&[&["replay", TOWN], &wrong[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("must be a number"));
    }
}

#[test]
fn a_live_replay_covers_everybody_over_real_sockets() {
    let output = wayside(&[
        "replay",
        TOWN,
        "--live",
        "--vehicles",
        "6",
        "--duration",
        "4",
        "--rate",
        "2",
        "--report",
        "-",
    ]);
    assert!(output.status.success(), "{output:?}");
    let report = json(&output.stdout);
    assert_eq!(report["mode"], "live");
    assert!(report["coverage"].as_f64().unwrap() >= 0.9, "{report}");
    assert!(report["delivered"].as_u64().unwrap() > 50, "{report}");
    assert_eq!(report["refused"], serde_json::json!({}));
    assert!(report["cpu_us_per_msg"].as_f64().unwrap() > 0.0);
}

#[test]
fn roadside_units_cover_the_town_and_tell_nobody_more_than_was_asked_for() {
    let report = Replay::of(town())
        .duration(seconds(20))
        .units(Some(Placement {
            count: 2,
            radius_m: None,
        }))
        .run()
        .unwrap()
        .report;
    assert!(report.coverage >= 0.99, "{}", report.coverage);
    assert!(report.expected > 1_000, "{}", report.expected);
    let roadside = report.roadside.unwrap();
    assert_eq!(roadside.units, 2);
    assert_eq!(roadside.outside, 0);
    assert!(roadside.handovers > 0);
    let [brake] = report.hazards.as_slice() else {
        panic!("{:?}", report.hazards);
    };
    assert!(brake.heard_by >= brake.expected);
}

#[test]
fn the_command_puts_units_along_a_drive_in_virtual_and_in_real_time() {
    let common = ["replay", TOWN, "--vehicles", "6", "--duration", "5"];
    let units = ["--units", "2", "--report", "-"];
    for mode in [&[][..], &["--live"]] {
        let output = wayside(&[&common[..], &units, mode].concat());
        assert!(output.status.success(), "{output:?}");
        let report = json(&output.stdout);
        assert!(report["coverage"].as_f64().unwrap() >= 0.85, "{report}");
        assert!(report["delivered"].as_u64().unwrap() > 50, "{report}");
        assert_eq!(report["roadside"]["units"], 2);
        assert_eq!(report["roadside"]["outside"], 0);
    }
    let output = wayside(&["replay", TOWN, "--unit-radius-m", "500"]);
    assert_eq!(output.status.code(), Some(2));
}

fn town() -> Drive {
    let town = mcap::read(&std::fs::read(TOWN).unwrap()).unwrap();
    assert_eq!(town.cut, None);
    town.drive
}

fn wayside(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wayside"))
        .args(arguments)
        .output()
        .unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(folder: &Path, name: &str) -> String {
    PathBuf::from(folder)
        .join(name)
        .to_str()
        .unwrap()
        .to_owned()
}

fn seconds(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count))
}

const TOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/drives/town.mcap");
