use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{sync::mpsc, task::JoinSet};
use vehicle_agent::grpc::Hub;
use wayside::{
    pipeline::{Config, Station},
    relay::{self, UnitPlace},
    security::{Reservation, Wallet},
    sim::{Cast, Script, Seed, interest_within},
    time::Now,
    transport::{self, Clock, Driver, Handle, Setup},
};

use super::{
    super::{Arguments, virtual_time::generation},
    audience::{Audience, Ear},
};

/// Every vehicle's station on its endpoint.
pub(super) struct Fleet {
    members: Vec<Member>,
    /// How many of them are vehicles; the others are roadside units.
    vehicles: usize,
    reservations: mpsc::UnboundedSender<(usize, Reservation)>,
    /// Those of the members, for whoever confirms reservations.
    handles: Arc<Mutex<Vec<Handle>>>,
    /// Who is joined or being joined, the lower index first; that one dials.
    joined: BTreeSet<(usize, usize)>,
    cast: Cast,
    script: Arc<Script>,
    config: Config,
    neighbours_max: usize,
    /// What the served vehicle's gRPC services listen to.
    hub: Hub,
    served: Option<usize>,
}

struct Member {
    handle: Handle,
    address: SocketAddr,
}

impl Fleet {
    /// Opens all endpoints. Must be called within a tokio runtime.
    pub(super) fn start(
        script: &Arc<Script>,
        cast: Cast,
        arguments: &Arguments,
        (clock, audience): (&Clock, &Arc<Mutex<Audience>>),
    ) -> anyhow::Result<Self> {
        let (reservations, reserved) = mpsc::unbounded_channel();
        let mut config = Config {
            generation: generation(arguments),
            hazards: arguments.hazards(),
            ..Config::default()
        };
        if arguments.units.is_some() {
            config.roadside = interest_within(arguments.range_m);
        }
        let mut fleet = Self {
            members: Vec::new(),
            vehicles: script.vehicles.len(),
            reservations,
            handles: Arc::default(),
            joined: BTreeSet::new(),
            cast,
            script: script.clone(),
            config,
            neighbours_max: arguments.neighbours_max,
            hub: Hub::new(),
            served: None,
        };
        for (vehicle, name) in script.vehicles.iter().enumerate() {
            let is_served = arguments.serve.as_ref() == Some(name);
            if is_served {
                fleet.served = Some(vehicle);
            }
            let ear = Ear {
                vehicle,
                audience: audience.clone(),
                reservations: fleet.reservations.clone(),
                hub: is_served.then(|| fleet.hub.clone()),
            };
            let setup = fleet.setup(name, arguments, clock);
            let station = fleet.new_station(vehicle, clock.now());
            let (handle, _) = Driver::start(setup, station, ear)
                .with_context(|| format!("cannot start vehicle {name}"))?;
            fleet.add(handle);
        }
        tokio::spawn(confirm(fleet.handles.clone(), reserved));
        Ok(fleet)
    }

    /// Opens an endpoint for each roadside unit, and joins all of them with each other; returns where
    /// they stand, with their addresses.
    pub(super) fn build_units(
        &mut self,
        mut places: Vec<UnitPlace>,
        (arguments, clock, audience): (&Arguments, &Clock, &Arc<Mutex<Audience>>),
    ) -> anyhow::Result<Vec<UnitPlace>> {
        for (index, place) in places.iter_mut().enumerate() {
            let name = format!("unit {index}");
            let ear = Ear {
                vehicle: self.members.len(),
                audience: audience.clone(),
                reservations: self.reservations.clone(),
                hub: None,
            };
            let (certificate, wallet) = self.cast.unit(&name);
            let (config, domain) = (self.config.clone(), self.cast.domain());
            let station = Station::new(config, domain, wallet, &[], clock.now());
            let setup = self.setup(&name, arguments, clock);
            let (handle, _) = Driver::start(setup, station, ear)
                .with_context(|| format!("cannot start {name}"))?;
            place.address = handle.local_addr();
            handle.call(|station, now| {
                station.handle_operators(self.cast.operators());
                station.handle_unit(certificate);
                station.handle_relay(*place, relay::Config::default(), now);
            });
            let unit = self.add(handle);
            for other in self.vehicles..unit {
                self.join(other, unit);
            }
        }
        Ok(places)
    }

    /// How many vehicles there are.
    pub(super) fn len(&self) -> usize {
        self.vehicles
    }

    /// The member that a roadside unit is.
    pub(super) fn unit(&self, index: usize) -> usize {
        self.vehicles + index
    }

    fn setup(&self, name: &str, arguments: &Arguments, clock: &Clock) -> Setup {
        Setup {
            config: transport::Config {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                keep_port: true,
                ..transport::Config::default()
            },
            clock: clock.clone(),
            domain: self.cast.domain().id(),
            seed: u64::from_be_bytes(first_bytes(
                Seed(arguments.seed).bytes(&format!("endpoint of {name}")),
            )),
            reset_key: None,
        }
    }

    fn add(&mut self, handle: Handle) -> usize {
        lock_handles(&self.handles).push(handle.clone());
        self.members.push(Member {
            address: handle.local_addr(),
            handle,
        });
        self.members.len() - 1
    }

    pub(super) fn handle(&self, vehicle: usize) -> Option<&Handle> {
        self.members.get(vehicle).map(|member| &member.handle)
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The hub, if this is the vehicle whose gRPC services listen to it.
    pub(super) fn hub_of(&self, vehicle: usize) -> Option<&Hub> {
        (self.served == Some(vehicle)).then_some(&self.hub)
    }

    pub(super) fn trust_domain(&self) -> String {
        self.cast.domain().to_toml()
    }

    /// Keeps a connection between two vehicles from now on, unless one of them has as many
    /// neighbours as it may.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let pair = (a.min(b), a.max(b));
        let is_unit = |one: &usize| *one >= self.vehicles;
        let is_full = |one: &usize| self.neighbours(*one) >= self.neighbours_max;
        if self.joined.contains(&pair) || ![a, b].iter().any(is_unit) && [a, b].iter().any(is_full)
        {
            return;
        }
        if let (Some(dialler), Some(listener)) =
            (self.members.get(pair.0), self.members.get(pair.1))
        {
            dialler.handle.connect(listener.address);
            self.joined.insert(pair);
        }
    }

    /// Gives up the connection between two vehicles.
    pub(super) fn part(&mut self, a: usize, b: usize) {
        let pair = (a.min(b), a.max(b));
        if self.joined.remove(&pair)
            && let (Some(dialler), Some(listener)) =
                (self.members.get(pair.0), self.members.get(pair.1))
        {
            dialler.handle.disconnect(listener.address);
        }
    }

    /// Whether everybody has said hello to everybody they are joined with.
    pub(super) fn is_gathered(&self) -> bool {
        (0..self.members.len()).all(|vehicle| {
            self.handle(vehicle).is_none_or(|handle| {
                let ready = handle.call(|station, now| station.readiness(now).peers);
                ready >= self.neighbours(vehicle)
            })
        })
    }

    /// Gives every vehicle a station that has heard nothing yet.
    pub(super) fn forget(&mut self, now: Now) {
        for pair in std::mem::take(&mut self.joined) {
            self.joined.insert(pair);
            self.part(pair.0, pair.1);
        }
        for vehicle in 0..self.vehicles {
            let fresh = self.new_station(vehicle, now);
            if let Some(handle) = self.handle(vehicle) {
                handle.call(|station, _| *station = fresh);
            }
        }
    }

    /// Closes all endpoints at the same time.
    pub(super) async fn shutdown(&self) {
        let mut closing = JoinSet::new();
        for member in &self.members {
            let handle = member.handle.clone();
            closing.spawn(async move { handle.shutdown(GRACE).await });
        }
        closing.join_all().await;
    }

    fn new_station(&self, vehicle: usize, now: Now) -> Station {
        let wallet = match (
            self.script.vehicles.get(vehicle),
            self.script.classes.get(vehicle),
        ) {
            (Some(name), Some(class)) => self.cast.wallet(name, *class),
            _ => Wallet::new(self.cast.domain().slots(), Vec::new()),
        };
        let (config, domain) = (self.config.clone(), self.cast.domain());
        let mut station = Station::new(config, domain, wallet, &[], now);
        station.handle_operators(self.cast.operators());
        station
    }

    fn neighbours(&self, vehicle: usize) -> usize {
        self.joined
            .iter()
            .filter(|(a, b)| *a == vehicle || *b == vehicle)
            .count()
    }
}

async fn confirm(
    handles: Arc<Mutex<Vec<Handle>>>,
    mut reserved: mpsc::UnboundedReceiver<(usize, Reservation)>,
) {
    while let Some((vehicle, reservation)) = reserved.recv().await {
        let handle = lock_handles(&handles).get(vehicle).cloned();
        if let Some(handle) = handle {
            handle.call(|station, _| station.handle_reserved(reservation));
        }
    }
}

fn lock_handles(handles: &Mutex<Vec<Handle>>) -> MutexGuard<'_, Vec<Handle>> {
    handles.lock().unwrap_or_else(PoisonError::into_inner)
}

fn first_bytes(bytes: [u8; 32]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    [a, b, c, d, e, f, g, h]
}

/// How long hazards on their way may take at the end.
const GRACE: Duration = Duration::from_millis(200);
