use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tracing::debug;

use super::{
    DoorRefusal, DoorRequest, ServerConfig, frame::answer_to_bytes, rate::Rates, tls::server_config,
};
use crate::{
    crypto::SigningKey,
    security::UnitCertificate,
    transport::{StartError, quic::open_endpoint},
};

/// A unit's open door.
///
/// Dropping it closes every connection at once, and so does [`Self::shutdown`]: a car whose answer was
/// on its way asks again elsewhere.
pub struct Server {
    endpoint: Endpoint,
    address: SocketAddr,
    counters: Arc<Counts>,
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
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    handled: AtomicU64,
    rate_limited: AtomicU64,
    cut: AtomicU64,
}

/// What all connections of a door share.
struct Shared<H> {
    config: ServerConfig,
    certificate: Bytes,
    handler: H,
    rates: Mutex<Rates>,
    counters: Arc<Counts>,
    handshakes: AtomicUsize,
    connections: AtomicUsize,
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
        let endpoint = open_endpoint(config.listen).map_err(listen)?;
        endpoint.set_server_config(Some(tls));
        let address = endpoint.local_addr().map_err(listen)?;
        let counters = Arc::new(Counts::default());
        let shared = Arc::new(Shared {
            rates: Mutex::new(Rates::new(config.requests_per_s.get())),
            certificate: Bytes::copy_from_slice(identity.certificate.as_bytes()),
            handler,
            counters: Arc::clone(&counters),
            handshakes: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            config,
        });
        let accepting = tokio::spawn(accept(endpoint.clone(), shared));
        Ok(Self {
            endpoint,
            address,
            counters,
            accepting,
        })
    }

    /// Where cars connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed so far.
    pub fn counters(&self) -> ServerCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ServerCounters {
            accepted: read(&self.counters.accepted),
            refused: read(&self.counters.refused),
            handled: read(&self.counters.handled),
            rate_limited: read(&self.counters.rate_limited),
            cut: read(&self.counters.cut),
        }
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

async fn accept<H, F>(endpoint: Endpoint, shared: Arc<Shared<H>>)
where
    H: Fn(DoorRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, DoorRefusal>> + Send + 'static,
{
    while let Some(incoming) = endpoint.accept().await {
        let handshakes = shared.handshakes.load(Ordering::Relaxed);
        let is_full = shared.connections.load(Ordering::Relaxed) >= shared.config.connections_max;
        if is_full || handshakes >= shared.config.handshakes_max {
            Counts::add(&shared.counters.refused);
            if is_full {
                incoming.refuse();
            } else {
                incoming.ignore();
            }
        } else if handshakes >= shared.config.retry_from
            && !incoming.remote_address_validated()
            && incoming.may_retry()
        {
            // Whoever cannot answer there never gets as far as a handshake.
            let _ = incoming.retry();
        } else {
            shared.handshakes.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(Arc::clone(&shared), incoming));
        }
    }
}

/// Serves one connection until it ends or its time is over.
async fn serve<H, F>(shared: Arc<Shared<H>>, incoming: Incoming)
where
    H: Fn(DoorRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, DoorRefusal>> + Send + 'static,
{
    let config = &shared.config;
    let handshake = async { incoming.accept().ok()?.await.ok() };
    let connection = timeout(config.request_timeout, handshake).await;
    shared.handshakes.fetch_sub(1, Ordering::Relaxed);
    let Ok(Some(connection)) = connection else {
        return Counts::add(&shared.counters.refused);
    };
    Counts::add(&shared.counters.accepted);
    shared.connections.fetch_add(1, Ordering::Relaxed);
    let served = async {
        introduce(&connection, &shared.certificate).await?;
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
    shared.connections.fetch_sub(1, Ordering::Relaxed);
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
    let config = &shared.config;
    let read = timeout(
        config.request_timeout,
        receive.read_to_end(config.request_bytes_max),
    );
    let request = match read.await {
        Ok(Ok(bytes)) => DoorRequest::from_bytes(&bytes.into()).ok(),
        Ok(Err(_)) | Err(_) => None,
    };
    let Some(request) = request else {
        Counts::add(&shared.counters.cut);
        let _ = receive.stop(VarInt::from_u32(STREAM_CUT));
        let _ = send.reset(VarInt::from_u32(STREAM_CUT));
        return;
    };
    let answer = match shared.admit(address) {
        Err(refusal) => Err(refusal),
        Ok(()) => {
            let answer = timeout(config.answer_timeout, (shared.handler)(request)).await;
            Counts::add(&shared.counters.handled);
            answer.unwrap_or_else(|_| Err(late()))
        }
    };
    let sent = async {
        send.write_all(&answer_to_bytes(&answer)).await.ok()?;
        send.finish().ok()?;
        send.stopped().await.ok()
    };
    if !matches!(timeout(config.answer_timeout, sent).await, Ok(Some(None))) {
        Counts::add(&shared.counters.cut);
    }
}

impl<H> Shared<H> {
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

/// Numbers of `google.rpc.Code`.
const DEADLINE_EXCEEDED: u8 = 4;
const RESOURCE_EXHAUSTED: u8 = 8;
/// Tells a car that its time at the door is over, or that the unit stops.
const CLOSE_DONE: u32 = 0;
const CLOSE_SHUTDOWN: u32 = 1;
/// Tells the sender of a stream that it took too long, was too long, or made no sense.
const STREAM_CUT: u32 = 1;
