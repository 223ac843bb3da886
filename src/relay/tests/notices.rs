use crate::{
    geo::{Area, Position},
    id::StationId,
    relay::{Interest, InterestArea, Neighbour, Notice, NoticeError, Shed, ShedReason, UnitPlace},
};

fn bologna() -> Position {
    Position::from_deg(44.49, 11.32).unwrap()
}

fn triangle() -> Area {
    let corner = |latitude, longitude| Position::from_deg(latitude, longitude).unwrap();
    Area::from_vertices(vec![
        corner(44.49, 11.32),
        corner(44.50, 11.32),
        corner(44.49, 11.34),
    ])
    .unwrap()
}

fn everything() -> Interest {
    Interest {
        areas: vec![
            InterestArea::Around { radius_m: 300 },
            InterestArea::Ahead {
                length_m: 2_000,
                half_width_m: 50,
            },
            InterestArea::Fixed(Area::Circle {
                centre: bologna(),
                radius_m: 700,
            }),
            InterestArea::Fixed(triangle()),
        ],
        telemetry: true,
        hazards: true,
        causes: vec![94, 99],
        telemetry_interval_min_ms: 500,
        heard: vec![StationId::from_bytes([1; 8]), StationId::from_bytes([2; 8])],
        place: Some(bologna()),
        listen_port: Some(4_433),
    }
}

#[test]
fn notices_survive_their_bytes() {
    let notices = [
        Notice::Interest(everything()),
        Notice::Interest(Interest::default()),
        Notice::Introduction(vec![
            Neighbour {
                station: StationId::from_bytes([3; 8]),
                address: "192.0.2.7:4433".parse().unwrap(),
            },
            Neighbour {
                station: StationId::from_bytes([4; 8]),
                address: "[2001:db8::7]:65535".parse().unwrap(),
            },
        ]),
        Notice::Units(vec![UnitPlace {
            address: "192.0.2.1:4433".parse().unwrap(),
            position: bologna(),
            radius_m: 500,
        }]),
        Notice::Sheds(vec![Shed {
            reason: ShedReason::Far,
            count: 17,
        }]),
    ];
    for notice in notices {
        assert_eq!(Notice::decode(&notice.encode()), Ok(Some(notice)));
    }
}

#[test]
fn the_largest_notices_fit_a_frame() {
    let heard = (0..64).map(|number| StationId::from_bytes([number; 8]));
    let interest = Interest {
        areas: vec![InterestArea::Fixed(triangle()); 8],
        causes: (1..=32).collect(),
        heard: heard.clone().collect(),
        ..everything()
    };
    let neighbours = heard.map(|station| Neighbour {
        station,
        address: "[2001:db8::7]:65535".parse().unwrap(),
    });
    let unit = UnitPlace {
        address: "[2001:db8::7]:65535".parse().unwrap(),
        position: bologna(),
        radius_m: 10_000,
    };
    for notice in [
        Notice::Interest(interest),
        Notice::Introduction(neighbours.collect()),
        Notice::Units(vec![unit; 32]),
    ] {
        assert!(notice.encode().len() <= 4_096);
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let with_areas = |areas| Interest {
        areas,
        ..everything()
    };
    for (broken, field) in [
        (
            with_areas(vec![InterestArea::Around { radius_m: 5_001 }]),
            "radius_m",
        ),
        (
            with_areas(vec![InterestArea::Around { radius_m: 0 }]),
            "radius_m",
        ),
        (
            with_areas(vec![InterestArea::Ahead {
                length_m: 5_001,
                half_width_m: 10,
            }]),
            "length_m",
        ),
        (
            with_areas(vec![InterestArea::Ahead {
                length_m: 100,
                half_width_m: 501,
            }]),
            "half_width_m",
        ),
        (
            with_areas(vec![InterestArea::Fixed(Area::Circle {
                centre: bologna(),
                radius_m: 10_001,
            })]),
            "radius_m",
        ),
        (
            Interest {
                causes: vec![0],
                ..everything()
            },
            "causes",
        ),
        (
            Interest {
                listen_port: Some(0),
                ..everything()
            },
            "port",
        ),
    ] {
        let decoded = Notice::decode(&Notice::Interest(broken).encode());
        assert_eq!(decoded, Err(NoticeError::OutOfRange(field)));
    }
}

#[test]
fn a_polygon_as_wide_as_a_country_is_refused() {
    let corner = |latitude, longitude| Position::from_deg(latitude, longitude).unwrap();
    let corners = vec![corner(44.0, 11.0), corner(45.0, 11.0), corner(44.0, 12.0)];
    let interest = Interest {
        areas: vec![InterestArea::Fixed(Area::from_vertices(corners).unwrap())],
        ..everything()
    };
    assert_eq!(
        Notice::decode(&Notice::Interest(interest).encode()),
        Err(NoticeError::OutOfRange("polygon"))
    );
}

#[test]
fn garbage_is_refused_and_a_newer_kind_ignored() {
    assert!(matches!(
        Notice::decode(&[0xff; 9]),
        Err(NoticeError::Malformed(_))
    ));
    // Field 15, a string of one byte: a kind that does not exist yet.
    assert_eq!(Notice::decode(&[0x7a, 1, b'x']), Ok(None));
}

proptest::proptest! {
    #[test]
    fn m19_no_bytes_break_the_reader(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        if let Ok(Some(notice)) = Notice::decode(&bytes) {
            // What was read once is read again as the same.
            proptest::prop_assert_eq!(Notice::decode(&notice.encode()), Ok(Some(notice)));
        }
    }
}
