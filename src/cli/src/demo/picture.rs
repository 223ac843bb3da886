use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// What a driving stack did or was told.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Whose stack, as an index into the cast.
    pub(super) vehicle: usize,
    /// When, counted from the start of the demo.
    pub(super) at: Duration,
    /// What.
    pub(super) what: What,
}

/// What happened at a driving stack.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// It reached its agent.
    Connected,
    /// It lost its agent.
    Parted,
    /// It handed a state over, measured at this Unix time.
    Published { measured_ms: u64 },
    /// The agent signed and sent that state.
    Sent { measured_ms: u64 },
    /// The agent told the name under which it sends.
    Named { station: String },
    /// The agent refused a state.
    Rejected { reason: String },
    /// It was told of another station's state.
    Heard(Heard),
    /// It was told that a station is no longer there.
    Forgotten { station: String },
    /// It was told of another vehicle's hazard.
    Hazard { station: String },
    /// It was told that events were dropped before they reached it.
    Missed { events: u64 },
}

/// Another station's state.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) station: String,
    pub(super) measured_ms: u64,
    pub(super) sequence: u32,
}

/// All that the driving stacks were told so far.
///
/// Give it every [`Event`] in the order in which it comes; then ask.
#[derive(Default)]
pub(super) struct Picture {
    stacks: Vec<Stack>,
    /// Who used which name; a vehicle may have had several.
    names: BTreeMap<String, usize>,
    messages: BTreeMap<(usize, u64), Message>,
}

/// What one driving stack was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Stack {
    /// Whether it is connected to its agent.
    pub(super) is_connected: bool,
    /// The name of its own vehicle's station.
    pub(super) station: Option<String>,
    /// The stations in its world, with when it last heard of each and that message's sequence.
    pub(super) neighbours: BTreeMap<usize, Neighbour>,
    /// When it was first told of each station's hazard.
    pub(super) hazards: BTreeMap<String, Duration>,
    /// When it last lost each neighbour.
    pub(super) forgotten: BTreeMap<usize, Duration>,
    /// States that its agent refused, with the last reason.
    pub(super) rejected: Option<(u64, String)>,
    /// Events that it was told it had missed.
    pub(super) missed: u64,
    recent: VecDeque<(Duration, Option<Duration>)>,
}

/// Another vehicle, as one stack knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    pub(super) heard_at: Duration,
    pub(super) sequence: u32,
}

/// How well telemetry got through.
#[derive(Clone, Debug, Default)]
pub(super) struct Delivery {
    /// For each message, everybody else who should have heard it.
    pub(super) expected: usize,
    /// Those who did.
    pub(super) delivered: usize,
    /// From one stack to the other, ordered.
    pub(super) delays: Vec<Duration>,
}

#[derive(Default)]
struct Message {
    published_at: Duration,
    was_sent: bool,
    heard: BTreeMap<usize, Duration>,
}

impl Picture {
    /// Nothing yet, of so many vehicles.
    pub(super) fn new(vehicles: usize) -> Self {
        Self {
            stacks: vec![Stack::default(); vehicles],
            ..Self::default()
        }
    }

    /// Takes one event in.
    pub(super) fn handle_event(&mut self, event: Event) {
        let Event { vehicle, at, what } = event;
        let Some(stack) = self.stacks.get_mut(vehicle) else {
            return;
        };
        match what {
            What::Connected => stack.is_connected = true,
            What::Parted => stack.part(),
            What::Published { measured_ms } => {
                let message = self.messages.entry((vehicle, measured_ms)).or_default();
                message.published_at = at;
            }
            What::Sent { measured_ms } => {
                if let Some(message) = self.messages.get_mut(&(vehicle, measured_ms)) {
                    message.was_sent = true;
                }
            }
            What::Named { station } => {
                self.names.insert(station.clone(), vehicle);
                stack.station = Some(station);
            }
            What::Rejected { reason } => {
                let count = stack.rejected.as_ref().map_or(0, |(count, _)| *count);
                stack.rejected = Some((count + 1, reason));
            }
            What::Heard(heard) => self.handle_heard(vehicle, at, &heard),
            What::Forgotten { station } => {
                if let Some(gone) = self.names.get(&station) {
                    stack.neighbours.remove(gone);
                    stack.forgotten.insert(*gone, at);
                }
            }
            What::Hazard { station } => {
                stack.hazards.entry(station).or_insert(at);
            }
            What::Missed { events } => stack.missed += events,
        }
    }

    /// The stacks, in the order of the cast.
    pub(super) fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// One vehicle's stack.
    pub(super) fn stack(&self, vehicle: usize) -> Option<&Stack> {
        self.stacks.get(vehicle)
    }

    /// How the messages of `vehicles` that were published in this time reached each other.
    pub(super) fn delivery(
        &self,
        vehicles: &BTreeSet<usize>,
        from: Duration,
        until: Duration,
    ) -> Delivery {
        let mut delivery = Delivery::default();
        for ((sender, _), message) in &self.messages {
            let is_asked_for = vehicles.contains(sender)
                && message.was_sent
                && (from..=until).contains(&message.published_at);
            if !is_asked_for {
                continue;
            }
            for receiver in vehicles.iter().filter(|receiver| *receiver != sender) {
                delivery.expected += 1;
                if let Some(at) = message.heard.get(receiver) {
                    delivery.delivered += 1;
                    delivery
                        .delays
                        .push(at.saturating_sub(message.published_at));
                }
            }
        }
        delivery.delays.sort_unstable();
        delivery
    }

    fn handle_heard(&mut self, vehicle: usize, at: Duration, heard: &Heard) {
        // A station that nobody has named yet is heard again within a second.
        let Some(sender) = self.names.get(&heard.station) else {
            return;
        };
        let Some(stack) = self.stacks.get_mut(vehicle) else {
            return;
        };
        let mut delay = None;
        if let Some(message) = self.messages.get_mut(&(*sender, heard.measured_ms)) {
            message.heard.entry(vehicle).or_insert(at);
            delay = Some(at.saturating_sub(message.published_at));
        }
        let neighbour = Neighbour {
            heard_at: at,
            sequence: heard.sequence,
        };
        stack.neighbours.insert(*sender, neighbour);
        stack.recent.push_back((at, delay));
        stack.forget_before(at.saturating_sub(RECENT));
    }
}

impl Stack {
    /// Messages heard a second, of late.
    pub(super) fn rate_per_s(&self, now: Duration) -> f64 {
        let since = now.saturating_sub(RECENT);
        let heard = self.recent.iter().filter(|(at, _)| *at >= since).count();
        u32::try_from(heard).map_or(0.0, f64::from) / RECENT.as_secs_f64()
    }

    /// From another stack to this one: the median and the 99th percentile, of late.
    pub(super) fn delays(&self, now: Duration) -> Option<(Duration, Duration)> {
        let since = now.saturating_sub(RECENT);
        let mut delays: Vec<Duration> = self
            .recent
            .iter()
            .filter(|(at, _)| *at >= since)
            .filter_map(|(_, delay)| *delay)
            .collect();
        delays.sort_unstable();
        Some((percentile(&delays, 50)?, percentile(&delays, 99)?))
    }

    fn part(&mut self) {
        self.is_connected = false;
        self.neighbours.clear();
        self.hazards.clear();
        self.recent.clear();
    }

    fn forget_before(&mut self, time: Duration) {
        while self.recent.front().is_some_and(|(at, _)| *at < time) {
            self.recent.pop_front();
        }
    }
}

impl Delivery {
    /// The part that arrived; `None` where nothing was to arrive.
    pub(super) fn coverage(&self) -> Option<f64> {
        let number = |count: usize| u32::try_from(count).ok().map(f64::from);
        (self.expected > 0).then_some(())?;
        Some(number(self.delivered)? / number(self.expected)?)
    }
}

/// The value that so many percent of ordered values do not exceed.
pub(super) fn percentile(ordered: &[Duration], percent: usize) -> Option<Duration> {
    let last = ordered.len().checked_sub(1)?;
    ordered.get((last * percent).div_ceil(100)).copied()
}

/// What counts as "of late".
const RECENT: Duration = Duration::from_secs(4);
