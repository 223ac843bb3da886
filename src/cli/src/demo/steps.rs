use std::{collections::BTreeSet, time::Duration};

use super::{
    far::{Far, newcomer_is_told, unit_carries_far, unit_carries_hazard},
    metrics::Received,
    picture::{Delivery, Picture, percentile},
};

/// One thing that must hold, and how it comes about.
pub(super) struct Step {
    /// What must hold, as the summary says it.
    pub(super) name: &'static str,
    /// How long it may take.
    pub(super) deadline: Duration,
    /// What is done first.
    pub(super) act: Act,
    /// Whether it holds by now.
    pub(super) check: fn(&View<'_>) -> Check,
}

/// What is done at the beginning of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    /// Starts every vehicle's agent.
    Start,
    /// Starts every vehicle's driving stack, and with it the drive.
    Play,
    /// Nothing: what is there is looked at.
    Watch,
    /// Lets the first vehicle's stack report its emergency brake, when it brakes.
    Report,
    /// Kills the last vehicle's agent.
    Kill,
    /// Starts that agent again.
    Restart,
    /// Starts a car far away.
    StartFar,
    /// Lets that car's stack report a hazard.
    ReportFar,
    /// Kills that car's agent, and starts one that comes later.
    ReplaceFar,
    /// Asks the agents what they refused.
    Count,
    /// Ends every agent.
    Stop,
}

/// Whether a step holds by now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Check {
    /// Not yet; what is missing.
    Waiting(String),
    /// It does; what was measured.
    Held(String),
    /// It does not, and will not.
    Failed(String),
}

/// What a check looks at. Times are counted from the start of the demo.
pub(super) struct View<'a> {
    pub(super) picture: &'a Picture,
    pub(super) facts: &'a Facts,
    /// How many vehicles there are; the last one's agent is the one that is killed.
    pub(super) vehicles: usize,
    /// When the step began.
    pub(super) begun: Duration,
    pub(super) now: Duration,
}

/// What was done to the agents, and what they said of themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// How many agents run.
    pub(super) running: usize,
    pub(super) reported_at: Option<Duration>,
    pub(super) killed: Option<Killed>,
    pub(super) restarted_at: Option<Duration>,
    pub(super) far: Far,
    pub(super) received: Received,
    /// How many agents were asked to end.
    pub(super) asked: usize,
    /// How many agents ended in order when they were asked to.
    pub(super) ended: usize,
}

/// The end of an agent.
#[derive(Clone, Debug)]
pub(super) struct Killed {
    pub(super) at: Duration,
    /// The name of its station.
    pub(super) station: String,
    /// The highest sequence that anybody had heard of it.
    pub(super) sequence: u32,
}

/// The demo.
pub(super) const STEPS: &[Step] = &[
    Step {
        name: "every agent runs",
        deadline: Duration::from_secs(20),
        act: Act::Start,
        check: every_agent_runs,
    },
    Step {
        name: "everybody hears everybody",
        deadline: Duration::from_secs(10),
        act: Act::Play,
        check: everybody_hears_everybody,
    },
    Step {
        name: "telemetry gets through",
        deadline: Duration::from_secs(15),
        act: Act::Watch,
        check: telemetry_gets_through,
    },
    Step {
        name: "the hazard arrives",
        deadline: Duration::from_secs(12),
        act: Act::Report,
        check: hazard_arrives,
    },
    Step {
        name: "the dead one is forgotten",
        deadline: Duration::from_secs(10),
        act: Act::Kill,
        check: dead_is_forgotten,
    },
    Step {
        name: "the others go on",
        deadline: Duration::from_secs(8),
        act: Act::Watch,
        check: others_go_on,
    },
    Step {
        name: "it returns",
        deadline: Duration::from_secs(12),
        act: Act::Restart,
        check: it_returns,
    },
    Step {
        name: "it learns of the hazard",
        deadline: Duration::from_secs(5),
        act: Act::Watch,
        check: it_learns_of_the_hazard,
    },
    Step {
        name: "everybody goes on together",
        deadline: Duration::from_secs(15),
        act: Act::Watch,
        check: telemetry_gets_through,
    },
    Step {
        name: "a unit carries farther",
        deadline: Duration::from_secs(12),
        act: Act::StartFar,
        check: unit_carries_far,
    },
    Step {
        name: "a unit carries a hazard",
        deadline: Duration::from_secs(5),
        act: Act::ReportFar,
        check: unit_carries_hazard,
    },
    Step {
        name: "a newcomer is told of it",
        deadline: Duration::from_secs(12),
        act: Act::ReplaceFar,
        check: newcomer_is_told,
    },
    Step {
        name: "no contradiction",
        deadline: Duration::from_secs(8),
        act: Act::Count,
        check: no_contradiction,
    },
    Step {
        name: "every agent ends in order",
        deadline: Duration::from_secs(15),
        act: Act::Stop,
        check: every_agent_ends,
    },
];

impl View<'_> {
    fn everybody(&self) -> BTreeSet<usize> {
        (0..self.vehicles).collect()
    }

    fn survivors(&self) -> BTreeSet<usize> {
        (0..self.victim()).collect()
    }

    fn victim(&self) -> usize {
        self.vehicles.saturating_sub(1)
    }

    /// Pairs of `vehicles`, of whom the first has heard the second since `since`.
    fn hearing(&self, vehicles: &BTreeSet<usize>, since: Duration) -> usize {
        let heard = |receiver: usize| {
            self.picture.stack(receiver).map_or(0, |stack| {
                stack
                    .neighbours
                    .iter()
                    .filter(|(sender, _)| vehicles.contains(sender))
                    .filter(|(_, neighbour)| neighbour.heard_at >= since)
                    .count()
            })
        };
        vehicles.iter().map(|receiver| heard(*receiver)).sum()
    }

    /// What became of the messages since `since` that had the time to arrive.
    fn delivery(&self, vehicles: &BTreeSet<usize>, since: Duration) -> Delivery {
        self.picture
            .delivery(vehicles, since, self.now.saturating_sub(ARRIVED_AFTER))
    }
}

fn every_agent_runs(view: &View<'_>) -> Check {
    let (running, wanted) = (view.facts.running, view.vehicles);
    if running < wanted {
        return Check::Waiting(format!("{running} of {wanted} agents run"));
    }
    let took = view.now.saturating_sub(view.begun);
    Check::Held(format!(
        "{running} processes, ready after {}",
        seconds(took)
    ))
}

fn everybody_hears_everybody(view: &View<'_>) -> Check {
    let everybody = view.everybody();
    let hearing = view.hearing(&everybody, Duration::ZERO);
    let pairs = view.vehicles * view.victim();
    if hearing < pairs {
        return Check::Waiting(format!("{hearing} of {pairs} connections bring telemetry"));
    }
    let took = view.now.saturating_sub(view.begun);
    Check::Held(format!(
        "each stack is told of {} others after {}",
        view.victim(),
        seconds(took)
    ))
}

fn telemetry_gets_through(view: &View<'_>) -> Check {
    let everybody = view.everybody();
    through(&view.delivery(&everybody, view.begun), &everybody)
}

fn others_go_on(view: &View<'_>) -> Check {
    let Some(killed) = &view.facts.killed else {
        return Check::Failed("no agent was killed".to_owned());
    };
    let survivors = view.survivors();
    let pairs = survivors.len() * survivors.len().saturating_sub(1);
    let hearing = view.hearing(&survivors, view.begun);
    if hearing < pairs {
        return Check::Waiting(format!("{hearing} of {pairs} connections bring telemetry"));
    }
    through(&view.delivery(&survivors, killed.at), &survivors)
}

/// Judges a delivery once enough messages are in it.
fn through(delivery: &Delivery, vehicles: &BTreeSet<usize>) -> Check {
    let Delivery {
        expected,
        delivered,
        delays,
    } = delivery;
    let enough = vehicles.len() * vehicles.len().saturating_sub(1) * MESSAGES_PER_PAIR;
    let coverage = delivery.coverage().unwrap_or(0.0);
    let (Some(median), Some(high)) = (percentile(delays, 50), percentile(delays, 99)) else {
        return Check::Waiting("no message so far".to_owned());
    };
    if *expected < enough {
        return Check::Waiting(format!("{delivered} messages so far"));
    }
    let measured = format!(
        "{delivered} of {expected} messages among {}, p50 {}, p99 {}",
        vehicles.len(),
        milliseconds(median),
        milliseconds(high)
    );
    if coverage < COVERAGE_MIN {
        Check::Waiting(measured)
    } else {
        Check::Held(measured)
    }
}

fn hazard_arrives(view: &View<'_>) -> Check {
    let Some(reported) = view.facts.reported_at else {
        return Check::Failed("no hazard was reported".to_owned());
    };
    let delays = hazard_delays(view, reported);
    let others = view.victim();
    let (Some((_, first)), Some((_, last))) = (delays.first(), delays.last()) else {
        return Check::Waiting("nobody was told so far".to_owned());
    };
    if delays.len() < others {
        return Check::Waiting(format!("{} of {others} were told", delays.len()));
    }
    Check::Held(format!(
        "arrived at {} of {others} stacks, {} to {} after the report",
        delays.len(),
        milliseconds(*first),
        milliseconds(*last)
    ))
}

/// Who was told of the first vehicle's hazard, with the time since the report, the first first.
pub(super) fn hazard_delays(view: &View<'_>, reported: Duration) -> Vec<(usize, Duration)> {
    let reporter = view
        .picture
        .stack(0)
        .and_then(|stack| stack.station.clone());
    let mut delays: Vec<(usize, Duration)> = view
        .picture
        .stacks()
        .iter()
        .enumerate()
        .filter_map(|(vehicle, stack)| Some((vehicle, *stack.hazards.get(reporter.as_ref()?)?)))
        .map(|(vehicle, at)| (vehicle, at.saturating_sub(reported)))
        .collect();
    delays.sort_by_key(|(_, delay)| *delay);
    delays
}

fn dead_is_forgotten(view: &View<'_>) -> Check {
    let Some(killed) = &view.facts.killed else {
        return Check::Failed("no agent was killed".to_owned());
    };
    let forgot = |survivor: &usize| {
        let stack = view.picture.stack(*survivor)?;
        let at = stack.forgotten.get(&view.victim()).copied()?;
        let is_gone = !stack.neighbours.contains_key(&view.victim());
        (is_gone && at >= killed.at).then(|| at.saturating_sub(killed.at))
    };
    let survivors = view.survivors();
    let mut after: Vec<Duration> = survivors.iter().filter_map(forgot).collect();
    after.sort_unstable();
    let (Some(first), Some(last)) = (after.first(), after.last()) else {
        return Check::Waiting("nobody has forgotten it so far".to_owned());
    };
    if after.len() < survivors.len() {
        return Check::Waiting(format!(
            "{} of {} have forgotten it",
            after.len(),
            survivors.len()
        ));
    }
    Check::Held(format!(
        "forgotten by {} of {} stacks, {} to {} after the kill",
        after.len(),
        survivors.len(),
        seconds(*first),
        seconds(*last)
    ))
}

fn it_returns(view: &View<'_>) -> Check {
    let (Some(killed), Some(restarted)) = (&view.facts.killed, view.facts.restarted_at) else {
        return Check::Failed("no agent was started again".to_owned());
    };
    let victim = view.victim();
    let survivors = view.survivors();
    let sequences: Vec<u32> = survivors
        .iter()
        .filter_map(|survivor| view.picture.stack(*survivor)?.neighbours.get(&victim))
        .filter(|neighbour| neighbour.heard_at >= restarted)
        .map(|neighbour| neighbour.sequence)
        .collect();
    let hears = view
        .picture
        .stack(victim)
        .map_or(0, |stack| stack.neighbours.len());
    if sequences.len() < survivors.len() || hears < survivors.len() {
        let (heard, all) = (sequences.len(), survivors.len());
        return Check::Waiting(format!("heard by {heard} of {all}, and hears {hears}"));
    }
    let station = view
        .picture
        .stack(victim)
        .and_then(|stack| stack.station.clone());
    if station.as_ref() != Some(&killed.station) {
        return Check::Failed(format!(
            "it returned as {station:?}, not {}",
            killed.station
        ));
    }
    let first = sequences.iter().min().copied().unwrap_or_default();
    if first <= killed.sequence {
        return Check::Failed(format!(
            "it uses sequence {first} again, after {}",
            killed.sequence
        ));
    }
    let took = view.now.saturating_sub(restarted);
    Check::Held(format!(
        "heard by {} of {} after {}; same name, sequence {} then {first}",
        sequences.len(),
        survivors.len(),
        seconds(took),
        killed.sequence
    ))
}

fn it_learns_of_the_hazard(view: &View<'_>) -> Check {
    let Some(restarted) = view.facts.restarted_at else {
        return Check::Failed("no agent was started again".to_owned());
    };
    let delays = hazard_delays(view, restarted);
    let told = delays.iter().find(|(vehicle, _)| *vehicle == view.victim());
    told.map_or_else(
        || Check::Waiting("it was not told so far".to_owned()),
        |(_, delay)| {
            Check::Held(format!(
                "told {} after the start, as the hazard still holds",
                seconds(*delay)
            ))
        },
    )
}

fn no_contradiction(view: &View<'_>) -> Check {
    let received = &view.facts.received;
    if received.delivered == 0 {
        return Check::Failed("the agents count no message".to_owned());
    }
    let refused: Vec<String> = received
        .refused
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let is_grave = |reason: &&str| received.refused.contains_key(*reason);
    let measured = if refused.is_empty() {
        format!("{} messages verified, none refused", received.delivered)
    } else {
        let refused = refused.join(", ");
        format!(
            "{} messages verified, refused: {refused}",
            received.delivered
        )
    };
    if GRAVE.iter().any(is_grave) {
        Check::Failed(measured)
    } else {
        Check::Held(measured)
    }
}

fn every_agent_ends(view: &View<'_>) -> Check {
    let (ended, wanted) = (view.facts.ended, view.facts.asked);
    let took = seconds(view.now.saturating_sub(view.begun));
    if ended < wanted {
        return Check::Failed(format!(
            "{ended} of {wanted} ended on SIGTERM without an error"
        ));
    }
    Check::Held(format!("{ended} of {wanted} ended on SIGTERM after {took}"))
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// A message that takes longer counts as lost: receivers refuse it as stale.
const ARRIVED_AFTER: Duration = Duration::from_millis(500);
/// How much of the telemetry must arrive. It travels in datagrams, which a busy machine may lose.
const COVERAGE_MIN: f64 = 0.95;
/// How many messages from each vehicle to each other one are enough to judge by, on the average.
const MESSAGES_PER_PAIR: usize = 8;
/// What no honest road brings: a station that contradicts itself, or a forgery.
const GRAVE: [&str; 2] = ["equivocation", "bad_signature"];
