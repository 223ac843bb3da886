use crate::{
    message::{DriveDirection, Telemetry},
    rpc::{FieldError, FieldProblem, types::v1 as wire},
};

#[test]
fn a_full_state_comes_back_as_it_went_in() {
    let state = full_state();
    let telemetry = Telemetry::try_from(&state).unwrap();
    assert_eq!(telemetry.speed.unwrap().mm_per_s(), 13_890);
    assert_eq!(telemetry.heading.unwrap().centideg(), 27_050);
    assert_eq!(telemetry.drive_direction, Some(DriveDirection::Backward));
    assert_eq!(wire::VehicleState::from(&telemetry), state);
}

#[test]
fn what_is_not_set_stays_unavailable_and_zero_stays_a_measurement() {
    let mut state = bare_state();
    let telemetry = Telemetry::try_from(&state).unwrap();
    assert_eq!(telemetry, Telemetry::at(telemetry.position));
    assert_eq!(wire::VehicleState::from(&telemetry), state);

    state.speed_m_per_s = Some(0.0);
    let standing = Telemetry::try_from(&state).unwrap();
    assert_eq!(standing.speed.unwrap().mm_per_s(), 0);
    assert_eq!(wire::VehicleState::from(&standing), state);
}

#[test]
fn m19_nan_and_infinities_are_refused_in_every_field() {
    for (name, set) in FLOATS {
        for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut state = full_state();
            set(&mut state, nonsense);
            assert_eq!(
                Telemetry::try_from(&state),
                Err(FieldError::new(*name, FieldProblem::NotFinite)),
                "{name} of {nonsense}"
            );
        }
    }
}

#[test]
fn m19_what_lies_outside_its_range_is_refused_in_every_field() {
    for (name, set) in FLOATS {
        for nonsense in [1e300, -1e300, 1e6, -1e6 - 1.0] {
            let mut state = full_state();
            set(&mut state, nonsense);
            let error = Telemetry::try_from(&state).unwrap_err();
            assert_eq!(error.field(), *name, "{nonsense}");
            assert!(
                matches!(error.problem(), FieldProblem::OutOfRange(_)),
                "{name} of {nonsense}"
            );
        }
    }
}

#[test]
fn m19_the_edges_of_each_range_are_where_the_schema_says() {
    for (name, good, bad) in EDGES {
        let set = setter(name);
        for value in *good {
            let mut state = wide_state();
            set(&mut state, *value);
            assert!(Telemetry::try_from(&state).is_ok(), "{name} of {value}");
        }
        for value in *bad {
            let mut state = wide_state();
            set(&mut state, *value);
            let error = Telemetry::try_from(&state).unwrap_err();
            assert_eq!(error.field(), *name, "{value}");
        }
    }
}

#[test]
fn m19_denormals_are_zero() {
    let mut state = bare_state();
    state.speed_m_per_s = Some(f64::MIN_POSITIVE / 2.0);
    let telemetry = Telemetry::try_from(&state).unwrap();
    assert_eq!(telemetry.speed.unwrap().mm_per_s(), 0);
}

#[test]
fn codes_above_a_byte_and_unknown_enums_are_refused() {
    let with = |change: fn(&mut wire::VehicleState)| {
        let mut state = bare_state();
        change(&mut state);
        Telemetry::try_from(&state).unwrap_err().field().to_owned()
    };
    assert_eq!(with(|state| state.station_type = Some(256)), "station_type");
    assert_eq!(
        with(|state| state.exterior_lights = Some(256)),
        "exterior_lights"
    );
    assert_eq!(
        with(|state| state.acceleration_control = Some(u32::MAX)),
        "acceleration_control"
    );
    assert_eq!(with(|state| state.drive_direction = 3), "drive_direction");
}

#[test]
fn required_fields_are_missed_by_name() {
    let missing = |change: fn(&mut wire::VehicleState)| {
        let mut state = full_state();
        change(&mut state);
        let error = Telemetry::try_from(&state).unwrap_err();
        assert_eq!(error.problem(), FieldProblem::Missing);
        error.field().to_owned()
    };
    assert_eq!(missing(|state| state.position = None), "position");
    assert_eq!(
        missing(|state| place(state).latitude_deg = None),
        "position.latitude_deg"
    );
    assert_eq!(
        missing(|state| place(state).longitude_deg = None),
        "position.longitude_deg"
    );
    assert_eq!(
        missing(|state| ellipse(state).semi_major_m = None),
        "position_accuracy.semi_major_m"
    );
}

#[test]
fn a_refused_field_becomes_invalid_argument_with_its_name_and_reason() {
    use tonic_types::StatusExt;

    let error = FieldError::new("speed_m_per_s", FieldProblem::NotFinite).within("state");
    let status = tonic::Status::from(error);
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("FIELD_NOT_FINITE", "wayside.dev")
    );
    let bad = status.get_details_bad_request().unwrap();
    assert_eq!(bad.field_violations[0].field, "state.speed_m_per_s");
}

type Setter = fn(&mut wire::VehicleState, f64);

fn setter(name: &str) -> Setter {
    let found = FLOATS.iter().find(|(listed, _)| *listed == name);
    found.unwrap().1
}

/// Every number of a state, by its path.
const FLOATS: &[(&str, Setter)] = &[
    ("position.latitude_deg", |state, value| {
        place(state).latitude_deg = Some(value);
    }),
    ("position.longitude_deg", |state, value| {
        place(state).longitude_deg = Some(value);
    }),
    ("position.altitude_m", |state, value| {
        place(state).altitude_m = Some(value);
    }),
    ("position_accuracy.semi_major_m", |state, value| {
        ellipse(state).semi_major_m = Some(value);
    }),
    ("position_accuracy.semi_minor_m", |state, value| {
        ellipse(state).semi_minor_m = Some(value);
    }),
    ("position_accuracy.orientation_deg", |state, value| {
        ellipse(state).orientation_deg = Some(value);
    }),
    ("altitude_accuracy_m", |state, value| {
        state.altitude_accuracy_m = Some(value);
    }),
    ("heading_deg", |state, value| {
        state.heading_deg = Some(value)
    }),
    ("heading_accuracy_deg", |state, value| {
        state.heading_accuracy_deg = Some(value);
    }),
    ("speed_m_per_s", |state, value| {
        state.speed_m_per_s = Some(value);
    }),
    ("speed_accuracy_m_per_s", |state, value| {
        state.speed_accuracy_m_per_s = Some(value);
    }),
    ("longitudinal_acceleration_m_per_s2", |state, value| {
        state.longitudinal_acceleration_m_per_s2 = Some(value);
    }),
    ("lateral_acceleration_m_per_s2", |state, value| {
        state.lateral_acceleration_m_per_s2 = Some(value);
    }),
    ("vertical_acceleration_m_per_s2", |state, value| {
        state.vertical_acceleration_m_per_s2 = Some(value);
    }),
    ("yaw_rate_deg_per_s", |state, value| {
        state.yaw_rate_deg_per_s = Some(value);
    }),
    ("length_m", |state, value| state.length_m = Some(value)),
    ("width_m", |state, value| state.width_m = Some(value)),
];

/// The first and last values of the ranges in `types.proto`, and the next ones beyond.
const EDGES: &[(&str, &[f64], &[f64])] = &[
    (
        "position.latitude_deg",
        &[-90.0, 90.0],
        &[-90.000_000_1, 90.000_000_1],
    ),
    (
        "position.longitude_deg",
        &[-180.0, 180.0],
        &[-180.000_000_1, 180.000_000_1],
    ),
    (
        "position.altitude_m",
        &[-1_000.0, 8_000.0],
        &[-1_000.001, 8_000.001],
    ),
    (
        "position_accuracy.semi_major_m",
        &[0.0, 102.3],
        &[-0.001, 102.301],
    ),
    (
        "position_accuracy.semi_minor_m",
        &[0.0, 1.0],
        &[-0.001, 102.301],
    ),
    (
        "position_accuracy.orientation_deg",
        &[0.0, 359.99],
        &[-0.01, 360.0, 361.0],
    ),
    ("altitude_accuracy_m", &[0.0, 102.3], &[-0.001, 102.301]),
    ("heading_deg", &[0.0, 359.99], &[-0.01, 360.0, 361.0]),
    ("heading_accuracy_deg", &[0.01, 180.0], &[0.0, 180.01]),
    ("speed_m_per_s", &[0.0, 163.82], &[-0.001, 163.821]),
    ("speed_accuracy_m_per_s", &[0.0, 163.82], &[-0.001, 163.821]),
    (
        "longitudinal_acceleration_m_per_s2",
        &[-20.0, 20.0],
        &[-20.001, 20.001],
    ),
    (
        "lateral_acceleration_m_per_s2",
        &[-20.0, 20.0],
        &[-20.001, 20.001],
    ),
    (
        "vertical_acceleration_m_per_s2",
        &[-20.0, 20.0],
        &[-20.001, 20.001],
    ),
    ("yaw_rate_deg_per_s", &[-327.66, 327.66], &[-327.67, 327.67]),
    ("length_m", &[0.0, 102.3], &[-0.001, 102.301]),
    ("width_m", &[0.0, 102.3], &[-0.001, 102.301]),
];

fn place(state: &mut wire::VehicleState) -> &mut wire::Position {
    state.position.as_mut().unwrap()
}

fn ellipse(state: &mut wire::VehicleState) -> &mut wire::PositionAccuracy {
    state.position_accuracy.as_mut().unwrap()
}

fn bare_state() -> wire::VehicleState {
    wire::VehicleState {
        position: Some(wire::Position {
            latitude_deg: Some(44.501_234_5),
            longitude_deg: Some(11.354_321),
            altitude_m: None,
        }),
        ..wire::VehicleState::default()
    }
}

fn full_state() -> wire::VehicleState {
    wire::VehicleState {
        position: Some(wire::Position {
            latitude_deg: Some(44.501_234_5),
            longitude_deg: Some(11.354_321),
            altitude_m: Some(99.125),
        }),
        position_accuracy: Some(wire::PositionAccuracy {
            semi_major_m: Some(1.5),
            semi_minor_m: Some(0.75),
            orientation_deg: Some(12.25),
        }),
        altitude_accuracy_m: Some(3.0),
        heading_deg: Some(270.5),
        heading_accuracy_deg: Some(2.0),
        speed_m_per_s: Some(13.89),
        speed_accuracy_m_per_s: Some(0.5),
        drive_direction: wire::DriveDirection::Backward.into(),
        longitudinal_acceleration_m_per_s2: Some(-1.25),
        lateral_acceleration_m_per_s2: Some(0.5),
        vertical_acceleration_m_per_s2: Some(0.0),
        yaw_rate_deg_per_s: Some(-3.5),
        length_m: Some(4.5),
        width_m: Some(1.75),
        station_type: Some(5),
        exterior_lights: Some(12),
        acceleration_control: Some(1),
    }
}

/// A full state whose ellipse is as wide as can be, so that each axis has its own range.
fn wide_state() -> wire::VehicleState {
    let mut state = full_state();
    state.position_accuracy = Some(wire::PositionAccuracy {
        semi_major_m: Some(102.3),
        semi_minor_m: Some(0.0),
        orientation_deg: None,
    });
    state
}

proptest::proptest! {
    #[test]
    fn any_bytes_that_are_a_request_are_converted_or_refused(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
    ) {
        use prost::Message as _;

        if let Ok(state) = wire::VehicleState::decode(bytes.as_slice())
            && let Ok(telemetry) = Telemetry::try_from(&state)
        {
            // What was taken holds only values in range, so it goes back as something to take.
            let again = Telemetry::try_from(&wire::VehicleState::from(&telemetry));
            proptest::prop_assert_eq!(again, Ok(telemetry));
        }
        if let Ok(area) = wire::Area::decode(bytes.as_slice()) {
            let _converted = crate::world::AreaFilter::try_from(&area);
        }
        if let Ok(event) = crate::rpc::hazard::v1::Event::decode(bytes.as_slice()) {
            let _converted = crate::pipeline::HazardReport::try_from(&event);
        }
    }

    #[test]
    fn m19_any_numbers_are_converted_or_refused(
        value in proptest::prelude::any::<f64>(),
        field in proptest::prelude::any::<proptest::sample::Index>(),
    ) {
        let mut state = full_state();
        let (_, set) = FLOATS[field.index(FLOATS.len())];
        set(&mut state, value);
        if let Ok(telemetry) = Telemetry::try_from(&state) {
            let again = Telemetry::try_from(&wire::VehicleState::from(&telemetry));
            proptest::prop_assert_eq!(again, Ok(telemetry));
        }
    }
}
