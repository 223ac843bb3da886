use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;

use super::{
    Action, Cast, Conditions, Mode, NodeId, Placement, Range, Report, ReportOptions, Road,
    RoadsideReport, Script, Seed, Step, Tally, interest_reach_m, interest_within,
    roadside::Roadside,
};
use crate::{
    geo::Position,
    hazards,
    id::ActionId,
    message::{Cause, MessageType},
    pipeline::{Config, Event, GenerationRule, HazardReport, OwnState, Published, hazard_in},
    replay::{Content, Cut, Drive, Record},
    security::{
        Envelope, EnvelopeSigner, SlotClock, Ticket, TrustDomain, TrustDomainTextError, Wallet,
    },
    time::{Instant, Now, Timestamp},
    world::WorldEvent,
};

/// A recorded drive through real stations on virtual time.
///
/// ```
/// # use wayside::{replay::Drive, sim::{Replay, ReplayError, Seed}};
/// # fn check(drive: Drive) -> Result<(), ReplayError> {
/// let outcome = Replay::of(drive).seed(Seed(7)).loss(0.1).run()?;
/// assert!(outcome.report.refused.is_empty());
/// # Ok(())
/// # }
/// ```
pub struct Replay {
    drive: Drive,
    cut: Option<Cut>,
    seed: Seed,
    range_m: f64,
    conditions: Conditions,
    vehicles: Option<usize>,
    units: Option<Placement>,
    duration: Option<Duration>,
    config: Config,
    progress: Box<dyn FnMut(Duration, Duration)>,
    watch: Watch,
}

/// Told of a vehicle, what its station tells, and when.
type Watch = Box<dyn FnMut(usize, &Event, Now)>;

/// What a replay gives back.
pub struct Outcome {
    /// What happened, in numbers.
    pub report: Report,
    /// The drive with every message as it was signed, to write and to replay again.
    pub recording: Drive,
    /// The road at the end of the drive, to look into its stations' worlds.
    pub road: Road,
}

/// Why a drive cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// Nothing happens in it.
    #[error("the drive holds no record to play")]
    Empty,
    /// Its messages are signed already, and nobody could introduce roadside units to it.
    #[error("the recording's messages are signed already: roadside units need a drive of states")]
    NobodySigns,
    /// It holds signed messages but not whose they are.
    #[error("the recording's signed messages have no trust domain beside them")]
    NoTrustDomain,
    /// The trust domain beside the signed messages is none.
    #[error("the recording's trust domain: {0}")]
    TrustDomain(#[from] TrustDomainTextError),
}

impl Replay {
    /// The whole drive, within 300 m, without loss or delay.
    pub fn of(drive: Drive) -> Self {
        Self {
            drive,
            cut: None,
            seed: Seed(0),
            range_m: RANGE_DEFAULT_M,
            conditions: Conditions::default(),
            vehicles: None,
            units: None,
            duration: None,
            config: Config::default(),
            progress: Box::new(|_, _| {}),
            watch: Box::new(|_, _, _| {}),
        }
    }

    /// Says that the recording was cut.
    pub fn cut(self, cut: Option<Cut>) -> Self {
        Self { cut, ..self }
    }

    /// Sets what every choice follows from.
    pub fn seed(self, seed: Seed) -> Self {
        Self { seed, ..self }
    }

    /// Sets the distance within which everybody hears everybody, in metres.
    pub fn range_m(self, range_m: f64) -> Self {
        Self { range_m, ..self }
    }

    /// Sets the probability that a telemetry message does not reach one of its receivers.
    pub fn loss(mut self, loss: f64) -> Self {
        self.conditions.loss = loss;
        self
    }

    /// Sets the time that every message takes.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.conditions.delay = delay;
        self
    }

    /// Sets up to how much is added to that time by chance, so that messages overtake each other.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.conditions.jitter = jitter;
        self
    }

    /// Puts roadside units along the drive, by which alone its vehicles hear each other.
    pub fn units(self, units: Option<Placement>) -> Self {
        Self { units, ..self }
    }

    /// Plays only the first so many vehicles.
    pub fn vehicles(self, vehicles: Option<usize>) -> Self {
        Self { vehicles, ..self }
    }

    /// Plays only the beginning.
    pub fn duration(self, duration: Option<Duration>) -> Self {
        Self { duration, ..self }
    }

    /// Sets when states are sent.
    pub fn generation(mut self, rule: GenerationRule) -> Self {
        self.config.generation = rule;
        self
    }

    /// Sets which dangers the vehicles tell of that no label of the recording reports.
    pub fn hazards(mut self, config: hazards::Config) -> Self {
        self.config.hazards = config;
        self
    }

    /// Calls back with the time played and the whole time, now and then.
    pub fn progress(self, progress: impl FnMut(Duration, Duration) + 'static) -> Self {
        Self {
            progress: Box::new(progress),
            ..self
        }
    }

    /// Calls back with everything that the vehicles' stations tell, in order; a vehicle is its place in
    /// [`Drive::vehicles`].
    pub fn watch(self, watch: impl FnMut(usize, &Event, Now) + 'static) -> Self {
        Self {
            watch: Box::new(watch),
            ..self
        }
    }

    /// Plays the drive.
    pub fn run(mut self) -> Result<Outcome, ReplayError> {
        let script = Script::of(&self.drive, self.vehicles, self.duration);
        if script.steps.is_empty() {
            return Err(ReplayError::Empty);
        }
        let tickets = Tickets::of(&self.drive, &script, self.seed)?;
        if self.units.is_some() && tickets.cast.is_none() {
            return Err(ReplayError::NobodySigns);
        }
        let watch = std::mem::replace(&mut self.watch, Box::new(|_, _, _| {}));
        let mut run = Run::new(&self, (&script, &tickets), watch);
        let mut progress = self.progress;
        let whole = script.end.since(script.start);
        for step in &script.steps {
            run.play(step);
            progress(step.at.since(script.start).min(whole), whole);
        }
        run.finish((self.conditions.delay + self.conditions.jitter) * 3);
        let options = ReportOptions {
            seed: self.seed.0,
            range_m: self.range_m,
            loss: self.conditions.loss,
            delay_ms: milliseconds(self.conditions.delay),
            jitter_ms: milliseconds(self.conditions.jitter),
            vehicles: self.vehicles,
            duration_s: self.duration.map(|duration| duration.as_secs_f64()),
            rate: None,
        };
        let mut report = Report::new(
            (&self.drive, &script),
            (Mode::Virtual, options),
            &run.tally,
            self.cut.as_ref(),
        );
        report.roadside = run.roadside_report();
        Ok(Outcome {
            report,
            recording: self
                .drive
                .with_signed(run.records, tickets.domain.to_toml()),
            road: run.road,
        })
    }
}

/// Where the vehicles' tickets come from.
struct Tickets {
    domain: Arc<TrustDomain>,
    /// `None` where the recording holds signed messages, and nobody signs anew.
    cast: Option<Cast>,
    /// Tickets that recorded messages carry.
    recorded: Vec<Ticket>,
}

impl Tickets {
    fn of(drive: &Drive, script: &Script, seed: Seed) -> Result<Self, ReplayError> {
        let wire = drive
            .records
            .iter()
            .filter_map(|record| match &record.content {
                Content::Wire { signed, .. } => Some(signed),
                Content::State(_) | Content::Hazard(_) => None,
            });
        let mut wire = wire.peekable();
        if wire.peek().is_none() {
            let cast = Cast::new(seed, SlotClock::default(), script.start, script.end);
            return Ok(Self {
                domain: cast.domain(),
                cast: Some(cast),
                recorded: Vec::new(),
            });
        }
        let text = drive
            .trust_domain
            .as_deref()
            .ok_or(ReplayError::NoTrustDomain)?;
        let recorded: BTreeMap<_, _> = wire
            .filter_map(|signed| Envelope::parse(signed.clone()).ok())
            .filter_map(|envelope| match envelope.signer() {
                EnvelopeSigner::Ticket(ticket) => Some((ticket.station(), Ticket::clone(ticket))),
                EnvelopeSigner::Station(_) => None,
            })
            .collect();
        Ok(Self {
            domain: Arc::new(TrustDomain::from_toml(text)?),
            cast: None,
            recorded: recorded.into_values().collect(),
        })
    }

    fn wallet(&self, script: &Script, vehicle: usize) -> Wallet {
        match (
            &self.cast,
            script.vehicles.get(vehicle),
            script.classes.get(vehicle),
        ) {
            (Some(cast), Some(name), Some(class)) => cast.wallet(name, *class),
            _ => Wallet::new(self.domain.slots(), Vec::new()),
        }
    }
}

struct Run {
    road: Road,
    range: Range,
    roadside: Option<Roadside>,
    tally: Tally,
    start: Timestamp,
    names: Vec<String>,
    /// Own hazards that labels opened.
    open: BTreeMap<usize, (usize, ActionId)>,
    records: Vec<Record>,
    /// Nobody signs: recorded messages are played to listeners.
    listening: bool,
    watch: Watch,
}

impl Run {
    fn new(replay: &Replay, (script, tickets): (&Script, &Tickets), watch: Watch) -> Self {
        let mut road = Road::new(
            tickets.domain.clone(),
            script.start,
            replay.conditions,
            replay.seed,
        );
        let mut config = replay.config.clone();
        if replay.units.is_some() {
            config.roadside = interest_within(replay.range_m);
        }
        for vehicle in 0..script.vehicles.len() {
            let node = road.add(config.clone(), tickets.wallet(script, vehicle));
            for ticket in &tickets.recorded {
                road.with(node, |station, now| station.handle_ticket(ticket, now));
            }
        }
        let mut roadside = None;
        if let (Some(placement), Some(cast)) = (replay.units, &tickets.cast) {
            for vehicle in 0..script.vehicles.len() {
                let operators = cast.operators();
                road.with(NodeId(vehicle), |station, _| {
                    station.handle_operators(operators)
                });
            }
            let units = placement.along(script, interest_reach_m(replay.range_m));
            let vehicles = script.vehicles.len();
            roadside = Some(Roadside::new(&mut road, (cast, &config), units, vehicles));
        }
        Self {
            roadside,
            range: Range::new(script.vehicles.len(), replay.range_m),
            tally: Tally::new(script.start, 1.0),
            start: script.start,
            names: script.vehicles.clone(),
            open: BTreeMap::new(),
            records: Vec::new(),
            listening: tickets.cast.is_none(),
            road,
            watch,
        }
    }

    fn play(&mut self, step: &Step) {
        let at = Instant::from_origin(step.at.since(self.start));
        self.road.run_until(at);
        self.settle();
        if let Some(roadside) = &mut self.roadside {
            roadside.part(&mut self.road);
        }
        for vehicle in &step.leaving {
            self.range.set(*vehicle, None);
            self.rejoin(*vehicle, None, step.at);
        }
        // Everybody moves before anybody speaks.
        for (vehicle, action) in &step.actions {
            if let Action::State(telemetry) = action {
                self.range.set(*vehicle, Some(telemetry.position));
                self.rejoin(*vehicle, Some(telemetry.position), step.at);
            }
        }
        self.road.run_until(at);
        self.settle();
        for (vehicle, action) in &step.actions {
            self.act(*vehicle, action, step.at);
        }
        self.settle();
    }

    /// Lets what is under way arrive.
    fn finish(&mut self, delay: Duration) {
        let until = self.road.now().instant + delay + AFTERMATH;
        self.road.run_until(until);
        self.settle();
    }

    /// Joins the vehicle to those it reaches now, and parts it from those it left behind.
    fn rejoin(&mut self, vehicle: usize, position: Option<Position>, at: Timestamp) {
        if self.listening {
            return;
        }
        if let Some(roadside) = &mut self.roadside {
            return roadside.rejoin(&mut self.road, (vehicle, position), at);
        }
        for other in (0..self.names.len()).filter(|other| *other != vehicle) {
            let (a, b) = (NodeId(vehicle), NodeId(other));
            if self.range.reaches(vehicle, other) {
                self.road.connect(a, b);
            } else {
                self.road.disconnect(a, b);
            }
        }
    }

    fn act(&mut self, vehicle: usize, action: &Action, at: Timestamp) {
        let node = NodeId(vehicle);
        match action {
            Action::State(telemetry) => {
                self.records.push(Record {
                    time: at,
                    vehicle,
                    content: Content::State(telemetry.clone()),
                });
                if !self.listening {
                    self.tally.handle_state();
                    let state = OwnState {
                        telemetry: telemetry.clone(),
                        measured: at,
                    };
                    let result = self
                        .road
                        .with(node, |station, now| station.handle_state(state, now));
                    match result {
                        Ok(Published::Sent | Published::Held) => {}
                        Err(error) => self.tally.handle_unpublished(error.reason()),
                    }
                }
            }
            Action::Report {
                label,
                cause,
                position,
            } => {
                if let Some(action) = self.report(node, *cause, *position) {
                    self.open.insert(*label, (vehicle, action));
                }
            }
            Action::Cancel { label } => {
                if let Some((_, action)) = self.open.remove(label) {
                    let result = self
                        .road
                        .with(node, |station, now| station.cancel_hazard(action, now));
                    if let Err(error) = result {
                        self.tally.handle_unpublished(error.reason());
                    }
                }
            }
            Action::Hazard(statement) => {
                let hazard = &statement.hazard;
                if hazard.termination.is_none() {
                    self.report(node, hazard.cause, Some(hazard.position));
                }
            }
            Action::Wire(bytes) => self.hear(vehicle, bytes, at),
        }
    }

    fn report(
        &mut self,
        node: NodeId,
        cause: Cause,
        position: Option<Position>,
    ) -> Option<ActionId> {
        let report = HazardReport {
            position,
            ..HazardReport::of(cause)
        };
        let result = self
            .road
            .with(node, |station, now| station.report_hazard(report, now));
        match result {
            Ok(action) => Some(action),
            Err(error) => {
                self.tally.handle_unpublished(error.reason());
                None
            }
        }
    }

    /// Plays a recorded message to everybody in range, or to everybody where places are unknown.
    fn hear(&mut self, speaker: usize, bytes: &Bytes, at: Timestamp) {
        let hearers: Vec<usize> = if self.range.is_present(speaker) {
            self.range.hearers(speaker)
        } else {
            (0..self.names.len())
                .filter(|one| *one != speaker)
                .collect()
        };
        self.note_published(speaker, bytes, &hearers, at);
        for hearer in hearers {
            self.road.with(NodeId(hearer), |station, now| {
                station.handle_message(bytes.clone(), now);
            });
        }
    }

    fn note_published(&mut self, vehicle: usize, bytes: &Bytes, hearers: &[usize], at: Timestamp) {
        let now = self.road.now().instant;
        self.tally.handle_published(bytes, hearers, now);
        self.records.push(Record {
            time: at,
            vehicle,
            content: Content::Wire {
                signed: bytes.clone(),
                received: at,
            },
        });
    }

    fn hearers(&self, of: usize) -> Vec<usize> {
        match &self.roadside {
            Some(roadside) => roadside.hearers(of, &self.range),
            None => self.range.hearers(of),
        }
    }

    fn roadside_report(&self) -> Option<RoadsideReport> {
        let roadside = self.roadside.as_ref()?;
        let units = roadside.coverage().units();
        Some(RoadsideReport {
            units: units.len(),
            radius_m: units.first().map_or(0, |unit| unit.radius_m),
            handovers: roadside.handovers(),
            outside: self.tally.outside(),
        })
    }

    /// Counts what a vehicle was told of beyond what it asked for.
    fn note_told(&mut self, vehicle: usize, place: Position, relevant_within_m: f64) {
        if let Some(roadside) = &self.roadside {
            let reach_m = interest_reach_m(self.range.range_m()).max(relevant_within_m);
            let coverage = roadside.coverage();
            self.tally.handle_told(coverage, (vehicle, place), reach_m);
        }
    }

    /// Counts what the stations told; of units, only what they refused.
    fn settle(&mut self) {
        for (instant, NodeId(vehicle), event) in self.road.take_events() {
            let is_unit = vehicle >= self.names.len();
            if is_unit && !matches!(event, Event::Refused { .. }) {
                continue;
            }
            let now = Now {
                instant,
                timestamp: self.start.saturating_add(instant.since_origin()),
            };
            if !is_unit {
                (self.watch)(vehicle, &event, now);
            }
            match event {
                Event::Published {
                    kind,
                    generated,
                    bytes,
                    ..
                } => {
                    let hearers = self.hearers(vehicle);
                    self.note_published(vehicle, &bytes, &hearers, generated);
                    if kind == MessageType::Hazard {
                        self.note_hazard(vehicle, bytes, &hearers);
                    }
                }
                Event::Delivered(delivery) => self.tally.handle_delivery(vehicle, &delivery, now),
                Event::World(WorldEvent::HazardChanged(known)) => {
                    let hazard = known.hazard();
                    self.tally
                        .handle_hazard_heard(vehicle, &known, now.timestamp);
                    let relevant_within_m = f64::from(hazard.relevance_radius.m());
                    self.note_told(vehicle, hazard.position, relevant_within_m);
                }
                Event::World(WorldEvent::ObjectChanged(object)) => {
                    self.note_told(vehicle, object.telemetry().position, 0.0);
                }
                Event::Refused { reason, .. } => self.tally.handle_refused(reason),
                Event::Disconnect { .. }
                | Event::Accused { .. }
                | Event::Equivocation(_)
                | Event::Received { .. }
                | Event::Reserve(_)
                | Event::HazardForgotten { .. }
                | Event::HazardKept { .. }
                | Event::Introduced { .. }
                | Event::LoadChanged(_)
                | Event::ListAdvanced { .. }
                | Event::OwnReinstated
                | Event::OwnRevoked { .. }
                | Event::PeerRevoked { .. }
                | Event::Rotate { .. }
                | Event::StackResumed
                | Event::StackSilent(_)
                | Event::Shed { .. }
                | Event::TicketChanged
                | Event::UnitsTold { .. }
                | Event::World(
                    WorldEvent::ObjectRemoved { .. } | WorldEvent::HazardRemoved { .. },
                ) => {}
            }
        }
    }

    /// Counts what a vehicle has just said of a hazard.
    fn note_hazard(&mut self, vehicle: usize, bytes: Bytes, hearers: &[usize]) {
        if let (Some(hazard), Some(name)) = (hazard_in(bytes), self.names.get(vehicle)) {
            self.tally.handle_hazard(name, &hazard, hearers);
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const RANGE_DEFAULT_M: f64 = 300.0;

/// Long enough for everything that a station still does by itself.
const AFTERMATH: Duration = Duration::from_millis(500);
