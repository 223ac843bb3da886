//! A vehicle as its agent runs it: a station behind a driver.

use std::{net::SocketAddr, time::Duration};

use tokio::sync::mpsc;
use wayside::{
    crypto::SigningKey,
    geo::Position,
    id::{ActionId, DomainId, StationId},
    message::{Cause, MessageType, Telemetry},
    pipeline::{self, Delivery, Event, HazardReport, OwnState, Published, Station},
    security::{Class, Credential, RevokedSeries, Slot, SlotClock},
    sim::{Cast, Seed},
    time::Now,
    transport::{Clock, Config, Counters, Driver, Handle, Setup},
};

/// A trust domain, and the clock that all its vehicles share.
pub(super) struct Town {
    pub(super) clock: Clock,
    cast: Cast,
}

/// A running vehicle.
pub(super) struct Vehicle {
    pub(super) handle: Handle,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Town {
    /// Tickets for this hour.
    pub(super) fn new() -> Self {
        Self::with(Clock::system(), 300)
    }

    /// Tickets for an hour from what the clock shows, in slots of this length.
    pub(super) fn with(clock: Clock, slot_s: u32) -> Self {
        let start = clock.now().timestamp;
        let end = start.saturating_add(Duration::from_secs(3_600));
        let slots = SlotClock::from_length_s(slot_s).unwrap();
        Self {
            cast: Cast::new(Seed(7), slots, start, end),
            clock,
        }
    }

    /// The present ticket of a vehicle that is not started.
    pub(super) fn credential(&self, name: &str) -> Credential {
        let wallet = self.cast.wallet(name, Class::Car);
        let slot = wallet.slots().slot_at(self.clock.now().timestamp);
        let held = wallet.for_slot(slot).unwrap();
        let key = SigningKey::from_seed(&held.key().to_seed());
        Credential::new(held.ticket().clone(), key).unwrap()
    }

    /// What revokes a vehicle's tickets from now on.
    pub(super) fn revocation(&self, name: &str) -> RevokedSeries {
        let slots = self.cast.domain().slots();
        let from = slots.slot_at(self.clock.now().timestamp);
        let until = Slot::from_number(from.number() + 289);
        self.cast.revocation(name, from, until)
    }

    /// Starts a vehicle; the same name has the same tickets.
    pub(super) fn start(&self, name: &str, config: Config) -> Vehicle {
        self.start_with(name, config, pipeline::Config::default())
    }

    pub(super) fn start_with(
        &self,
        name: &str,
        config: Config,
        station: pipeline::Config,
    ) -> Vehicle {
        let station = Station::new(
            station,
            self.cast.domain(),
            self.cast.wallet(name, Class::Car),
            &[],
            self.clock.now(),
        );
        let (events, mut arriving) = mpsc::unbounded_channel();
        let sink = move |_: &Station, event: Event, _: Now| {
            let _ = events.send(event);
        };
        let setup = Setup {
            config,
            clock: self.clock.clone(),
            domain: DOMAIN,
            seed: name.bytes().map(u64::from).sum(),
            reset_key: None,
        };
        let (handle, _) = Driver::start(setup, station, sink).unwrap();
        let (delivered, deliveries) = mpsc::unbounded_channel();
        let storage = handle.clone();
        tokio::spawn(async move {
            while let Some(event) = arriving.recv().await {
                if let Event::Reserve(reservation) = event {
                    storage.call(|station, _| station.handle_reserved(reservation));
                } else if let Event::Delivered(delivery) = event {
                    let _ = delivered.send(delivery);
                }
            }
        });
        Vehicle { handle, deliveries }
    }
}

impl Vehicle {
    pub(super) fn address(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    pub(super) fn counters(&self) -> Counters {
        self.handle.counters()
    }

    pub(super) fn station(&self) -> StationId {
        self.handle
            .call(|station, now| station.identity(now).unwrap().station)
    }

    /// Peers that said hello.
    pub(super) fn peers(&self) -> usize {
        self.handle
            .call(|station, now| station.readiness(now).peers)
    }

    /// Waits until sequences are reserved, so that it may sign.
    pub(super) async fn is_ready(&self) {
        eventually(|| {
            self.handle
                .call(|station, now| station.readiness(now).can_sign())
        })
        .await;
    }

    /// Publishes where it is.
    pub(super) async fn publish(&self) {
        self.is_ready().await;
        eventually(|| {
            self.handle.call(|station, now| {
                let telemetry = Telemetry::at(Position::from_e7(480_000_000, 110_000_000).unwrap());
                let state = OwnState {
                    telemetry,
                    measured: now.timestamp,
                };
                station.handle_state(state, now) == Ok(Published::Sent)
            })
        })
        .await;
    }

    /// Reports that it broke down.
    pub(super) async fn break_down(&self) -> ActionId {
        self.publish().await;
        self.handle.call(|station, now| {
            let report = HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN);
            station.report_hazard(report, now).unwrap()
        })
    }

    /// The next message of this kind that reaches its world.
    pub(super) async fn delivery(&mut self, kind: MessageType) -> Delivery {
        within(async {
            loop {
                let delivery = self.deliveries.recv().await.unwrap();
                if delivery.kind == kind {
                    return delivery;
                }
            }
        })
        .await
    }
}

impl Vehicle {
    /// Whether no message reached its world since it was last asked for one.
    pub(super) fn heard_nothing(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }
}

/// Any free port of the loopback interface, with pauses short enough for a test.
pub(super) fn config() -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        keep_port: true,
        dial_pause_min: Duration::from_millis(10),
        dial_pause_max: Duration::from_millis(40),
        ..Config::default()
    }
}

/// Waits until a condition holds.
pub(super) async fn eventually(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits for something that must happen.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens within the time that a busy machine may need")
}

const DOMAIN: DomainId = DomainId(1);
const PATIENCE: Duration = Duration::from_secs(30);
