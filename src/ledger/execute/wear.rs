use super::{
    odometer::{Reading, observe},
    step::{Step, require_active},
};
use crate::ledger::{
    Key, Method, OdometerSource, RecordWear, ReplaceWearPart, Role, Rule, StateView, Value,
    WHEELS_MAX, Wear, WearKind, WearSlot,
};

impl Step<'_, '_> {
    pub(super) fn record_wear(&mut self, record: &RecordWear) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(record.vehicle)?;
        match record.method {
            Method::Sensor => {
                let key = vehicle.enrolment_key;
                self.require_signed(key, Rule::VehicleSignatureMissing)?;
            }
            Method::Gauge | Method::Visual => {
                self.require_role(&[Role::Workshop, Role::Inspection])?;
            }
        }
        require_active(&vehicle)?;
        require_range(record.slot, record.thickness_um)?;
        let temperature = record.temperature_decidegree_c;
        if temperature.is_some_and(|it| !(COLDEST..=HOTTEST).contains(&it)) {
            return Err(Rule::TemperatureOutOfRange);
        }
        self.require_past(record.measured)?;
        let last = self.overlay.wear(record.vehicle, record.slot);
        if let Some(last) = last {
            require_wear(last, record)?;
        }
        let wear = Wear {
            serial: record.serial,
            thickness_um: record.thickness_um,
            odometer_km: record.odometer_km,
            measured: record.measured,
            method: record.method,
            corrections: last.map_or(0, |last| last.corrections),
        };
        let reading = Reading {
            km: record.odometer_km,
            read: record.measured,
            source: match record.method {
                Method::Sensor => OdometerSource::Telemetry,
                Method::Gauge | Method::Visual => OdometerSource::Other,
            },
        };
        observe(&mut vehicle.odometer, &reading)?;
        self.put(Key::Wear(record.vehicle, record.slot), Value::Wear(wear));
        self.put_vehicle(record.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn replace_wear_part(&mut self, fitted: &ReplaceWearPart) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(fitted.vehicle)?;
        self.require_role(&[Role::Workshop])?;
        require_active(&vehicle)?;
        require_range(fitted.slot, fitted.thickness_um)?;
        self.require_past(fitted.fitted)?;
        let last = self.overlay.wear(fitted.vehicle, fitted.slot);
        if last.is_some_and(|last| last.serial == fitted.serial) {
            return Err(Rule::WearSerialNotNew);
        }
        if last.is_some_and(|last| fitted.fitted < last.measured) {
            return Err(Rule::MeasurementTooOld);
        }
        let wear = Wear {
            serial: fitted.serial,
            thickness_um: fitted.thickness_um,
            odometer_km: fitted.odometer_km,
            measured: fitted.fitted,
            method: Method::Gauge,
            corrections: 0,
        };
        let reading = Reading {
            km: fitted.odometer_km,
            read: fitted.fitted,
            source: OdometerSource::Workshop,
        };
        observe(&mut vehicle.odometer, &reading)?;
        self.put(Key::Wear(fitted.vehicle, fitted.slot), Value::Wear(wear));
        self.put_vehicle(fitted.vehicle, vehicle);
        Ok(())
    }
}

/// Holds a thickness against what pads and tyres have.
pub(super) fn require_range(slot: WearSlot, thickness_um: u32) -> Result<(), Rule> {
    if slot.wheel >= WHEELS_MAX {
        return Err(Rule::WheelOutOfRange);
    }
    let thickness_max_um = match slot.kind {
        WearKind::BrakePad => 20_000,
        WearKind::Tyre => 12_000,
    };
    let is_within = thickness_um <= thickness_max_um;
    is_within.then_some(()).ok_or(Rule::ThicknessOutOfRange)
}

/// Holds a measurement against the one before it.
fn require_wear(last: &Wear, record: &RecordWear) -> Result<(), Rule> {
    if record.serial != last.serial {
        return Err(Rule::WearSerialDiffers);
    }
    if record.measured < last.measured {
        return Err(Rule::MeasurementTooOld);
    }
    let worn_um = last.thickness_um.checked_sub(record.thickness_um);
    let worn_um = u64::from(worn_um.ok_or(Rule::ThicknessIncreased)?);
    let way_km = record.odometer_km.checked_sub(last.odometer_km);
    let way_km = u64::from(way_km.ok_or(Rule::OdometerDecreased)?);
    let worn_max_um = way_km * WORN_MAX_UM_PER_1000_KM / 1_000 + GAUGE_UM;
    let fits = worn_um <= worn_max_um;
    fits.then_some(()).ok_or(Rule::WearTooFast)
}

/// Nothing wears off faster than 2 mm in 1,000 km.
const WORN_MAX_UM_PER_1000_KM: u64 = 2_000;
/// How far apart two gauges may be that are held to the same place.
const GAUGE_UM: u64 = 500;
/// Tenths of a degree Celsius.
const COLDEST: i16 = -1_000;
const HOTTEST: i16 = 20_000;
