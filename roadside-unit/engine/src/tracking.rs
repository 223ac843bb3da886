//! To whom a process is connected.
//!
//! At first, to those of the genesis. From then on the state says who has a seat, now and in the next
//! epoch, and where its units are. Who left stays connected until the next change, so nobody is cut
//! off in the middle of one.

use std::{
    fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Address, AddressableManager, AddressableTrackedPeers, Ingress};
use commonware_utils::{NZUsize, hostname::Hostname, ordered::Map};
use tokio::sync::watch;
use tracing::{error, info, warn};
use wayside::{
    id::ShardId,
    ledger::{AccountKey, Genesis},
};

use crate::{
    Config, FOLLOWERS_MAX, Seat, StartError,
    session::{participants, public_key},
    shard::Seats,
};

/// Knows to whom the process is connected.
#[derive(Clone)]
pub(crate) struct Tracking {
    genesis: Arc<Genesis>,
    /// One of the shards that the process keeps.
    shard: ShardId,
    first: AddressableTrackedPeers<PublicKey>,
    room: NonZeroUsize,
    /// Where it is noted that there was not enough room.
    note: PathBuf,
}

impl Tracking {
    /// Begins with those of the genesis and the followers.
    pub(crate) fn new(config: &Config, folder: &Path) -> Result<Self, StartError> {
        let first = AddressableTrackedPeers::new(addresses(config)?, followers(config)?);
        let note = folder.join("peers");
        let noted = fs::read_to_string(&note).ok();
        let noted = noted.and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
        Ok(Self {
            genesis: Arc::clone(&config.genesis),
            shard: *config.shards.first().ok_or(StartError::NoShard)?,
            room: NZUsize!(count(&first).max(noted.min(PEERS_MAX)) + ROOM_TO_GROW),
            first,
            note,
        })
    }

    /// Those of the genesis, and the followers.
    pub(crate) fn first(&self) -> &AddressableTrackedPeers<PublicKey> {
        &self.first
    }

    /// How many there may be at once.
    pub(crate) fn room(&self) -> NonZeroUsize {
        self.room
    }

    /// Where to listen; nowhere that others could reach, if nobody connects.
    pub(crate) fn listen(&self, config: &Config) -> SocketAddr {
        let key = AccountKey::from(config.seat.key().verifying_key());
        let is_alone = self.first.primary.len() + self.first.secondary.len() == 1
            && self.genesis.committee().index(&key).is_some();
        match config.seat {
            Seat::Member { .. } if !is_alone => config.listen,
            Seat::Member { .. } | Seat::Follower { .. } => nowhere(),
        }
    }

    /// Follows who has a seat, until the runtime stops.
    pub(crate) async fn run(
        self,
        mut seats: watch::Receiver<Seats>,
        mut network: impl AddressableManager<PublicKey = PublicKey>,
    ) {
        // Those of the genesis come first.
        let mut set = 1;
        loop {
            let now = seats.borrow_and_update().clone();
            if !now.is_empty() {
                self.track(set, &now, &mut network);
                set += 1;
            }
            if seats.changed().await.is_err() {
                return;
            }
        }
    }

    fn track(
        &self,
        set: u64,
        seats: &Seats,
        network: &mut impl AddressableManager<PublicKey = PublicKey>,
    ) {
        let members = seats
            .iter()
            .filter_map(|(key, said)| Some((public_key(key)?, self.place(key, said.as_deref()))));
        let members = Map::from_iter_dedup(members);
        let peers = AddressableTrackedPeers::new(members, self.first.secondary.clone());
        let needed = count(&peers);
        if needed > self.room.get() {
            error!(
                needed,
                room = self.room,
                "the committee has grown beyond what this process has room for: start it again"
            );
            if let Err(cause) = fs::write(&self.note, needed.to_string()) {
                warn!(%cause, "the next start will not have room either");
            }
            return;
        }
        info!(
            members = peers.primary.len(),
            "is connected to the members of the committee"
        );
        network.track(set, peers);
    }

    /// Where a member's unit that keeps the same shards as this process is reached.
    fn place(&self, key: &AccountKey, said: Option<&str>) -> Address {
        let mut operators = self.genesis.operators.iter();
        let first = operators.find(|operator| operator.vote_key == *key);
        let addresses = first.map(|operator| &operator.addresses);
        let governs = addresses.and_then(|it| it.get(&ShardId::GOVERNANCE));
        // The state knows one address of each; the genesis, one for each shard.
        let own = addresses
            .and_then(|it| it.get(&self.shard))
            .filter(|_| said.is_none_or(|said| governs.is_some_and(|it| it == said)));
        let text = own.map(String::as_str).or(said);
        text.and_then(address)
            .unwrap_or(Address::Symmetric(nowhere()))
    }
}

/// How many identities these are with the process itself, which may not be among them.
fn count(peers: &AddressableTrackedPeers<PublicKey>) -> usize {
    peers.primary.len() + peers.secondary.len() + 1
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// The followers that may connect; where they are does not matter, since they are never dialled.
fn followers(config: &Config) -> Result<Map<PublicKey, Address>, StartError> {
    let keys = config.seat.followers();
    if keys.len() > FOLLOWERS_MAX {
        return Err(StartError::Followers(keys.len()));
    }
    let followers = keys.iter().map(|key| {
        let follower = public_key(key).filter(|_| config.genesis.committee().index(key).is_none());
        Ok((
            follower.ok_or(StartError::Follower(*key))?,
            Address::Symmetric(nowhere()),
        ))
    });
    let followers: Vec<_> = followers.collect::<Result<_, StartError>>()?;
    Ok(Map::from_iter_dedup(followers))
}

/// Where each operator is reached.
fn addresses(config: &Config) -> Result<Map<PublicKey, Address>, StartError> {
    let first = config.shards.first().ok_or(StartError::NoShard)?;
    let keys = participants(config.genesis.committee());
    let mut addresses = Vec::new();
    for operator in &config.genesis.operators {
        let of = |shard| operator.addresses.get(shard);
        if config.shards.iter().any(|shard| of(shard) != of(first)) {
            return Err(StartError::Addresses(operator.name.clone()));
        }
        let text = of(first).ok_or(StartError::Shard(*first))?;
        let address = address(text).ok_or_else(|| StartError::Address {
            operator: operator.name.clone(),
            address: text.clone(),
        })?;
        let key = keys
            .iter()
            .find(|key| key.as_ref() == operator.vote_key.as_bytes());
        addresses.push((key.expect("operators are the committee").clone(), address));
    }
    Ok(Map::from_iter_dedup(addresses))
}

/// Reads `host:port`.
fn address(text: &str) -> Option<Address> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(Address::Symmetric(address));
    }
    let (host, port) = text.rsplit_once(':')?;
    Some(Address::Asymmetric {
        ingress: Ingress::Dns {
            host: Hostname::new(host).ok()?,
            port: port.parse().ok()?,
        },
        egress: SocketAddr::from(([0, 0, 0, 0], 0)),
    })
}

/// Members that may come without a new start. Room for the messages of each is kept, so they are few.
const ROOM_TO_GROW: usize = 4;

/// The members of two of the largest committees, and the followers.
const PEERS_MAX: usize = 2 * 64 + FOLLOWERS_MAX;
