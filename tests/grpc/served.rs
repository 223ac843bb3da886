//! An agent's services in this process, with a clock that the test moves.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};
use tokio_stream::{StreamExt, wrappers::UnixListenerStream};
use tonic::{
    Status,
    transport::{Channel, Endpoint, server::Connected},
};
use tonic_types::StatusExt;
use vehicle_agent::{
    Role,
    grpc::{About, Agent, Bench, Exposure, Hub, Services},
};
use wayside::{
    geo::Position,
    id::{ActionId, DomainId, StationId},
    message::{Cause, Telemetry},
    pipeline::{self, Event, GenerationRule, HazardReport, OwnState, Station},
    risk::Assessor,
    rpc::types::v1 as wire,
    security::{Class, SlotClock},
    serve::{Caller, CallerIdentity, Limits},
    sim::{Cast, Seed},
    telemetry::Metrics,
    time::{Now, Timestamp},
    transport::{Clock, Config, Driver, Handle, Setup},
    units::{Heading, Speed},
};

/// A running agent, and a neighbour who speaks without a network.
pub(super) struct Served {
    pub(super) handle: Handle,
    pub(super) clock: Clock,
    pub(super) services: Services,
    pub(super) metrics: Arc<Metrics>,
    cast: Cast,
    folder: TempDir,
}

/// Another vehicle, whose signed messages the test hands over itself.
pub(super) struct Neighbour {
    station: Station,
    said: u32,
}

impl Served {
    /// An agent that may sign.
    pub(super) async fn start() -> Self {
        Self::with(Limits::default(), |_| None).await
    }

    /// The same, with these limits and perhaps with a drive.
    pub(super) async fn with(limits: Limits, bench: impl FnOnce(&Clock) -> Option<Bench>) -> Self {
        let start = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
        let clock = Clock::drive(start, 1.0);
        let end = start.saturating_add(Duration::from_secs(3_600));
        let slots = SlotClock::from_length_s(300).unwrap();
        let cast = Cast::new(Seed(7), slots, start, end);
        let hub = Hub::new();
        let metrics = Arc::new(Metrics::new("0.0.0"));
        let handle = drive(&cast, &clock, hub.clone());
        let served = Self {
            services: Services::start(Agent {
                handle: handle.clone(),
                hub,
                limits,
                metrics: Arc::clone(&metrics),
                assessor: Assessor::default(),
                about: About {
                    name: "vehicle-agent".into(),
                    version: "0.0.0".into(),
                    ..About::default()
                },
                config: Arc::new(|| "version = \"v1\"\n".to_owned()),
                bench: bench(&clock),
                records: None,
                speaking: None,
                roadside: None,
            }),
            handle,
            metrics,
            clock,
            cast,
            folder: tempfile::tempdir().unwrap(),
        };
        let can_sign = || {
            let readiness = |station: &mut Station, now| station.readiness(now).can_sign();
            served.handle.call(readiness)
        };
        eventually(can_sign).await;
        served
    }

    /// Connects as somebody with this role.
    pub(super) async fn connect(&self, role: Option<Role>) -> Channel {
        self.connect_as(caller(1_000, role), true).await
    }

    /// Opens a door for one caller and connects through it.
    pub(super) async fn connect_as(&self, caller: Caller<Role>, reflection: bool) -> Channel {
        let path = self.open_door(caller, reflection);
        Endpoint::from_shared(format!("unix:{}", path.display()))
            .unwrap()
            .initial_stream_window_size(SMALL_WINDOW)
            .initial_connection_window_size(SMALL_WINDOW)
            .connect()
            .await
            .unwrap()
    }

    /// Listens for one caller at a socket of its own.
    pub(super) fn open_door(&self, caller: Caller<Role>, reflection: bool) -> PathBuf {
        let number = std::fs::read_dir(self.folder.path()).unwrap().count();
        let path = self.folder.path().join(format!("{number}.sock"));
        let listener = UnixListener::bind(&path).unwrap();
        let incoming = UnixListenerStream::new(listener).map(move |stream| {
            let caller = caller.clone();
            stream.map(|stream| Door { stream, caller })
        });
        let services = self.services.clone();
        tokio::spawn(async move {
            services
                .serve(incoming, Exposure { reflection }, std::future::pending())
                .await
        });
        path
    }

    /// Lets time pass.
    pub(super) fn pass(&self, duration: Duration) {
        let now = self.clock.now().timestamp;
        self.clock.seek(now.saturating_add(duration));
    }

    /// Another vehicle of the same trust domain.
    pub(super) fn neighbour(&self, name: &str) -> Neighbour {
        Neighbour {
            station: station(&self.cast, name, self.clock.now()),
            said: 0,
        }
    }

    /// Hears the neighbour say where it is, 100 ms after it did so last.
    pub(super) fn hear(&self, neighbour: &mut Neighbour) -> StationId {
        self.pass(Duration::from_millis(100));
        let now = self.clock.now();
        let message = neighbour.speak(now);
        self.handle
            .call(|station, now| station.handle_message(message, now));
        neighbour.station.station().unwrap()
    }

    /// Hears the neighbour report a breakdown.
    pub(super) fn hear_breakdown(&self, neighbour: &mut Neighbour) -> ActionId {
        let now = self.clock.now();
        let mut report = HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN);
        report.position = Some(here());
        let action = neighbour.station.report_hazard(report, now).unwrap();
        let message = neighbour.published().unwrap();
        self.handle
            .call(|station, now| station.handle_message(message, now));
        action
    }
}

impl Neighbour {
    /// Drives on north by a metre and says so.
    fn speak(&mut self, now: Now) -> Bytes {
        self.said += 1;
        let north_e7 = i32::try_from(self.said).unwrap() * 90;
        let telemetry = Telemetry {
            speed: Speed::from_m_per_s(10.0),
            heading: Some(Heading::NORTH),
            ..Telemetry::at(Position::from_e7(480_000_000 + north_e7, 110_000_000).unwrap())
        };
        let state = OwnState {
            telemetry,
            measured: now.timestamp,
        };
        self.published();
        self.station.handle_state(state, now).unwrap();
        self.published().unwrap()
    }

    /// Drains its events, and returns the message it said last.
    fn published(&mut self) -> Option<Bytes> {
        let mut said = None;
        while let Some(event) = self.station.poll_event() {
            if let Event::Reserve(reservation) = event {
                self.station.handle_reserved(reservation);
            } else if let Event::Published { bytes, .. } = event {
                said = Some(bytes);
            }
        }
        said
    }
}

/// Somebody on this machine.
pub(super) fn caller(user: u32, role: Option<Role>) -> Caller<Role> {
    Caller {
        identity: CallerIdentity::LocalUser { user, group: 1_000 },
        role,
    }
}

/// A state that a driving stack may publish.
pub(super) fn state(speed_m_per_s: f64) -> wire::VehicleState {
    wire::VehicleState {
        position: Some(wire::Position {
            latitude_deg: Some(here().latitude_deg()),
            longitude_deg: Some(here().longitude_deg()),
            altitude_m: None,
        }),
        speed_m_per_s: Some(speed_m_per_s),
        ..wire::VehicleState::default()
    }
}

pub(super) fn here() -> Position {
    Position::from_e7(480_000_000, 110_000_000).unwrap()
}

/// The reason in an error's `ErrorInfo`.
pub(super) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "wayside.dev");
    info.reason
}

/// The fields that an error's `BadRequest` names.
pub(super) fn fields(status: &Status) -> Vec<String> {
    let bad = status.get_details_bad_request().unwrap();
    let violations = bad.field_violations.into_iter();
    violations.map(|violation| violation.field).collect()
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

fn station(cast: &Cast, name: &str, now: Now) -> Station {
    let config = pipeline::Config {
        generation: GenerationRule::Fixed {
            interval: Duration::from_millis(100),
        },
        ..pipeline::Config::default()
    };
    let wallet = cast.wallet(name, Class::Car);
    Station::new(config, cast.domain(), wallet, &[], now)
}

/// Runs the agent's station, whose disk keeps reservations at once.
fn drive(cast: &Cast, clock: &Clock, hub: Hub) -> Handle {
    let (reservations, mut to_keep) = mpsc::unbounded_channel();
    let sink = move |_: &Station, event: Event, _: Now| {
        hub.handle_event(&event);
        if let Event::Reserve(reservation) = event {
            let _ = reservations.send(reservation);
        }
    };
    let setup = Setup {
        config: Config {
            listen: ([127, 0, 0, 1], 0).into(),
            ..Config::default()
        },
        clock: clock.clone(),
        domain: DomainId(1),
        seed: 7,
        reset_key: None,
    };
    let own = station(cast, "own", clock.now());
    let (handle, _) = Driver::start(setup, own, sink).unwrap();
    let disk = handle.clone();
    tokio::spawn(async move {
        while let Some(reservation) = to_keep.recv().await {
            disk.call(|station, _| station.handle_reserved(reservation));
        }
    });
    handle
}

/// A connection that knows who is at its other end.
struct Door {
    stream: UnixStream,
    caller: Caller<Role>,
}

impl Connected for Door {
    type ConnectInfo = Caller<Role>;

    fn connect_info(&self) -> Caller<Role> {
        self.caller.clone()
    }
}

impl AsyncRead for Door {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Door {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The least that HTTP/2 knows, so that a client that does not read is soon full.
const SMALL_WINDOW: u32 = 65_535;
const PATIENCE: Duration = Duration::from_secs(30);
