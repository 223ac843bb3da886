use super::{
    odometer::{Reading, observe},
    step::{Step, require_active},
};
use crate::ledger::{
    Battery, BatteryFigures, BatteryStatus, Key, OdometerSource, RecordBattery, RepairBattery,
    Role, Rule, StateView, Value,
};

impl Step<'_, '_> {
    pub(super) fn record_battery(&mut self, record: &RecordBattery) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(record.vehicle)?;
        let by_vehicle = self.has_signed(vehicle.enrolment_key);
        if !by_vehicle {
            self.require_role(&[Role::Workshop])?;
        }
        require_active(&vehicle)?;
        require_range(&record.figures)?;
        self.require_past(record.measured)?;
        let mut battery = Battery {
            serial: record.serial,
            figures: record.figures,
            status: record.status,
            measured: record.measured,
            flags: 0,
        };
        if let Some(last) = self.overlay.battery(record.vehicle) {
            let is_same = last.serial == record.serial
                && last.figures.rated_capacity_wh == record.figures.rated_capacity_wh;
            if !is_same {
                return Err(Rule::BatteryDiffers);
            }
            if record.measured < last.measured {
                return Err(Rule::MeasurementTooOld);
            }
            require_counters(&last.figures, &record.figures)?;
            require_forward(last.status, record.status)?;
            let health_max = last.figures.health_per_mille + HEALTH_RISE_MAX_PER_MILLE;
            let is_suspicious = record.figures.health_per_mille > health_max;
            battery.flags = last.flags.saturating_add(u32::from(is_suspicious));
        }
        let reading = Reading {
            km: record.odometer_km,
            read: record.measured,
            source: if by_vehicle {
                OdometerSource::Telemetry
            } else {
                OdometerSource::Workshop
            },
        };
        observe(&mut vehicle.odometer, &reading)?;
        self.put(Key::Battery(record.vehicle), Value::Battery(battery));
        self.put_vehicle(record.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn repair_battery(&mut self, repair: &RepairBattery) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(repair.vehicle)?;
        self.require_role(&[Role::Workshop])?;
        require_active(&vehicle)?;
        require_range(&repair.figures)?;
        self.require_past(repair.repaired)?;
        let mut flags = 0;
        if let Some(last) = self.overlay.battery(repair.vehicle) {
            if repair.repaired < last.measured {
                return Err(Rule::MeasurementTooOld);
            }
            if last.serial == repair.serial {
                require_counters(&last.figures, &repair.figures)?;
                require_forward(last.status, repair.status)?;
                flags = last.flags;
            }
        }
        let reading = Reading {
            km: repair.odometer_km,
            read: repair.repaired,
            source: OdometerSource::Workshop,
        };
        observe(&mut vehicle.odometer, &reading)?;
        let battery = Battery {
            serial: repair.serial,
            figures: repair.figures,
            status: repair.status,
            measured: repair.repaired,
            flags,
        };
        self.put(Key::Battery(repair.vehicle), Value::Battery(battery));
        self.put_vehicle(repair.vehicle, vehicle);
        Ok(())
    }
}

fn require_range(figures: &BatteryFigures) -> Result<(), Rule> {
    if figures.health_per_mille > HEALTH_MAX_PER_MILLE {
        return Err(Rule::HealthOutOfRange);
    }
    let fits = figures.remaining_capacity_wh <= figures.rated_capacity_wh;
    fits.then_some(()).ok_or(Rule::CapacityAboveRated)
}

fn require_counters(last: &BatteryFigures, figures: &BatteryFigures) -> Result<(), Rule> {
    let never_falls = last.throughput_kwh <= figures.throughput_kwh
        && last.cycles <= figures.cycles
        && last.negative_events <= figures.negative_events
        && last.extreme_temperature_min <= figures.extreme_temperature_min;
    never_falls
        .then_some(())
        .ok_or(Rule::BatteryCounterDecreased)
}

fn require_forward(last: BatteryStatus, status: BatteryStatus) -> Result<(), Rule> {
    let is_forward = last <= status;
    is_forward.then_some(()).ok_or(Rule::BatteryStatusBackward)
}

const HEALTH_MAX_PER_MILLE: u16 = 1_000;
/// A state of health that rises by more than 2 points by itself is flagged.
const HEALTH_RISE_MAX_PER_MILLE: u16 = 20;
