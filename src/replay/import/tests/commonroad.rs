use super::{EPOCH_UNIX_MS, assert_near, from_origin, names, noted, read, state, whole};
use crate::message::{DriveDirection, StationType};

/// The form of 2020a, with a place, an interval, and an obstacle that reverses.
pub(super) const NEW: &str = r#"<?xml version='1.0' encoding='UTF-8'?>
<commonRoad timeStepSize="0.1" commonRoadVersion="2020a" benchmarkID="ZAM_Test-1_1_T-1">
  <location><geoNameId>-999</geoNameId><gpsLatitude>48.0</gpsLatitude><gpsLongitude>11.0</gpsLongitude></location>
  <lanelet id="1"><leftBound><point><x>1</x><y>2</y></point></leftBound></lanelet>
  <dynamicObstacle id="30">
    <type>car</type>
    <shape><rectangle><length>4.0</length><width>1.61</width></rectangle></shape>
    <initialState>
      <position><point><x>10.0</x><y>20.0</y></point></position>
      <orientation><exact>0.0</exact></orientation>
      <time><exact>0</exact></time>
      <velocity><exact>14.0</exact></velocity>
      <acceleration><exact>-0.5</exact></acceleration>
      <yawRate><exact>0.1</exact></yawRate>
    </initialState>
    <trajectory>
      <state>
        <position><rectangle><length>1</length><width>1</width><orientation>0</orientation><center><x>11.4</x><y>20.0</y></center></rectangle></position>
        <orientation><intervalStart>1.4707963</intervalStart><intervalEnd>1.6707963</intervalEnd></orientation>
        <time><exact>1</exact></time>
        <velocity><intervalStart>13.0</intervalStart><intervalEnd>15.0</intervalEnd></velocity>
      </state>
    </trajectory>
  </dynamicObstacle>
  <dynamicObstacle id="31">
    <type>truck</type>
    <shape><circle><radius>1.0</radius></circle></shape>
    <initialState>
      <position><point><x>0</x><y>0</y></point></position>
      <orientation><exact>0.0</exact></orientation>
      <time><exact>1</exact></time>
      <velocity><exact>-1.0</exact></velocity>
    </initialState>
  </dynamicObstacle>
  <staticObstacle id="40"><type>parkedVehicle</type></staticObstacle>
</commonRoad>
"#;

/// The form of 2018b, without a place.
pub(super) const OLD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<commonRoad benchmarkID="ZAM_Test-2_1_T-1" commonRoadVersion="2018b" timeStepSize="0.2">
   <obstacle id="7">
      <role>dynamic</role><type>bicycle</type>
      <shape><rectangle><length>2.0</length><width>0.6</width></rectangle></shape>
      <initialState>
         <position><point><x>5.0</x><y>-5.0</y></point></position>
         <orientation><exact>3.14159265</exact></orientation>
         <time><exact>0</exact></time>
         <velocity><exact>3.0</exact></velocity>
      </initialState>
      <trajectory>
         <state>
            <position><point><x>4.4</x><y>-5.0</y></point></position>
            <orientation><exact>3.14159265</exact></orientation>
            <time><exact>1</exact></time>
            <velocity><exact>3.0</exact></velocity>
         </state>
      </trajectory>
   </obstacle>
   <obstacle id="8"><role>static</role><type>parkedVehicle</type></obstacle>
</commonRoad>
"#;

#[test]
fn moving_obstacles_of_2020a_are_vehicles() {
    let drive = whole(NEW);
    assert_eq!(names(&drive), ["30", "31"]);
    assert_eq!(drive.records.len(), 3);
    assert_eq!(drive.records[1].time.unix_ms(), EPOCH_UNIX_MS + 100);
    let car = state(&drive, 0);
    assert_eq!(car.station_type, Some(StationType::PASSENGER_CAR));
    assert_eq!(car.speed.unwrap().mm_per_s(), 14_000);
    assert_eq!(car.longitudinal_acceleration.unwrap().mm_per_s2(), -500);
    assert_eq!(car.length.unwrap().mm(), 4_000);
    assert_eq!(car.width.unwrap().mm(), 1_610);
    // 0.1 rad/s counter-clockwise is -5.73 °/s clockwise.
    assert_eq!(car.yaw_rate.unwrap().centideg_per_s(), -573);
    assert!(noted(&drive, "1 obstacles that do not move"));
}

#[test]
fn position_is_moved_from_the_centre_to_the_front() {
    let drive = whole(NEW);
    // East, 90°: two metres of the four lie before the centre.
    assert_eq!(state(&drive, 0).heading.unwrap().centideg(), 9_000);
    assert_near(from_origin(state(&drive, 0)), 12.0, 20.0);
}

#[test]
fn middle_of_an_interval_is_taken() {
    let drive = whole(NEW);
    let later = state(&drive, 1);
    // (1.4707963 + 1.6707963) / 2 = π/2 counter-clockwise from east is north.
    assert_eq!(later.heading.unwrap().centideg(), 0);
    assert_eq!(later.speed.unwrap().mm_per_s(), 14_000);
    assert_near(from_origin(later), 11.4, 22.0);
}

#[test]
fn negative_velocity_is_driving_backward() {
    let drive = whole(NEW);
    let truck = state(&drive, 2);
    assert_eq!(truck.speed.unwrap().mm_per_s(), 1_000);
    assert_eq!(truck.drive_direction, Some(DriveDirection::Backward));
    assert_eq!(truck.heading.unwrap().centideg(), 27_000);
    assert_eq!(truck.length, None);
    assert!(noted(&drive, "1 states lack heading or length"));
}

#[test]
fn scenario_of_2018b_without_a_place_lies_at_the_fixed_origin() {
    let drive = whole(OLD);
    assert_eq!(names(&drive), ["7"]);
    assert_eq!(drive.records[1].time.unix_ms(), EPOCH_UNIX_MS + 200);
    // West: the front of the two metres is one metre further west.
    assert_near(from_origin(state(&drive, 0)), 4.0, -5.0);
    assert!(noted(&drive, "names no place"));
}

#[test]
fn place_outside_the_globe_is_none() {
    let drive = whole(&NEW.replace("48.0", "999.0"));
    assert!(noted(&drive, "names no place"));
}

#[test]
fn cut_inside_an_obstacle_keeps_its_whole_states() {
    let cut_at = NEW.find("<velocity><intervalStart>").unwrap();
    let imported = read(&NEW.as_bytes()[..cut_at]).unwrap();
    assert_eq!(imported.drive.records.len(), 1);
    assert!(imported.cut.is_some());
}

#[test]
fn scenario_without_a_time_step_names_what_is_missing() {
    let error = read(NEW.replace("timeStepSize=\"0.1\"", "").as_bytes()).unwrap_err();
    assert!(error.to_string().contains("without a time step"), "{error}");
}
