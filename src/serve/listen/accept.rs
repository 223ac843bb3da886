use std::{io, sync::Arc, time::Duration};

use rustix::{io::Errno, process::geteuid};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::{
    connection::{Connection, Stream},
    tls::{self, Tls},
};
use crate::serve::{Caller, CallerIdentity, GrpcConfig, Role, RoleConfig};

/// What both doors have: a bound, the role map, and the way in.
pub(super) struct Door<R> {
    places: Arc<Semaphore>,
    roles: Arc<RoleConfig<R>>,
    handshake_timeout: Duration,
    passed: mpsc::Sender<Connection<R>>,
}

impl<R> Clone for Door<R> {
    fn clone(&self) -> Self {
        Self {
            places: Arc::clone(&self.places),
            roles: Arc::clone(&self.roles),
            handshake_timeout: self.handshake_timeout,
            passed: self.passed.clone(),
        }
    }
}

/// Lets local processes in.
pub(super) struct UnixDoor<R> {
    listener: UnixListener,
    door: Door<R>,
}

/// Lets clients with a certificate in, or anybody where there is no TLS.
pub(super) struct TcpDoor<R> {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    door: Door<R>,
}

impl<R: Role> Door<R> {
    pub(super) fn new(config: &GrpcConfig<R>, passed: mpsc::Sender<Connection<R>>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.connections_max.get())),
            roles: Arc::new(config.roles.clone()),
            handshake_timeout: config.handshake_timeout,
            passed,
        }
    }

    /// Waits for a place; `None` once the daemon ends.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    async fn pass(&self, stream: Stream, identity: CallerIdentity, place: OwnedSemaphorePermit) {
        let caller = Caller::new(identity, &self.roles, geteuid().as_raw());
        debug!(caller = %caller.identity, role = ?caller.role, "gRPC client connected");
        // Fails only while the daemon ends.
        let _ = self
            .passed
            .send(Connection::new(stream, caller, place))
            .await;
    }
}

impl<R: Role> UnixDoor<R> {
    pub(super) fn new(listener: UnixListener, door: Door<R>) -> Self {
        Self { listener, door }
    }

    pub(super) async fn run(self) {
        while let Some(place) = self.door.place().await {
            let (stream, _) = accept(|| self.listener.accept()).await;
            self.greet(stream, place).await;
        }
    }

    async fn greet(&self, stream: UnixStream, place: OwnedSemaphorePermit) {
        match stream.peer_cred() {
            Ok(credentials) => {
                let identity = CallerIdentity::LocalUser {
                    user: credentials.uid(),
                    group: credentials.gid(),
                };
                self.door.pass(Stream::Unix(stream), identity, place).await;
            }
            Err(error) => warn!(%error, "refused a local process without credentials"),
        }
    }
}

impl<R: Role> TcpDoor<R> {
    pub(super) fn new(listener: TcpListener, tls: Option<Arc<Tls>>, door: Door<R>) -> Self {
        Self {
            listener,
            tls,
            door,
        }
    }

    pub(super) async fn run(self) {
        while let Some(place) = self.door.place().await {
            let (stream, _) = accept(|| self.listener.accept()).await;
            if let Err(error) = stream.set_nodelay(true) {
                debug!(%error, "a client went before it was greeted");
                continue;
            }
            let (tls, door) = (self.tls.clone(), self.door.clone());
            // One slow handshake must not keep others waiting.
            tokio::spawn(async move {
                match tls {
                    Some(tls) => greet_by_tls(stream, &tls, &door, place).await,
                    None => {
                        door.pass(Stream::Tcp(stream), CallerIdentity::Loopback, place)
                            .await
                    }
                }
            });
        }
    }
}

async fn greet_by_tls<R: Role>(
    stream: TcpStream,
    tls: &Tls,
    door: &Door<R>,
    place: OwnedSemaphorePermit,
) {
    match timeout(door.handshake_timeout, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => {
            let identity = tls::identity(&stream, &door.roles);
            door.pass(Stream::Tls(Box::new(stream)), identity, place)
                .await;
        }
        Ok(Err(error)) => debug!(%error, "refused a gRPC client at its handshake"),
        Err(_) => debug!("a gRPC client took too long for its handshake"),
    }
}

/// Accepts the next connection, however often that fails first.
pub(super) async fn accept<T, A>(mut next: impl FnMut() -> A) -> T
where
    A: Future<Output = io::Result<T>>,
{
    let mut pause = PAUSE_MIN;
    loop {
        match next().await {
            Ok(accepted) => return accepted,
            Err(error) if is_shortage(&error) => {
                warn!(%error, "cannot accept gRPC clients for now");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            // Errors of the one connection that was to be accepted (accept(2)).
            Err(error) => debug!(%error, "a gRPC client went before it was accepted"),
        }
    }
}

/// Whether trying again at once would fail again.
fn is_shortage(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|shortage| error.raw_os_error() == Some(shortage.raw_os_error()))
}

const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
