use std::{collections::BTreeMap, time::Duration};

use wayside::{
    crypto::{Digest, DigestBuilder, Purpose},
    sim::{Falsity, Said, Traffic},
    time::Timestamp,
};

use super::detector::{Detector, Flag};
use crate::bench::meter::{micros, thread_cpu};

/// What a detector found, and what it missed.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    /// Lying windows that were found, and those that were not.
    pub(super) found: u64,
    pub(super) missed: u64,
    /// Honest windows that were flagged, and those that were not.
    pub(super) accused: u64,
    pub(super) left_alone: u64,
    /// Vehicles with honest windows that were flagged, and how many seconds after their first word.
    pub(super) accused_vehicles: BTreeMap<usize, f64>,
    /// Messages, by the same four.
    pub(super) messages: Cells,
    /// How often each check flagged a message of a lying window, and of an honest one.
    pub(super) checks: BTreeMap<&'static str, (u64, u64)>,
    /// From the first lie to the first flag, in seconds, of each liar that was found.
    pub(super) latencies_s: Vec<f64>,
    pub(super) liars: u64,
    /// Of senders that never lie.
    pub(super) vehicle_hours: f64,
    pub(super) cpu_us: f64,
    pub(super) heard: u64,
    /// Of all flags in their order: the same on every machine and in every build.
    pub(super) verdicts: Vec<Digest>,
}

/// Four counts: of what is a lie, and of what is flagged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cells {
    found: u64,
    missed: u64,
    accused: u64,
    left_alone: u64,
}

/// What a detector made of traffic.
pub(super) struct Flagging {
    /// Of each message.
    flags: Vec<Vec<Flag>>,
    cpu_us: f64,
}

/// The truth about traffic, by sender and window.
pub(super) struct Heard {
    /// What counts as a lie: this, and what is worse.
    lie: Falsity,
    start: Timestamp,
    windows: BTreeMap<(usize, u64), Truth>,
    first_lies: BTreeMap<usize, Timestamp>,
    first_words: BTreeMap<usize, Timestamp>,
    /// Of senders that never lie.
    vehicle_hours: f64,
}

#[derive(Clone, Copy, Default)]
struct Truth {
    messages: u32,
    lies: u32,
}

/// What a window is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Lying,
    Honest,
    /// Of a liar that hardly lies, or too short.
    Neither,
}

impl Flagging {
    /// Lets a detector hear everything.
    pub(super) fn of(traffic: &Traffic, mut detector: impl Detector) -> Self {
        let before = thread_cpu();
        let messages = traffic.messages.iter();
        let flags = messages.map(|it| detector.hear(it)).collect();
        Self {
            flags,
            cpu_us: micros(thread_cpu().saturating_sub(before)),
        }
    }
}

impl Heard {
    pub(super) fn new(start: Timestamp, traffic: &Traffic, lie: Falsity) -> Self {
        let mut windows: BTreeMap<_, Truth> = BTreeMap::new();
        let mut first_lies = BTreeMap::new();
        let mut spans: BTreeMap<usize, (Timestamp, Timestamp)> = BTreeMap::new();
        for said in &traffic.messages {
            let truth = windows
                .entry((said.sender, window(start, said)))
                .or_default();
            truth.messages += 1;
            truth.lies += u32::from(said.falsity >= lie);
            if said.falsity >= lie {
                first_lies.entry(said.sender).or_insert(said.received);
            }
            let span = spans
                .entry(said.sender)
                .or_insert((said.received, said.received));
            span.1 = said.received;
        }
        let is_liar = |sender: &usize| traffic.senders.get(*sender).is_some_and(|it| it.is_liar);
        let honest = spans.iter().filter(|(sender, _)| !is_liar(sender));
        let length = |(from, to): &(Timestamp, Timestamp)| to.since(*from).as_secs_f64() / 3_600.0;
        Self {
            lie,
            start,
            windows,
            first_lies,
            first_words: spans
                .iter()
                .map(|(sender, span)| (*sender, span.0))
                .collect(),
            vehicle_hours: honest.map(|(_, span)| length(span)).sum(),
        }
    }

    /// Holds what was flagged against the truth.
    pub(super) fn score(&self, traffic: &Traffic, flagging: &Flagging) -> Score {
        let Flagging { flags, cpu_us } = flagging;
        let mut score = Score {
            vehicle_hours: self.vehicle_hours,
            liars: self.first_lies.len() as u64,
            heard: traffic.messages.len() as u64,
            cpu_us: *cpu_us,
            ..Score::default()
        };
        score.verdicts.push(digest(traffic, flags));
        let mut flagged: BTreeMap<(usize, u64), bool> = BTreeMap::new();
        let mut first_flags: BTreeMap<usize, Timestamp> = BTreeMap::new();
        for (said, checks) in traffic.messages.iter().zip(flags) {
            let key = (said.sender, window(self.start, said));
            *flagged.entry(key).or_default() |= !checks.is_empty();
            let kind = self.kind(traffic, key);
            self.count(&mut score, (said, checks), kind);
            if kind == Kind::Honest
                && !checks.is_empty()
                && let Some(sender) = traffic.senders.get(said.sender)
                && let Some(first) = self.first_words.get(&said.sender)
            {
                let after_s = said.received.since(*first).as_secs_f64();
                score
                    .accused_vehicles
                    .entry(sender.vehicle)
                    .or_insert(after_s);
            }
            let lied = self.first_lies.get(&said.sender);
            if !checks.is_empty() && lied.is_some_and(|lied| *lied <= said.received) {
                first_flags.entry(said.sender).or_insert(said.received);
            }
        }
        for (key, is_flagged) in flagged {
            match (self.kind(traffic, key), is_flagged) {
                (Kind::Lying, true) => score.found += 1,
                (Kind::Lying, false) => score.missed += 1,
                (Kind::Honest, true) => score.accused += 1,
                (Kind::Honest, false) => score.left_alone += 1,
                (Kind::Neither, _) => {}
            }
        }
        for (sender, flag) in first_flags {
            if let Some(lied) = self.first_lies.get(&sender) {
                score.latencies_s.push(flag.since(*lied).as_secs_f64());
            }
        }
        score
    }

    fn count(&self, score: &mut Score, (said, checks): (&Said, &[Flag]), kind: Kind) {
        let is_flagged = !checks.is_empty();
        let is_lying = match kind {
            Kind::Neither => return,
            Kind::Lying => true,
            Kind::Honest => false,
        };
        for check in checks {
            let (lying, honest) = score.checks.entry(check.check).or_default();
            *(if is_lying { lying } else { honest }) += 1;
        }
        let messages = &mut score.messages;
        *match (said.falsity >= self.lie, is_flagged) {
            (true, true) => &mut messages.found,
            (true, false) => &mut messages.missed,
            (false, true) => &mut messages.accused,
            (false, false) => &mut messages.left_alone,
        } += 1;
    }

    fn kind(&self, traffic: &Traffic, key: (usize, u64)) -> Kind {
        let truth = self.windows.get(&key).copied().unwrap_or_default();
        let is_liar = traffic.senders.get(key.0).is_some_and(|it| it.is_liar);
        if truth.lies >= LIES_MIN.min(truth.messages.max(1)) {
            Kind::Lying
        } else if is_liar || truth.messages < LIES_MIN {
            Kind::Neither
        } else {
            Kind::Honest
        }
    }
}

impl Score {
    /// Takes in what was found in other traffic.
    pub(super) fn add(&mut self, other: &Self) {
        self.found += other.found;
        self.missed += other.missed;
        self.accused += other.accused;
        self.left_alone += other.left_alone;
        let (messages, more) = (&mut self.messages, other.messages);
        messages.found += more.found;
        messages.missed += more.missed;
        messages.accused += more.accused;
        messages.left_alone += more.left_alone;
        for (check, counts) in &other.checks {
            let (lying, honest) = self.checks.entry(check).or_default();
            *lying += counts.0;
            *honest += counts.1;
        }
        self.latencies_s.extend(&other.latencies_s);
        self.liars += other.liars;
        self.vehicle_hours += other.vehicle_hours;
        self.cpu_us += other.cpu_us;
        self.heard += other.heard;
        self.verdicts.extend(&other.verdicts);
    }

    /// The share of lying windows that were found; 0 of none.
    pub(super) fn recall(&self) -> f64 {
        if self.found == 0 {
            0.0
        } else {
            self.found as f64 / (self.found + self.missed) as f64
        }
    }

    /// The harmonic mean of precision and recall by windows; 0 where nothing was found.
    pub(super) fn f1(&self) -> f64 {
        f1(self.found, self.missed, self.accused)
    }

    /// The same by messages.
    pub(super) fn message_f1(&self) -> f64 {
        f1(
            self.messages.found,
            self.messages.missed,
            self.messages.accused,
        )
    }
}

fn digest(traffic: &Traffic, flags: &[Vec<Flag>]) -> Digest {
    let mut digest = DigestBuilder::new(Purpose::Verdicts);
    for (said, flags) in traffic.messages.iter().zip(flags) {
        for flag in flags {
            digest.update(&(said.sender as u64).to_be_bytes());
            digest.update(&said.generated.unix_ms().to_be_bytes());
            digest.update(&flag.margin.to_be_bytes());
            digest.update(flag.check.as_bytes());
        }
    }
    digest.finish()
}

fn f1(found: u64, missed: u64, accused: u64) -> f64 {
    let twice = 2.0 * found as f64;
    if found == 0 {
        0.0
    } else {
        twice / (twice + missed as f64 + accused as f64)
    }
}

fn window(start: Timestamp, said: &Said) -> u64 {
    said.received.since(start).as_secs() / WINDOW.as_secs()
}

const WINDOW: Duration = Duration::from_secs(10);
/// Half a second at 10 Hz.
const LIES_MIN: u32 = 5;
