use super::{Area, AreaError, Cell, CoarseCell, LocalFrame, Offset, Position};
use crate::units::Heading;

fn at(latitude_deg: f64, longitude_deg: f64) -> Position {
    Position::from_deg(latitude_deg, longitude_deg).unwrap()
}

#[test]
fn m19_positions_off_the_globe_are_refused() {
    assert_eq!(Position::from_deg(90.000_000_1, 0.0), None);
    assert_eq!(Position::from_deg(0.0, 180.000_000_1), None);
    assert_eq!(Position::from_deg(f64::NAN, 0.0), None);
    assert_eq!(Position::from_deg(0.0, f64::INFINITY), None);
    // The "unavailable" values of ETSI TS 102 894-2.
    assert_eq!(Position::from_e7(900_000_001, 0), None);
    assert_eq!(Position::from_e7(0, 1_800_000_001), None);
    assert_eq!(Position::from_e7(i32::MIN, i32::MIN), None);
}

#[test]
fn one_degree_is_as_long_as_the_ellipsoid_says() {
    // WGS-84: a degree of latitude at the equator is 110 574 m, of longitude 111 320 m.
    assert!((at(0.0, 0.0).distance_m(at(0.01, 0.0)) - 1_105.74).abs() < 0.01);
    assert!((at(0.0, 0.0).distance_m(at(0.0, 0.01)) - 1_113.20).abs() < 0.01);
    // At 60° north: 111 412 m and 55 800 m.
    assert!((at(60.0, 5.0).distance_m(at(60.01, 5.0)) - 1_114.12).abs() < 0.05);
    assert!((at(60.0, 5.0).distance_m(at(60.0, 5.01)) - 558.0).abs() < 0.05);
}

#[test]
fn offset_and_position_are_inverse() {
    let frame = LocalFrame::at(at(44.49, 11.32));
    let offset = Offset {
        east_m: 812.25,
        north_m: -377.5,
    };
    let back = frame.offset(frame.position(offset).unwrap());
    assert!((back.east_m - offset.east_m).abs() < 0.01);
    assert!((back.north_m - offset.north_m).abs() < 0.01);
}

#[test]
fn the_short_way_crosses_the_meridian() {
    assert!(at(0.0, 179.999).distance_m(at(0.0, -179.999)) < 223.0);
    let frame = LocalFrame::at(at(0.0, 179.999));
    let east = Offset::along(Heading::from_centideg(9_000).unwrap(), 222.64);
    assert!((frame.position(east).unwrap().longitude_deg() + 179.999).abs() < 1e-5);
}

#[test]
fn an_offset_points_along_its_heading() {
    for centideg in [0, 4_500, 13_500, 31_415] {
        let heading = Heading::from_centideg(centideg).unwrap();
        assert_eq!(Offset::along(heading, 100.0).heading(), Some(heading));
    }
}

#[test]
fn cells_within_a_radius_hold_every_point_of_it() {
    let centre = at(44.49, 11.32);
    let cells = Cell::within(centre, 300.0).unwrap();
    let frame = LocalFrame::at(centre);
    for centideg in (0..36_000).step_by(500) {
        let edge = Offset::along(Heading::from_centideg(centideg).unwrap(), 300.0);
        assert!(cells.contains(&Cell::at(frame.position(edge).unwrap())));
    }
    assert_eq!(Cell::within(centre, 10_001.0), None);
    assert_eq!(Cell::within(centre, f64::NAN), None);
}

#[test]
fn boxes_cross_the_meridian() {
    let area = Area::from_corners(at(-1.0, 179.0), at(1.0, -179.0)).unwrap();
    assert!(area.contains(at(0.0, 179.5)));
    assert!(area.contains(at(0.0, -179.5)));
    assert!(!area.contains(at(0.0, 178.5)));
    assert_eq!(
        Area::from_corners(at(1.0, 0.0), at(-1.0, 1.0)),
        Err(AreaError::Inverted)
    );
}

#[test]
fn a_concave_polygon_excludes_its_notch() {
    let area = Area::from_vertices(vec![
        at(0.0, 0.0),
        at(0.0, 4.0),
        at(4.0, 4.0),
        at(1.0, 2.0),
        at(4.0, 0.0),
    ])
    .unwrap();
    assert!(area.contains(at(0.5, 2.0)));
    assert!(area.contains(at(2.0, 0.5)));
    assert!(!area.contains(at(2.0, 2.0)));
    assert!(!area.contains(at(-0.5, 2.0)));
}

#[test]
fn polygons_have_a_bounded_number_of_corners() {
    assert_eq!(
        Area::from_vertices(vec![at(0.0, 0.0); 2]),
        Err(AreaError::Vertices(2))
    );
    assert_eq!(
        Area::from_vertices(vec![at(0.0, 0.0); 65]),
        Err(AreaError::Vertices(65))
    );
    assert_eq!(
        Area::from_vertices(vec![at(0.0, -170.0), at(0.0, 170.0), at(1.0, 0.0)]),
        Err(AreaError::CrossesMeridian)
    );
}

#[test]
fn coarse_cells_within_a_radius_hold_every_point_of_it() {
    let centre = at(44.49, 11.32);
    let cells = CoarseCell::within(centre, 6_000.0).unwrap();
    let frame = LocalFrame::at(centre);
    for centideg in (0..36_000).step_by(500) {
        for distance_m in [500.0, 3_000.0, 6_000.0] {
            let edge = Offset::along(Heading::from_centideg(centideg).unwrap(), distance_m);
            assert!(cells.contains(&CoarseCell::at(frame.position(edge).unwrap())));
        }
    }
    assert_eq!(CoarseCell::within(centre, 20_001.0), None);
}

#[test]
fn bounds_reach_all_of_an_area() {
    let corners = vec![at(44.49, 11.32), at(44.50, 11.32), at(44.49, 11.34)];
    let area = Area::from_vertices(corners.clone()).unwrap();
    let (middle, radius_m) = area.bounds().unwrap();
    assert_eq!(middle, at(44.495, 11.33));
    for corner in corners {
        assert!(middle.distance_m(corner) <= radius_m);
    }
    // Half of 0.01° of latitude, 556 m, and of 0.02° of longitude at 44.5°, 796 m.
    assert!((radius_m - 970.0).abs() < 5.0);
    let across = Area::from_corners(at(-0.01, 179.99), at(0.01, -179.99)).unwrap();
    let (middle, radius_m) = across.bounds().unwrap();
    assert_eq!(middle, at(0.0, 180.0));
    assert!((radius_m - 1_570.0).abs() < 5.0);
}
