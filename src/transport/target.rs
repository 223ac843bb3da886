use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use quinn::{Connection, ConnectionError};
use thiserror::Error;
use tokio::{sync::watch, time::Instant};
use tracing::{info, warn};

use super::{
    CloseCode,
    backoff::Backoff,
    quic::SERVER_NAME,
    shared::{Attached, Origin, Phase, Shared},
};

/// Why a connection could not be dialled.
#[derive(Debug, Error)]
enum DialError {
    #[error("no ticket is valid now")]
    NoTicket,
    #[error("the address cannot be dialled: {0}")]
    Address(#[from] quinn::ConnectError),
    #[error(transparent)]
    Handshake(#[from] ConnectionError),
    #[error("no answer")]
    Timeout,
    #[error("the peer is this station, or no more connections are allowed")]
    Refused,
}

/// What a target's task waits for.
enum Wake {
    /// The connection is gone.
    Closed(ConnectionError),
    /// The pause is over.
    Dial,
    /// A new connection is wanted, as somebody whom the peer may not know.
    Anew,
    /// Nobody wants the connection any more.
    Stop,
}

/// Keeps up one outbound connection until its signal's sender is dropped; each signal asks for a
/// new connection in place of the present one.
pub(super) async fn keep_connected(
    shared: Arc<Shared>,
    address: SocketAddr,
    mut signal: watch::Receiver<u64>,
) {
    let config = &shared.config;
    let mut backoff = Backoff::new(
        config.dial_pause_min,
        config.dial_pause_max,
        shared.seed ^ hash(address),
    );
    let mut current: Option<(Connection, Instant)> = None;
    let mut is_lost = false;
    loop {
        let mut pause = None;
        match dial(&shared, address).await {
            Ok(connection) => {
                info!(%address, "connected");
                is_lost = false;
                // The new connection stands before the old one goes.
                if let Some((old, _)) = current.replace((connection, Instant::now())) {
                    CloseCode::Rotated.close(&old);
                }
            }
            Err(error) => {
                shared.with_core(|core, _| core.counters.dials_failed += 1);
                if !is_lost {
                    warn!(%address, %error, "cannot connect, will keep trying");
                    is_lost = true;
                }
                pause = Some(backoff.next_pause());
            }
        }
        loop {
            let connection = current.as_ref().map(|(connection, _)| connection);
            match wait(connection, pause, &mut signal).await {
                Wake::Dial => break,
                Wake::Anew => {
                    backoff.reset();
                    break;
                }
                Wake::Stop => return stop(&shared, connection),
                Wake::Closed(reason) => {
                    info!(%address, %reason, "disconnected");
                    if let Some((_, since)) = current.take() {
                        backoff.handle_end(since.elapsed());
                    }
                    pause = Some(backoff.next_pause());
                }
            }
        }
    }
}

/// Dials and enters the connection; if the peer's own connection to us stays instead, returns that.
async fn dial(shared: &Arc<Shared>, address: SocketAddr) -> Result<Connection, DialError> {
    let (dialer, client, identity) = shared
        .with_core(|core, _| {
            let identity = core.identity.as_ref()?;
            let dialer = core.dialer.clone()?;
            Some((dialer, identity.client.clone(), identity.key))
        })
        .ok_or(DialError::NoTicket)?;
    let connecting = dialer.connect_with(client, address, SERVER_NAME)?;
    let connection = tokio::time::timeout(shared.config.handshake_timeout, connecting)
        .await
        .map_err(|_| DialError::Timeout)??;
    match shared.attach(connection.clone(), identity, Origin::Dialled(address)) {
        Attached::Yes => Ok(connection),
        Attached::Duplicate(other) => Ok(other),
        Attached::No => Err(DialError::Refused),
    }
}

async fn wait(
    current: Option<&Connection>,
    pause: Option<Duration>,
    signal: &mut watch::Receiver<u64>,
) -> Wake {
    let closed = async {
        match current {
            Some(connection) => connection.closed().await,
            None => std::future::pending().await,
        }
    };
    let paused = async {
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        changed = signal.changed() => match changed {
            Ok(()) => Wake::Anew,
            Err(_) => Wake::Stop,
        },
        reason = closed => Wake::Closed(reason),
        () = paused => Wake::Dial,
    }
}

fn stop(shared: &Shared, current: Option<&Connection>) {
    // A shutdown closes all connections itself, once what is queued is sent.
    if let Some(connection) = current
        && *shared.phase.borrow() == Phase::Running
    {
        CloseCode::Unwanted.close(connection);
    }
}

fn hash(address: SocketAddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    address.hash(&mut hasher);
    hasher.finish()
}
