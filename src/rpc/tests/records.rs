use crate::{
    geo::{CoarseCell, Position},
    id::{ShardId, VehicleId},
    ledger::{Action, Method, OdometerSource, RecordCommitment, WearKind},
    rpc::{
        FieldProblem, RecordContext,
        record::v1::{self as wire, record::Body},
        required_record, to_wire_time,
    },
    time::Timestamp,
};

#[test]
fn an_odometer_reading_is_the_vehicles_own_word() {
    let body = Body::Odometer(wire::OdometerReading {
        odometer_km: Some(12_345),
    });
    let Action::RecordOdometer(reading) = convert(body).unwrap() else {
        panic!("an odometer reading");
    };
    assert_eq!(reading.vehicle, context().vehicle);
    assert_eq!(reading.odometer_km, 12_345);
    assert_eq!(reading.source, OdometerSource::Telemetry);
    assert_eq!(reading.read, context().now, "now, where nothing is said");
}

#[test]
fn a_time_that_is_said_is_kept() {
    let record = wire::Record {
        at: Some(to_wire_time(at(10))),
        body: Some(Body::Odometer(wire::OdometerReading {
            odometer_km: Some(1),
        })),
    };
    let Action::RecordOdometer(reading) = required_record(Some(&record), &context()).unwrap()
    else {
        panic!("an odometer reading");
    };
    assert_eq!(reading.read, at(10));
}

#[test]
fn wear_is_measured_by_a_sensor() {
    let Action::RecordWear(reading) = convert(Body::Wear(wear())).unwrap() else {
        panic!("a reading of wear");
    };
    assert_eq!((reading.slot.kind, reading.slot.wheel), (WearKind::Tyre, 3));
    assert_eq!(reading.serial.as_bytes(), &[0xab; 32]);
    assert_eq!(reading.temperature_decidegree_c, Some(-55));
    assert_eq!(reading.method, Method::Sensor);
}

#[test]
fn every_field_of_a_record_is_asked_for_by_its_name() {
    type Change = fn(&mut wire::WearReading);
    let cases: [(Change, &str); 6] = [
        (|it| it.kind = 0, "record.wear.kind"),
        (|it| it.wheel = None, "record.wear.wheel"),
        (|it| it.part_tag.clear(), "record.wear.part_tag"),
        (|it| it.thickness_um = None, "record.wear.thickness_um"),
        (|it| it.odometer_km = None, "record.wear.odometer_km"),
        (|it| it.kind = 99, "record.wear.kind"),
    ];
    for (change, field) in cases {
        let mut reading = wear();
        change(&mut reading);
        let error = convert(Body::Wear(reading)).unwrap_err();
        assert_eq!(error.field(), field);
        assert_eq!(error.problem(), FieldProblem::Missing);
    }
    for (change, field) in [
        (
            (|it| it.wheel = Some(256)) as fn(&mut wire::WearReading),
            "record.wear.wheel",
        ),
        (
            |it| it.temperature_decidegree_c = Some(40_000),
            "record.wear.temperature_decidegree_c",
        ),
        (|it| it.part_tag = "xyz".to_owned(), "record.wear.part_tag"),
    ] {
        let mut reading = wear();
        change(&mut reading);
        assert_eq!(convert(Body::Wear(reading)).unwrap_err().field(), field);
    }
    assert_eq!(
        required_record(None, &context()).unwrap_err().field(),
        "record"
    );
    let empty = wire::Record::default();
    let error = required_record(Some(&empty), &context()).unwrap_err();
    assert_eq!(error.field(), "record.body");
}

#[test]
fn a_trip_tells_the_ledger_no_place() {
    let Action::RecordTrip(listed) = convert(Body::Trip(trip())).unwrap() else {
        panic!("a trip");
    };
    let cells = [trip().start_cell, trip().end_cell, trip().stops[0].cell];
    let opened: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
    assert_eq!(listed.route, RecordCommitment::of(&[7; 32], &opened));
    assert_ne!(listed.route, RecordCommitment::of(&[8; 32], &opened));
    assert_eq!(listed.distance_m, 10_000);
    assert_eq!(listed.stops.len(), 1);
    assert!(listed.stops[0].ignition_off);
}

#[test]
fn a_trip_with_a_fine_cell_is_refused() {
    let position = Position::from_deg(52.52, 13.405).unwrap();
    let fine = crate::geo::Cell::at(position).h3();
    let error = convert(Body::Trip(wire::Trip {
        start_cell: fine,
        ..trip()
    }));
    assert_eq!(error.unwrap_err().field(), "record.trip.start_cell");
    let mut with_stop = trip();
    with_stop.stops[0].cell = fine;
    let error = convert(Body::Trip(with_stop)).unwrap_err();
    assert_eq!(error.field(), "record.trip.stops.cell");
}

#[test]
fn a_trip_that_ends_before_it_began_is_refused() {
    let error = convert(Body::Trip(wire::Trip {
        ended_at: Some(to_wire_time(at(1))),
        ..trip()
    }));
    assert_eq!(error.unwrap_err().field(), "record.trip.ended_at");
    let error = convert(Body::Trip(wire::Trip {
        stops: vec![trip().stops[0]; 129],
        ..trip()
    }));
    assert_eq!(error.unwrap_err().field(), "record.trip.stops");
}

#[test]
fn a_claim_needs_a_fault_code() {
    let claim = wire::WarrantyClaim {
        claim: "01".repeat(32),
        policy: "02".repeat(32),
        part_tag: "03".repeat(32),
        fault_code: "P0420".to_owned(),
        odometer_km: Some(9),
        evidence: "04".repeat(32),
    };
    assert!(convert(Body::WarrantyClaim(claim.clone())).is_ok());
    for code in ["", "P0420\nforged", &"x".repeat(33)] {
        let error = convert(Body::WarrantyClaim(wire::WarrantyClaim {
            fault_code: code.to_owned(),
            ..claim.clone()
        }));
        assert_eq!(
            error.unwrap_err().field(),
            "record.warranty_claim.fault_code"
        );
    }
}

fn convert(body: Body) -> Result<Action, crate::rpc::FieldError> {
    let record = wire::Record {
        at: None,
        body: Some(body),
    };
    required_record(Some(&record), &context())
}

fn context() -> RecordContext {
    RecordContext {
        vehicle: VehicleId {
            home: ShardId(1),
            commitment: [9; 32],
        },
        now: at(1_000),
        salt: [7; 32],
    }
}

fn wear() -> wire::WearReading {
    wire::WearReading {
        kind: wire::WearKind::Tyre.into(),
        wheel: Some(3),
        part_tag: "ab".repeat(32),
        thickness_um: Some(6_000),
        odometer_km: Some(40_000),
        temperature_decidegree_c: Some(-55),
    }
}

fn trip() -> wire::Trip {
    let cell = |latitude_deg| {
        let position = Position::from_deg(latitude_deg, 13.4).unwrap();
        CoarseCell::at(position).h3()
    };
    wire::Trip {
        started_at: Some(to_wire_time(at(100))),
        ended_at: Some(to_wire_time(at(900))),
        start_cell: cell(52.5),
        end_cell: cell(52.6),
        odometer_start_km: Some(100),
        odometer_end_km: Some(110),
        distance_m: Some(10_000),
        stops: vec![wire::Stop {
            started_at: Some(to_wire_time(at(300))),
            ended_at: Some(to_wire_time(at(500))),
            cell: cell(52.55),
            ignition_off: true,
        }],
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_790_000_000_000 + second * 1_000).unwrap()
}
