use std::{collections::BTreeMap, sync::Arc, time::Duration};

use commonware_actor::Feedback;
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    BlockedSubscription, Blocker, Manager as _, PeerSetSubscription, Provider, TrackedPeers,
    simulated::{self, Link, Network, Oracle},
};
use commonware_runtime::{
    Clock as _, Handle as Task, Quota, Spawner as _, Supervisor as _, deterministic::Context,
};
use commonware_utils::{NZUsize, probability};
use tokio::sync::{broadcast, mpsc};
use wayside::{
    id::ShardId,
    ledger::{AccountKey, Genesis, MempoolConfig},
};

use super::genesis::{genesis, key};
use crate::{
    Application, Handle, Timing,
    member::{Member, QUOTAS, keep, participants},
    shard::{Shard, Shards},
};

/// A committee whose members and links can fail.
pub(super) struct Committee {
    context: Context,
    pub(super) genesis: Arc<Genesis>,
    oracle: Oracle<PublicKey, Context>,
    keys: Vec<PrivateKey>,
    running: BTreeMap<usize, (Handle, Task<()>)>,
    starts: u64,
}

/// What a member sees of the simulated network.
#[derive(Clone)]
struct Simulated {
    peers: simulated::Manager<PublicKey, Context>,
    control: simulated::Control<PublicKey, Context>,
}

impl Committee {
    /// A committee of `operators`, none of which runs yet, with good links between all of them.
    pub(super) async fn new(context: Context, operators: u8) -> Self {
        let genesis = Arc::new(genesis(operators));
        let config = simulated::Config {
            max_size: 8 << 20,
            max_peers_per_set: NZUsize!(16),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new(context.child("network"), config);
        network.start();
        let keys: Vec<_> = (0..operators)
            .map(|number| {
                let seed = key(100 + number).to_seed();
                PrivateKey::decode(Copying(seed.as_ref())).unwrap()
            })
            .collect();
        oracle.manager().track(0, participants(&genesis));
        let committee = Self {
            context,
            genesis,
            oracle,
            keys,
            running: BTreeMap::new(),
            starts: 0,
        };
        for from in 0..committee.keys.len() {
            for to in 0..committee.keys.len() {
                committee.link(from, to, GOOD).await;
            }
        }
        committee
    }

    /// Starts a member, with what it stored when it ran before.
    pub(super) async fn start(&mut self, index: usize) {
        let key = self.keys[index].clone();
        let member = self.genesis.committee().index(&AccountKey::from_bytes(
            key.public_key().as_ref().try_into().unwrap(),
        ));
        let mut shards = Shards::new();
        let mut kept = Vec::new();
        for entry in &self.genesis.shards {
            let (shard, queues) = Shard::new(
                Arc::clone(&self.genesis),
                entry.id,
                member.unwrap(),
                (Application::Ledger, MempoolConfig::default()),
            );
            shards.insert(entry.id, Arc::clone(&shard));
            kept.push((shard, queues));
        }
        let shards = Arc::new(shards);
        let (published, _) = broadcast::channel(Handle::SUBSCRIPTION_LAG_MAX);
        let (commands, _) = mpsc::unbounded_channel();
        let control = self.oracle.control(key.public_key());
        let mut channels = Vec::new();
        for (channel, quota) in (0..).zip(QUOTAS) {
            channels.push(
                control
                    .register(channel, Quota::per_second(quota))
                    .await
                    .unwrap(),
            );
        }
        let network = Simulated {
            peers: self.oracle.manager(),
            control,
        };
        let member = Member {
            key,
            timing: Timing::default(),
            published: published.clone(),
            shards: Arc::clone(&shards),
            stores: format!("m{index}-"),
        };
        self.starts += 1;
        let child = self
            .context
            .child("member")
            .with_attribute("start", self.starts);
        let task = child.spawn(move |runtime| keep(runtime, member, kept, channels, network));
        self.running
            .insert(index, (Handle::new(shards, published, commands), task));
    }

    /// Starts all members.
    pub(super) async fn start_all(&mut self) {
        for index in 0..self.keys.len() {
            self.start(index).await;
        }
    }

    /// Ends a member as if its process were killed.
    pub(super) async fn kill(&mut self, index: usize) {
        let (_, task) = self.running.remove(&index).unwrap();
        task.abort();
        let _ = task.await;
    }

    /// A running member.
    pub(super) fn handle(&self, index: usize) -> &Handle {
        &self.running[&index].0
    }

    /// All running members.
    pub(super) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.running.values().map(|(handle, _)| handle)
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, duration: Duration) {
        self.context.sleep(duration).await;
    }

    /// Lets time pass until every running member has a block of `shard` at `height`, or panics after
    /// `patience`.
    pub(super) async fn reach(&self, shard: ShardId, height: u64, patience: Duration) {
        let end = self.context.current() + patience;
        loop {
            let heights = self
                .handles()
                .map(|it| it.tip(shard).unwrap().header.height);
            let lowest = heights.min().unwrap();
            if lowest >= height {
                return;
            }
            assert!(
                self.context.current() < end,
                "stuck at height {lowest} below {height}"
            );
            self.pass(Duration::from_millis(50)).await;
        }
    }

    async fn link(&self, from: usize, to: usize, link: Link) {
        if from != to {
            let (from, to) = (self.keys[from].public_key(), self.keys[to].public_key());
            self.oracle.add_link(from, to, link).await.unwrap();
        }
    }
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

impl Provider for Simulated {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        self.peers.peer_set(id).await
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        self.peers.subscribe().await
    }
}

impl Blocker for Simulated {
    type PublicKey = PublicKey;

    fn block(&mut self, peer: PublicKey) -> Feedback {
        self.control.block(peer)
    }

    fn blocked(&mut self) -> BlockedSubscription<PublicKey> {
        self.control.blocked()
    }
}

const GOOD: Link = Link {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(2),
    success_rate: probability!(1.0),
};
