use std::f64::consts::{FRAC_PI_2, PI};

use super::{
    super::{
        import_lanes,
        place::{in_plane, origin},
    },
    commonroad,
};
use crate::{
    geo::{LocalFrame, Offset},
    units::Speed,
};

/// Two lanes that go east one after the other, and one that comes back; the second form of limits.
const NEW: &str = r#"<?xml version='1.0' encoding='UTF-8'?>
<commonRoad timeStepSize="0.1" commonRoadVersion="2020a" benchmarkID="ZAM_Test-1_1_T-1">
  <location><gpsLatitude>48.0</gpsLatitude><gpsLongitude>11.0</gpsLongitude></location>
  <lanelet id="1">
    <leftBound><point><x>0</x><y>3</y></point><point><x>50</x><y>3</y></point></leftBound>
    <rightBound><point><x>0</x><y>0</y></point><point><x>50</x><y>0</y></point></rightBound>
    <successor ref="2"/><adjacentLeft ref="3" drivingDir="opposite"/><trafficSignRef ref="9"/>
  </lanelet>
  <lanelet id="2">
    <leftBound><point><x>50</x><y>3</y></point><point><x>90</x><y>3</y></point></leftBound>
    <rightBound><point><x>50</x><y>0</y></point><point><x>90</x><y>0</y></point></rightBound>
    <predecessor ref="1"/><trafficSignRef ref="8"/>
  </lanelet>
  <lanelet id="3">
    <leftBound><point><x>50</x><y>3</y></point><point><x>0</x><y>3</y></point></leftBound>
    <rightBound><point><x>50</x><y>6</y></point><point><x>0</x><y>6</y></point></rightBound>
    <speedLimit>8.5</speedLimit>
  </lanelet>
  <lanelet id="4"><leftBound><point><x>1</x></point></leftBound><rightBound/></lanelet>
  <lanelet id="none"><leftBound/><rightBound/></lanelet>
  <trafficSign id="8"><trafficSignElement><trafficSignID>102</trafficSignID></trafficSignElement></trafficSign>
  <trafficSign id="9"><trafficSignElement><trafficSignID>274</trafficSignID><additionalValue>13.9</additionalValue></trafficSignElement></trafficSign>
</commonRoad>
"#;

fn place(east_m: f64, north_m: f64) -> Offset {
    Offset { east_m, north_m }
}

#[test]
fn lanes_lead_into_each_other_and_have_the_limits_of_their_signs() {
    let lanes = import_lanes("new.xml", NEW.as_bytes()).unwrap();
    assert!(lanes.is_placed);
    assert_eq!(lanes.cut, None);
    let map = lanes.map;
    assert_eq!((map.lanes_len(), map.left_out()), (3, 1));
    let routes = map.routes(place(10.0, 1.5), (FRAC_PI_2, 5.0), 300.0);
    assert_eq!(routes.len(), 1);
    assert!((routes[0].length_m() - 80.0).abs() < 1e-9);
    let limit = |east_m, north_m, heading_rad| {
        let limit = map.speed_limit(place(east_m, north_m), heading_rad);
        limit.map(Speed::m_per_s)
    };
    assert_eq!(limit(10.0, 1.5, FRAC_PI_2), Some(13.9));
    assert_eq!(limit(70.0, 1.5, FRAC_PI_2), None);
    assert_eq!(limit(10.0, 4.5, PI + FRAC_PI_2), Some(8.5));
}

#[test]
fn a_scenario_without_a_place_has_its_lanes_where_its_vehicles_are() {
    let unplaced = NEW.replace("48.0", "999.0");
    let lanes = import_lanes("new.xml", unplaced.as_bytes()).unwrap();
    assert!(!lanes.is_placed);
    let vehicle = in_plane(&LocalFrame::at(origin()), 10.0, 1.5).unwrap();
    let at = lanes.map.offset(vehicle);
    assert!(lanes.map.is_on_lane(at, FRAC_PI_2));
}

#[test]
fn a_cut_scenario_says_so_and_has_the_lanes_before_it() {
    let cut = &NEW[..NEW.find("<lanelet id=\"3\"").unwrap() + 40];
    let lanes = import_lanes("cut.xml", cut.as_bytes()).unwrap();
    assert!(lanes.cut.is_some());
    assert_eq!(lanes.map.lanes_len(), 2);
}

#[test]
fn files_of_another_kind_have_no_lanes() {
    let lanes = import_lanes("old.xml", commonroad::OLD.as_bytes()).unwrap();
    assert_eq!((lanes.map.lanes_len(), lanes.is_placed), (0, false));
    let lanes = import_lanes("noise", b"time,x\n1,2\n").unwrap();
    assert_eq!(lanes.map.lanes_len(), 0);
}
