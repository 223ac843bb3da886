use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};

use super::{
    roadside::{RoadsideMetrics, RoadsideStanding},
    tickets::{TicketMetrics, TicketSupply},
};

/// Everything a daemon counts, by names that dashboards may rely on.
///
/// Counting never waits and never fails. Labels are `&'static str` so that nothing heard from a
/// peer can become one.
pub struct Metrics {
    registry: Registry,
    published: Family<TypeLabel, Counter>,
    delivered: Family<TypeLabel, Counter>,
    rejected: Family<TypeReasonLabels, Counter>,
    dropped: Family<TypeReasonLabels, Counter>,
    message_age: Family<TypeLabel, Histogram, Buckets>,
    hazard_delivery: Histogram,
    peers: Family<StateLabel, Gauge>,
    certificate_expiry: Family<RoleLabel, Gauge<f64, AtomicU64>>,
    grpc_requests: Family<GrpcLabels, Counter>,
    grpc_time: Family<MethodLabel, Histogram, Buckets>,
    grpc_streams: Family<MethodLabel, Gauge>,
    subscriber_lag: Gauge,
    clock_offset: Gauge<f64, AtomicU64>,
    state_silent: Gauge,
    tickets: TicketMetrics,
    roadside: RoadsideMetrics,
    outbox_depth: Gauge,
    outbox_depth_max: Gauge,
    outbox: Gauge,
    outbox_max: Gauge,
    outbox_oldest_age: Gauge<f64, AtomicU64>,
    outbox_undelivered: Gauge<f64, AtomicU64>,
}

/// How full a vehicle's outbox is, and for how long.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OutboxFill {
    /// Records that wait.
    pub records: usize,
    /// The most that may.
    pub records_max: usize,
    /// Their bytes.
    pub bytes: usize,
    /// The most that they may have.
    pub bytes_max: usize,
    /// How long the oldest of them has waited; `None` if none does.
    pub oldest_age: Option<Duration>,
    /// For how long nothing was delivered; `None` if none waits.
    pub undelivered: Option<Duration>,
}

/// Why a message that was wanted did not get through.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DropReason {
    /// The network takes less than is sent.
    Congestion,
    /// It was too old when its turn came.
    Stale,
    /// The peer sends more than it may.
    RateLimit,
    /// A subscriber does not read fast enough.
    SlowReader,
    /// The recording's queue was full.
    Recording,
}

/// A method of the gRPC interface, by the names of its schema.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct GrpcMethod {
    /// The service's full name, `wayside.world.v1.WorldService`.
    pub service: &'static str,
    /// The method's name, `Subscribe`.
    pub method: &'static str,
}

impl Metrics {
    /// Metrics that all stand at zero; `version` is the daemon's.
    pub fn new(version: &'static str) -> Self {
        let mut metrics = Self::unregistered();
        metrics.register_messages();
        metrics.register_outbox();
        metrics.register_station();
        metrics.register_grpc(version);
        metrics
    }

    /// Metrics of a daemon without a station, which shows none of a station's.
    pub fn without_station(version: &'static str) -> Self {
        let mut metrics = Self::unregistered();
        metrics.register_grpc(version);
        metrics
    }

    /// Metrics of a daemon whose station is no vehicle's: the messages, and none of a vehicle's own.
    pub fn of_relay(version: &'static str) -> Self {
        let mut metrics = Self::unregistered();
        metrics.register_messages();
        metrics.register_grpc(version);
        metrics
    }

    /// One message of our own went out to be sent.
    pub fn count_published(&self, kind: &'static str) {
        self.published
            .get_or_create(&TypeLabel { r#type: kind })
            .inc();
    }

    /// One verified message, generated `age` ago, was taken into the world.
    pub fn count_delivered(&self, kind: &'static str, age: Duration) {
        let label = TypeLabel { r#type: kind };
        self.delivered.get_or_create(&label).inc();
        self.message_age
            .get_or_create(&label)
            .observe(age.as_secs_f64());
        if kind == HAZARD {
            self.hazard_delivery.observe(age.as_secs_f64());
        }
    }

    /// One message was refused; `kind` is `unknown` where it could not be read.
    pub fn count_rejected(&self, kind: &'static str, reason: &'static str) {
        self.rejected
            .get_or_create(&TypeReasonLabels {
                r#type: kind,
                reason,
            })
            .inc();
    }

    /// `count` more messages were dropped.
    pub fn count_dropped(&self, kind: &'static str, reason: DropReason, count: u64) {
        self.dropped
            .get_or_create(&TypeReasonLabels {
                r#type: kind,
                reason: reason.name(),
            })
            .inc_by(count);
    }

    /// So many messages were dropped since the daemon's start, by somebody else's count.
    pub fn set_dropped(&self, kind: &'static str, reason: DropReason, total: u64) {
        self.dropped
            .get_or_create(&TypeReasonLabels {
                r#type: kind,
                reason: reason.name(),
            })
            .inner()
            .store(total, Ordering::Relaxed);
    }

    /// How many peers are in a state, as `connected` or `connecting`.
    pub fn set_peers(&self, state: &'static str, count: usize) {
        self.peers
            .get_or_create(&StateLabel { state })
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How long a certificate or the last ticket is still valid; `role` is `ticket`,
    /// `grpc_server` and the like.
    pub fn set_certificate_expiry(&self, role: &'static str, left: Duration) {
        self.certificate_expiry
            .get_or_create(&RoleLabel { role })
            .set(left.as_secs_f64());
    }

    /// How many tickets are left, the current one included.
    pub fn set_tickets_remaining(&self, count: usize) {
        self.tickets.set_remaining(count);
    }

    /// How the vehicle comes by its tickets.
    pub fn set_ticket_supply(&self, supply: &TicketSupply) {
        self.tickets.set_supply(supply);
    }

    /// Whether the own ticket is on the list of revoked ones.
    pub fn set_revoked(&self, is_revoked: bool) {
        self.tickets.set_revoked(is_revoked);
    }

    /// How far the list of revoked tickets goes, and how old it is; `None` for no list.
    pub fn set_revocation_list(&self, next: u64, age: Option<Duration>) {
        self.tickets.set_list(next, age);
    }

    /// How much of what it hears the station can verify: the name of the state, of `all` that there are.
    pub fn set_load(&self, load: &'static str, all: &[&'static str]) {
        self.roadside.set_load(load, all);
    }

    /// How the vehicle stands with roadside units.
    pub fn set_roadside(&self, standing: &RoadsideStanding) {
        self.roadside.set_standing(standing);
    }

    /// What waits for the ledger; no times if nothing does.
    pub fn set_outbox(&self, fill: OutboxFill) {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.outbox_depth.set(number(fill.records));
        self.outbox_depth_max.set(number(fill.records_max));
        self.outbox.set(number(fill.bytes));
        self.outbox_max.set(number(fill.bytes_max));
        self.outbox_oldest_age
            .set(fill.oldest_age.unwrap_or_default().as_secs_f64());
        self.outbox_undelivered
            .set(fill.undelivered.unwrap_or_default().as_secs_f64());
    }

    /// One request was answered with a code after `time`.
    pub fn count_grpc(&self, method: GrpcMethod, code: &'static str, time: Duration) {
        self.grpc_requests
            .get_or_create(&GrpcLabels {
                service: method.service,
                method: method.method,
                code,
            })
            .inc();
        self.grpc_time
            .get_or_create(&method.into())
            .observe(time.as_secs_f64());
    }

    /// One stream of a method opened (`+1`) or ended (`-1`).
    pub fn change_grpc_streams(&self, method: GrpcMethod, change: i64) {
        self.grpc_streams
            .get_or_create(&method.into())
            .inc_by(change);
    }

    /// How many messages the slowest subscriber is behind.
    pub fn set_subscriber_lag(&self, messages: usize) {
        self.subscriber_lag
            .set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// How far this station's clock seems to be off; `None` clears it.
    pub fn set_clock_offset(&self, doubt: Option<Duration>) {
        self.clock_offset
            .set(doubt.unwrap_or_default().as_secs_f64());
    }

    /// Whether the driving stack has stopped telling its state.
    pub fn set_state_silent(&self, is_silent: bool) {
        self.state_silent.set(i64::from(is_silent));
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut encoded = String::new();
        // Writing to a `String` cannot fail.
        let _ = text::encode(&mut encoded, &self.registry);
        encoded
    }

    fn unregistered() -> Self {
        Self {
            registry: Registry::with_prefix("wayside"),
            published: Family::default(),
            delivered: Family::default(),
            rejected: Family::default(),
            dropped: Family::default(),
            message_age: Family::new_with_constructor(TIME_BUCKETS),
            hazard_delivery: TIME_BUCKETS.new_metric(),
            peers: Family::default(),
            certificate_expiry: Family::default(),
            grpc_requests: Family::default(),
            grpc_time: Family::new_with_constructor(TIME_BUCKETS),
            grpc_streams: Family::default(),
            subscriber_lag: Gauge::default(),
            clock_offset: Gauge::default(),
            state_silent: Gauge::default(),
            tickets: TicketMetrics::default(),
            roadside: RoadsideMetrics::default(),
            outbox_depth: Gauge::default(),
            outbox_depth_max: Gauge::default(),
            outbox: Gauge::default(),
            outbox_max: Gauge::default(),
            outbox_oldest_age: Gauge::default(),
            outbox_undelivered: Gauge::default(),
        }
    }

    fn register_messages(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "messages_published",
            "Messages of this station given to the network",
            self.published.clone(),
        );
        registry.register(
            "messages_delivered",
            "Verified messages taken into the world",
            self.delivered.clone(),
        );
        registry.register(
            "messages_rejected",
            "Messages refused, by the reason's name",
            self.rejected.clone(),
        );
        registry.register(
            "messages_dropped",
            "Messages dropped for want of room or time",
            self.dropped.clone(),
        );
        registry.register_with_unit(
            "message_age",
            "Time from generation to delivery",
            Unit::Seconds,
            self.message_age.clone(),
        );
        registry.register_with_unit(
            "hazard_delivery",
            "Time from a hazard's generation to its delivery",
            Unit::Seconds,
            self.hazard_delivery.clone(),
        );
    }

    fn register_outbox(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "outbox_depth",
            "Records of the vehicle that wait for the ledger",
            self.outbox_depth.clone(),
        );
        registry.register(
            "outbox_depth_max",
            "Records that may wait for the ledger; further ones are refused",
            self.outbox_depth_max.clone(),
        );
        registry.register_with_unit(
            "outbox",
            "Bytes of the records that wait for the ledger",
            Unit::Bytes,
            self.outbox.clone(),
        );
        registry.register_with_unit(
            "outbox_max",
            "Bytes of the records that may wait for the ledger",
            Unit::Bytes,
            self.outbox_max.clone(),
        );
        registry.register_with_unit(
            "outbox_oldest_age",
            "Time that the oldest record that waits for the ledger has waited",
            Unit::Seconds,
            self.outbox_oldest_age.clone(),
        );
        registry.register_with_unit(
            "outbox_undelivered",
            "Time for which records wait for the ledger and none was delivered",
            Unit::Seconds,
            self.outbox_undelivered.clone(),
        );
    }

    fn register_station(&mut self) {
        let registry = &mut self.registry;
        registry.register("peers", "Peers of the QUIC endpoint", self.peers.clone());
        registry.register_with_unit(
            "certificate_expiry",
            "Time until a certificate, or the last ticket, is no longer valid",
            Unit::Seconds,
            self.certificate_expiry.clone(),
        );
        self.tickets.register(registry);
        self.roadside.register(registry);
        registry.register_with_unit(
            "clock_offset",
            "How far the clock seems to be off",
            Unit::Seconds,
            self.clock_offset.clone(),
        );
        registry.register(
            "state_silent",
            "1 while the driving stack does not tell its state",
            self.state_silent.clone(),
        );
    }

    fn register_grpc(&mut self, version: &'static str) {
        let registry = &mut self.registry;
        registry.register(
            "grpc_requests",
            "gRPC requests answered",
            self.grpc_requests.clone(),
        );
        registry.register_with_unit(
            "grpc_request",
            "Time to answer a gRPC request",
            Unit::Seconds,
            self.grpc_time.clone(),
        );
        registry.register(
            "grpc_streams",
            "gRPC streams open",
            self.grpc_streams.clone(),
        );
        registry.register(
            "subscriber_lag_messages",
            "Messages that the slowest subscriber is behind",
            self.subscriber_lag.clone(),
        );
        registry.register(
            "build",
            "What is running",
            Info::new(vec![("version", version)]),
        );
    }
}

impl DropReason {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Congestion => "congestion",
            Self::Stale => "stale",
            Self::RateLimit => "rate_limit",
            Self::SlowReader => "slow_reader",
            Self::Recording => "recording",
        }
    }
}

impl From<GrpcMethod> for MethodLabel {
    fn from(method: GrpcMethod) -> Self {
        Self {
            service: method.service,
            method: method.method,
        }
    }
}

/// Makes histograms with exponential buckets.
#[derive(Clone, Copy)]
pub(super) struct Buckets {
    first_s: f64,
    factor: f64,
    count: u16,
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(
            self.first_s,
            self.factor,
            self.count,
        ))
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TypeLabel {
    r#type: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct TypeReasonLabels {
    r#type: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RoleLabel {
    role: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct GrpcLabels {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct MethodLabel {
    service: &'static str,
    method: &'static str,
}

/// 0.5 ms to 16 s.
pub(super) const TIME_BUCKETS: Buckets = Buckets {
    first_s: 0.000_5,
    factor: 2.0,
    count: 16,
};
const HAZARD: &str = "hazard";
