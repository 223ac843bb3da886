use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// What a roadside unit counts of issuing tickets, by names that dashboards may rely on. No label names a
/// vehicle, an operator or a ticket.
pub struct IssuingMetrics {
    registry: Registry,
    requests: Family<AnsweredLabels, Counter>,
    words: Family<WordLabels, Counter>,
    tickets: Counter,
    batches: Counter,
    waiting: Gauge,
    is_ready: Gauge,
    list_entries: Gauge,
    list_age: Gauge<f64, AtomicU64>,
}

impl IssuingMetrics {
    /// Metrics that all stand at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("wayside_issuing"),
            requests: Family::default(),
            words: Family::default(),
            tickets: Counter::default(),
            batches: Counter::default(),
            waiting: Gauge::default(),
            is_ready: Gauge::default(),
            list_entries: Gauge::default(),
            list_age: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// Something was asked; `reason` is that of a refusal that is not sealed, or `ANSWERED`.
    pub fn count_request(&self, method: &'static str, reason: &str) {
        let labels = AnsweredLabels {
            method,
            reason: reason.to_owned(),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Something was said on the ledger.
    pub fn count_word(&self, about: &'static str, is_applied: bool) {
        let labels = WordLabels {
            about,
            is_applied: u8::from(is_applied),
        };
        self.words.get_or_create(&labels).inc();
    }

    /// A batch of tickets was signed under this unit's coordination.
    pub fn count_batch(&self, tickets: u64) {
        self.batches.inc();
        self.tickets.inc_by(tickets);
    }

    /// How many tickets are being made, and whether nothing is missing for more.
    pub fn set_standing(&self, waiting: usize, is_ready: bool) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.is_ready.set(is_ready.into());
    }

    /// How many entries of the list of revoked tickets count, and how old the block is that says so.
    pub fn set_list(&self, entries: u64, age: Duration) {
        self.list_entries
            .set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.list_age.set(age.as_secs_f64());
    }

    /// All of them, in the Prometheus text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to memory does not fail");
        text
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests and messages about tickets, by what came of them",
            self.requests.clone(),
        );
        registry.register(
            "words",
            "What was said on the ledger about tickets",
            self.words.clone(),
        );
        registry.register(
            "tickets",
            "Tickets that were signed under this unit's coordination",
            self.tickets.clone(),
        );
        registry.register(
            "batches",
            "Batches in which tickets were signed",
            self.batches.clone(),
        );
        registry.register(
            "waiting_tickets",
            "Tickets that are being made",
            self.waiting.clone(),
        );
        registry.register(
            "ready",
            "Whether nothing is missing for the unit to issue",
            self.is_ready.clone(),
        );
        registry.register(
            "list_entries",
            "Entries of the list of revoked tickets that count",
            self.list_entries.clone(),
        );
        registry.register_with_unit(
            "list_age",
            "Age of the newest block that says which tickets are revoked",
            Unit::Seconds,
            self.list_age.clone(),
        );
    }
}

impl Default for IssuingMetrics {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct AnsweredLabels {
    method: &'static str,
    reason: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct WordLabels {
    about: &'static str,
    is_applied: u8,
}
