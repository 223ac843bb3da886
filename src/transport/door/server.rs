use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tracing::debug;

use super::{
    DoorRefusal, DoorRequest, ServerConfig,
    frame::answer_to_bytes,
    rate::Rates,
    tls::{renewed, server_config},
};
use crate::{
    crypto::SigningKey,
    security::UnitCertificate,
    transport::{
        StartError,
        quic::open_endpoint,
        strangers::{Place, Strangers},
    },
};

/// A unit's open door.
///
/// Dropping it closes every connection at once, and so does [`Self::shutdown`]: a car whose answer was
/// on its way asks again elsewhere.
pub struct Server {
    endpoint: Endpoint,
    address: SocketAddr,
    common: Arc<Common>,
    accepting: JoinHandle<()>,
}

/// Who a unit is to cars.
pub struct DoorIdentity {
    /// The unit's own key, which it proves in the handshake.
    pub key: SigningKey,
    /// Its operator's word for that key.
    pub certificate: UnitCertificate,
}

/// What has passed a door since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ServerCounters {
    /// Connections whose handshake was done.
    pub accepted: u64,
    /// Connections refused or ignored, as too many were open, or whose handshake failed.
    pub refused: u64,
    /// Requests that the handler answered or refused.
    pub handled: u64,
    /// Requests refused by the rate of their source.
    pub rate_limited: u64,
    /// Requests that were too long, too slow or malformed, and answers that were not taken.
    pub cut: u64,
    /// The keys that are in use now: the newest, and each before it while a connection lasts that was
    /// begun with it.
    pub keys: u64,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    handled: AtomicU64,
    rate_limited: AtomicU64,
    cut: AtomicU64,
    keys: AtomicU64,
}

/// What all connections of a door share, whoever answers.
struct Common {
    current: ArcSwap<Current>,
    rates: Mutex<Rates>,
    counters: Arc<Counts>,
    /// Places in a handshake, of which one network has half.
    handshakes: Strangers,
    /// Places of connections, of which one network has half.
    connections: Strangers,
    /// Room for long requests, in pieces of [`PIECE_LEN`].
    room: Semaphore,
}

/// What a connection holds on to from its handshake to its end: a unit that changes its key goes on
/// with the old one wherever that was shown.
pub(super) struct Current {
    config: ServerConfig,
    pub(super) tls: Arc<quinn::ServerConfig>,
    certificate: Bytes,
    counters: Arc<Counts>,
}

struct Shared<H> {
    common: Arc<Common>,
    handler: H,
}

impl Server {
    /// Opens the door; each request is handed to `handler`, several at one time.
    ///
    /// An answer must fit what cars bear ([`ClientConfig::answer_bytes_max`](super::ClientConfig)).
    /// Must be called within a tokio runtime.
    pub fn start<H, F>(
        config: ServerConfig,
        identity: &DoorIdentity,
        handler: H,
    ) -> Result<Self, StartError>
    where
        H: Fn(DoorRequest) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Bytes, DoorRefusal>> + Send + 'static,
    {
        let listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let tls = server_config(&identity.key, &config)
            .map_err(|error| listen(io::Error::other(error)))?;
        let endpoint = open_endpoint(config.listen, None).map_err(listen)?;
        endpoint.set_server_config(Some(tls.clone()));
        let address = endpoint.local_addr().map_err(listen)?;
        let counters = Arc::new(Counts::default());
        let rates = Mutex::new(Rates::new(config.requests_per_s.get()));
        let now = Instant::now();
        let handshakes = Strangers::new(config.handshakes_max, now);
        let connections = Strangers::new(config.connections_max, now);
        let current = Current::new(config, tls, identity, &counters);
        let common = Arc::new(Common {
            current: ArcSwap::from_pointee(current),
            rates,
            counters,
            handshakes,
            connections,
            room: Semaphore::new(ROOM_LEN / PIECE_LEN),
        });
        let shared = Arc::new(Shared {
            common: Arc::clone(&common),
            handler,
        });
        let accepting = tokio::spawn(accept(endpoint.clone(), shared));
        Ok(Self {
            endpoint,
            address,
            common,
            accepting,
        })
    }

    /// Takes another key with its certificate, and other bounds, for all who connect from now on. What
    /// is connected stays as it is, and nothing is lost.
    ///
    /// The address stays, whatever the configuration says. If this fails, everything stays as it was.
    pub fn reload(&self, config: ServerConfig, identity: &DoorIdentity) -> Result<(), StartError> {
        let before = self.common.current.load_full();
        let tls =
            renewed(&before.tls, &identity.key, &config).map_err(|error| StartError::Listen {
                address: self.address,
                source: io::Error::other(error),
            })?;
        // A bucket is whole whenever the lock is free.
        let rates = &self.common.rates;
        rates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .set_rate(config.requests_per_s.get());
        self.common.handshakes.set_max(config.handshakes_max);
        self.common.connections.set_max(config.connections_max);
        let current = Current::new(config, tls.clone(), identity, &self.common.counters);
        self.common.current.store(Arc::new(current));
        self.endpoint.set_server_config(Some(tls));
        Ok(())
    }

    /// Where cars connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed so far.
    pub fn counters(&self) -> ServerCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ServerCounters {
            accepted: read(&self.common.counters.accepted),
            refused: read(&self.common.counters.refused),
            handled: read(&self.common.counters.handled),
            rate_limited: read(&self.common.counters.rate_limited),
            cut: read(&self.common.counters.cut),
            keys: read(&self.common.counters.keys),
        }
    }

    #[cfg(test)]
    pub(super) fn current(&self) -> Arc<Current> {
        self.common.current.load_full()
    }

    /// Lets nobody in any more, closes the connections, and waits until all cars know, at most
    /// `grace`.
    pub async fn shutdown(self, grace: Duration) {
        self.endpoint.set_server_config(None);
        self.accepting.abort();
        self.endpoint.close(VarInt::from_u32(CLOSE_SHUTDOWN), b"");
        // Whoever does not answer until then is gone as well.
        let _ = timeout(grace, self.endpoint.wait_idle()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.endpoint.close(VarInt::from_u32(CLOSE_SHUTDOWN), b"");
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl Current {
    fn new(
        config: ServerConfig,
        tls: quinn::ServerConfig,
        identity: &DoorIdentity,
        counters: &Arc<Counts>,
    ) -> Self {
        Counts::add(&counters.keys);
        Self {
            config,
            tls: Arc::new(tls),
            certificate: Bytes::copy_from_slice(identity.certificate.as_bytes()),
            counters: Arc::clone(counters),
        }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        self.counters.keys.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept<H, F>(endpoint: Endpoint, shared: Arc<Shared<H>>)
where
    H: Fn(DoorRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, DoorRefusal>> + Send + 'static,
{
    let common = &shared.common;
    while let Some(incoming) = endpoint.accept().await {
        let current = common.current.load_full();
        let (from, now) = (incoming.remote_address().ip(), Instant::now());
        let is_crowded = common.handshakes.len() >= current.config.retry_from
            || common.handshakes.is_busy(from, now);
        if is_crowded && !incoming.remote_address_validated() && incoming.may_retry() {
            // Whoever cannot answer there never gets as far as a handshake.
            let _ = incoming.retry();
            continue;
        }
        let Some(handshake) = common.handshakes.enter(from, now) else {
            Counts::add(&common.counters.refused);
            incoming.ignore();
            continue;
        };
        let Some(connection) = common.connections.enter(from, now) else {
            Counts::add(&common.counters.refused);
            incoming.refuse();
            continue;
        };
        let places = Places {
            handshake,
            connection,
        };
        tokio::spawn(serve(Arc::clone(&shared), current, incoming, places));
    }
}

/// What somebody holds who was let in, until it has shown who it is, and until it is gone.
struct Places {
    handshake: Place,
    connection: Place,
}

/// Serves one connection until it ends or its time is over.
async fn serve<H, F>(
    shared: Arc<Shared<H>>,
    current: Arc<Current>,
    incoming: Incoming,
    places: Places,
) where
    H: Fn(DoorRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, DoorRefusal>> + Send + 'static,
{
    let (common, config) = (&shared.common, &current.config);
    let handshake = async {
        let connecting = incoming.accept_with(Arc::clone(&current.tls)).ok()?;
        connecting.await.ok()
    };
    let connection = timeout(config.request_timeout, handshake).await;
    drop(places.handshake);
    let Ok(Some(connection)) = connection else {
        return Counts::add(&common.counters.refused);
    };
    Counts::add(&common.counters.accepted);
    let served = async {
        introduce(&connection, &current.certificate).await?;
        // Quinn allows only so many streams at one time, which bounds the tasks.
        while let Ok((send, receive)) = connection.accept_bi().await {
            let address = connection.remote_address().ip();
            tokio::spawn(answer(Arc::clone(&shared), address, send, receive));
        }
        Some(())
    };
    let ended = timeout(config.connection_timeout, served).await;
    debug!(late = ended.is_err(), "a car's connection ended");
    connection.close(VarInt::from_u32(CLOSE_DONE), b"");
    drop(places.connection);
}

/// The first frame: who this is.
async fn introduce(connection: &Connection, certificate: &Bytes) -> Option<()> {
    let mut stream = connection.open_uni().await.ok()?;
    stream.write_all(certificate).await.ok()?;
    stream.finish().ok()
}

/// Reads one request to its end, has it handled, and sends what comes of it.
async fn answer<H, F>(
    shared: Arc<Shared<H>>,
    address: IpAddr,
    mut send: SendStream,
    mut receive: RecvStream,
) where
    H: Fn(DoorRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, DoorRefusal>> + Send + 'static,
{
    let common = &shared.common;
    let current = common.current.load_full();
    let config = &current.config;
    let read = read_request(&mut receive, config.request_bytes_max, &common.room);
    let request = timeout(config.request_timeout, read).await.ok().flatten();
    let Some(request) = request else {
        Counts::add(&common.counters.cut);
        let _ = receive.stop(VarInt::from_u32(STREAM_CUT));
        let _ = send.reset(VarInt::from_u32(STREAM_CUT));
        return;
    };
    let answer = match common.admit(address) {
        Err(refusal) => Err(refusal),
        Ok(()) => {
            let answer = timeout(config.answer_timeout, (shared.handler)(request)).await;
            Counts::add(&common.counters.handled);
            answer.unwrap_or_else(|_| Err(late()))
        }
    };
    let sent = async {
        send.write_all(&answer_to_bytes(&answer)).await.ok()?;
        send.finish().ok()?;
        send.stopped().await.ok()
    };
    if !matches!(timeout(config.answer_timeout, sent).await, Ok(Some(None))) {
        Counts::add(&common.counters.cut);
    }
}

/// Reads one request to its end; `None` for one that is too long, malformed or cut short.
///
/// What strangers may make the unit remember at one time is bounded: short requests by their number,
/// and what goes beyond those by `room`, which is given back once the request is whole.
async fn read_request(
    receive: &mut RecvStream,
    len_max: usize,
    room: &Semaphore,
) -> Option<DoorRequest> {
    let (mut bytes, mut taken, mut permits) = (Vec::new(), PIECE_LEN, Vec::new());
    while let Some(chunk) = receive.read_chunk(PIECE_LEN, true).await.ok()? {
        let len = bytes.len() + chunk.bytes.len();
        if len > len_max {
            return None;
        }
        while len > taken {
            permits.push(room.acquire().await.ok()?);
            taken += PIECE_LEN;
        }
        bytes.extend_from_slice(&chunk.bytes);
    }
    DoorRequest::from_bytes(&bytes.into()).ok()
}

impl Common {
    fn admit(&self, address: IpAddr) -> Result<(), DoorRefusal> {
        // A bucket is whole whenever the lock is free.
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(address, Instant::now()).map_err(|wait| {
            Counts::add(&self.counters.rate_limited);
            let words = "more requests a second than this unit takes from one source";
            DoorRefusal::new(RESOURCE_EXHAUSTED, "RATE_LIMITED", words).retry_after(wait)
        })
    }
}

impl Counts {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn late() -> DoorRefusal {
    let words = "the request took longer than this unit allows";
    DoorRefusal::new(DEADLINE_EXCEEDED, "SERVER_DEADLINE", words)
}

/// So much of each request is read without asking for room.
const PIECE_LEN: usize = 32 * 1024;
/// What all requests together may take beyond that while they are read.
const ROOM_LEN: usize = 64 * 1024 * 1024;
/// Numbers of `google.rpc.Code`.
const DEADLINE_EXCEEDED: u8 = 4;
const RESOURCE_EXHAUSTED: u8 = 8;
/// Tells a car that its time at the door is over, or that the unit stops.
const CLOSE_DONE: u32 = 0;
const CLOSE_SHUTDOWN: u32 = 1;
/// Tells the sender of a stream that it took too long, was too long, or made no sense.
const STREAM_CUT: u32 = 1;
