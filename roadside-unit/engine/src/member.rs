//! One shard's parts, put together.
//!
//! ```text
//!  gossip ─▶ mempool ─┐            ┌─▶ Observer ─▶ Inline ─▶ marshal ─▶ Finalizer ─▶ subscribers
//!                     ▼            │                 ▲          │           │
//!  simplex ─▶ Inline ─▶ Proposer   simplex           └──────────┘           └─▶ other shards' inboxes
//! ```
//!
//! Simplex decides on digests of headers; [`Inline`] has blocks proposed and judged by the
//! [`Proposer`], and sends them; marshal stores them, fetches those that are missing, and hands
//! final ones to the [`Finalizer`] in order. Nothing here knows whether it runs on the road or in a
//! test.

use std::{num::NonZeroU32, sync::Arc};

use commonware_broadcast::buffered;
use commonware_consensus::marshal::{
    self, core::Actor, resolver::p2p as backfill, standard::Standard,
};
use commonware_cryptography::{
    Digested, Signer as _,
    certificate::Verifier as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_macros::select;
use commonware_p2p::{
    Blocker, Provider, Receiver, Sender,
    utils::mux::{MuxHandle, Muxer, SubReceiver, SubSender},
};
use commonware_parallel::Sequential;
use commonware_storage::archive::prunable;
use commonware_utils::{NZU32, NZU64, NZUsize, NonZeroDuration};
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::{broadcast, mpsc};
use wayside::{crypto::SigningKey, id::ShardId};

use crate::{
    FinalizedBlock, Timing,
    block::{OrderedBlock, Payload},
    borders::{FinalBorders, Schemes},
    certificate::finalization,
    epochs::{Consensus, FETCH_RETRY, Lines, MAILBOX, VIEWS_KEPT},
    fetching::ASKED_MAX,
    finalizer::{Finalizer, Finalizing, Reports},
    gossip::{Gossip, GossipEnds},
    handovers::Record,
    keeper::keep_snapshots,
    runtime::Runtime,
    scheme::VoteScheme,
    shard::{Marshal, Node, Part, Queues, Shard, Shards, genesis_node},
    snapshots::Snapshots,
    storage::{self, BUFFER, Stores},
    sync::StateSync,
};

/// What all shards of a member have in common.
#[derive(Clone)]
pub(crate) struct Member {
    /// Names it to the others, and signs a member's votes.
    pub(crate) key: PrivateKey,
    /// The same key, to sign transactions with.
    pub(crate) signer: Arc<SigningKey>,
    /// How long to wait for others.
    pub(crate) timing: Timing,
    /// How many heights' blocks are kept below the newest snapshot; `None` keeps all.
    pub(crate) retention: Option<u64>,
    /// Who hears of final blocks.
    pub(crate) published: broadcast::Sender<Arc<FinalizedBlock>>,
    /// All shards of this process.
    pub(crate) shards: Arc<Shards>,
    /// Begins the names of its stores.
    pub(crate) stores: String,
}

/// How a shard reaches the other members.
struct Links<S: Sender<PublicKey = PublicKey>, N> {
    /// What epochs do not share.
    consensus: Lines<S>,
    /// Questions for final blocks, and answers.
    backfill: Link<S>,
    /// Proposed blocks.
    blocks: Link<S>,
    /// Transactions that wait, and where members are.
    gossip: Link<S>,
    /// Knows who the others are, and keeps out those that break the protocol.
    network: N,
}

type Link<S> = (SubSender<S>, SubReceiver<PublicKey>);

type MarshalActor<E> = Actor<
    E,
    Standard<OrderedBlock>,
    Schemes,
    storage::Finalizations<E>,
    storage::Blocks<E>,
    FinalBorders,
    Sequential,
>;

/// Keeps a member's shards until the runtime stops or a part of one fails, with a network channel
/// for each of [`QUOTAS`] that all shards share.
pub(crate) async fn keep<E, S, R, N>(
    runtime: E,
    member: Member,
    kept: Vec<(Arc<Shard>, Queues)>,
    channels: Vec<(S, R)>,
    network: N,
) where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    N: Provider<PublicKey = PublicKey> + Blocker<PublicKey = PublicKey>,
{
    let mut muxers = Vec::new();
    for (sender, receiver) in channels {
        let (muxer, handle) = Muxer::new(runtime.child("channel"), sender, receiver);
        muxer.start();
        muxers.push(handle);
    }
    let muxers = <[MuxHandle<S>; CHANNELS]>::try_from(muxers);
    let Ok(muxers) = muxers else {
        unreachable!("there is a channel for every quota")
    };
    let mut keeping = FuturesUnordered::new();
    for (shard, queues) in kept {
        let links = Links::new(shard.id, muxers.clone(), network.clone()).await;
        let child = runtime.child("shard").with_attribute("shard", shard.id);
        let member = member.clone();
        keeping.push(child.spawn(move |it| keep_shard(it, member, shard, queues, links)));
    }
    keeping.next().await;
}

impl<S: Sender<PublicKey = PublicKey>, N> Links<S, N> {
    /// A shard's part of each channel, in the order of [`QUOTAS`].
    async fn new(shard: ShardId, channels: [MuxHandle<S>; CHANNELS], network: N) -> Self {
        let [votes, certificates, fetch, backfill, blocks, gossip] = channels;
        let mut links = Vec::new();
        for mut channel in [backfill, blocks, gossip] {
            let link = channel.register(u64::from(shard.0)).await;
            links.push(link.expect("a shard is kept once, while the network runs"));
        }
        let Ok([backfill, blocks, gossip]) = <[Link<S>; 3]>::try_from(links) else {
            unreachable!("there is a link for every channel")
        };
        Self {
            consensus: Lines::new(shard, [votes, certificates, fetch]),
            backfill,
            blocks,
            gossip,
            network,
        }
    }
}

/// Keeps one shard until the runtime stops or a part of it fails.
async fn keep_shard<E, S, N>(
    runtime: E,
    member: Member,
    shard: Arc<Shard>,
    queues: Queues,
    links: Links<S, N>,
) where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    N: Provider<PublicKey = PublicKey> + Blocker<PublicKey = PublicKey>,
{
    let stores = Stores::new(&member.stores, shard.id);
    let (keeper, orders) = mpsc::channel(ORDERS_MAX);
    let (parts_end, parts) = mpsc::channel(PARTS_MAX);
    let ends = GossipEnds {
        outgoing: queues.outgoing,
        asks: queues.asks,
        parts: parts_end,
        keeper: keeper.clone(),
    };
    shard.set_keeper(keeper.clone());
    let gossip = Gossip::new(Arc::clone(&shard), ends, member.timing.hello_interval);
    let child = runtime.child("gossip");
    let gossiping = child.spawn(move |runtime| gossip.run(runtime, links.gossip.0, links.gossip.1));
    let start = begin(&runtime, &member, &shard, &stores, parts).await;
    let opened = open_marshal(&runtime, &shard, &stores, start.anchor);
    let (actor, marshal) = opened.await;
    shard.set_marshal(marshal.clone());
    let peers = links.network.clone();
    let buffer = start_broadcast(&runtime, &member, &shard, peers, links.blocks);
    let resolver = resolver_config(&member, &links.network);
    let resolver = backfill::init(runtime.child("backfill"), resolver, links.backfill);
    let (blocks, final_blocks) = mpsc::unbounded_channel();
    let storing = actor.start(Reports::new(Arc::clone(&shard), blocks), buffer, resolver);
    let with = Finalizing {
        marshal: marshal.clone(),
        results: storage::Results::open(runtime.child("results"), &stores).await,
        published: member.published.clone(),
        keeper,
        handovers: start.handovers,
        retention: member.retention,
        view: member.timing.certification_timeout,
    };
    let (kept, shards) = (Arc::clone(&shard), Arc::clone(&member.shards));
    let mut finalizer = Finalizer::new(runtime.child("finalizer"), kept, shards, with);
    finalizer.recover().await;
    let (kept, snapshots) = (Arc::clone(&shard), start.snapshots);
    let keeping = runtime.child("keeper");
    let keeping = keeping.spawn(move |it| keep_snapshots(it, kept, snapshots, orders));
    let child = runtime.child("finalize");
    let finalizing = child.spawn(move |_| finalizer.run(final_blocks, queues.queries));
    let consensus = Consensus {
        member,
        shard,
        stores,
        marshal,
        blocker: links.network,
    };
    let child = runtime.child("epochs");
    let voting = child.spawn(move |it| consensus.run(it, links.consensus));
    select! {
        _ = gossiping => {},
        _ = storing => {},
        _ = keeping => {},
        _ = finalizing => {},
        _ = voting => {},
    }
}

/// With what a shard begins.
struct Begin<E: Runtime> {
    /// The snapshots on disk.
    snapshots: Snapshots<E>,
    /// The hand-overs on disk.
    handovers: Record<E>,
    /// From where blocks are taken, unless some are stored.
    anchor: Start,
}

/// Puts the shard's state to the newest snapshot: its own, or if it has nothing at all, another
/// member's.
async fn begin<E: Runtime>(
    runtime: &E,
    member: &Member,
    shard: &Arc<Shard>,
    stores: &Stores,
    parts: mpsc::Receiver<Part>,
) -> Begin<E> {
    let genesis = &shard.genesis;
    let known = Arc::clone(&shard.handovers);
    let mut handovers = Record::open(runtime.child("handovers"), stores, known).await;
    let mut snapshots = Snapshots::new(runtime.child("snapshots"), stores.snapshots());
    let mut restored = snapshots.restore(&shard.handovers, shard.id).await;
    let has_blocks = stores.has_blocks(runtime).await;
    let begins_with_snapshot = !has_blocks || stores.has_begun_with_snapshot(runtime).await;
    if restored.is_none() && !has_blocks && shard.session().company() > 0 {
        let timeout = member.timing.fetch_timeout;
        let sync = StateSync::new(runtime, Arc::clone(shard), timeout, parts);
        restored = sync.run(&mut snapshots, &mut handovers).await;
    }
    let mut floor = None;
    if let Some(restored) = restored {
        let finalized = &restored.manifest.finalized;
        let committee = shard.handovers.committee(finalized.header.epoch);
        let committee = committee.expect("a snapshot is checked by its epoch's committee");
        floor = finalization(&finalized.certificate, &committee);
        shard.saw_snapshot(finalized.header.height);
        shard.pruned_below(if has_blocks {
            0
        } else {
            finalized.header.height
        });
        shard.begin_after(&restored.base, &restored.state);
        shard.recover(Arc::new(Node::restored(restored.base, restored.state)));
    }
    let anchor = match floor {
        Some(floor) if begins_with_snapshot => Start::Floor(floor),
        Some(_) | None => {
            let first = genesis_node(genesis, shard.id);
            let block = first
                .block
                .expect("the first block follows from the genesis");
            Start::Genesis(Digested::precomputed(block, first.payload))
        }
    };
    Begin {
        snapshots,
        handovers,
        anchor,
    }
}

type Start = marshal::Start<VoteScheme, Payload, Digested<OrderedBlock>>;

type MarshalConfig =
    marshal::Config<Schemes, FinalBorders, Sequential, OrderedBlock, Digested<OrderedBlock>>;

fn marshal_config(shard: &Arc<Shard>, stores: &Stores, start: Start) -> MarshalConfig {
    marshal::Config {
        provider: Schemes::new(Arc::clone(shard)),
        epocher: FinalBorders::new(Arc::clone(shard)),
        start,
        partition_prefix: stores.name("marshal"),
        mailbox_size: MAILBOX,
        view_retention: VIEWS_KEPT,
        prunable_items_per_section: NZU64!(1_024),
        page_cache: stores.cache.clone(),
        replay_buffer: BUFFER,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        block_codec_config: shard.block_length_max(),
        max_repair: NZUsize!(64),
        max_pending_acks: NZUsize!(16),
        strategy: Sequential,
    }
}

async fn open_marshal<E: Runtime>(
    runtime: &E,
    shard: &Arc<Shard>,
    stores: &Stores,
    start: Start,
) -> (MarshalActor<E>, Marshal) {
    let config = marshal_config(shard, stores, start);
    let votes_max = VoteScheme::certificate_codec_config_unbounded();
    let archive = stores.archive("finalizations", votes_max);
    let child = runtime.child("finalizations");
    let finalizations = prunable::Archive::init(child, archive).await;
    let archive = stores.archive("blocks", config.block_codec_config);
    let blocks = prunable::Archive::init(runtime.child("blocks"), archive).await;
    let finalizations = finalizations.expect("the votes of final blocks can be read");
    let blocks = blocks.expect("the final blocks can be read");
    let child = runtime.child("marshal");
    let (actor, mailbox, _) = Actor::init(child, finalizations, blocks, config).await;
    (actor, mailbox)
}

fn resolver_config<N>(member: &Member, network: &N) -> backfill::Config<PublicKey, N, N>
where
    N: Provider<PublicKey = PublicKey> + Blocker<PublicKey = PublicKey>,
{
    backfill::Config {
        public_key: member.key.public_key(),
        peer_provider: network.clone(),
        blocker: network.clone(),
        mailbox_size: MAILBOX,
        fetch_timeout: NonZeroDuration::new_panic(member.timing.fetch_timeout),
        fetch_retry_delay: FETCH_RETRY,
        priority_requests: false,
        priority_responses: false,
    }
}

fn start_broadcast<E, S, R, P>(
    runtime: &E,
    member: &Member,
    shard: &Shard,
    peers: P,
    (sender, receiver): (S, R),
) -> buffered::Mailbox<PublicKey, OrderedBlock>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
{
    let config = buffered::Config {
        public_key: member.key.public_key(),
        mailbox_size: MAILBOX,
        deque_size: BLOCKS_CACHED,
        priority: false,
        codec_config: shard.block_length_max(),
        peer_provider: peers,
        strategy: Sequential,
    };
    let (engine, mailbox) = buffered::Engine::new(runtime.child("broadcast"), config);
    engine.start((sender, receiver));
    mailbox
}

/// Messages per second that are taken from each member: votes, votes put together, fetches of
/// these, fetches of blocks, blocks, and gossip. All shards share them.
pub(crate) const QUOTAS: [NonZeroU32; CHANNELS] = [
    NZU32!(2_048),
    NZU32!(1_024),
    NZU32!(256),
    NZU32!(256),
    NZU32!(512),
    NZU32!(512),
];

const CHANNELS: usize = 6;

/// Proposed blocks that are kept of each member.
const BLOCKS_CACHED: usize = 16;

/// Snapshots to write and parts of them to hand out; what does not fit is asked for again.
const ORDERS_MAX: usize = 4 * ASKED_MAX;

/// Parts of other members' snapshots that wait to be checked; what does not fit is asked for again.
const PARTS_MAX: usize = 32;
