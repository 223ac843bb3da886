use crate::{
    geo::{Area, Position},
    rpc::{area_filter, types::v1 as wire},
    world::AreaFilter,
};

#[test]
fn no_area_is_everywhere() {
    assert_eq!(area_filter(None), Ok(AreaFilter::Everywhere));
}

#[test]
fn each_kind_of_area_is_read() {
    let circle = wire::area::Kind::Circle(wire::Circle {
        centre: Some(point(44.5, 11.35)),
        radius_m: Some(249.6),
    });
    let centre = Position::from_deg(44.5, 11.35).unwrap();
    let expected = Area::Circle {
        centre,
        radius_m: 250,
    };
    assert_eq!(read(circle), Ok(AreaFilter::Fixed(expected)));

    let corners = wire::area::Kind::Box(wire::Box {
        south_west: Some(point(44.0, 179.0)),
        north_east: Some(point(45.0, -179.0)),
    });
    let Ok(AreaFilter::Fixed(across)) = read(corners) else {
        panic!("a box across the 180th meridian is refused");
    };
    assert!(across.contains(Position::from_deg(44.5, 180.0).unwrap()));

    let triangle = wire::area::Kind::Polygon(wire::Polygon {
        vertices: vec![point(0.0, 0.0), point(1.0, 0.0), point(0.0, 1.0)],
    });
    assert!(read(triangle).is_ok());

    let around = wire::area::Kind::AroundMe(wire::AroundMe {
        radius_m: Some(300.0),
    });
    assert_eq!(read(around), Ok(AreaFilter::AroundOwn { radius_m: 300 }));
}

#[test]
fn bad_areas_name_their_field() {
    let circle = |centre, radius_m| wire::area::Kind::Circle(wire::Circle { centre, radius_m });
    let here = Some(point(44.5, 11.35));
    assert_eq!(field(circle(None, Some(1.0))), "area.circle.centre");
    assert_eq!(field(circle(here, None)), "area.circle.radius_m");
    for radius_m in [0.4, 100_000.6, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(field(circle(here, Some(radius_m))), "area.circle.radius_m");
    }
    assert_eq!(
        field(circle(Some(point(91.0, 0.0)), Some(1.0))),
        "area.circle.centre.latitude_deg"
    );
    let inverted = wire::area::Kind::Box(wire::Box {
        south_west: Some(point(45.0, 0.0)),
        north_east: Some(point(44.0, 1.0)),
    });
    assert_eq!(field(inverted), "area.box");
    let polygon = |vertices| wire::area::Kind::Polygon(wire::Polygon { vertices });
    assert_eq!(field(polygon(vec![])), "area.polygon.vertices");
    assert_eq!(
        field(polygon(vec![point(0.0, 0.0); 65])),
        "area.polygon.vertices"
    );
    assert_eq!(
        field(polygon(vec![point(0.0, 0.0), point(0.0, f64::NAN)])),
        "area.polygon.vertices[1].longitude_deg"
    );
    let without_kind = area_filter(Some(&wire::Area { kind: None })).unwrap_err();
    assert_eq!(without_kind.field(), "area.kind");
}

fn read(kind: wire::area::Kind) -> Result<AreaFilter, crate::rpc::FieldError> {
    area_filter(Some(&wire::Area { kind: Some(kind) }))
}

fn field(kind: wire::area::Kind) -> String {
    read(kind).unwrap_err().field().to_owned()
}

fn point(latitude_deg: f64, longitude_deg: f64) -> wire::Position {
    wire::Position {
        latitude_deg: Some(latitude_deg),
        longitude_deg: Some(longitude_deg),
        altitude_m: None,
    }
}
