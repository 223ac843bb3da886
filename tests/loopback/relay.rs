//! A wire between two vehicles that is listened to.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::net::UdpSocket;

/// Passes datagrams on to a vehicle, and its answers back, and keeps a copy of each.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    captured: Arc<Mutex<Vec<Captured>>>,
    paths: Arc<AtomicU64>,
}

/// A datagram on the wire.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    /// The port of the vehicle that dialled.
    pub(super) port: u16,
    /// The port by which the relay spoke to the other one.
    pub(super) path: u16,
    /// Whether it came from the vehicle that dialled.
    pub(super) is_outbound: bool,
    pub(super) bytes: Vec<u8>,
}

impl Relay {
    pub(super) async fn to(target: SocketAddr) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let relay = Self {
            address: socket.local_addr().unwrap(),
            captured: Arc::default(),
            paths: Arc::default(),
        };
        let (captured, paths) = (relay.captured.clone(), relay.paths.clone());
        tokio::spawn(async move {
            let mut ways: BTreeMap<(SocketAddr, u64), Arc<UdpSocket>> = BTreeMap::new();
            let mut buffer = [0; 2_048];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let key = (from, paths.load(Ordering::Relaxed));
                let way = match ways.get(&key) {
                    Some(way) => way.clone(),
                    None => {
                        let way = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                        way.connect(target).await.unwrap();
                        tokio::spawn(back(way.clone(), (socket.clone(), from), captured.clone()));
                        ways.insert(key, way.clone());
                        way
                    }
                };
                let bytes = buffer.get(..len).unwrap().to_vec();
                // A vehicle that is gone answers with an error, which is as good as silence.
                let _ = way.send(&bytes).await;
                captured.lock().unwrap().push(Captured {
                    port: from.port(),
                    path: way.local_addr().unwrap().port(),
                    is_outbound: true,
                    bytes,
                });
            }
        });
        relay
    }

    /// Speaks to the vehicle by other ports from now on, as a router that lost its table does.
    pub(super) fn rebind(&self) {
        self.paths.fetch_add(1, Ordering::Relaxed);
    }

    /// All that passed so far.
    pub(super) fn captured(&self) -> Vec<Captured> {
        self.captured.lock().unwrap().clone()
    }
}

impl Captured {
    /// The connection IDs that can be read in it; those of quinn have 8 bytes.
    pub(super) fn connection_ids(&self) -> Vec<Vec<u8>> {
        let (first, rest) = self.bytes.split_first().unwrap();
        if first & 0x80 == 0 {
            return vec![rest.get(..8).unwrap().to_vec()];
        }
        // Four bytes of version stand before the long form's.
        let (len, rest) = rest.get(4..).unwrap().split_first().unwrap();
        let (destination, rest) = rest.split_at(usize::from(*len));
        let (len, rest) = rest.split_first().unwrap();
        let source = rest.get(..usize::from(*len)).unwrap();
        vec![destination.to_vec(), source.to_vec()]
    }
}

async fn back(
    way: Arc<UdpSocket>,
    (socket, to): (Arc<UdpSocket>, SocketAddr),
    captured: Arc<Mutex<Vec<Captured>>>,
) {
    let mut buffer = [0; 2_048];
    loop {
        let Ok(len) = way.recv(&mut buffer).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let bytes = buffer.get(..len).unwrap().to_vec();
        captured.lock().unwrap().push(Captured {
            port: to.port(),
            path: way.local_addr().unwrap().port(),
            is_outbound: false,
            bytes: bytes.clone(),
        });
        let _ = socket.send_to(&bytes, to).await;
    }
}
