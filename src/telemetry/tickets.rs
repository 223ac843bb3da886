use std::{collections::BTreeMap, sync::atomic::AtomicU64, sync::atomic::Ordering, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// What a vehicle tells about its tickets and about the list of those that are revoked.
#[derive(Default)]
pub(super) struct TicketMetrics {
    remaining: Gauge,
    requests: Gauge,
    asked_for: Gauge,
    requested: Counter,
    received: Counter,
    bad: Counter,
    refused: Family<ReasonLabel, Counter>,
    problem: Family<ReasonLabel, Gauge>,
    revoked: Gauge,
    list_next: Gauge,
    list_age: Gauge<f64, AtomicU64>,
}

/// How a vehicle comes by its tickets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TicketSupply {
    /// Requests on their way.
    pub requests: usize,
    /// The tickets that they are for.
    pub asked_for: usize,
    /// Requests that were made since the start.
    pub requested: u64,
    /// Tickets that were received since the start.
    pub received: u64,
    /// Tickets that came and do not count, since the start.
    pub bad: u64,
    /// Requests that were refused since the start, by the reason's name.
    pub refused: BTreeMap<&'static str, u64>,
    /// What keeps tickets from coming, by its name; `None` for nothing.
    pub problem: Option<&'static str>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabel {
    reason: &'static str,
}

impl TicketMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "tickets_remaining",
            "Tickets left, the current one included",
            self.remaining.clone(),
        );
        registry.register(
            "tickets_requests_waiting",
            "Requests for tickets on their way",
            self.requests.clone(),
        );
        registry.register(
            "tickets_asked_for",
            "Tickets that were asked for and have not come",
            self.asked_for.clone(),
        );
        registry.register(
            "tickets_requests",
            "Requests for tickets that were made",
            self.requested.clone(),
        );
        registry.register(
            "tickets_received",
            "Tickets that were received",
            self.received.clone(),
        );
        registry.register(
            "tickets_bad",
            "Tickets that came and do not count",
            self.bad.clone(),
        );
        registry.register(
            "tickets_refused",
            "Requests for tickets that were refused, by the reason's name",
            self.refused.clone(),
        );
        registry.register(
            "tickets_problem",
            "1 for what keeps tickets from coming",
            self.problem.clone(),
        );
        registry.register(
            "tickets_revoked",
            "1 while the own ticket is on the list of revoked ones",
            self.revoked.clone(),
        );
        registry.register(
            "revocation_list_next",
            "The number that the next entry of the list of revoked tickets will have",
            self.list_next.clone(),
        );
        registry.register_with_unit(
            "revocation_list_age",
            "How old the list of revoked tickets is; -1 for none",
            Unit::Seconds,
            self.list_age.clone(),
        );
    }

    pub(super) fn set_remaining(&self, count: usize) {
        self.remaining.set(number(count));
    }

    pub(super) fn set_supply(&self, supply: &TicketSupply) {
        self.requests.set(number(supply.requests));
        self.asked_for.set(number(supply.asked_for));
        let totals = [
            (&self.requested, supply.requested),
            (&self.received, supply.received),
            (&self.bad, supply.bad),
        ];
        for (counter, total) in totals {
            set(counter, total);
        }
        for (reason, total) in &supply.refused {
            set(&self.refused.get_or_create(&ReasonLabel { reason }), *total);
        }
        self.problem.clear();
        if let Some(reason) = supply.problem {
            self.problem.get_or_create(&ReasonLabel { reason }).set(1);
        }
    }

    pub(super) fn set_revoked(&self, is_revoked: bool) {
        self.revoked.set(is_revoked.into());
    }

    pub(super) fn set_list(&self, next: u64, age: Option<Duration>) {
        self.list_next.set(i64::try_from(next).unwrap_or(i64::MAX));
        self.list_age.set(age.map_or(-1.0, |age| age.as_secs_f64()));
    }
}

/// Whoever counts keeps the total, which only grows.
fn set(counter: &Counter, total: u64) {
    counter.inner().store(total, Ordering::Relaxed);
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
