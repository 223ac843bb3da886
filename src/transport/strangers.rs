use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

/// Places for strangers, by the network that they come from.
///
/// Each costs a handshake, a connection and its buffers before it is known who that is. One
/// network may have half of the places, and begin so many handshakes a second, so that whoever fills
/// them from there keeps nobody out who comes from elsewhere. A network is an IPv4 /24 or an IPv6 /56.
#[derive(Clone, Debug)]
pub(super) struct Strangers(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    places: usize,
    max: usize,
    all: Bucket,
    networks: BTreeMap<IpAddr, Network>,
}

#[derive(Debug)]
struct Network {
    places: usize,
    bucket: Bucket,
}

/// How many handshakes have begun of late, kept as the moment at which none of them counts any more.
#[derive(Debug)]
struct Bucket {
    /// How long each counts, one after the other.
    interval: Duration,
    over_at: Instant,
}

/// A stranger's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    strangers: Strangers,
    network: IpAddr,
}

impl Strangers {
    /// So many places, all of them free.
    pub(super) fn new(max: usize, now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Taken {
            places: 0,
            max,
            all: Bucket::new(ALL_INTERVAL, now),
            networks: BTreeMap::new(),
        })))
    }

    /// Changes how many places there are; whoever has one keeps it.
    pub(super) fn set_max(&self, max: usize) {
        self.lock().max = max;
    }

    /// Places that are taken.
    pub(super) fn len(&self) -> usize {
        self.lock().places
    }

    /// Whether a network has begun so much that who claims to be there must show it first: else others
    /// could use up what it may.
    pub(super) fn is_busy(&self, from: IpAddr, now: Instant) -> bool {
        let taken = self.lock();
        let network = taken.networks.get(&network(from));
        network.is_some_and(|it| {
            it.places * 2 >= taken.of_network() || it.bucket.used(now) * 2 >= BURST
        })
    }

    /// A place, unless there is none left for somebody from there.
    pub(super) fn enter(&self, from: IpAddr, now: Instant) -> Option<Place> {
        let mut taken = self.lock();
        if taken.places >= taken.max || taken.all.used(now) >= ALL_BURST {
            return None;
        }
        let (most, name) = (taken.of_network(), network(from));
        if taken.networks.len() >= NETWORKS_MAX {
            taken
                .networks
                .retain(|_, it| it.places > 0 || it.bucket.used(now) > 0);
        }
        if taken.networks.len() >= NETWORKS_MAX && !taken.networks.contains_key(&name) {
            return None;
        }
        let network = taken.networks.entry(name).or_insert(Network {
            places: 0,
            bucket: Bucket::new(INTERVAL, now),
        });
        if network.places >= most || network.bucket.used(now) >= BURST {
            return None;
        }
        network.places += 1;
        network.bucket.take(now);
        taken.all.take(now);
        taken.places += 1;
        Some(Place {
            strangers: self.clone(),
            network: name,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0
            .lock()
            .expect("nothing panics while the places are held")
    }
}

impl Taken {
    /// Places that one network may have.
    fn of_network(&self) -> usize {
        self.max.div_ceil(2)
    }
}

impl Bucket {
    fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            over_at: now,
        }
    }

    /// Handshakes that count still.
    fn used(&self, now: Instant) -> u128 {
        let left = self.over_at.saturating_duration_since(now);
        left.as_nanos().div_ceil(self.interval.as_nanos())
    }

    fn take(&mut self, now: Instant) {
        self.over_at = self.over_at.max(now) + self.interval;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.strangers.lock();
        taken.places -= 1;
        if let Some(network) = taken.networks.get_mut(&self.network) {
            network.places -= 1;
        }
    }
}

/// The first address of the network that an address is of.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            Ipv6Addr::from(bits & !(u128::MAX >> 56)).into()
        }
    }
}

/// Handshakes that one network may begin at once; a town's vehicles behind one carrier's address do
/// so when a unit has started anew.
const BURST: u128 = 1_024;
/// The time in which a network may begin one more.
const INTERVAL: Duration = Duration::from_millis(5);
/// Handshakes that all together may begin at once.
const ALL_BURST: u128 = 2_048;
const ALL_INTERVAL: Duration = Duration::from_micros(2_500);
/// Networks that are told apart at one time; at the bound no further one is served.
const NETWORKS_MAX: usize = 4_096;
