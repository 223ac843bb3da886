use std::{collections::BTreeMap, time::Duration};

use super::{HazardReport, OwnHazard, PublishError, Station};
use crate::{
    geo::Area,
    hazards::{self, Danger, Detector, Found, LOOK_RADIUS_M, Neighbour, Observation, Signals},
    id::ActionId,
    message::{
        Hazard, InformationQuality, RelevanceDirection, RelevanceRadius, Telemetry, Validity,
    },
    plausibility::Verdict,
    time::{Instant, Now},
    world::{Sighted, World, is_same_event},
};

/// The dangers that this station found by itself, and what became of them.
#[derive(Debug)]
pub(super) struct Watch {
    detector: Detector,
    open: BTreeMap<Danger, Told>,
    /// When a danger could not be told of: it is tried again a little later.
    failed: BTreeMap<Danger, Instant>,
}

/// A danger that others were told of.
#[derive(Clone, Copy, Debug)]
struct Told {
    action: ActionId,
    last: Instant,
}

impl Watch {
    pub(super) fn new(config: hazards::Config) -> Self {
        Self {
            detector: Detector::new(config),
            open: BTreeMap::new(),
            failed: BTreeMap::new(),
        }
    }
}

impl Station {
    /// Takes what the own vehicle's chassis says, which holds until it says something else.
    pub fn handle_signals(&mut self, signals: Signals) {
        self.watch.detector.handle_signals(signals);
    }

    /// Notes that the driving stack sees the danger that others report: a second source.
    pub fn corroborate_hazard(&mut self, action: ActionId) -> Result<(), PublishError> {
        if !self.world.corroborate(action) {
            return Err(PublishError::HazardUnknown(action));
        }
        self.raise_world_events();
        Ok(())
    }

    /// Takes what the driving stack's own sensors see; returns how many known hazards that bears out.
    pub fn handle_sighted(&mut self, sighted: &[Sighted]) -> usize {
        let borne_out = self.world.sight(sighted);
        self.raise_world_events();
        borne_out
    }

    /// Tells of the dangers that the latest own state shows, and of the end of those that it shows no
    /// more.
    pub(super) fn watch_self(&mut self, now: Now) {
        let Some((own, _)) = &self.own else {
            return;
        };
        let telemetry = own.telemetry.clone();
        let is_due = self.watch.detector.is_look_due(own.measured);
        let neighbours = is_due.then(|| neighbours(&self.world, &telemetry));
        let found = self.watch.detector.observe(&Observation {
            own: &telemetry,
            measured: own.measured,
            neighbours: neighbours.as_deref(),
        });
        if found == Found::default() && self.watch.open.is_empty() {
            return;
        }
        for danger in Danger::ALL {
            self.tell(danger, &found, &telemetry, now);
        }
    }

    /// Notes what the own vehicle reports itself as what it sees of others' reports.
    pub(super) fn agree_with_own(&mut self, own: &Hazard) {
        let agreed: Vec<_> = self
            .world
            .hazards()
            .filter(|known| !known.is_sensed() && is_same_event(known.hazard(), own))
            .map(|known| known.action())
            .collect();
        for action in agreed {
            self.world.corroborate(action);
        }
        self.raise_world_events();
    }

    /// Notes that another's new report is of what the own vehicle reports, too.
    pub(super) fn agree_with_heard(&mut self, heard: &Hazard) {
        let mut own = self.hazards.open();
        if own.any(|own| is_same_event(&own.hazard, heard)) {
            self.world.corroborate(heard.action);
        }
    }

    /// Lets the driving stack go on with what this station found: one event stays one. `None` if it
    /// speaks of something else.
    pub(super) fn take_over(&mut self, report: &HazardReport) -> Option<ActionId> {
        let own = self.own.as_ref().map(|(state, _)| &state.telemetry);
        let position = report.position.or(own.map(|own| own.position))?;
        let open = &self.watch.open;
        let (danger, told) = open.iter().find(|(_, told)| {
            self.hazards.get(told.action).is_some_and(|found| {
                let told_again = Hazard {
                    cause: report.cause,
                    position,
                    heading: report.heading,
                    ..found.hazard.clone()
                };
                is_same_event(&found.hazard, &told_again)
            })
        })?;
        let (danger, action) = (*danger, told.action);
        self.watch.open.remove(&danger);
        Some(action)
    }

    fn tell(&mut self, danger: Danger, found: &Found, own: &Telemetry, now: Now) {
        let open = self.watch.open.get(&danger).copied();
        let open = open.filter(|told| self.hazards.get(told.action).is_some());
        let told = match (found.lasting.contains(&danger), open) {
            (true, Some(told)) => {
                let is_due = now.instant.since(told.last) >= danger.terms().interval;
                if !is_due || self.has_failed(danger, now) {
                    return;
                }
                self.update_hazard(told.action, &report_of(danger, own), now)
                    .map(|()| Some(told.action))
            }
            (false, Some(told)) => self.cancel_hazard(told.action, now).map(|()| None),
            (true, None) if self.is_told_by_stack(danger, own) || self.has_failed(danger, now) => {
                return;
            }
            (true, None) => self.report(&report_of(danger, own), now).map(Some),
            (false, None) => {
                self.watch.open.remove(&danger);
                if found.occurred.contains(&danger) {
                    // It stays where it is, and ends with its validity.
                    self.report(&report_of(danger, own), now).map(|_| None)
                } else {
                    return;
                }
            }
        };
        match told {
            Ok(Some(action)) => {
                let last = now.instant;
                self.watch.open.insert(danger, Told { action, last });
            }
            Ok(None) => {
                self.watch.open.remove(&danger);
            }
            Err(_) => {
                // Counted where it failed, under its reason.
                self.watch.failed.insert(danger, now.instant);
            }
        }
    }

    /// Whether it could not be told of just now.
    fn has_failed(&self, danger: Danger, now: Now) -> bool {
        let failed = self.watch.failed.get(&danger);
        failed.is_some_and(|at| now.instant.since(*at) < RETRY_AFTER)
    }

    /// Whether the driving stack reported the same itself, and would cancel it.
    fn is_told_by_stack(&self, danger: Danger, own: &Telemetry) -> bool {
        let report = report_of(danger, own);
        let is_same = |open: &OwnHazard| {
            let found = Hazard {
                cause: report.cause,
                position: own.position,
                heading: own.heading,
                ..open.hazard.clone()
            };
            is_same_event(&open.hazard, &found)
        };
        self.hazards.open().any(is_same)
    }
}

/// Who is near, as far as that can be true.
fn neighbours(world: &World, own: &Telemetry) -> Vec<Neighbour> {
    let area = Area::Circle {
        centre: own.position,
        radius_m: LOOK_RADIUS_M,
    };
    let near = world.objects_in(&area).into_iter();
    near.filter(|object| !matches!(object.verdict(), Verdict::Implausible(_)))
        .filter_map(|object| Neighbour::of(object.station(), object.telemetry()))
        .collect()
}

fn report_of(danger: Danger, own: &Telemetry) -> HazardReport {
    let terms = danger.terms();
    let relevance_direction = match danger {
        Danger::EmergencyBrake | Danger::Stationary | Danger::EndOfQueue | Danger::SlowVehicle => {
            Some(RelevanceDirection::Upstream)
        }
        Danger::WrongWay | Danger::Slippery | Danger::Crash => None,
    };
    HazardReport {
        cause: terms.cause,
        position: Some(own.position),
        altitude: own.altitude,
        heading: own.heading,
        speed: own.speed,
        relevance_radius: RelevanceRadius::from_m(terms.radius_m)
            .unwrap_or(RelevanceRadius::KILOMETRE),
        relevance_direction,
        validity: Validity::saturating(terms.validity),
        quality: InformationQuality::from_level(terms.quality).unwrap_or_default(),
    }
}

/// After a refusal, for instance for want of a ticket, it is not tried with every state.
const RETRY_AFTER: Duration = Duration::from_secs(1);
