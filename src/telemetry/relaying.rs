use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// What a roadside unit counts of relaying, by names that dashboards may rely on. No label names a
/// vehicle, a place or a hazard.
pub struct RelayMetrics {
    registry: Registry,
    messages: Family<KindLabel, Counter>,
    shed: Family<ReasonLabel, Counter>,
    peers: Family<KindLabel, Gauge>,
    hazards: Gauge,
    own_hazards: Gauge,
    unwritten: Gauge,
    is_ready: Gauge,
    load: Family<StateLabel, Gauge>,
    certificate_expiry: Gauge<f64, AtomicU64>,
    list_age: Gauge<f64, AtomicU64>,
    operators: Gauge,
    traffic_cells: Gauge,
}

/// Where a relay stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RelayStanding {
    /// Vehicles that said hello.
    pub vehicles: usize,
    /// Other units that said hello.
    pub units: usize,
    /// Hazards that it keeps for those who come.
    pub hazards: usize,
    /// Hazards that its operator has it tell.
    pub own_hazards: usize,
    /// Writes that its disk has not taken.
    pub unwritten: u64,
    /// Nothing keeps it from relaying.
    pub is_ready: bool,
    /// Until when its operator's certificate counts.
    pub certificate_left: Duration,
    /// How old the list of revoked tickets is; `None` without one.
    pub list_age: Option<Duration>,
    /// Operators whose units it believes.
    pub operators: usize,
    /// Cells of the last interval of whose traffic something is told.
    pub traffic_cells: usize,
}

impl RelayMetrics {
    /// Metrics that all stand at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("wayside_relay"),
            messages: Family::default(),
            shed: Family::default(),
            peers: Family::default(),
            hazards: Gauge::default(),
            own_hazards: Gauge::default(),
            unwritten: Gauge::default(),
            is_ready: Gauge::default(),
            load: Family::default(),
            certificate_expiry: Gauge::default(),
            list_age: Gauge::default(),
            operators: Gauge::default(),
            traffic_cells: Gauge::default(),
        };
        metrics.register_traffic();
        metrics.register_standing();
        metrics
    }

    /// So many messages of a kind were handed on since the start, once for each receiver.
    pub fn set_relayed(&self, kind: &'static str, total: u64) {
        let count = self.messages.get_or_create(&KindLabel { kind });
        count.inner().store(total, Ordering::Relaxed);
    }

    /// So many messages were left out since the start, for a reason.
    pub fn set_shed(&self, reason: &'static str, total: u64) {
        let count = self.shed.get_or_create(&ReasonLabel { reason });
        count.inner().store(total, Ordering::Relaxed);
    }

    /// How much it takes on: `state` is the one of `states` that holds.
    pub fn set_load(&self, state: &'static str, states: impl IntoIterator<Item = &'static str>) {
        for each in states {
            let gauge = self.load.get_or_create(&StateLabel { state: each });
            gauge.set((each == state).into());
        }
    }

    /// Where it stands.
    pub fn set_standing(&self, standing: &RelayStanding) {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let peers = [("vehicle", standing.vehicles), ("unit", standing.units)];
        for (kind, count) in peers {
            self.peers
                .get_or_create(&KindLabel { kind })
                .set(number(count));
        }
        self.hazards.set(number(standing.hazards));
        self.own_hazards.set(number(standing.own_hazards));
        self.unwritten
            .set(i64::try_from(standing.unwritten).unwrap_or(i64::MAX));
        self.is_ready.set(standing.is_ready.into());
        self.certificate_expiry
            .set(standing.certificate_left.as_secs_f64());
        let age = standing.list_age.map_or(-1.0, |age| age.as_secs_f64());
        self.list_age.set(age);
        self.operators.set(number(standing.operators));
        self.traffic_cells.set(number(standing.traffic_cells));
    }

    /// All of them, in the Prometheus text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to memory does not fail");
        text
    }

    fn register_traffic(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "messages",
            "Messages handed on, once for each receiver",
            self.messages.clone(),
        );
        registry.register(
            "shed",
            "Messages left out for want of room, by reason",
            self.shed.clone(),
        );
        registry.register(
            "peers",
            "Vehicles and other units that said hello",
            self.peers.clone(),
        );
        registry.register(
            "load",
            "How much the unit takes on: 1 for the state that holds",
            self.load.clone(),
        );
    }

    fn register_standing(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "ready",
            "Whether nothing keeps the unit from relaying",
            self.is_ready.clone(),
        );
        registry.register(
            "hazards",
            "Hazards that the unit keeps for those who come",
            self.hazards.clone(),
        );
        registry.register(
            "own_hazards",
            "Hazards that the operator has the unit tell",
            self.own_hazards.clone(),
        );
        registry.register(
            "unwritten",
            "Changes of kept hazards that are not on disk",
            self.unwritten.clone(),
        );
        registry.register_with_unit(
            "certificate_expiry",
            "Time until vehicles no longer believe the operator's certificate",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        registry.register_with_unit(
            "list_age",
            "Age of the list of revoked tickets; -1 without one",
            Unit::Seconds,
            self.list_age.clone(),
        );
        registry.register(
            "operators",
            "Operators whose units are believed",
            self.operators.clone(),
        );
        registry.register(
            "traffic_cells",
            "Cells of the last interval of whose traffic something is told",
            self.traffic_cells.clone(),
        );
    }
}

impl Default for RelayMetrics {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StateLabel {
    state: &'static str,
}
