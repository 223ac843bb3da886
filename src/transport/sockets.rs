use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard},
};

use quinn::{Endpoint, ServerConfig};
use tracing::warn;

use super::{CloseCode, Config, ResetKey, quic::open_endpoint};
use crate::crypto::VerifyingKey;

/// The sockets of one station: none that dialled under one ticket dials under another.
///
/// A socket's port would tie the tickets together that it was used with. A socket that listens on a
/// port that others were told stays, since it is that port that others look for; any other one goes
/// with its ticket too.
pub(super) struct Sockets {
    listen: SocketAddr,
    stays: bool,
    open: Mutex<Open>,
}

struct Open {
    listener: Listener,
    dialer: Endpoint,
    /// Whose connections the dialer carries.
    used_by: Option<VerifyingKey>,
    /// Sockets of former tickets, until their last connection is over.
    retired: Vec<Endpoint>,
}

/// A socket that accepts connections, and which one of the station's it is.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) endpoint: Endpoint,
    pub(super) generation: u64,
}

/// What changes when another ticket comes into use.
pub(super) struct Renewed {
    /// Dials from now on.
    pub(super) dialer: Endpoint,
    /// Accepts from now on.
    pub(super) listener: Listener,
    /// Whether that is another socket than before.
    pub(super) is_new_listener: bool,
}

impl Sockets {
    /// Opens the station's first sockets, which accept nobody yet. The key is for one that stays.
    pub(super) fn open(config: &Config, reset_key: Option<ResetKey>) -> io::Result<Self> {
        let stays = config.listen.port() != 0 || config.keep_port;
        let endpoint = open_endpoint(config.listen, reset_key.filter(|_| stays))?;
        let dialer = if stays {
            open_endpoint(any_port(config.listen), None)?
        } else {
            endpoint.clone()
        };
        Ok(Self {
            listen: config.listen,
            stays,
            open: Mutex::new(Open {
                listener: Listener {
                    endpoint,
                    generation: 0,
                },
                dialer,
                used_by: None,
                retired: Vec::new(),
            }),
        })
    }

    /// The socket that accepts connections at present.
    pub(super) fn listener(&self) -> Listener {
        self.lock().listener.clone()
    }

    /// The sockets to use under this key: new ones, unless they were used under no other.
    ///
    /// If the system has none to give, the old ones are used on: to be heard counts more than not to
    /// be followed.
    pub(super) fn renew(&self, key: VerifyingKey) -> Renewed {
        let mut open = self.lock();
        let mut is_new_listener = false;
        if open.used_by.is_some_and(|former| former != key) {
            match open_endpoint(any_port(self.listen), None) {
                Ok(endpoint) => {
                    let former = std::mem::replace(&mut open.dialer, endpoint.clone());
                    open.retired.push(former);
                    if !self.stays {
                        open.listener.endpoint.set_server_config(None);
                        open.listener = Listener {
                            endpoint,
                            generation: open.listener.generation + 1,
                        };
                        is_new_listener = true;
                    }
                }
                Err(error) => {
                    warn!(%error, "no new socket for the next ticket, keeping the old one")
                }
            }
        }
        open.used_by = Some(key);
        Renewed {
            dialer: open.dialer.clone(),
            listener: open.listener.clone(),
            is_new_listener,
        }
    }

    /// Says who is accepted, and as whom; nobody without.
    pub(super) fn accept_as(&self, server: Option<ServerConfig>) {
        self.lock().listener.endpoint.set_server_config(server);
    }

    /// Closes the sockets of former tickets.
    pub(super) fn close_retired(&self) {
        for endpoint in std::mem::take(&mut self.lock().retired) {
            endpoint.close(CloseCode::Rotated.code().into(), b"");
        }
    }

    /// All sockets, for the shutdown.
    pub(super) fn all(&self) -> Vec<Endpoint> {
        let open = self.lock();
        let mut all = open.retired.clone();
        all.extend([open.listener.endpoint.clone(), open.dialer.clone()]);
        all
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open
            .lock()
            .expect("nothing panics while the sockets are held")
    }
}

fn any_port(mut address: SocketAddr) -> SocketAddr {
    address.set_port(0);
    address
}
