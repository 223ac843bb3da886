use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use commonware_actor::Feedback;
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    BlockedSubscription, Blocker, Manager as _, PeerSetSubscription, Provider, Recipients,
    Sender as _, TrackedPeers,
    simulated::{self, Link, Network, Oracle},
};
use commonware_runtime::{
    Blob as _, Clock as _, Handle as Task, Quota, ReadOptions, Spawner as _, Storage as _,
    Supervisor as _, WriteOptions, deterministic::Context,
};
use commonware_utils::{NZUsize, ordered::Set, probability};
use tokio::sync::{broadcast, mpsc};
use wayside::{
    id::ShardId,
    ledger::{Entry, Genesis, MempoolConfig, Outcome, SignedTransaction, TransactionId},
};

use super::{
    genesis::{genesis, key},
    wires::{Recorded, Wires},
};
use crate::{
    Application, Handle, Timing,
    member::{Member, QUOTAS, keep},
    session::participants,
    shard::{Shard, Shards},
};

/// A committee whose members and links can fail.
pub(super) struct Committee {
    pub(super) context: Context,
    pub(super) genesis: Arc<Genesis>,
    pub(super) wires: Wires,
    /// The numbers of the keys of those who are no members at first.
    followers: Vec<u8>,
    oracle: Oracle<PublicKey, Context>,
    running: BTreeMap<usize, Running>,
    /// Those who run twice with one key.
    twins: BTreeMap<usize, [Running; 2]>,
    /// What a member's messages can be sent with beside the member.
    senders: BTreeMap<usize, Vec<Sender>>,
    /// The newest version of the rules that members know whose program is not the newest.
    pub(super) rules: BTreeMap<usize, u16>,
    /// The member that runs twice.
    twin: Option<usize>,
    /// How many heights' blocks members keep that are no archives.
    pub(super) retention: BTreeMap<usize, u64>,
    /// Begins the names of all stores.
    name: &'static str,
    starts: u64,
}

/// A member that runs, or has ended by itself.
struct Running {
    handle: Handle,
    task: Task<()>,
    ended: Arc<AtomicBool>,
}

/// What a member sees of the simulated network.
#[derive(Clone)]
struct Simulated {
    peers: simulated::Manager<PublicKey, Context>,
    control: simulated::Control<PublicKey, Context>,
}

/// One end of a channel of the simulated network.
pub(super) type Sender = simulated::Sender<PublicKey, Context>;

/// A channel of the simulated network.
pub(super) type Channel = (Sender, simulated::Receiver<PublicKey>);

/// What stands in stores, by their names and those of the files in them.
type Image = BTreeMap<(String, Vec<u8>), Vec<u8>>;

impl Committee {
    /// A committee of `operators`, none of which runs yet, with good links between all of them.
    pub(super) async fn new(context: Context, operators: u8) -> Self {
        Self::of(context, genesis(operators), "").await
    }

    /// A committee that also serves a follower, whose index comes after those of the members.
    pub(super) async fn with_follower(context: Context, operators: u8) -> Self {
        Self::serving(context, genesis(operators), "", &[FIRST_FOLLOWER]).await
    }

    /// A committee that also serves units with vote keys that have no seat yet, whose indices come
    /// after those of the members.
    pub(super) async fn with_joiners(context: Context, operators: u8, joiners: u8) -> Self {
        let joiners: Vec<_> = (FIRST_JOINER..FIRST_JOINER + joiners).collect();
        Self::serving(context, genesis(operators), "", &joiners).await
    }

    /// A committee beside others, with a network and stores of its own.
    pub(super) async fn of(context: Context, genesis: Genesis, name: &'static str) -> Self {
        Self::serving(context, genesis, name, &[]).await
    }

    async fn serving(
        context: Context,
        genesis: Genesis,
        name: &'static str,
        followers: &[u8],
    ) -> Self {
        let genesis = Arc::new(genesis);
        let numbers = followers.to_vec();
        let followers = followers.iter().map(|it| engine_key(*it).public_key());
        let followers = Set::from_iter_dedup(followers);
        let config = simulated::Config {
            max_size: 8 << 20,
            max_peers_per_set: NZUsize!(16),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new(context.child("network"), config);
        network.start();
        let committee = Self {
            wires: Wires::new(participants(genesis.committee()), followers.clone()),
            context,
            genesis,
            followers: numbers,
            oracle,
            running: BTreeMap::new(),
            twins: BTreeMap::new(),
            senders: BTreeMap::new(),
            rules: BTreeMap::new(),
            twin: None,
            retention: BTreeMap::new(),
            name,
            starts: 0,
        };
        let peers = TrackedPeers::new(participants(committee.genesis.committee()), followers);
        let all = committee.members().end + peers.secondary.len();
        committee.oracle.manager().track(0, peers);
        for from in 0..all {
            for to in 0..all {
                committee.link(from, to, GOOD).await;
            }
        }
        committee
    }

    /// All members, by their indices in the committee.
    pub(super) fn members(&self) -> std::ops::Range<usize> {
        0..self.genesis.operators.len()
    }

    /// A member's vote key, or a follower's key.
    pub(super) fn vote_key(&self, index: usize) -> PrivateKey {
        engine_key(self.number(index))
    }

    /// Starts a member, with what it stored when it ran before.
    pub(super) async fn start(&mut self, index: usize) {
        let stores = self.stores(index);
        let started = if self.members().contains(&index) {
            let (channels, _) = self.split(index).await;
            self.run(index, stores, channels)
        } else {
            // Nobody is wired between a follower and the others.
            let channels = self.channels(index).await;
            self.run(index, stores, channels)
        };
        self.running.insert(index, started);
    }

    /// Starts a member twice: two that follow the rules, with one key and stores of their own, know
    /// nothing of each other, and so vote and propose twice.
    pub(super) async fn start_twins(&mut self, index: usize) {
        self.twin = Some(index);
        let (first, second) = self.split(index).await;
        let stores = self.stores(index);
        let first = self.run(index, stores.clone(), first);
        let second = self.run(index, format!("{stores}twin-"), second);
        self.twins.insert(index, [first, second]);
    }

    fn run<S>(
        &mut self,
        index: usize,
        stores: String,
        channels: Vec<(S, simulated::Receiver<PublicKey>)>,
    ) -> Running
    where
        S: commonware_p2p::Sender<PublicKey = PublicKey>,
    {
        let key = self.vote_key(index);
        let votes = self.number(index) < FIRST_FOLLOWER;
        let vote_key = votes.then(|| super::genesis::account(self.number(index)));
        let mut shards = Shards::new();
        let mut kept = Vec::new();
        for entry in &self.genesis.shards {
            let (mut shard, queues) = Shard::new(
                Arc::clone(&self.genesis),
                entry.id,
                vote_key,
                (Application::Ledger, MempoolConfig::default()),
            );
            Arc::get_mut(&mut shard).unwrap().minds_twins = self.twin != Some(index);
            if let Some(rules) = self.rules.get(&index) {
                Arc::get_mut(&mut shard).unwrap().rules = *rules;
            }
            shards.insert(entry.id, Arc::clone(&shard));
            kept.push((shard, queues));
        }
        let shards = Arc::new(shards);
        let (published, _) = broadcast::channel(Handle::SUBSCRIPTION_LAG_MAX);
        let (commands, commands_end) = mpsc::unbounded_channel();
        let network = Simulated {
            peers: self.oracle.manager(),
            control: self.oracle.control(key.public_key()),
        };
        let member = Member {
            key,
            signer: Arc::new(super::genesis::key(self.number(index))),
            timing: Timing::default(),
            retention: self.retention.get(&index).copied(),
            published: published.clone(),
            shards: Arc::clone(&shards),
            stores,
        };
        self.starts += 1;
        let child = self.context.child("member");
        let child = child.with_attribute("start", self.starts);
        let ended = Arc::new(AtomicBool::new(false));
        let end = End(Arc::clone(&ended));
        let task = child.spawn(move |runtime| async move {
            keep(runtime, member, kept, channels, network).await;
            drop((end, commands_end));
        });
        Running {
            handle: Handle::new(shards, published, commands),
            task,
            ended,
        }
    }

    /// A member's channels as two can share them, of whom the second hears nothing unless the wires
    /// say so.
    async fn split(
        &mut self,
        index: usize,
    ) -> (
        Vec<(
            impl commonware_p2p::Sender<PublicKey = PublicKey>,
            simulated::Receiver<PublicKey>,
        )>,
        Vec<(
            impl commonware_p2p::Sender<PublicKey = PublicKey>,
            simulated::Receiver<PublicKey>,
        )>,
    ) {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut senders = Vec::new();
        for (channel, (sender, receiver)) in self.channels(index).await.into_iter().enumerate() {
            senders.push(sender.clone());
            let (one, other) = sender.split_with(self.wires.forwarder(index, channel));
            let child = self.context.child("wires");
            let (to_one, to_other) = receiver.split_with(child, self.wires.router(index));
            first.push((one, to_one));
            second.push((other, to_other));
        }
        self.senders.insert(index, senders);
        (first, second)
    }

    /// Sends a message in a member's name.
    pub(super) fn inject(&mut self, message: Recorded) {
        let sender = &mut self.senders.get_mut(&message.from).unwrap()[message.channel];
        let _ = sender.send(Recipients::All, message.bytes, false);
    }

    /// Starts all members that do not run.
    pub(super) async fn start_all(&mut self) {
        for index in self.members() {
            if !self.running.contains_key(&index) {
                self.start(index).await;
            }
        }
    }

    /// Ends a member as if its machine lost power: what was not synchronized to disk is gone.
    pub(super) async fn kill(&mut self, index: usize) {
        let member = self.running.remove(&index).unwrap();
        member.task.abort();
        let _ = member.task.await;
        // Until the tasks that it started have been dropped.
        self.pass(Duration::from_millis(5)).await;
    }

    /// Those that have ended by themselves since this was asked last.
    pub(super) fn ended(&mut self) -> Vec<usize> {
        let has_ended = |_: &usize, it: &mut Running| it.ended.load(Ordering::SeqCst);
        let ended = self.running.extract_if(.., has_ended);
        ended.map(|(index, _)| index).collect()
    }

    /// Removes all that a member stored whose name has one of `words` in it.
    pub(super) async fn wipe(&self, index: usize, words: &[&str]) {
        for shard in &self.genesis.shards {
            for word in words {
                let partition = format!("{}s{}-{word}", self.stores(index), shard.id);
                // It may never have been made.
                let _ = self.context.remove(&partition, None).await;
            }
        }
    }

    /// All that is stored in a member's stores whose name has one of `words` in it.
    pub(super) async fn image(&self, index: usize, words: &[&str]) -> Image {
        let mut image = Image::new();
        for shard in &self.genesis.shards {
            for word in words {
                let partition = format!("{}s{}-{word}", self.stores(index), shard.id);
                for name in self.context.scan(&partition).await.unwrap_or_default() {
                    let (blob, length) = self.context.open(&partition, &name).await.unwrap();
                    let length = usize::try_from(length).unwrap();
                    let bytes = blob
                        .read_at(0, length, ReadOptions::default())
                        .await
                        .unwrap()
                        .coalesce();
                    image.insert((partition.clone(), name), bytes.as_ref().to_vec());
                }
            }
        }
        image
    }

    /// Puts stores to what they were.
    pub(super) async fn restore(&self, image: Image) {
        for ((partition, name), bytes) in image {
            let (blob, _) = self.context.open(&partition, &name).await.unwrap();
            let written = blob.write_at(0, bytes, WriteOptions::default());
            written.await.unwrap();
            blob.sync().await.unwrap();
        }
    }

    /// A member's channels of the network, in the order of [`QUOTAS`].
    pub(super) async fn channels(&self, index: usize) -> Vec<Channel> {
        let control = self.oracle.control(self.vote_key(index).public_key());
        let mut channels = Vec::new();
        for (channel, quota) in (0..).zip(QUOTAS) {
            let registered = control.register(channel, Quota::per_second(quota)).await;
            channels.push(registered.unwrap());
        }
        channels
    }

    /// Whether a member runs.
    pub(super) fn runs(&self, index: usize) -> bool {
        self.running.contains_key(&index)
    }

    /// How many members run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// A running member.
    pub(super) fn handle(&self, index: usize) -> &Handle {
        &self.running[&index].handle
    }

    /// All running members.
    pub(super) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.running.values().map(|it| &it.handle)
    }

    /// The height of a member's newest final block.
    pub(super) fn height(&self, index: usize, shard: ShardId) -> u64 {
        self.handle(index).tip(shard).unwrap().header.height
    }

    /// Has a member make a transaction final; in which block, and what came of it.
    pub(super) async fn settle(
        &self,
        index: usize,
        transaction: SignedTransaction,
    ) -> (u64, Outcome) {
        let (shard, id) = (transaction.transaction.shard, transaction.id());
        let submitted = self.handle(index).submit(shard, transaction).await;
        submitted.unwrap();
        self.settled(index, shard, id).await
    }

    /// Waits until a transaction that a member knows is final.
    pub(super) async fn settled(
        &self,
        index: usize,
        shard: ShardId,
        id: TransactionId,
    ) -> (u64, Outcome) {
        let handle = self.handle(index);
        let end = self.context.current() + Duration::from_secs(60);
        while handle.pending(shard, &id) {
            assert!(self.context.current() < end, "shard {shard} is stuck");
            self.pass(Duration::from_millis(1)).await;
        }
        for height in (1..=self.height(index, shard)).rev() {
            let block = handle.block(shard, height).await.unwrap();
            let entries = block.block.entries.iter();
            let ids = entries.map(|entry| match entry {
                Entry::Transaction(signed) => Some(signed.id()),
                Entry::Delivery(_) => None,
            });
            if let Some(index) = ids.into_iter().position(|it| it == Some(id)) {
                return (height, block.outcomes[index]);
            }
        }
        panic!("a transaction is in no block");
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, duration: Duration) {
        self.context.sleep(duration).await;
    }

    /// Lets time pass until every running member has a block of `shard` at `height`, or panics
    /// after `patience`.
    pub(super) async fn reach(&self, shard: ShardId, height: u64, patience: Duration) {
        let end = self.context.current() + patience;
        loop {
            let heights = self.running.keys().map(|index| self.height(*index, shard));
            let heights: Vec<_> = heights.collect();
            if heights.iter().all(|it| *it >= height) {
                return;
            }
            assert!(
                self.context.current() < end,
                "shard {shard} is stuck at {heights:?} below {height}"
            );
            self.pass(Duration::from_millis(50)).await;
        }
    }

    /// Changes the link from one member to another, which forgives it what it did.
    pub(super) async fn link(&self, from: usize, to: usize, link: Link) {
        if from != to {
            let (from, to) = (self.vote_key(from), self.vote_key(to));
            let (from, to) = (from.public_key(), to.public_key());
            let _ = self.oracle.unblock(from.clone(), to.clone()).await;
            // There is none at first.
            let _ = self.oracle.remove_link(from.clone(), to.clone()).await;
            self.oracle.add_link(from, to, link).await.unwrap();
        }
    }

    /// Changes the links of a member to and from all others.
    pub(super) async fn link_all(&self, index: usize, link: &Link) {
        for other in self.members() {
            self.link(index, other, link.clone()).await;
            self.link(other, index, link.clone()).await;
        }
    }

    /// Who keeps whom out for having broken the protocol.
    pub(super) async fn blocked(&self) -> Vec<(usize, usize)> {
        let blocked = self.oracle.blocked().await.unwrap();
        let index = |key: &PublicKey| {
            let is_it = |index: &usize| self.vote_key(*index).public_key() == *key;
            self.members().find(is_it).unwrap()
        };
        let blocked = blocked.iter().map(|(by, whom)| (index(by), index(whom)));
        blocked.collect()
    }

    /// Begins the names of a member's stores.
    pub(super) fn stores(&self, index: usize) -> String {
        format!("{}m{index}-", self.name)
    }

    /// The number of a member's vote key in [`key`].
    pub(super) fn number(&self, index: usize) -> u8 {
        if let Some(follower) = index.checked_sub(self.members().end) {
            return self.followers[follower];
        }
        let vote_key = self.genesis.committee().keys()[index];
        let numbers = 100..100 + u8::try_from(self.genesis.operators.len()).unwrap();
        let mut found = numbers.filter(|number| super::genesis::account(*number) == vote_key);
        found.next().unwrap()
    }
}

fn engine_key(number: u8) -> PrivateKey {
    PrivateKey::decode(Copying(key(number).to_seed().as_ref())).unwrap()
}

/// Notes that a member has ended, however that came.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
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

/// A link between data centres of one country.
pub(super) const GOOD: Link = Link {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(2),
    success_rate: probability!(1.0),
};

/// A link that loses one message of five and puts the others out of order.
pub(super) const BAD: Link = Link {
    latency: Duration::from_millis(60),
    jitter: Duration::from_millis(40),
    success_rate: probability!(0.8),
};

/// No link.
pub(super) const NONE: Link = Link {
    latency: Duration::from_millis(10),
    jitter: Duration::ZERO,
    success_rate: probability!(0.0),
};

/// The number of the first vote key that has no seat yet.
const FIRST_JOINER: u8 = 150;

/// The number of the first follower's key; above all members'.
const FIRST_FOLLOWER: u8 = 200;
