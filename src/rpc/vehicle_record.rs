use super::{
    error::{FieldError, FieldProblem},
    field::present,
    record::v1::{self as wire, record::Body},
    time::from_wire_time,
};
use crate::{
    geo::CoarseCell,
    id::{VehicleId, bytes_from_hex},
    ledger::{
        Action, BatteryFigures, BatteryStatus, ClaimId, Label, Method, OdometerSource, OpenClaim,
        PartTag, PolicyId, RecordBattery, RecordCommitment, RecordOdometer, RecordTrip, RecordWear,
        STOPS_MAX, Stop, WearKind, WearSlot,
    },
    time::Timestamp,
};

/// What a record needs beside what its client says.
#[derive(Clone, Copy, Debug)]
pub struct RecordContext {
    /// Whose record it is.
    pub vehicle: VehicleId,
    /// When it was taken, for a client that does not say when it was measured.
    pub now: Timestamp,
    /// Drawn at random; opens what the record commits to.
    pub salt: [u8; 32],
}

/// Converts a record that must be there to what it asks of the ledger, to be signed with the
/// vehicle's own key.
///
/// Refuses what no ledger could apply; what depends on the ledger's state is for its rules.
pub fn required_record(
    record: Option<&wire::Record>,
    context: &RecordContext,
) -> Result<Action, FieldError> {
    let record = present(record, "record")?;
    let convert = || {
        let at = from_wire_time(record.at, "at")?.unwrap_or(context.now);
        match present(record.body.as_ref(), "body")? {
            Body::Odometer(it) => odometer(it, context, at).map_err(|it| it.within("odometer")),
            Body::Wear(it) => wear(it, context, at).map_err(|it| it.within("wear")),
            Body::Battery(it) => battery(it, context, at).map_err(|it| it.within("battery")),
            Body::WarrantyClaim(it) => {
                claim(it, context, at).map_err(|it| it.within("warranty_claim"))
            }
            Body::Trip(it) => trip(it, context).map_err(|it| it.within("trip")),
        }
    };
    convert().map_err(|error| error.within("record"))
}

fn odometer(
    reading: &wire::OdometerReading,
    context: &RecordContext,
    at: Timestamp,
) -> Result<Action, FieldError> {
    Ok(Action::RecordOdometer(RecordOdometer {
        vehicle: context.vehicle,
        odometer_km: present(reading.odometer_km, "odometer_km")?,
        read: at,
        source: OdometerSource::Telemetry,
    }))
}

fn wear(
    reading: &wire::WearReading,
    context: &RecordContext,
    at: Timestamp,
) -> Result<Action, FieldError> {
    let kind = match wire::WearKind::try_from(reading.kind) {
        Ok(wire::WearKind::BrakePad) => WearKind::BrakePad,
        Ok(wire::WearKind::Tyre) => WearKind::Tyre,
        Ok(wire::WearKind::Unspecified) | Err(_) => {
            return Err(FieldError::new("kind", FieldProblem::Missing));
        }
    };
    let temperature = reading.temperature_decidegree_c.map(|temperature| {
        i16::try_from(temperature).map_err(|_| {
            let range = FieldProblem::OutOfRange("-32 768 to 32 767");
            FieldError::new("temperature_decidegree_c", range)
        })
    });
    Ok(Action::RecordWear(RecordWear {
        vehicle: context.vehicle,
        slot: WearSlot {
            kind,
            wheel: small(present(reading.wheel, "wheel")?, "wheel", "0 to 31")?,
        },
        serial: PartTag::from_bytes(digits(&reading.part_tag, "part_tag")?),
        thickness_um: present(reading.thickness_um, "thickness_um")?,
        temperature_decidegree_c: temperature.transpose()?,
        odometer_km: present(reading.odometer_km, "odometer_km")?,
        measured: at,
        method: Method::Sensor,
    }))
}

fn battery(
    reading: &wire::BatteryReading,
    context: &RecordContext,
    at: Timestamp,
) -> Result<Action, FieldError> {
    let status = match wire::BatteryStatus::try_from(reading.status) {
        Ok(wire::BatteryStatus::Original) => BatteryStatus::Original,
        Ok(wire::BatteryStatus::Repurposed) => BatteryStatus::Repurposed,
        Ok(wire::BatteryStatus::Remanufactured) => BatteryStatus::Remanufactured,
        Ok(wire::BatteryStatus::Waste) => BatteryStatus::Waste,
        Ok(wire::BatteryStatus::Unspecified) | Err(_) => {
            return Err(FieldError::new("status", FieldProblem::Missing));
        }
    };
    let health = present(reading.health_per_mille, "health_per_mille")?;
    Ok(Action::RecordBattery(RecordBattery {
        vehicle: context.vehicle,
        serial: PartTag::from_bytes(digits(&reading.part_tag, "part_tag")?),
        figures: BatteryFigures {
            rated_capacity_wh: present(reading.rated_capacity_wh, "rated_capacity_wh")?,
            remaining_capacity_wh: present(reading.remaining_capacity_wh, "remaining_capacity_wh")?,
            health_per_mille: small(health, "health_per_mille", "0 to 1 000")?,
            power_w: present(reading.power_w, "power_w")?,
            resistance_micro_ohm: present(reading.resistance_micro_ohm, "resistance_micro_ohm")?,
            throughput_kwh: present(reading.throughput_kwh, "throughput_kwh")?,
            cycles: present(reading.cycles, "cycles")?,
            negative_events: present(reading.negative_events, "negative_events")?,
            extreme_temperature_min: present(
                reading.extreme_temperature_min,
                "extreme_temperature_min",
            )?,
        },
        status,
        odometer_km: present(reading.odometer_km, "odometer_km")?,
        measured: at,
    }))
}

fn claim(
    claim: &wire::WarrantyClaim,
    context: &RecordContext,
    at: Timestamp,
) -> Result<Action, FieldError> {
    let form = FieldProblem::Malformed("1 to 32 letters, digits and any of _-.:/");
    let fault: Result<Label, _> = claim.fault_code.parse();
    Ok(Action::OpenClaim(OpenClaim {
        claim: ClaimId::from_bytes(digits(&claim.claim, "claim")?),
        policy: PolicyId::from_bytes(digits(&claim.policy, "policy")?),
        vehicle: context.vehicle,
        part: PartTag::from_bytes(digits(&claim.part_tag, "part_tag")?),
        fault: fault.map_err(|_| FieldError::new("fault_code", form))?,
        odometer_km: present(claim.odometer_km, "odometer_km")?,
        failed: at,
        evidence: RecordCommitment::from_bytes(digits(&claim.evidence, "evidence")?),
    }))
}

fn trip(trip: &wire::Trip, context: &RecordContext) -> Result<Action, FieldError> {
    let started = moment(trip.started_at, "started_at")?;
    let ended = moment(trip.ended_at, "ended_at")?;
    if ended < started {
        let order = FieldProblem::OutOfRange("at started_at or later");
        return Err(FieldError::new("ended_at", order));
    }
    if trip.stops.len() > STOPS_MAX {
        let range = FieldProblem::OutOfRange("at most 128 stops");
        return Err(FieldError::new("stops", range));
    }
    let mut route = vec![
        cell(trip.start_cell, "start_cell")?,
        cell(trip.end_cell, "end_cell")?,
    ];
    let mut stops = Vec::new();
    for stop in &trip.stops {
        let convert = || {
            let listed = Stop {
                from: moment(stop.started_at, "started_at")?,
                until: moment(stop.ended_at, "ended_at")?,
                ignition_off: stop.ignition_off,
            };
            Ok((listed, cell(stop.cell, "cell")?))
        };
        let (listed, cell) = convert().map_err(|error: FieldError| error.within("stops"))?;
        stops.push(listed);
        route.push(cell);
    }
    Ok(Action::RecordTrip(RecordTrip {
        vehicle: context.vehicle,
        route: commit_route(&route, &context.salt),
        started,
        ended,
        started_odometer_km: present(trip.odometer_start_km, "odometer_start_km")?,
        ended_odometer_km: present(trip.odometer_end_km, "odometer_end_km")?,
        distance_m: present(trip.distance_m, "distance_m")?,
        stops,
    }))
}

/// Commits to where a trip went: the H3 indices of start, end and stops, 8 bytes each, big-endian.
fn commit_route(route: &[CoarseCell], salt: &[u8; 32]) -> RecordCommitment {
    let bytes: Vec<u8> = route
        .iter()
        .flat_map(|cell| cell.h3().to_be_bytes())
        .collect();
    RecordCommitment::of(salt, &bytes)
}

fn moment(time: Option<prost_types::Timestamp>, field: &str) -> Result<Timestamp, FieldError> {
    present(from_wire_time(time, field)?, field)
}

fn cell(index: u64, field: &str) -> Result<CoarseCell, FieldError> {
    if index == 0 {
        return Err(FieldError::new(field, FieldProblem::Missing));
    }
    let form = FieldProblem::Malformed("an H3 cell of resolution 7 or coarser");
    CoarseCell::from_h3(index).ok_or_else(|| FieldError::new(field, form))
}

fn digits(text: &str, field: &str) -> Result<[u8; 32], FieldError> {
    if text.is_empty() {
        return Err(FieldError::new(field, FieldProblem::Missing));
    }
    let form = FieldProblem::Malformed("64 hexadecimal digits");
    bytes_from_hex(text).map_err(|_| FieldError::new(field, form))
}

fn small<T: TryFrom<u32>>(number: u32, field: &str, range: &'static str) -> Result<T, FieldError> {
    T::try_from(number).map_err(|_| FieldError::new(field, FieldProblem::OutOfRange(range)))
}
