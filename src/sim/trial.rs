use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    Broken, Cast, Choices, Expected, FaultKind, HazardEnd, Invariant, LiarKind, Model, NodeId,
    Road, Scenario, TICK,
    invariant::Breaches,
    liars::{Heard, Liar, Overheard, Voice},
    witness::{Witness, millis},
};
use crate::{
    geo::{LocalFrame, Offset, Position},
    id::ActionId,
    message::{Cause, Telemetry, UpdateKey, Validity},
    pipeline::{Config, Event, HazardReport, OwnState},
    security::{Class, SlotClock},
    time::Timestamp,
    units::{Heading, Speed},
    world,
};

/// Runs a [`Scenario`] on a [`Road`] and holds what happens against every [`Invariant`].
pub struct Trial<'a> {
    scenario: &'a Scenario,
    cast: Cast,
    road: Road,
    honest: Vec<NodeId>,
    liars: Vec<Hired>,
    hazards: Vec<Reported>,
    witness: Witness,
    breaches: Breaches,
}

/// What came of a seed.
#[derive(Clone, Debug, Serialize)]
pub struct TrialReport {
    /// The seed.
    pub seed: u64,
    /// Honest stations.
    pub stations: usize,
    /// Faults that came and went.
    pub faults: usize,
    /// Messages that honest stations signed.
    pub published: u64,
    /// Messages that honest stations took.
    pub delivered: u64,
    /// Hazards that honest stations reported.
    pub hazards: usize,
    /// What each liar said.
    pub lies: BTreeMap<&'static str, u64>,
    /// What honest stations refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Proofs against liars that honest stations hold.
    pub equivocations: u64,
    /// The first breach of each invariant; empty if all held.
    pub broken: Vec<Broken>,
}

struct Hired {
    name: &'static str,
    node: NodeId,
    liar: Box<dyn Liar>,
    overheard: Overheard,
    choices: Choices,
}

/// A hazard that an honest station reported.
struct Reported {
    reporter: usize,
    action: ActionId,
    key: Option<UpdateKey>,
    at: u32,
    over: HazardEnd,
    cancel_at: Option<u32>,
}

impl<'a> Trial<'a> {
    /// Runs a scenario to its end and some time beyond, until everything should be forgotten.
    pub fn run(scenario: &'a Scenario) -> TrialReport {
        let mut trial = Self::new(scenario);
        for tick in 0..scenario.ticks {
            trial.tick(tick);
        }
        trial.fall_silent();
        trial.report()
    }

    fn new(scenario: &'a Scenario) -> Self {
        let slots = SlotClock::from_length_s(scenario.slot_s).unwrap_or_default();
        let start = Timestamp::from_unix_ms(START_MS).expect("in 2026");
        let end = start.saturating_add(TICK * scenario.ticks + FORGOTTEN_AFTER);
        let cast = Cast::new(scenario.seed, slots, start, end);
        let mut road = Road::new(cast.domain(), start, scenario.conditions, scenario.seed);
        let honest: Vec<_> = (0..scenario.stations)
            .map(|station| road.add(config(scenario), cast.wallet(&name(station), Class::Car)))
            .collect();
        let hire = |kind: &LiarKind| Hired {
            name: kind.name(),
            node: road.add(config(scenario), cast.wallet(kind.name(), Class::Car)),
            liar: kind.hire(),
            overheard: Overheard::default(),
            choices: scenario.seed.choices(kind.name()),
        };
        let liars = scenario.liars.iter().map(hire).collect();
        Self {
            scenario,
            cast,
            road,
            honest,
            liars,
            hazards: Vec::new(),
            witness: Witness::default(),
            breaches: Breaches::default(),
        }
    }

    fn tick(&mut self, tick: u32) {
        self.apply_faults(tick);
        self.connect(tick);
        for station in 0..self.scenario.stations {
            if !self.is_dead(station, tick) {
                self.drive(station, tick);
            }
        }
        self.handle_hazards(tick);
        self.lie();
        let next = self.road.now().instant + TICK;
        self.road.run_until(next);
        self.take_events();
        self.check_pictures(tick);
        self.check_bounds();
    }

    fn apply_faults(&mut self, tick: u32) {
        for fault in &self.scenario.faults {
            let (begins, ends) = (fault.from == tick, fault.until == tick);
            if !begins && !ends {
                continue;
            }
            match fault.kind {
                FaultKind::Partition(a, b) if begins => {
                    self.road.set_muted(NodeId(a), NodeId(b), true);
                }
                // Silent for seconds, so that QUIC has given the connection up.
                FaultKind::Partition(a, b) => {
                    self.road.disconnect(NodeId(a), NodeId(b));
                    self.road.set_muted(NodeId(a), NodeId(b), false);
                }
                FaultKind::Crash(station) if begins => {
                    for other in 0..self.honest.len() + self.liars.len() {
                        self.road.disconnect(NodeId(station), NodeId(other));
                    }
                }
                FaultKind::Crash(station) => {
                    let wallet = self.cast.wallet(&name(station), Class::Car);
                    self.road
                        .restart(NodeId(station), config(self.scenario), wallet);
                    self.witness.note_restart(NodeId(station));
                }
                FaultKind::ClockOff(station, ms) | FaultKind::ClockWrong(station, ms) => {
                    let ahead_ms = if begins { ms } else { 0 };
                    self.road.set_clock_error(NodeId(station), ahead_ms);
                }
            }
        }
    }

    /// Everybody dials everybody, as drivers do.
    fn connect(&mut self, tick: u32) {
        for a in 0..self.honest.len() {
            for b in 0..a {
                if !self.is_apart(a, b, tick) {
                    self.road.connect(NodeId(a), NodeId(b));
                }
            }
        }
        if tick.is_multiple_of(REDIAL) {
            for liar in &self.liars {
                for station in 0..self.honest.len() {
                    if !self.is_dead(station, tick) {
                        self.road.connect(liar.node, NodeId(station));
                    }
                }
            }
        }
    }

    fn drive(&mut self, station: usize, tick: u32) {
        // The driving stack's time comes from satellites, whatever the station's clock says.
        let measured = self.road.now().timestamp;
        let telemetry = state(station, tick);
        self.road.with(NodeId(station), |station, now| {
            let state = OwnState {
                telemetry,
                measured,
            };
            // A doubted clock signs nothing, which is what the model expects.
            station.handle_state(state, now).ok()
        });
    }

    fn handle_hazards(&mut self, tick: u32) {
        for plan in &self.scenario.hazards {
            if plan.at != tick || self.is_dead(plan.station, tick) {
                continue;
            }
            let report = HazardReport {
                validity: Validity::saturating(TICK * plan.holds),
                ..HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN)
            };
            let node = NodeId(plan.station);
            let action = self
                .road
                .with(node, |station, now| station.report_hazard(report, now));
            let Ok(action) = action else {
                continue;
            };
            let mut own = self.road.station(node).own_hazards();
            let own = own.find(|own| own.hazard.action == action);
            self.hazards.push(Reported {
                reporter: plan.station,
                action,
                key: own.and_then(|own| own.hazard.update_key),
                at: tick,
                over: HazardEnd {
                    expires: tick + plan.holds,
                    cancelled: None,
                },
                cancel_at: plan.cancelled_at,
            });
        }
        for hazard in &mut self.hazards {
            if hazard.cancel_at == Some(tick) {
                let action = hazard.action;
                let node = NodeId(hazard.reporter);
                let done = self
                    .road
                    .with(node, |station, now| station.cancel_hazard(action, now));
                // A station that died since does not know it any more.
                hazard.over.cancelled = done.ok().map(|()| tick);
            }
        }
    }

    fn lie(&mut self) {
        for hired in &mut self.liars {
            hired.liar.speak(&mut Voice {
                name: hired.name,
                road: &mut self.road,
                node: hired.node,
                targets: &self.honest,
                cast: &self.cast,
                witness: &mut self.witness,
                choices: &mut hired.choices,
                overheard: &hired.overheard,
            });
        }
    }

    fn take_events(&mut self) {
        let (honest, others): (Vec<_>, Vec<_>) = self
            .road
            .take_events()
            .into_iter()
            .partition(|(_, node, _)| self.honest.contains(node));
        self.witness.handle_events(&honest, &mut self.breaches);
        for (at, node, event) in others {
            let Event::Delivered(delivery) = event else {
                continue;
            };
            if self.witness.owner(delivery.station).is_none() {
                continue;
            }
            for hired in self.liars.iter_mut().filter(|hired| hired.node == node) {
                hired.overheard.push(Heard {
                    at,
                    kind: delivery.kind,
                    bytes: delivery.bytes.clone(),
                });
            }
        }
    }

    /// Holds every honest station's picture against the model.
    fn check_pictures(&mut self, tick: u32) {
        let model = Model::new(self.scenario);
        let at_ms = millis(self.road.now().instant);
        for viewer in 0..self.honest.len() {
            if self.is_dead(viewer, tick) {
                continue;
            }
            self.witness
                .check_world(&self.road, NodeId(viewer), &mut self.breaches);
            for seen in (0..self.honest.len()).filter(|seen| *seen != viewer) {
                let wrong = match model.sees(viewer, seen, tick) {
                    Expected::Known => !self.sees(viewer, seen),
                    // Who repeats fresh words is a relay, not a liar.
                    Expected::Unknown if self.repeats() => false,
                    Expected::Unknown => self.sees(viewer, seen),
                    Expected::Either => false,
                };
                if wrong {
                    let invariant = Invariant::EverybodyInReachIsSeen;
                    self.breaches.note(invariant, at_ms, || {
                        format!("station {viewer} is wrong about {seen}")
                    });
                }
            }
            for hazard in &self.hazards {
                self.check_hazard(&model, viewer, hazard, tick)
                    .into_iter()
                    .for_each(|detail| {
                        let invariant = Invariant::EveryHazardReachesEverybodyInReach;
                        self.breaches.note(invariant, at_ms, || detail);
                    });
            }
        }
    }

    /// What is wrong with a station's knowledge of a hazard.
    fn check_hazard(
        &self,
        model: &Model<'_>,
        viewer: usize,
        hazard: &Reported,
        tick: u32,
    ) -> Option<String> {
        let pair = (viewer, hazard.reporter);
        let known = self
            .road
            .station(NodeId(viewer))
            .world()
            .hazard(hazard.action)
            // One that a squatter changed is another hazard.
            .filter(|known| known.hazard().update_key == hazard.key);
        let expected = if viewer == hazard.reporter {
            Expected::Either
        } else {
            model.knows_hazard(pair, hazard.at, hazard.over, tick)
        };
        match expected {
            Expected::Known if known.is_none() => Some(format!(
                "station {viewer} does not know hazard {} of {}",
                hazard.action, hazard.reporter
            )),
            Expected::Unknown if known.is_some() => Some(format!(
                "station {viewer} still knows hazard {} of {}",
                hazard.action, hazard.reporter
            )),
            Expected::Known | Expected::Unknown | Expected::Either => None,
        }
    }

    fn check_bounds(&mut self) {
        let at_ms = millis(self.road.now().instant);
        for node in &self.honest {
            let station = self.road.station(*node);
            let (config, world) = (station.config(), station.world());
            for (what, len, len_max) in [
                (
                    "objects",
                    world.objects_len(),
                    config.world.stations_max.get(),
                ),
                (
                    "hazards",
                    world.hazards_len(),
                    config.world.hazards_max.get(),
                ),
                ("peers", station.peers().count(), config.peers_max),
                (
                    "own hazards",
                    station.own_hazards().count(),
                    config.own_hazards_max,
                ),
                ("lost events", lost_events(station), 0),
            ] {
                if len > len_max {
                    self.breaches.note(Invariant::QueuesStayBounded, at_ms, || {
                        format!("station {} has {len} {what}, more than {len_max}", node.0)
                    });
                }
            }
        }
    }

    /// Nobody says anything any more: first the stations are forgotten, then the hazards.
    fn fall_silent(&mut self) {
        for (wait, what) in [
            (STATIONS_FORGOTTEN_AFTER, "stations"),
            (FORGOTTEN_AFTER, "hazards"),
        ] {
            let until = self.road.now().instant + wait;
            self.road.run_until(until);
            self.take_events();
            for node in &self.honest {
                let world = self.road.station(*node).world();
                let left = match what {
                    "stations" => world.objects_len(),
                    _ => world.hazards_len(),
                };
                if left > 0 {
                    let at_ms = millis(self.road.now().instant);
                    self.breaches.note(Invariant::WorldForgets, at_ms, || {
                        format!("station {} still has {left} {what}", node.0)
                    });
                }
            }
        }
    }

    fn report(self) -> TrialReport {
        TrialReport {
            seed: self.scenario.seed.0,
            stations: self.scenario.stations,
            faults: self.scenario.faults.len(),
            published: self.witness.published,
            delivered: self.witness.delivered,
            hazards: self.hazards.len(),
            lies: self.witness.lies_told,
            refused: self.witness.refused,
            equivocations: self.witness.equivocations,
            broken: self.breaches.into_vec(),
        }
    }

    fn sees(&self, viewer: usize, seen: usize) -> bool {
        let world = self.road.station(NodeId(viewer)).world();
        world
            .objects()
            .any(|object| self.witness.owner(object.station()) == Some(NodeId(seen)))
    }

    fn repeats(&self) -> bool {
        self.scenario.liars.contains(&LiarKind::Replayer)
    }

    fn is_dead(&self, station: usize, tick: u32) -> bool {
        let mut faults = self.scenario.faults.iter();
        faults.any(|fault| fault.kind == FaultKind::Crash(station) && fault.is_on(tick))
    }

    fn is_apart(&self, a: usize, b: usize, tick: u32) -> bool {
        let parted = |kind| {
            kind == FaultKind::Partition(a, b)
                || kind == FaultKind::Partition(b, a)
                || kind == FaultKind::Crash(a)
                || kind == FaultKind::Crash(b)
        };
        let mut faults = self.scenario.faults.iter();
        faults.any(|fault| fault.is_on(tick) && parted(fault.kind))
    }
}

/// Bounds so small that liars reach them.
fn config(scenario: &Scenario) -> Config {
    Config {
        generation: scenario.generation,
        world: world::Config {
            hazards_max: HAZARDS_MAX,
            signer_hazards_max: SIGNER_HAZARDS_MAX,
            ..world::Config::default()
        },
        ..Config::default()
    }
}

fn lost_events(station: &crate::pipeline::Station) -> usize {
    let lost = station.counters().events_dropped + station.world().counters().events_lost;
    usize::try_from(lost).unwrap_or(usize::MAX)
}

/// Cars that follow each other northward at 15 m/s, 40 m apart.
fn state(station: usize, tick: u32) -> Telemetry {
    let ahead = f64::from(u32::try_from(station).unwrap_or(u32::MAX));
    let origin = Position::from_deg(48.0, 11.0).expect("in Bavaria");
    let place = LocalFrame::at(origin).position(Offset {
        east_m: 0.0,
        north_m: f64::from(tick) * TICK.as_secs_f64() * 15.0 - 40.0 * ahead,
    });
    Telemetry {
        speed: Speed::from_m_per_s(15.0),
        heading: Heading::from_deg(0.0),
        ..Telemetry::at(place.expect("less than a kilometre away"))
    }
}

fn name(station: usize) -> String {
    format!("car-{station}")
}

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;
/// Ticks after which a liar that was cut off comes back.
const REDIAL: u32 = 10;
/// More than the age at which the world forgets a silent station.
const STATIONS_FORGOTTEN_AFTER: Duration = Duration::from_secs(5);
/// More than any hazard here holds.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(40);
const HAZARDS_MAX: std::num::NonZeroUsize = std::num::NonZeroUsize::new(32).expect("not zero");
const SIGNER_HAZARDS_MAX: std::num::NonZeroUsize =
    std::num::NonZeroUsize::new(4).expect("not zero");
