use std::time::Duration;

use super::{
    odometer::{Reading, observe},
    step::{Step, active_custody, require_active},
};
use crate::ledger::{BeginCustody, Custody, EndCustody, OdometerSource, Rule};

impl Step<'_, '_> {
    pub(super) fn begin_custody(&mut self, begun: &BeginCustody) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(begun.vehicle)?;
        self.require_signed(vehicle.owner, Rule::OwnerSignatureMissing)?;
        self.require_signed(begun.holder, Rule::HolderSignatureMissing)?;
        require_active(&vehicle)?;
        if begun.holder == vehicle.owner {
            return Err(Rule::CustodyByOwner);
        }
        if begun.until <= begun.from || begun.until.since(begun.from) > CUSTODY_MAX {
            return Err(Rule::CustodySpanInvalid);
        }
        self.require_past(begun.from)?;
        let last = vehicle.custody.as_ref();
        if last.is_some_and(|last| begun.from < last.until) {
            return Err(Rule::CustodyOverlaps);
        }
        let reading = Reading {
            km: begun.odometer_km,
            read: begun.from,
            source: OdometerSource::Other,
        };
        observe(&mut vehicle.odometer, &reading)?;
        vehicle.custody = Some(Custody {
            holder: begun.holder,
            purpose: begun.purpose,
            from: begun.from,
            until: begun.until,
        });
        self.open_account(begun.holder);
        self.put_vehicle(begun.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn end_custody(&mut self, end: &EndCustody) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(end.vehicle)?;
        let Some(mut custody) = active_custody(&vehicle, self.time()).copied() else {
            self.require_consent(&vehicle)?;
            return Err(Rule::NotInCustody);
        };
        self.require_signed(custody.holder, Rule::HolderSignatureMissing)?;
        require_active(&vehicle)?;
        self.require_past(end.ended)?;
        if end.ended < custody.from || custody.until < end.ended {
            return Err(Rule::CustodyEndOutside);
        }
        let reading = Reading {
            km: end.odometer_km,
            read: end.ended,
            source: OdometerSource::Other,
        };
        observe(&mut vehicle.odometer, &reading)?;
        // A holder whose clock is ahead gives the vehicle back now, not later.
        custody.until = end.ended.min(self.time());
        vehicle.custody = Some(custody);
        self.put_vehicle(end.vehicle, vehicle);
        Ok(())
    }
}

const CUSTODY_MAX: Duration = Duration::from_secs(2 * 366 * 86_400);
