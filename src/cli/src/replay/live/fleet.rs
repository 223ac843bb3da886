use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{sync::mpsc, task::JoinSet};
use vehicle_agent::grpc::Hub;
use wayside::{
    pipeline::{Config, Station},
    security::Wallet,
    sim::{Cast, Script, Seed},
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
    /// Who is joined or being joined, the lower index first; that one dials.
    joined: BTreeSet<(usize, usize)>,
    cast: Cast,
    script: Arc<Script>,
    config: Config,
    neighbours_max: usize,
    /// What the served vehicle's gRPC services listen to.
    hub: Hub,
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
        let mut fleet = Self {
            members: Vec::new(),
            joined: BTreeSet::new(),
            cast,
            script: script.clone(),
            config: Config {
                generation: generation(arguments),
                ..Config::default()
            },
            neighbours_max: arguments.neighbours_max,
            hub: Hub::new(),
        };
        for (vehicle, name) in script.vehicles.iter().enumerate() {
            let is_served = arguments.serve.as_ref() == Some(name);
            let ear = Ear {
                vehicle,
                audience: audience.clone(),
                reservations: reservations.clone(),
                hub: is_served.then(|| fleet.hub.clone()),
            };
            let setup = Setup {
                config: transport::Config {
                    listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                    keep_port: true,
                    ..transport::Config::default()
                },
                clock: clock.clone(),
                domain: fleet.cast.domain().id(),
                seed: u64::from_be_bytes(first_bytes(
                    Seed(arguments.seed).bytes(&format!("endpoint of {name}")),
                )),
            };
            let station = fleet.new_station(vehicle, clock.now());
            let (handle, _) = Driver::start(setup, station, ear)
                .with_context(|| format!("cannot start vehicle {name}"))?;
            fleet.members.push(Member {
                address: handle.local_addr(),
                handle,
            });
        }
        tokio::spawn(confirm(
            fleet
                .members
                .iter()
                .map(|member| member.handle.clone())
                .collect(),
            reserved,
        ));
        Ok(fleet)
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn handle(&self, vehicle: usize) -> Option<&Handle> {
        self.members.get(vehicle).map(|member| &member.handle)
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(super) fn trust_domain(&self) -> String {
        self.cast.domain().to_toml()
    }

    /// Keeps a connection between two vehicles from now on, unless one of them has as many
    /// neighbours as it may.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let pair = (a.min(b), a.max(b));
        if self.joined.contains(&pair)
            || [a, b]
                .iter()
                .any(|one| self.neighbours(*one) >= self.neighbours_max)
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
        for vehicle in 0..self.members.len() {
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
        Station::new(self.config.clone(), self.cast.domain(), wallet, &[], now)
    }

    fn neighbours(&self, vehicle: usize) -> usize {
        self.joined
            .iter()
            .filter(|(a, b)| *a == vehicle || *b == vehicle)
            .count()
    }
}

async fn confirm(
    handles: Vec<Handle>,
    mut reserved: mpsc::UnboundedReceiver<(usize, wayside::security::Reservation)>,
) {
    while let Some((vehicle, reservation)) = reserved.recv().await {
        if let Some(handle) = handles.get(vehicle) {
            handle.call(|station, _| station.handle_reserved(reservation));
        }
    }
}

fn first_bytes(bytes: [u8; 32]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    [a, b, c, d, e, f, g, h]
}

/// How long hazards on their way may take at the end.
const GRACE: Duration = Duration::from_millis(200);
