//! Cars that cost the machine little, so that a unit can have many of them.
//!
//! They share an endpoint, sign what they say, and only count what they are told: what a car pays for
//! that, `wayside bench agents` measures.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime, VarInt};
use socket2::{Domain, Protocol, Socket, Type};
use wayside::{
    geo::Offset,
    link::{self, ControlFrame, HelloFrame, Link, PROTOCOL_VERSION, TicketBytes, Transmit},
    message::{Message, Telemetry},
    relay::{Interest, InterestArea, Notice},
    security::{Signed, Signer, SignerConfig},
    time::{Now, Timestamp},
    transport::Clock,
};

use super::part::Part;
use crate::bench::{
    agents::tls,
    stage::{Log, Stage},
    station::name_of,
    traffic::{INTERVAL, Traffic},
};

/// Cars that say where they are three times a second, and want to hear of 17 others.
pub(super) async fn rows(part: &Part) -> anyhow::Result<Stage> {
    let interest = Interest {
        areas: vec![InterestArea::Around {
            radius_m: NEIGHBOURS_WITHIN_M,
        }],
        telemetry: true,
        hazards: true,
        ..Interest::default()
    };
    let mut fleet = Fleet::connect(part, &interest).await?;
    let (log, count) = (fleet.log.clone(), fleet.count.clone());
    Ok(Stage {
        kept: Box::new(fleet.endpoint.clone()),
        publish: Some(Box::new(move |car| fleet.speak(car, true))),
        pace: (part.cars, SPEAK_EVERY),
        count,
        ..Stage::of(log)
    })
}

/// Cars that say where they are a thousand times a second each.
pub(super) async fn junk(part: &Part) -> anyhow::Result<Stage> {
    let mut fleet = Fleet::connect(part, &Interest::default()).await?;
    let count: Arc<AtomicU64> = Arc::default();
    let counted = count.clone();
    Ok(Stage {
        kept: Box::new(fleet.endpoint.clone()),
        publish: Some(Box::new(move |car| {
            for _ in 0..JUNK_AT_ONCE {
                fleet.speak(car, false);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })),
        pace: (part.cars, JUNK_EVERY),
        count,
        ..Stage::of(Log::default())
    })
}

/// A car that says what it said just now again and again, a hundred times a millisecond.
pub(super) async fn flooder(part: &Part) -> anyhow::Result<Stage> {
    let mut fleet = Fleet::new(part)?;
    let unit = part.unit.context("a unit")?;
    let nothing = Interest::default();
    let flooder = fleet.car(FLOODER, 0, (unit, &nothing)).await?;
    fleet.cars.push(flooder);
    let count: Arc<AtomicU64> = Arc::default();
    let counted = count.clone();
    Ok(Stage {
        kept: Box::new(fleet.endpoint.clone()),
        publish: Some(Box::new(move |_| {
            counted.store(fleet.flood(), Ordering::Relaxed);
        })),
        pace: (1, FLOOD_EVERY),
        count,
        ..Stage::of(Log::default())
    })
}

/// Cars that come, speak ten times in a second and go; each is another one.
pub(super) fn churn(part: &Part) -> anyhow::Result<Stage> {
    let unit = part.unit.context("a unit")?;
    let fleet = Arc::new(Fleet::new(part)?);
    let count: Arc<AtomicU64> = Arc::default();
    let visits = count.clone();
    let mut next = 0;
    Ok(Stage {
        kept: Box::new(fleet.endpoint.clone()),
        publish: Some(Box::new(move |_| {
            let (fleet, visits, number) = (fleet.clone(), visits.clone(), next);
            next += 1;
            tokio::spawn(async move {
                // Whoever is not let in shows as a car that never was there.
                if fleet.visit(number, unit).await.is_ok() {
                    visits.fetch_add(1, Ordering::Relaxed);
                }
            });
        })),
        pace: (1, COME_EVERY),
        count,
        ..Stage::of(Log::default())
    })
}

struct Fleet {
    endpoint: Endpoint,
    traffic: Traffic,
    clock: Clock,
    cars: Vec<Car>,
    log: Log,
    /// Messages that the cars were told.
    count: Arc<AtomicU64>,
}

struct Car {
    signer: Signer,
    link: Link,
    connection: Connection,
}

impl Fleet {
    /// Cars of which none is connected.
    fn new(part: &Part) -> anyhow::Result<Self> {
        let start = Timestamp::from_unix_ms(part.start_unix_ms).context("a moment in range")?;
        Ok(Self {
            endpoint: endpoint()?,
            traffic: Traffic::placed(start, (0..part.cars).map(place))?,
            clock: Clock::system(),
            cars: Vec::new(),
            log: Log::default(),
            count: Arc::default(),
        })
    }

    /// Connects all cars to the unit, and tells it what they want to hear.
    async fn connect(part: &Part, interest: &Interest) -> anyhow::Result<Self> {
        let mut fleet = Self::new(part)?;
        let unit = part.unit.context("a unit")?;
        for number in 0..part.cars {
            let car = fleet.car(number, number, (unit, interest)).await?;
            fleet.cars.push(car);
        }
        Ok(fleet)
    }

    /// Connects a car, which drives in a lane.
    async fn car(
        &self,
        number: usize,
        lane: usize,
        (unit, interest): (SocketAddr, &Interest),
    ) -> anyhow::Result<Car> {
        let now = self.clock.now();
        let wallet = self.traffic.wallet(number);
        let own = wallet.credential_at(now.timestamp).context("a ticket")?;
        let config = tls::client(Some(&own.key().to_seed()))?;
        let connecting = self.endpoint.connect_with(config, unit, "bench.invalid")?;
        let connection = connecting.await?;
        let telemetry = self.traffic.telemetry(lane, now.timestamp);
        let interest = Interest {
            place: telemetry.map(|it| it.position),
            ..interest.clone()
        };
        let mut link = Link::new(link::Config::default(), now);
        link.queue_control(&ControlFrame::Hello(HelloFrame {
            version: PROTOCOL_VERSION,
            ticket: TicketBytes::Vehicle(Box::new(*own.ticket().as_bytes())),
        }));
        let wanted = Notice::Interest(interest).encode();
        link.queue_control(&ControlFrame::Roadside(wanted));
        while let Some(transmit) = link.poll_transmit(now) {
            if let Transmit::Control(frame) = transmit {
                let (mut stream, _) = connection.open_bi().await?;
                stream.write_all(&frame).await?;
                stream.finish()?;
            }
        }
        tokio::spawn(count_messages(connection.clone(), self.count.clone()));
        tokio::spawn(read_control(connection.clone()));
        Ok(Car {
            signer: Signer::new(SignerConfig::default(), wallet, &[], now),
            link,
            connection,
        })
    }

    /// Has a car say where it is; written down, if it is to arrive.
    fn speak(&mut self, number: usize, is_noted: bool) {
        let now = self.clock.now();
        let telemetry = self.traffic.telemetry(number, now.timestamp);
        let (Some(telemetry), Some(car)) = (telemetry, self.cars.get_mut(number)) else {
            return;
        };
        let Some(signed) = car.sign(telemetry, now) else {
            return;
        };
        if is_noted {
            self.log
                .note(name_of(signed.station), now.timestamp.unix_ms());
        }
        car.send(signed, now);
    }

    /// Has the first car say the same many times; how many datagrams it has sent so far.
    fn flood(&mut self) -> u64 {
        let now = self.clock.now();
        let telemetry = self.traffic.telemetry(0, now.timestamp);
        let (Some(telemetry), Some(car)) = (telemetry, self.cars.first_mut()) else {
            return 0;
        };
        if let Some(signed) = car.sign(telemetry, now)
            && let Ok(len) = u16::try_from(signed.bytes.len())
        {
            let datagram = Bytes::from([&len.to_be_bytes()[..], &signed.bytes].concat());
            for _ in 0..FLOOD_AT_ONCE {
                // What the network does not take is not counted below.
                let _ = car.connection.send_datagram(datagram.clone());
            }
        }
        car.connection.stats().frame_tx.datagram
    }

    /// Has a car that nobody saw before come, speak and go.
    async fn visit(&self, number: usize, unit: SocketAddr) -> anyhow::Result<()> {
        let interest = Interest {
            telemetry: true,
            hazards: true,
            ..Interest::default()
        };
        let lane = number % self.traffic.lanes();
        let mut car = self.car(number, lane, (unit, &interest)).await?;
        for _ in 0..WORDS {
            let now = self.clock.now();
            if let Some(telemetry) = self.traffic.telemetry(lane, now.timestamp)
                && let Some(signed) = car.sign(telemetry, now)
            {
                car.send(signed, now);
            }
            tokio::time::sleep(INTERVAL).await;
        }
        car.connection.close(VarInt::from_u32(0), b"");
        Ok(())
    }
}

impl Car {
    fn sign(&mut self, telemetry: Telemetry, now: Now) -> Option<Signed> {
        while let Some(reservation) = self.signer.poll_reservation() {
            self.signer.handle_reserved(reservation);
        }
        let message = Message::Telemetry(telemetry);
        self.signer.sign(&message, now.timestamp, now).ok()
    }

    fn send(&mut self, signed: Signed, now: Now) {
        let expires = now.instant + EXPIRY;
        self.link
            .queue_telemetry(signed.station, (signed.bytes, 0), expires, now);
        while let Some(transmit) = self.link.poll_transmit(now) {
            if let Transmit::Datagram(bytes) = transmit {
                // A connection that is gone shows as messages that nobody hears.
                let _ = self.connection.send_datagram(bytes);
            }
        }
    }
}

/// The cars' endpoint. What a unit tells a thousand cars in one tick comes to this one socket, which with
/// the usual buffer loses half of it while the process waits for the processor.
fn endpoint() -> anyhow::Result<Endpoint> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(SOCKET_BUFFER_LEN)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_LEN)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let config = EndpointConfig::default();
    let runtime = Arc::new(TokioRuntime);
    Ok(Endpoint::new(config, None, socket.into(), runtime)?)
}

/// A datagram holds messages, each after two bytes: four bits of hops, and twelve of its length.
async fn count_messages(connection: Connection, count: Arc<AtomicU64>) {
    while let Ok(datagram) = connection.read_datagram().await {
        let mut rest = &datagram[..];
        while let Some((head, messages)) = rest.split_first_chunk() {
            let len = usize::from(u16::from_be_bytes(*head) & 0x0fff);
            rest = messages.get(len..).unwrap_or_default();
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Takes what the unit says besides, so that it can go on.
async fn read_control(connection: Connection) {
    while let Ok((_, mut stream)) = connection.accept_bi().await {
        // Whatever it is, these cars do not need it.
        let _ = stream.read_to_end(CONTROL_LEN_MAX).await;
    }
}

/// Cars in rows of a hundred: gaps of 30 m and 10 m in turns, so that 17 others are within 175 m of
/// each, but for those at the ends; the rows hear nothing of each other.
fn place(car: usize) -> Offset {
    let (row, column) = (car / ROW_LEN, car % ROW_LEN);
    let gap_m = if column % 2 == 0 { 0.0 } else { 30.0 };
    Offset {
        east_m: (column / 2) as f64 * 40.0 + gap_m,
        north_m: row as f64 * ROW_GAP_M,
    }
}

/// As much as Linux lets be asked for by default, where that was raised for servers.
const SOCKET_BUFFER_LEN: usize = 4 * 1_024 * 1_024;
const ROW_LEN: usize = 100;
const ROW_GAP_M: f64 = 400.0;
const NEIGHBOURS_WITHIN_M: u32 = 175;
/// What the rule of EN 302 637-2 amounts to in town.
const SPEAK_EVERY: Duration = Duration::from_millis(333);
const JUNK_EVERY: Duration = Duration::from_millis(10);
const JUNK_AT_ONCE: usize = 10;
/// None of the numbers that honest cars have.
const FLOODER: usize = 1_000_000;
const FLOOD_EVERY: Duration = Duration::from_millis(1);
const FLOOD_AT_ONCE: usize = 100;
const COME_EVERY: Duration = Duration::from_millis(10);
/// What each car that comes says.
const WORDS: usize = 10;
const EXPIRY: Duration = Duration::from_millis(500);
const CONTROL_LEN_MAX: usize = 16 * 1_024;
