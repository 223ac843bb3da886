use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::ProgressBar;
use rustix::time::{ClockId, clock_gettime};
use wayside::{
    geo::Position,
    id::ActionId,
    message::Telemetry,
    pipeline::{HazardReport, OwnState, PublishError, Published},
    sim::{Action, Coverage, Range, Script},
    time::{Instant, Timestamp},
    transport::{Clock, Handle},
};

use super::{
    audience::{Audience, lock},
    fleet::Fleet,
};

/// Lets a fleet do what the script says, when it says so.
pub(super) struct Player {
    script: Arc<Script>,
    pub(super) fleet: Fleet,
    pub(super) clock: Clock,
    audience: Arc<Mutex<Audience>>,
    /// Where everybody will be a little later, to join those in time who will meet.
    ahead: Range,
    /// The same, with roadside units, and when to part whom from a unit that it left.
    served_ahead: Option<Coverage>,
    parting: VecDeque<(Timestamp, usize, usize)>,
    handovers: u64,
    ahead_step: usize,
    next_step: usize,
    /// The clock's reading at a moment of the drive.
    anchor: (Timestamp, Instant),
    /// Own hazards that labels opened.
    open: BTreeMap<usize, ActionId>,
    /// The state that was handed to each station last.
    last_given: Vec<Option<Timestamp>>,
}

/// Processor time that a run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used(Duration);

impl Player {
    pub(super) fn new(
        script: Arc<Script>,
        fleet: Fleet,
        clock: Clock,
        audience: Arc<Mutex<Audience>>,
    ) -> Self {
        let count = fleet.len();
        let join_within_m = lock(&audience).range_m() + JOIN_MARGIN_M;
        let units = lock(&audience).units().map(<[_]>::to_vec);
        Self {
            anchor: (script.start, clock.now().instant),
            script,
            fleet,
            clock,
            audience,
            ahead: Range::new(count, join_within_m),
            served_ahead: units.map(|units| Coverage::new(units, count)),
            parting: VecDeque::new(),
            handovers: 0,
            ahead_step: 0,
            next_step: 0,
            open: BTreeMap::new(),
            last_given: vec![None; count],
        }
    }

    /// Goes to a moment of the drive and joins everybody who is near somebody there; the clock
    /// stands still meanwhile.
    pub(super) async fn gather(&mut self, at: Timestamp) {
        self.clock.pause();
        self.anchor = (at, self.clock.now().instant);
        self.next_step = self.script.steps.partition_point(|step| step.at < at);
        self.ahead_step = 0;
        self.look_ahead(at);
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        for _ in 0..GATHER_TICKS_MAX {
            if self.fleet.is_gathered() {
                break;
            }
            ticks.tick().await;
        }
    }

    /// Begins anew at another moment, with stations that have heard nothing yet.
    pub(super) async fn seek(&mut self, to: Timestamp) {
        self.clock.pause();
        self.clock.seek(to);
        self.fleet.forget(self.clock.now());
        self.open.clear();
        self.last_given.fill(None);
        for vehicle in 0..self.fleet.len() {
            self.ahead.set(vehicle, None);
            lock(&self.audience).place(vehicle, None, to);
        }
        self.gather(to).await;
    }

    /// Plays from the start to the end, and waits for what is under way then.
    pub(super) async fn play(&mut self, bar: &ProgressBar) -> Used {
        let whole = self.script.end.since(self.script.start);
        bar.set_length(u64::try_from(whole.as_millis()).unwrap_or(u64::MAX));
        let cpu_at_start = processor_time();
        self.clock.play();
        while let Some(at) = self.next_at() {
            self.step().await;
            let played = at.since(self.script.start).min(whole);
            bar.set_position(u64::try_from(played.as_millis()).unwrap_or(u64::MAX));
        }
        let end = self.clock.now().instant + AFTERMATH;
        self.clock.sleep_until(end).await;
        Used(processor_time().saturating_sub(cpu_at_start))
    }

    /// When the next step is due, if there is one.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.script.steps.get(self.next_step).map(|step| step.at)
    }

    /// Waits for the next step and carries it out.
    pub(super) async fn step(&mut self) {
        let script = self.script.clone();
        let Some(step) = script.steps.get(self.next_step) else {
            return;
        };
        let due = self.anchor.1 + step.at.since(self.anchor.0);
        self.clock.sleep_until(due).await;
        self.next_step += 1;
        self.look_ahead(step.at);
        {
            let mut audience = lock(&self.audience);
            for vehicle in &step.leaving {
                audience.place(*vehicle, None, step.at);
            }
            for (vehicle, action) in &step.actions {
                if let Action::State(telemetry) = action {
                    audience.place(*vehicle, Some(telemetry.position), step.at);
                }
            }
        }
        for (vehicle, action) in &step.actions {
            if let Some(handle) = self.fleet.handle(*vehicle).cloned() {
                self.act(*vehicle, &handle, action, step.at);
            }
        }
    }

    pub(super) fn script(&self) -> &Arc<Script> {
        &self.script
    }

    pub(super) fn trust_domain(&self) -> String {
        self.fleet.trust_domain()
    }

    /// How often a vehicle went over from one roadside unit to another.
    pub(super) fn handovers(&self) -> u64 {
        self.handovers
    }

    pub(super) async fn shutdown(&self) {
        self.fleet.shutdown().await;
    }

    /// Moves everybody to where they will be, and joins and parts them there.
    fn look_ahead(&mut self, at: Timestamp) {
        let horizon = at.saturating_add(AHEAD);
        let script = self.script.clone();
        let mut moved = std::collections::BTreeSet::new();
        while let Some(step) = script
            .steps
            .get(self.ahead_step)
            .filter(|step| step.at <= horizon)
        {
            self.ahead_step += 1;
            for vehicle in &step.leaving {
                self.ahead.set(*vehicle, None);
                self.serve(*vehicle, None, step.at);
                moved.insert(*vehicle);
            }
            for (vehicle, action) in &step.actions {
                if let Action::State(telemetry) = action {
                    self.ahead.set(*vehicle, Some(telemetry.position));
                    self.serve(*vehicle, Some(telemetry.position), step.at);
                    moved.insert(*vehicle);
                }
            }
        }
        if self.served_ahead.is_some() {
            return self.part_from_units(at);
        }
        let part_beyond_m = self.ahead.range_m() + PART_MARGIN_M;
        for vehicle in moved {
            for other in (0..self.fleet.len()).filter(|other| *other != vehicle) {
                match self.ahead.distance_m(vehicle, other) {
                    Some(distance_m) if distance_m <= self.ahead.range_m() => {
                        self.fleet.join(vehicle, other);
                    }
                    Some(distance_m) if distance_m <= part_beyond_m => {}
                    Some(_) | None => self.fleet.part(vehicle, other),
                }
            }
        }
    }

    /// Joins a vehicle with the roadside unit that will serve it.
    fn serve(&mut self, vehicle: usize, position: Option<Position>, at: Timestamp) {
        let Some(coverage) = &mut self.served_ahead else {
            return;
        };
        let former = coverage.attached(vehicle);
        let present = coverage.set(vehicle, position, at);
        if former == present {
            return;
        }
        if let Some(unit) = present {
            self.fleet.join(vehicle, self.fleet.unit(unit));
            self.handovers += u64::from(former.is_some());
        }
        if let Some(former) = former {
            let after = at.saturating_add(PART_AFTER);
            self.parting.push_back((after, vehicle, former));
        }
    }

    /// Parts vehicles from units that they have left for good.
    fn part_from_units(&mut self, at: Timestamp) {
        while let Some((after, vehicle, unit)) = self.parting.front().copied()
            && after <= at
        {
            self.parting.pop_front();
            let coverage = self.served_ahead.as_ref();
            if coverage.and_then(|it| it.attached(vehicle)) != Some(unit) {
                self.fleet.part(vehicle, self.fleet.unit(unit));
            }
        }
    }

    fn act(&mut self, vehicle: usize, handle: &Handle, action: &Action, at: Timestamp) {
        let result = match action {
            Action::State(telemetry) => self.give_state(vehicle, handle, telemetry, at),
            Action::Report {
                label,
                cause,
                position,
            } => {
                let report = HazardReport {
                    position: *position,
                    ..HazardReport::of(*cause)
                };
                handle
                    .call(|station, now| station.report_hazard(report, now))
                    .map(|action| {
                        self.open.insert(*label, action);
                    })
            }
            Action::Cancel { label } => self.open.remove(label).map_or(Ok(()), |action| {
                handle.call(|station, now| station.cancel_hazard(action, now))
            }),
            Action::Hazard(statement) if statement.hazard.termination.is_none() => {
                let report = HazardReport {
                    position: Some(statement.hazard.position),
                    ..HazardReport::of(statement.hazard.cause)
                };
                handle
                    .call(|station, now| station.report_hazard(report, now))
                    .map(drop)
            }
            Action::Hazard(_) | Action::Wire(_) => Ok(()),
        };
        if let Err(error) = result {
            lock(&self.audience)
                .tally()
                .handle_unpublished(error.reason());
        }
    }

    /// Hands a station its recorded state, unless a stack under test has taken the wheel.
    fn give_state(
        &mut self,
        vehicle: usize,
        handle: &Handle,
        telemetry: &Telemetry,
        at: Timestamp,
    ) -> Result<(), PublishError> {
        let given = self.last_given.get_mut(vehicle);
        let last_given = given.as_ref().and_then(|given| **given);
        let state = OwnState {
            telemetry: telemetry.clone(),
            measured: at,
        };
        let result = handle.call(|station, now| {
            let measured = station.own_state().map(|own| own.measured);
            (measured == last_given).then(|| station.handle_state(state, now))
        });
        match result {
            None => Ok(()),
            Some(result) => {
                lock(&self.audience).note_state(vehicle, telemetry, at);
                let published = result?;
                if let Some(given) = given {
                    *given = Some(at);
                }
                if let Some(hub) = self.fleet.hub_of(vehicle) {
                    hub.handle_own_motion(telemetry, at, handle.clock().now().instant);
                }
                match published {
                    Published::Sent | Published::Held => Ok(()),
                }
            }
        }
    }
}

impl Used {
    /// Microseconds for each of `messages`; `None` without any.
    pub(super) fn per_message_us(self, messages: u64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "far below 2^53 messages are counted"
        )]
        let messages = messages as f64;
        (messages > 0.0).then(|| self.0.as_secs_f64() * 1e6 / messages)
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// How long before they meet two vehicles are joined: a handshake and its retry fit well.
const AHEAD: Duration = Duration::from_secs(2);
/// How long a vehicle keeps the unit that it left.
const PART_AFTER: Duration = Duration::from_secs(1);
const JOIN_MARGIN_M: f64 = 20.0;
const PART_MARGIN_M: f64 = 60.0;
/// Ten seconds.
const GATHER_TICKS_MAX: u32 = 1_000;
const AFTERMATH: Duration = Duration::from_millis(500);
