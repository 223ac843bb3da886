use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    cast::Cast,
    far::FAR_CARS,
    metrics::Received,
    picture::{Event, Picture},
    process::{Agent, Links},
    stack::{Stack, report},
    steps::{Act, Check, Facts, Killed, Step, View, hazard_delays, milliseconds, seconds},
    table::{Screen, rows, table},
};

/// The agents, their vehicles' stacks, and what is known of both.
pub(super) struct Stage {
    pub(super) cast: Cast,
    pub(super) folder: PathBuf,
    pub(super) begun: Instant,
    pub(super) play: Option<Instant>,
    /// In the order of the cast; fewer while they are being started.
    agents: Vec<Agent>,
    /// Those that only a unit connects to the others.
    pub(super) far_agents: Vec<Agent>,
    /// The first of these is gone, and the second has come.
    pub(super) has_newcomer: bool,
    /// The last agent was killed, and is not running again.
    is_one_dead: bool,
    /// The agents were asked to end.
    is_over: bool,
    pub(super) stacks: JoinSet<()>,
    pub(super) sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    picture: Picture,
    pub(super) facts: Facts,
    screen: Screen,
}

/// What became of a step.
pub(super) enum Outcome {
    /// It held; what was measured.
    Held(String),
    /// It did not; why.
    Failed(String),
}

impl Stage {
    /// Before anything happens; `folder` is that of a trust domain with a vehicle for each role, and
    /// [`FAR_CARS`] more.
    pub(super) fn new(cast: Cast, folder: PathBuf, screen: Screen) -> Self {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        Self {
            picture: Picture::new(cast.roles.len() + usize::from(FAR_CARS)),
            cast,
            folder,
            begun: Instant::now(),
            play: None,
            agents: Vec::new(),
            far_agents: Vec::new(),
            has_newcomer: false,
            is_one_dead: false,
            is_over: false,
            stacks: JoinSet::new(),
            sender,
            events,
            facts: Facts::default(),
            screen,
        }
    }

    /// How long the demo has taken so far.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Where the vehicles' agents serve gRPC; none before they run.
    pub(super) fn agents(&self) -> Vec<String> {
        let agents = self.agents.iter();
        agents.map(|agent| agent.ready().grpc.clone()).collect()
    }

    /// Does what a step does, and waits until it holds.
    pub(super) async fn run(&mut self, step: &Step) -> Outcome {
        let begun = self.now();
        let acted = timeout(step.deadline, self.act(step.act)).await;
        let outcome = match acted {
            Ok(Ok(())) => self.watch(step, begun).await,
            Ok(Err(error)) => Outcome::Failed(format!("{error:#}")),
            Err(_) => Outcome::Failed(format!("not done within {}", seconds(step.deadline))),
        };
        if step.act == Act::Report {
            self.say_hazard_delays();
        }
        match &outcome {
            Outcome::Held(measured) => self.say(&format!("ok: {measured}")),
            Outcome::Failed(why) => self.say(&format!("FAILED: {}: {why}", step.name)),
        }
        outcome
    }

    /// Ends everything that still runs.
    pub(super) async fn end(&mut self) {
        self.is_over = true;
        self.stacks.shutdown().await;
        let mut stops = JoinSet::new();
        let agents = self.agents.drain(..).chain(self.far_agents.drain(..));
        for mut agent in agents {
            stops.spawn(async move { agent.stop().await });
        }
        self.facts.asked = stops.len();
        self.facts.ended = stops.join_all().await.into_iter().filter(|ok| *ok).count();
        self.facts.running = 0;
        self.screen.clear();
    }

    async fn act(&mut self, act: Act) -> anyhow::Result<()> {
        match act {
            Act::Start => self.start().await,
            Act::Play => {
                self.play();
                Ok(())
            }
            Act::Watch => Ok(()),
            Act::Report => self.report().await,
            Act::Kill => self.kill().await,
            Act::Restart => self.restart().await,
            Act::StartFar => self.start_far().await,
            Act::ReportFar => self.report_far().await,
            Act::ReplaceFar => self.replace_far().await,
            Act::Count => self.count().await,
            Act::Stop => {
                self.say("every agent is asked to end (SIGTERM)");
                self.end().await;
                Ok(())
            }
        }
    }

    /// Each agent dials those before it, so that every two have one connection. The first one hears
    /// through a unit, too.
    async fn start(&mut self) -> anyhow::Result<()> {
        let count = self.cast.roles.len();
        self.say(&format!("starting {count} agents"));
        for number in 1..=count {
            let folder = self.folder.join(format!("vehicle-{number}"));
            let links = Links {
                peers: self.agents.iter().map(|agent| agent.ready().quic).collect(),
                uses_unit: number == 1,
            };
            self.agents.push(Agent::start(folder, links).await?);
            self.facts.running += 1;
        }
        Ok(())
    }

    fn play(&mut self) {
        self.say("playing the drive: each stack publishes its vehicle's states");
        let play = Instant::now();
        self.play = Some(play);
        for (vehicle, (role, agent)) in self.cast.roles.iter().zip(&self.agents).enumerate() {
            let stack = Stack {
                vehicle,
                agent: agent.ready().grpc.clone(),
                states: role.states.clone(),
                begun: self.begun,
                play,
                events: self.sender.clone(),
            };
            self.stacks.spawn(stack.run());
        }
    }

    async fn report(&mut self) -> anyhow::Result<()> {
        let play = self.play.context("the drive is not played")?;
        let incident = play + self.cast.incident;
        while Instant::now() < incident {
            self.look("until the first vehicle brakes hard");
            sleep_until(incident.min(Instant::now() + DRAW_EVERY)).await;
        }
        let (Some(role), Some(agent)) = (self.cast.roles.first(), self.agents.first()) else {
            bail!("nobody is there to brake");
        };
        let cause = self.cast.cause;
        self.say(&format!(
            "{} brakes hard: its stack reports a hazard (cause {}, sub-cause {})",
            role.vehicle,
            cause.code(),
            cause.sub_code()
        ));
        self.facts.reported_at = Some(self.now());
        report(&agent.ready().grpc, cause).await
    }

    async fn kill(&mut self) -> anyhow::Result<()> {
        self.take_events();
        let victim = self.cast.roles.len().saturating_sub(1);
        let station = self.picture.stack(victim).and_then(|it| it.station.clone());
        let stacks = self.picture.stacks().iter();
        let heard = stacks.filter_map(|stack| stack.neighbours.get(&victim));
        let sequence = heard.map(|neighbour| neighbour.sequence).max();
        let agent = self.agents.last_mut().context("no agent runs")?;
        self.is_one_dead = true;
        agent.kill().await?;
        self.facts.killed = Some(Killed {
            at: self.begun.elapsed(),
            station: station.context("it has no name")?,
            sequence: sequence.context("nobody heard it")?,
        });
        let pid = agent.ready().pid;
        let name = self.cast.roles.last().map_or("", |role| &role.vehicle);
        self.say(&format!(
            "killed the agent of {name} (SIGKILL to process {pid})"
        ));
        Ok(())
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        let name = self.cast.roles.last().map_or("", |role| &role.vehicle);
        self.say(&format!(
            "starting the agent of {name} again, with the same tickets and state"
        ));
        self.facts.restarted_at = Some(self.now());
        let agent = self.agents.last_mut().context("no agent was started")?;
        *agent = agent.restart().await?;
        self.is_one_dead = false;
        Ok(())
    }

    async fn count(&mut self) -> anyhow::Result<()> {
        let mut received = Received::default();
        for agent in self.agents.iter().chain(&self.far_agents) {
            let metrics = agent.ready().metrics.context("an agent without metrics")?;
            received.add(metrics).await?;
        }
        self.facts.received = received;
        Ok(())
    }

    /// Waits until the step holds, fails, or its time is up.
    async fn watch(&mut self, step: &Step, begun: Duration) -> Outcome {
        let mut ticks = interval(CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.all_run() {
                return Outcome::Failed(format!("{error:#}"));
            }
            self.take_events();
            let now = self.now();
            let missing = match (step.check)(&self.view(begun, now)) {
                Check::Held(measured) => return Outcome::Held(measured),
                Check::Failed(why) => return Outcome::Failed(why),
                Check::Waiting(missing) => missing,
            };
            if now.saturating_sub(begun) > step.deadline {
                let deadline = seconds(step.deadline);
                return Outcome::Failed(format!("{missing}, after {deadline}"));
            }
            self.look(&format!("{} … {missing}", step.name));
        }
    }

    /// Takes in what the stacks were told, and shows it.
    fn look(&mut self, doing: &str) {
        self.take_events();
        if self.play.is_none() || self.is_over {
            return;
        }
        let now = self.now();
        let last = self.agents.len().saturating_sub(1);
        let pids: Vec<Option<u32>> = self
            .agents
            .iter()
            .enumerate()
            .map(|(index, agent)| {
                let is_dead = self.is_one_dead && index == last;
                (!is_dead).then(|| agent.ready().pid)
            })
            .collect();
        let reported = self.facts.reported_at.is_some();
        let rows = rows(&self.cast, self.picture.stacks(), &pids, reported);
        self.screen.draw(&table(&rows, doing, now), now);
    }

    fn take_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.picture.handle_event(event);
        }
    }

    /// Fails if an agent ended that nobody asked to.
    fn all_run(&mut self) -> anyhow::Result<()> {
        let running = self.agents.len() - usize::from(self.is_one_dead);
        let names = self.cast.roles.iter().map(|role| role.vehicle.as_str());
        let agents = self.agents.iter_mut().zip(names).take(running);
        let far = self.far_agents.iter_mut().map(|agent| (agent, "a far car"));
        for (agent, vehicle) in agents.chain(far) {
            if let Some(status) = agent.ended() {
                let log = agent.last_words();
                bail!("the agent of {vehicle} ended by itself: {status}; its log ends: {log}");
            }
        }
        Ok(())
    }

    fn view(&self, begun: Duration, now: Duration) -> View<'_> {
        View {
            picture: &self.picture,
            facts: &self.facts,
            vehicles: self.cast.roles.len(),
            begun,
            now,
        }
    }

    fn say_hazard_delays(&self) {
        let Some(reported) = self.facts.reported_at else {
            return;
        };
        let view = self.view(reported, self.now());
        for (vehicle, delay) in hazard_delays(&view, reported) {
            if let Some(role) = self.cast.roles.get(vehicle) {
                let later = milliseconds(delay);
                self.say(&format!(
                    "the stack of {} is told {later} later",
                    role.vehicle
                ));
            }
        }
    }

    /// Prints a line with the time.
    pub(super) fn say(&self, line: &str) {
        self.screen
            .say(&format!("{:>8}  {line}", seconds(self.now())));
    }
}

const CHECK_EVERY: Duration = Duration::from_millis(50);
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// Some ten seconds of what six stacks are told; beyond it they wait.
const EVENTS_MAX: usize = 4_096;
