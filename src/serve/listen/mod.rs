//! Lets gRPC clients in, and says who they are.
//!
//! A client comes by a unix socket, where the kernel names its user, or by TCP with a certificate
//! of an authority that the operator chose; only on loopback, and only if asked, without one. What
//! is found out stands as [`Caller`] in every request of the connection. What a
//! caller may do is decided by the services.
//!
//! A door that can be slammed is no door: an error while accepting, a client that stops in the
//! middle of its handshake and a lack of file descriptors each cost that client only, and the
//! loop goes on. Each door has its own bound on connections, so that strangers at the TCP port
//! cannot keep local processes from their socket.

mod accept;
mod connection;
mod tls;
mod unix;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use thiserror::Error;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::Stream;

pub use connection::Connection;

use crate::{
    serve::{GrpcConfig, Role},
    time::Timestamp,
};
use accept::{Door, TcpDoor, UnixDoor};
use tls::Tls;
use unix::Socket;

#[cfg(test)]
mod tests;

/// The open doors. Dropping it closes them and removes the unix socket; connections live on.
pub struct Listener {
    socket: Socket,
    tcp: Option<SocketAddr>,
    tls: Option<Arc<Tls>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Connections that passed one door, in the form that tonic serves.
pub struct Incoming<R>(mpsc::Receiver<Connection<R>>);

/// Both doors' connections.
pub struct Doors<R> {
    /// Local processes.
    pub unix: Incoming<R>,
    /// Clients by TCP; `None` without an address for them.
    pub tcp: Option<Incoming<R>>,
}

/// Why gRPC clients cannot be let in.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The TCP address is taken, or not one of this machine.
    #[error("cannot listen for gRPC on {address}")]
    Tcp {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process answers on the unix socket.
    #[error("unix socket {} is in use by another process", .0.display())]
    SocketInUse(PathBuf),
    /// The unix socket cannot be made.
    #[error("cannot listen for gRPC on {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A certificate or key cannot be read or used.
    #[error("cannot use {} for gRPC: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Listener {
    /// Opens the unix socket at `socket`, and the TCP address if the configuration has one.
    pub async fn open<R: Role>(
        config: &GrpcConfig<R>,
        socket: PathBuf,
    ) -> Result<(Self, Doors<R>), ListenError> {
        let tls = config.tcp.as_ref().and_then(|tcp| tcp.tls.clone());
        let tls = tls.map(Tls::open).transpose()?.map(Arc::new);
        let (socket, unix) = Socket::bind(socket, config.mode)?;
        let door = || {
            let (passed, incoming) = mpsc::channel(PASSED_MAX);
            (Door::new(config, passed), Incoming(incoming))
        };
        let (unix_door, unix_incoming) = door();
        let mut tasks = vec![tokio::spawn(UnixDoor::new(unix, unix_door).run())];
        let (mut address, mut tcp_incoming) = (None, None);
        if let Some(tcp) = &config.tcp {
            let bind_error = |source| ListenError::Tcp {
                address: tcp.address,
                source,
            };
            let listener = TcpListener::bind(tcp.address).await.map_err(bind_error)?;
            address = Some(listener.local_addr().map_err(bind_error)?);
            let (tcp_door, incoming) = door();
            let tcp_door = TcpDoor::new(listener, tls.clone(), tcp_door);
            tasks.push(tokio::spawn(tcp_door.run()));
            tcp_incoming = Some(incoming);
        }
        let listener = Self {
            socket,
            tcp: address,
            tls,
            tasks,
        };
        let doors = Doors {
            unix: unix_incoming,
            tcp: tcp_incoming,
        };
        Ok((listener, doors))
    }

    /// The unix socket's path.
    pub fn socket(&self) -> &Path {
        self.socket.path()
    }

    /// Where it listens for TCP; `None` if it does not.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// When the agent's own certificate ends; `None` without TLS.
    pub fn certificate_end(&self) -> Option<Timestamp> {
        self.tls.as_ref().and_then(|tls| tls.end())
    }

    /// Reads the certificates again; new connections get the new ones.
    ///
    /// The old ones stay in use if the new ones cannot be read.
    pub fn reload(&self) -> Result<(), ListenError> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl<R: Role> Stream for Incoming<R> {
    type Item = io::Result<Connection<R>>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Connection<R>>>> {
        self.0.poll_recv(context).map(|passed| passed.map(Ok))
    }
}

/// Connections that wait for the server; at the bound the doors wait.
const PASSED_MAX: usize = 16;
