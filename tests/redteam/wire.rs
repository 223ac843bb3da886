use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::net::UdpSocket;
use wayside::sim::{Choices, Seed};

/// Real sockets between those who dial and one whom they dial, between which datagrams are lost and
/// held up by seed.
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    air: Arc<Air>,
}

/// What happens to datagrams, each way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// The share of datagrams that are lost.
    pub(super) loss: f64,
    /// The time that each takes.
    pub(super) delay: Duration,
    /// Up to so much longer by chance, so that datagrams overtake each other.
    pub(super) jitter: Duration,
}

struct Air {
    weather: Mutex<Weather>,
    choices: Mutex<Choices>,
    sent: AtomicU64,
    lost: AtomicU64,
    overtaken: AtomicU64,
}

/// One way from a sender to a receiver.
struct Way {
    from: Arc<UdpSocket>,
    /// `None` if the socket is connected.
    to: Option<SocketAddr>,
    /// The number of the latest datagram that arrived.
    latest: AtomicU64,
}

impl Wire {
    pub(super) async fn to(target: SocketAddr, weather: Weather) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let wire = Self {
            address: socket.local_addr().unwrap(),
            air: Arc::new(Air {
                weather: Mutex::new(weather),
                choices: Mutex::new(Seed(7).choices("weather")),
                sent: AtomicU64::new(0),
                lost: AtomicU64::new(0),
                overtaken: AtomicU64::new(0),
            }),
        };
        let air = wire.air.clone();
        tokio::spawn(async move {
            let mut ways: BTreeMap<SocketAddr, Arc<Way>> = BTreeMap::new();
            let mut buffer = [0; 2_048];
            loop {
                // Whoever is gone answers with an error, which is as good as silence.
                let Ok((len, from)) = socket.recv_from(&mut buffer).await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let way = match ways.get(&from) {
                    Some(way) => way.clone(),
                    None => {
                        let there = open(target).await;
                        tokio::spawn(back(there.clone(), (socket.clone(), from), air.clone()));
                        let way = Arc::new(Way::new(there, None));
                        ways.insert(from, way.clone());
                        way
                    }
                };
                air.carry(&way, buffer.get(..len).unwrap());
            }
        });
        wire
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        *self.air.weather.lock().unwrap() = weather;
    }

    /// Datagrams that were sent, lost of those, and overtaken by later ones.
    pub(super) fn counts(&self) -> [u64; 3] {
        let counters = [&self.air.sent, &self.air.lost, &self.air.overtaken];
        counters.map(|counter| counter.load(Ordering::Relaxed))
    }
}

impl Way {
    fn new(from: Arc<UdpSocket>, to: Option<SocketAddr>) -> Self {
        Self {
            from,
            to,
            latest: AtomicU64::new(0),
        }
    }

    async fn deliver(&self, bytes: &[u8]) {
        // Whoever is gone takes nothing.
        let _ = match self.to {
            Some(to) => self.from.send_to(bytes, to).await,
            None => self.from.send(bytes).await,
        };
    }
}

impl Air {
    /// Takes a datagram, which arrives later or never.
    fn carry(self: &Arc<Self>, way: &Arc<Way>, bytes: &[u8]) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let weather = *self.weather.lock().unwrap();
        let delay = {
            let mut choices = self.choices.lock().unwrap();
            if choices.happens(weather.loss) {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let jitter_us = u64::try_from(weather.jitter.as_micros()).unwrap();
            weather.delay + Duration::from_micros(choices.below(jitter_us))
        };
        let (air, way, bytes) = (self.clone(), way.clone(), bytes.to_vec());
        tokio::spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if way.latest.fetch_max(number, Ordering::Relaxed) > number {
                air.overtaken.fetch_add(1, Ordering::Relaxed);
            }
            way.deliver(&bytes).await;
        });
    }
}

async fn open(target: SocketAddr) -> Arc<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(target).await.unwrap();
    Arc::new(socket)
}

async fn back(there: Arc<UdpSocket>, (here, to): (Arc<UdpSocket>, SocketAddr), air: Arc<Air>) {
    let way = Arc::new(Way::new(here, Some(to)));
    let mut buffer = [0; 2_048];
    loop {
        match there.recv(&mut buffer).await {
            Ok(len) => air.carry(&way, buffer.get(..len).unwrap()),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
