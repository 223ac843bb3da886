use std::time::Duration;

use super::{
    odometer::{Reading, observe},
    step::{Step, require_active},
};
use crate::ledger::{
    IssuePolicy, Key, OdometerSource, Policy, RecordService, Role, Rule, SERVICES_MAX, Service,
    Services, StateView, Value,
};

impl Step<'_, '_> {
    pub(super) fn record_service(&mut self, record: &RecordService) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(record.vehicle)?;
        self.require_role(&[Role::Workshop])?;
        require_active(&vehicle)?;
        self.require_past(record.served)?;
        let reading = Reading {
            km: record.odometer_km,
            read: record.served,
            source: OdometerSource::Workshop,
        };
        observe(&mut vehicle.odometer, &reading)?;
        let services = self.overlay.services(record.vehicle);
        let mut services = services.cloned().unwrap_or_default();
        let service = Service {
            odometer_km: record.odometer_km,
            served: record.served,
        };
        insert(&mut services, service)?;
        self.put(Key::Services(record.vehicle), Value::Services(services));
        self.put_vehicle(record.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn issue_policy(&mut self, issued: &IssuePolicy) -> Result<(), Rule> {
        let vehicle = self.vehicle(issued.vehicle)?;
        let provider = self.require_role(&[Role::Maker, Role::Insurer])?;
        require_active(&vehicle)?;
        if self.overlay.policy(issued.policy).is_some() {
            return Err(Rule::PolicyExists);
        }
        let has_terms = (1..=DURATION_MAX_DAYS).contains(&issued.duration_days)
            && (1..=DECISION_MAX_DAYS).contains(&issued.decision_days)
            && issued.odometer_max_km > vehicle.odometer.km;
        if !has_terms {
            return Err(Rule::PolicyTermsInvalid);
        }
        let policy = Policy {
            vehicle: issued.vehicle,
            provider,
            from: issued.from,
            until: issued.from.saturating_add(days(issued.duration_days)),
            odometer_from_km: vehicle.odometer.km,
            odometer_max_km: issued.odometer_max_km,
            covered: issued.covered.clone(),
            exclusions: issued.exclusions,
            service_interval_km: issued.service_interval_km,
            service_interval_days: issued.service_interval_days,
            decision_days: issued.decision_days,
        };
        self.put(Key::Policy(issued.policy), Value::Policy(policy));
        Ok(())
    }
}

/// Holds that a vehicle was never without service for longer than its policy allows, up to a fault.
pub(super) fn require_service(
    policy: &Policy,
    services: Option<&Services>,
    fault: &Service,
) -> Result<(), Rule> {
    let services = services.map_or(&[][..], |services| &services.last);
    let mut last = Service {
        odometer_km: policy.odometer_from_km,
        served: policy.from,
    };
    // What came before the oldest service that is remembered counts as served in time.
    if let (true, Some(oldest)) = (services.len() >= SERVICES_MAX, services.first())
        && oldest.served > last.served
    {
        last = *oldest;
    }
    let in_time = services
        .iter()
        .filter(|it| policy.from < it.served && it.served <= fault.served);
    for service in in_time.chain([fault]) {
        let way_km = service.odometer_km.saturating_sub(last.odometer_km);
        let is_far = policy.service_interval_km != 0 && way_km > policy.service_interval_km;
        let interval = days(policy.service_interval_days);
        let is_long = !interval.is_zero() && service.served.since(last.served) > interval;
        if is_far || is_long {
            return Err(Rule::ServiceMissed);
        }
        last = *service;
    }
    Ok(())
}

pub(super) fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 86_400)
}

/// Puts a service in its place by time; the oldest goes if there are too many.
fn insert(services: &mut Services, service: Service) -> Result<(), Rule> {
    let last = &mut services.last;
    let place = last.partition_point(|it| it.served <= service.served);
    if last.len() >= SERVICES_MAX {
        if place == 0 {
            return Err(Rule::ReadingTooOld);
        }
        last.insert(place, service);
        last.remove(0);
    } else {
        last.insert(place, service);
    }
    Ok(())
}

const DURATION_MAX_DAYS: u32 = 36_500;
const DECISION_MAX_DAYS: u32 = 366;
