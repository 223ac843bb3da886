use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use hdrhistogram::Histogram;

use super::{
    Coverage,
    report::{HazardReport, Latency},
};
use crate::{
    crypto::{DigestBuilder, Purpose},
    geo::Position,
    id::ActionId,
    message::{Hazard, MessageType, Termination},
    pipeline::Delivery,
    time::{Instant, Now, Timestamp},
    world::{KnownHazard, Level},
};

/// Counts what a replay publishes and who takes it into their world.
///
/// A delivery counts once for each receiver that was in range when the message was generated.
pub struct Tally {
    pub(super) states: u64,
    pub(super) published: u64,
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) duplicate: u64,
    outside: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) unpublished: BTreeMap<String, u64>,
    pub(super) flagged: BTreeMap<String, u64>,
    latency_us: Histogram<u64>,
    awaited: BTreeMap<Bytes, (Instant, BTreeSet<usize>)>,
    oldest: VecDeque<(Instant, Bytes)>,
    deliveries: DigestBuilder,
    hazards: Vec<HazardTally>,
    start: Timestamp,
    rate: f64,
}

struct HazardTally {
    action: ActionId,
    report: HazardReport,
    in_range: BTreeSet<usize>,
    heard: BTreeSet<usize>,
    act: BTreeSet<usize>,
    latency_us: Histogram<u64>,
}

impl Tally {
    /// Counts from the drive's `start`; latencies are of a wall clock against which the drive's
    /// runs at `rate`.
    pub fn new(start: Timestamp, rate: f64) -> Self {
        Self {
            states: 0,
            published: 0,
            expected: 0,
            delivered: 0,
            duplicate: 0,
            outside: 0,
            refused: BTreeMap::new(),
            unpublished: BTreeMap::new(),
            flagged: BTreeMap::new(),
            latency_us: histogram(),
            awaited: BTreeMap::new(),
            oldest: VecDeque::new(),
            deliveries: DigestBuilder::new(Purpose::Deliveries),
            hazards: Vec::new(),
            start,
            rate,
        }
    }

    /// A driving stack handed a state to its agent.
    pub fn handle_state(&mut self) {
        self.states += 1;
    }

    /// An agent refused to publish a state or a hazard.
    pub fn handle_unpublished(&mut self, reason: &str) {
        *self.unpublished.entry(reason.to_owned()).or_default() += 1;
    }

    /// A message was signed and sent; these receivers were in range then.
    pub fn handle_published(&mut self, bytes: &Bytes, hearers: &[usize], at: Instant) {
        self.published += 1;
        self.expected += count(hearers.len());
        let name = signature_of(bytes);
        self.awaited
            .insert(name.clone(), (at, hearers.iter().copied().collect()));
        self.oldest.push_back((at, name));
        while let Some((published, _)) = self.oldest.front()
            && at.since(*published) > AWAITED_FOR
        {
            if let Some((_, forgotten)) = self.oldest.pop_front() {
                self.awaited.remove(&forgotten);
            }
        }
    }

    /// A vehicle signed a report of a hazard, an update of one or its end; these receivers were in
    /// range then.
    pub fn handle_hazard(&mut self, vehicle: &str, hazard: &Hazard, hearers: &[usize]) {
        match hazard.termination {
            Some(Termination::Cancellation) => {
                return self.handle_cancelled(hazard.action, hazard.detected);
            }
            Some(Termination::Negation) => return,
            None if hazard.update > 0 => return,
            None => {}
        }
        self.hazards.push(HazardTally {
            action: hazard.action,
            report: HazardReport {
                vehicle: vehicle.to_owned(),
                cause_code: hazard.cause.code(),
                sub_cause_code: hazard.cause.sub_code(),
                cause: hazard.cause.name().unwrap_or("unknown").to_owned(),
                latitude_e7: hazard.position.latitude_e7(),
                longitude_e7: hazard.position.longitude_e7(),
                reported_at_ms: self.since_start_ms(hazard.detected),
                cancelled_at_ms: None,
                expected: count(hearers.len()),
                heard_by: 0,
                acted_on_by: 0,
                latency_us: Latency::default(),
            },
            in_range: hearers.iter().copied().collect(),
            heard: BTreeSet::new(),
            act: BTreeSet::new(),
            latency_us: histogram(),
        });
    }

    fn handle_cancelled(&mut self, action: ActionId, at: Timestamp) {
        let at_ms = self.since_start_ms(at);
        if let Some(tally) = self.hazards.iter_mut().find(|tally| tally.action == action) {
            tally.report.cancelled_at_ms = Some(at_ms);
        }
    }

    /// A receiver took a message into its world.
    pub fn handle_delivery(&mut self, receiver: usize, delivery: &Delivery, now: Now) {
        self.deliveries
            .update(&now.timestamp.unix_ms().to_be_bytes());
        self.deliveries.update(&count(receiver).to_be_bytes());
        self.deliveries.update(&delivery.bytes);
        for check in &delivery.flagged {
            *self.flagged.entry((*check).to_owned()).or_default() += 1;
        }
        let Some((published, receivers)) = self.awaited.get_mut(&signature_of(&delivery.bytes))
        else {
            return;
        };
        if receivers.remove(&receiver) {
            self.delivered += 1;
            let latency = now.instant.since(*published).div_f64(self.rate);
            if delivery.kind == MessageType::Telemetry {
                record(&mut self.latency_us, latency);
            }
        }
    }

    /// A receiver learned of a hazard.
    pub fn handle_hazard_heard(&mut self, receiver: usize, known: &KnownHazard, at: Timestamp) {
        let hazard = known.hazard();
        let Some(tally) = self
            .hazards
            .iter_mut()
            .find(|tally| tally.action == hazard.action)
        else {
            return;
        };
        match known.level() {
            Level::Act => {
                tally.act.insert(receiver);
            }
            Level::Inform => {}
        }
        if hazard.termination.is_none()
            && tally.heard.insert(receiver)
            && tally.in_range.contains(&receiver)
        {
            record(&mut tally.latency_us, at.since(hazard.detected));
        }
    }

    /// A receiver was told of something at a place by a roadside unit, where it asked for what lies
    /// within `reach_m` of it.
    pub fn handle_told(
        &mut self,
        coverage: &Coverage,
        (receiver, place): (usize, Position),
        reach_m: f64,
    ) {
        if coverage.is_outside(receiver, place, reach_m) {
            self.outside += 1;
        }
    }

    /// What receivers were told of that lay outside of what they asked for.
    pub fn outside(&self) -> u64 {
        self.outside
    }

    /// A receiver refused a message.
    pub fn handle_refused(&mut self, reason: &'static str) {
        if reason == DUPLICATE {
            self.duplicate += 1;
        } else {
            *self.refused.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// Share of the expected deliveries that took place; 1 where none was expected.
    pub fn coverage(&self) -> f64 {
        if self.expected == 0 {
            return 1.0;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "far below 2^53 messages are counted"
        )]
        let coverage = self.delivered as f64 / self.expected as f64;
        coverage
    }

    /// Messages taken into a world by somebody who was in range.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Latency of telemetry so far.
    pub fn latency_us(&self) -> Latency {
        latency(&self.latency_us)
    }

    /// The digest over all deliveries so far, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        self.deliveries.finish().to_string()
    }

    /// Every hazard so far.
    pub(super) fn hazards(&self) -> Vec<HazardReport> {
        self.hazards
            .iter()
            .map(|tally| HazardReport {
                heard_by: count(tally.heard.len()),
                acted_on_by: count(tally.act.len()),
                latency_us: latency(&tally.latency_us),
                ..tally.report.clone()
            })
            .collect()
    }

    fn since_start_ms(&self, at: Timestamp) -> u64 {
        at.unix_ms().saturating_sub(self.start.unix_ms())
    }
}

/// Two different signed messages never share their signature's bytes.
fn signature_of(bytes: &Bytes) -> Bytes {
    bytes.slice(bytes.len().saturating_sub(SIGNATURE_LEN)..)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are constants in order")
}

fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    Latency {
        p50: histogram.value_at_quantile(0.5),
        p99: histogram.value_at_quantile(0.99),
        max: histogram.max(),
    }
}

const SIGNATURE_LEN: usize = 64;
const LATENCY_MAX_US: u64 = 600_000_000;
const AWAITED_FOR: Duration = Duration::from_secs(10);
const DUPLICATE: &str = "duplicate";
