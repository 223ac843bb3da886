use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;
use wayside::{
    geo::{LocalFrame, Offset, Position},
    message::{Cause, Telemetry},
    units::Speed,
};

use super::{
    process::{Agent, Links},
    stack::{Stack, report},
    stage::Stage,
    steps::{Check, View, milliseconds, seconds},
};

/// What happened to the cars that only a roadside unit connects to the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Far {
    /// When the first of them reported its breakdown.
    pub(super) reported_at: Option<Duration>,
    /// When that one was gone, and the second one was started.
    pub(super) replaced_at: Option<Duration>,
}

impl Stage {
    /// Starts a car that stands too far away to be heard, and knows nobody but a unit.
    pub(super) async fn start_far(&mut self) -> anyhow::Result<()> {
        self.enter(FAR_M).await?;
        let hero = self.hero()?;
        self.say(&format!(
            "a car stands {FAR_M:.0} m from {hero}; neither is connected to the other, and both are to \
             unit 1"
        ));
        Ok(())
    }

    /// Lets that car report that it broke down.
    pub(super) async fn report_far(&mut self) -> anyhow::Result<()> {
        let agent = self.far_agents.first().context("no far car was started")?;
        let grpc = agent.ready().grpc.clone();
        self.say("it has broken down: its stack reports a hazard");
        self.facts.far.reported_at = Some(self.now());
        report(&grpc, Cause::STATIONARY_VEHICLE_BREAKDOWN).await
    }

    /// Kills that car's agent, and starts one that comes by later.
    pub(super) async fn replace_far(&mut self) -> anyhow::Result<()> {
        let mut gone = self.far_agents.pop().context("no far car was started")?;
        gone.kill().await?;
        self.say(&format!(
            "killed its agent (SIGKILL to process {}); another car comes by that knows nobody but unit 1",
            gone.ready().pid
        ));
        self.facts.far.replaced_at = Some(self.now());
        self.has_newcomer = true;
        self.enter(FAR_M + BESIDE_M).await
    }

    /// Starts the next far car, and its stack.
    async fn enter(&mut self, distance_m: f64) -> anyhow::Result<()> {
        let vehicle = self.cast.roles.len() + usize::from(self.has_newcomer);
        let folder = self.folder.join(format!("vehicle-{}", vehicle + 1));
        let agent = Agent::start(folder, Links::unit_alone()).await?;
        let play = self.play.context("the drive is not played")?;
        let stack = Stack {
            vehicle,
            agent: agent.ready().grpc.clone(),
            states: self.standing(play, distance_m)?,
            begun: self.begun,
            play,
            events: self.sender.clone(),
        };
        self.far_agents.push(agent);
        self.stacks.spawn(stack.run());
        Ok(())
    }

    /// The states of a car that stands so far from the first vehicle, where the unit's circle is.
    fn standing(
        &self,
        play: Instant,
        distance_m: f64,
    ) -> anyhow::Result<Vec<(Duration, Telemetry)>> {
        let played = play.elapsed();
        let hero = self.cast.roles.first().context("nobody plays")?;
        let now = hero.states.iter().take_while(|(time, _)| *time <= played);
        let (_, hero) = now.last().context("the drive has no beginning")?;
        let east_m = if hero.position.longitude_deg() > UNIT_LONGITUDE_DEG {
            -distance_m
        } else {
            distance_m
        };
        let north_m = 0.0;
        let place = LocalFrame::at(hero.position).position(Offset { east_m, north_m });
        let state = stands(hero, place.context("there is no such place")?);
        let times = (0..STATES).map(|number| played + STATE_EVERY * number);
        Ok(times.map(|time| (time, state.clone())).collect())
    }

    fn hero(&self) -> anyhow::Result<String> {
        let hero = self.cast.roles.first().context("nobody plays")?;
        Ok(hero.vehicle.clone())
    }
}

/// The first vehicle and the far one see each other.
pub(super) fn unit_carries_far(view: &View<'_>) -> Check {
    let sees = |one: usize, other: usize| {
        let stack = view.picture.stack(one);
        stack.is_some_and(|stack| stack.neighbours.contains_key(&other))
    };
    let far = view.vehicles;
    if !sees(0, far) || !sees(far, 0) {
        return Check::Waiting("the two do not see each other so far".to_owned());
    }
    let took = view.now.saturating_sub(view.begun);
    Check::Held(format!(
        "two cars see each other through a unit, {} after the start",
        seconds(took)
    ))
}

/// The first vehicle was told of the far one's hazard.
pub(super) fn unit_carries_hazard(view: &View<'_>) -> Check {
    let Some(reported) = view.facts.far.reported_at else {
        return Check::Failed("no hazard was reported".to_owned());
    };
    told_by_far(view, 0).map_or_else(
        || Check::Waiting("it was not told so far".to_owned()),
        |at| {
            let later = milliseconds(at.saturating_sub(reported));
            Check::Held(format!("told through the unit {later} after the report"))
        },
    )
}

/// The car that came later was told of it, too.
pub(super) fn newcomer_is_told(view: &View<'_>) -> Check {
    let Some(replaced) = view.facts.far.replaced_at else {
        return Check::Failed("no other car was started".to_owned());
    };
    told_by_far(view, view.vehicles + 1).map_or_else(
        || Check::Waiting("it was not told so far".to_owned()),
        |at| {
            let later = seconds(at.saturating_sub(replaced));
            Check::Held(format!(
                "told by the unit {later} after its start, when the car was gone"
            ))
        },
    )
}

/// When a stack was told of the far car's hazard.
fn told_by_far(view: &View<'_>, vehicle: usize) -> Option<Duration> {
    let far = view.picture.stack(view.vehicles)?;
    let station = far.station.as_ref()?;
    view.picture.stack(vehicle)?.hazards.get(station).copied()
}

/// A car of the kind of another one, which stands elsewhere.
fn stands(like: &Telemetry, position: Position) -> Telemetry {
    Telemetry {
        heading: like.heading,
        speed: Some(Speed::ZERO),
        station_type: like.station_type,
        ..Telemetry::at(position)
    }
}

/// Cars that stand far away, one after the other.
pub(super) const FAR_CARS: u16 = 2;
/// Farther than radio would reach in a town, and less far than cars ask units for telemetry.
const FAR_M: f64 = 400.0;
/// How far beside a broken-down car the next one stops.
const BESIDE_M: f64 = 40.0;
/// Where `wayside pki init` puts a unit that is alone.
const UNIT_LONGITUDE_DEG: f64 = 2.5;
const STATE_EVERY: Duration = Duration::from_millis(100);
/// Two minutes of them: longer than all deadlines of its steps together.
const STATES: u32 = 1_200;
