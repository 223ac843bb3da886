use super::step::{Step, require_active};
use crate::{
    ledger::{Odometer, OdometerSource, RecordOdometer, Role, Rule},
    time::Timestamp,
};

/// What an odometer showed, when, and who says so.
pub(super) struct Reading {
    pub(super) km: u32,
    pub(super) read: Timestamp,
    pub(super) source: OdometerSource,
}

impl Step<'_, '_> {
    pub(super) fn record_odometer(&mut self, record: &RecordOdometer) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(record.vehicle)?;
        match record.source {
            OdometerSource::Telemetry => {
                let key = vehicle.enrolment_key;
                self.require_signed(key, Rule::VehicleSignatureMissing)?;
            }
            OdometerSource::Workshop => self.require_role(&[Role::Workshop]).map(drop)?,
            OdometerSource::Inspection => self.require_role(&[Role::Inspection]).map(drop)?,
            OdometerSource::Maker => self.require_role(&[Role::Maker]).map(drop)?,
            OdometerSource::Other => {
                self.require_consent(&vehicle)?;
                return Err(Rule::OdometerSourceInvalid);
            }
        }
        require_active(&vehicle)?;
        self.require_past(record.read)?;
        if record.read < vehicle.odometer.read {
            return Err(Rule::ReadingTooOld);
        }
        let reading = Reading {
            km: record.odometer_km,
            read: record.read,
            source: record.source,
        };
        observe(&mut vehicle.odometer, &reading)?;
        self.put_vehicle(record.vehicle, vehicle);
        Ok(())
    }
}

/// Takes a reading that came by itself or with another record.
///
/// It never goes down, and not up faster than [`ALLOWANCE_MAX_M`] for each day since the last one,
/// beside what was left over for one long day. A reading that is older than the last one came with
/// a record that waited somewhere: it is held against the last one, and changes nothing.
pub(super) fn observe(odometer: &mut Odometer, reading: &Reading) -> Result<(), Rule> {
    if reading.km > ODOMETER_MAX_KM {
        return Err(Rule::OdometerOutOfRange);
    }
    if reading.read < odometer.read {
        let fits = reading.km <= odometer.km;
        return fits.then_some(()).ok_or(Rule::OdometerDecreased);
    }
    let way_km = reading.km.checked_sub(odometer.km);
    let way_m = u64::from(way_km.ok_or(Rule::OdometerDecreased)?) * 1_000;
    let elapsed_ms = reading.read.unix_ms() - odometer.read.unix_ms();
    let allowed_m = odometer.allowance_m + elapsed_ms * METRES / MILLISECONDS;
    let left_m = allowed_m.checked_sub(way_m).ok_or(Rule::OdometerTooFast)?;
    *odometer = Odometer {
        km: reading.km,
        read: reading.read,
        source: reading.source,
        allowance_m: left_m.min(ALLOWANCE_MAX_M),
        readings: odometer.readings + 1,
        corrections: odometer.corrections,
    };
    Ok(())
}

/// The most that a vehicle goes in a day, 2,500 km.
pub(super) const ALLOWANCE_MAX_M: u64 = 2_500_000;
/// 2,500 km in a day is 25 m in 864 ms; times are below 2^48 ms, so nothing overflows.
const METRES: u64 = 25;
const MILLISECONDS: u64 = 864;
/// More than any vehicle ever went.
const ODOMETER_MAX_KM: u32 = 10_000_000;
