use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{task::JoinHandle, time::timeout};
use tracing::{info, warn};

use super::{
    Clock, CloseCode, Config, Counters, ResetKey,
    core::{Core, Wanted},
    discovery,
    shared::{Phase, Shared},
    sockets::{Listener, Sockets},
};
use crate::{
    id::{DomainId, PeerId},
    pipeline::{Event, Station},
    time::{Instant, Now},
};

/// Runs one station on one endpoint.
pub struct Driver;

/// What a driver needs beside its station.
pub struct Setup {
    /// Addresses and limits.
    pub config: Config,
    /// The station's clocks.
    pub clock: Clock,
    /// Whose announcements count.
    pub domain: DomainId,
    /// For pauses and announcements, which must differ between stations; no secret.
    pub seed: u64,
    /// What outlives a restart, for a roadside unit; `None` for a vehicle, which nobody may know again.
    pub reset_key: Option<ResetKey>,
}

/// Takes what a station reports.
///
/// It is called with the station's mutex held: it must return at once, and never call
/// [`Handle::call`]. The vehicle agent and the live replay implement it, and so do closures.
pub trait EventSink: Send + 'static {
    /// Takes one event.
    fn handle_event(&mut self, station: &Station, event: Event, now: Now);
}

/// A running driver, for everyone who has something to ask of its station.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Why a driver could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The endpoint's address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The multicast group cannot be joined.
    #[error("cannot join the multicast group {group}")]
    Discovery {
        /// The group.
        group: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl<F: FnMut(&Station, Event, Now) + Send + 'static> EventSink for F {
    fn handle_event(&mut self, station: &Station, event: Event, now: Now) {
        self(station, event, now);
    }
}

impl Driver {
    /// Opens the endpoint and runs the station until [`Handle::shutdown`]; the task ends then.
    ///
    /// Must be called within a tokio runtime.
    pub fn start(
        setup: Setup,
        station: Station,
        sink: impl EventSink,
    ) -> Result<(Handle, JoinHandle<()>), StartError> {
        let config = setup.config;
        let listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let sockets = Sockets::open(&config, setup.reset_key).map_err(listen)?;
        let local = sockets.listener().endpoint.local_addr().map_err(listen)?;
        let announcer = match &config.discovery {
            Some(found_by) => {
                let announcer =
                    discovery::Announcer::open(found_by, (setup.domain, local.port()), setup.seed);
                Some(announcer.map_err(|source| StartError::Discovery {
                    group: found_by.group,
                    source,
                })?)
            }
            None => None,
        };
        info!(address = %local, "listening");
        let shared = Arc::new(Shared::new(
            (config, setup.clock, setup.seed),
            sockets,
            Core::new(station, Box::new(sink)),
        ));
        tokio::spawn(accept(shared.clone(), shared.sockets.listener()));
        shared.refresh_identity();
        for address in &shared.config.peers {
            shared.add_target(*address, Wanted::Configured);
        }
        if let Some(announcer) = announcer {
            tokio::spawn(announcer.run(shared.clone()));
        }
        let task = tokio::spawn(run(shared.clone()));
        Ok((Handle { shared }, task))
    }
}

impl Handle {
    /// Runs `work` on the station, in the caller's task, and then all that the station wants done.
    ///
    /// Keep `work` short: messages wait meanwhile. Never call it from an [`EventSink`].
    pub fn call<R>(&self, work: impl FnOnce(&mut Station, Now) -> R) -> R {
        self.shared
            .with_core(|core, now| work(&mut core.station, now))
    }

    /// Keeps up a connection to this address from now on.
    pub fn connect(&self, address: SocketAddr) {
        self.shared.add_target(address, Wanted::Asked);
    }

    /// Takes back [`Self::connect`]: the connection is given up, unless the configuration or a
    /// station on the same link names the address, too.
    pub fn disconnect(&self, address: SocketAddr) {
        self.shared.remove_target(address, Wanted::Asked);
    }

    /// The connections to whoever answers at an address that is kept up, whichever side made them;
    /// for a moment several, while a ticket changes.
    pub fn connections_to(&self, address: SocketAddr) -> Vec<PeerId> {
        self.shared
            .with_core(|core, _| core.connections_to(address))
    }

    /// The address at which the station can be reached at present.
    ///
    /// # Panics
    ///
    /// If the operating system no longer knows the socket's address.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared
            .sockets
            .listener()
            .endpoint
            .local_addr()
            .expect("an open socket has an address")
    }

    /// What the edge did and shed so far.
    pub fn counters(&self) -> Counters {
        self.shared.with_core(|core, _| core.counters)
    }

    /// The station's clocks.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Lets nobody in any more, waits until the peers have the hazards that are on their way, but
    /// no longer than `grace`, closes all connections and drops the sink.
    pub async fn shutdown(&self, grace: Duration) {
        let shared = &self.shared;
        shared.phase.send_replace(Phase::Draining);
        shared.sockets.accept_as(None);
        shared.with_core(|core, _| core.targets.clear());
        if timeout(grace, drain(shared)).await.is_err() {
            warn!("hazards were still on their way when the grace period ended");
        }
        let sockets = shared.sockets.all();
        for socket in &sockets {
            socket.close(CloseCode::Shutdown.code().into(), b"");
        }
        let idle = async {
            for socket in &sockets {
                socket.wait_idle().await;
            }
        };
        // The peers' acknowledgement is a courtesy.
        let _ = timeout(CLOSE_TIMEOUT, idle).await;
        shared.phase.send_replace(Phase::Ended);
        // Whoever listens to the sink and holds a handle would otherwise keep both alive.
        shared.with_core(|core, _| core.sink = Box::new(|_: &Station, _, _| {}));
    }
}

/// The door: accepts until the socket is closed.
pub(super) async fn accept(shared: Arc<Shared>, listener: Listener) {
    while let Some(incoming) = listener.endpoint.accept().await {
        shared.handle_incoming(incoming, listener.generation);
    }
    // Closed by us, or else lost, and nobody would get in any more.
    if shared.sockets.listener().generation == listener.generation {
        shared.phase.send_replace(Phase::Ended);
    }
}

/// The timer.
async fn run(shared: Arc<Shared>) {
    let mut phase = shared.phase.subscribe();
    let mut keys = tokio::time::interval(KEYS_CHECKED);
    loop {
        let deadline = shared.with_core(|core, _| {
            core.armed = core.station.poll_timeout();
            core.armed
        });
        let identity_until = shared.identity_until();
        tokio::select! {
            () = sleep_until(&shared.clock, deadline) => {
                shared.with_core(|core, now| {
                    core.armed = None;
                    core.station.handle_timeout(now);
                });
            }
            () = sleep_until(&shared.clock, identity_until) => shared.end_identity(),
            () = shared.timer_moved.notified() => {}
            () = shared.ticket_changed.notified() => shared.refresh_identity(),
            _ = keys.tick() => shared.change_keys(),
            _ = phase.wait_for(|phase| *phase == Phase::Ended) => return,
        }
    }
}

async fn sleep_until(clock: &Clock, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits until every hazard is acknowledged or its connection is gone.
async fn drain(shared: &Shared) {
    loop {
        let (streams, waiting) = shared.with_core(|core, _| {
            let mut streams = Vec::new();
            let mut waiting = 0;
            for peer in core.peers.values_mut() {
                streams.append(&mut peer.outbox.take_unacknowledged());
                waiting += peer.outbox.waiting();
            }
            (streams, waiting)
        });
        if streams.is_empty() && waiting == 0 {
            return;
        }
        for stream in &streams {
            let _ = stream.stopped().await;
        }
        if waiting > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}

/// How often the age of packet keys is looked at.
const KEYS_CHECKED: Duration = Duration::from_secs(30);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const DRAIN_POLL: Duration = Duration::from_millis(10);
