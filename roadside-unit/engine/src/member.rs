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

use std::{
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use commonware_broadcast::buffered;
use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::{
    marshal::{
        self,
        core::Actor,
        resolver::p2p as backfill,
        standard::{Inline, Standard},
    },
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Digested, Sha256, Signer as _,
    certificate::{ConstantProvider, Verifier as _},
    ed25519::{PrivateKey, PublicKey},
};
use commonware_macros::select;
use commonware_p2p::{Blocker, Provider, Receiver, Sender, utils::mux::Muxer};
use commonware_parallel::Sequential;
use commonware_runtime::Handle as Task;
use commonware_storage::archive::prunable;
use commonware_utils::{NZU32, NZU64, NZUsize, NonZeroDuration, ordered::Set};
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::{broadcast, mpsc};
use wayside::{
    crypto::SigningKey,
    ledger::{AccountKey, Genesis, vote_namespace},
};

use crate::{
    FinalizedBlock, Timing,
    block::{OrderedBlock, Payload},
    certificate::finalization,
    evidence::Evidence,
    fence::Fence,
    fetching::ASKED_MAX,
    finalizer::{Finalizer, Finalizing, Reports},
    gossip::{Gossip, GossipEnds},
    keeper::keep_snapshots,
    muted::Muted,
    observer::Observer,
    proposer::Proposer,
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
struct Links<S, R, N> {
    /// Votes; votes of a quorum, put together; and questions for such, and answers.
    consensus: [(S, R); 3],
    /// Questions for final blocks, and answers.
    backfill: (S, R),
    /// Proposed blocks.
    blocks: (S, R),
    /// Transactions that wait, and where members are.
    gossip: (S, R),
    /// Knows who the others are, and keeps out those that break the protocol.
    network: N,
}

type MarshalActor<E> = Actor<
    E,
    Standard<OrderedBlock>,
    ConstantProvider<VoteScheme, Epoch>,
    storage::Finalizations<E>,
    storage::Blocks<E>,
    FixedEpocher,
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
    let mut keeping = FuturesUnordered::new();
    for (shard, queues) in kept {
        let mut parts = Vec::new();
        for muxer in &mut muxers {
            let part = muxer.register(u64::from(shard.id.0)).await;
            parts.push(part.expect("a shard is kept once, while the network runs"));
        }
        let links = Links::new(parts, network.clone());
        let child = runtime.child("shard").with_attribute("shard", shard.id);
        let member = member.clone();
        keeping.push(child.spawn(move |it| keep_shard(it, member, shard, queues, links)));
    }
    keeping.next().await;
}

impl<S, R, N> Links<S, R, N> {
    /// A shard's part of each channel, in the order of [`QUOTAS`].
    fn new(parts: Vec<(S, R)>, network: N) -> Self {
        let parts = <[(S, R); CHANNELS]>::try_from(parts);
        let Ok([votes, certificates, fetch, backfill, blocks, gossip]) = parts else {
            unreachable!("there is a channel for every quota")
        };
        Self {
            consensus: [votes, certificates, fetch],
            backfill,
            blocks,
            gossip,
            network,
        }
    }
}

/// Keeps one shard until the runtime stops or a part of it fails.
async fn keep_shard<E, S, R, N>(
    runtime: E,
    member: Member,
    shard: Arc<Shard>,
    queues: Queues,
    links: Links<S, R, N>,
) where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    N: Provider<PublicKey = PublicKey> + Blocker<PublicKey = PublicKey>,
{
    let stores = Stores::new(&member.stores, shard.id);
    // The fence has to see whether there is a journal of votes before consensus opens one.
    let fence = match shard.member {
        Some(_) => Some(Fence::open(runtime.child("fence"), Arc::clone(&shard), &stores).await),
        None => None,
    };
    let (keeper, orders) = mpsc::channel(ORDERS_MAX);
    let (parts_end, parts) = mpsc::channel(PARTS_MAX);
    let ends = GossipEnds {
        outgoing: queues.outgoing,
        asks: queues.asks,
        parts: parts_end,
        keeper: keeper.clone(),
    };
    let gossip = Gossip::new(Arc::clone(&shard), ends, member.timing.hello_interval);
    let child = runtime.child("gossip");
    let gossiping = child.spawn(move |runtime| gossip.run(runtime, links.gossip.0, links.gossip.1));
    let start = begin(&runtime, &member, &shard, &stores, parts).await;
    let scheme = scheme(&member.key, &shard);
    let opened = open_marshal(&runtime, &shard, &stores, &scheme, start.anchor);
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
        stores,
        scheme,
        marshal,
        blocker: links.network,
    };
    let (member, kept) = (member.clone(), Arc::clone(&shard));
    let child = runtime.child("voting");
    let voting = child.spawn(move |it| consensus.run(it, (member, kept), fence, links.consensus));
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
    let mut snapshots = Snapshots::new(runtime.child("snapshots"), stores.snapshots());
    let mut restored = snapshots.restore(genesis, shard.id).await;
    let has_blocks = stores.has_blocks(runtime).await;
    if restored.is_none() && !has_blocks && shard.company() > 0 {
        let timeout = member.timing.fetch_timeout;
        let sync = StateSync::new(runtime, Arc::clone(shard), timeout, parts);
        restored = sync.run(&mut snapshots).await;
    }
    let mut floor = None;
    if let Some(restored) = restored {
        let finalized = &restored.manifest.finalized;
        floor = finalization(&finalized.certificate, genesis.committee());
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
        Some(floor) if !has_blocks => Start::Floor(floor),
        Some(_) | None => {
            let first = genesis_node(genesis, shard.id);
            let block = first
                .block
                .expect("the first block follows from the genesis");
            Start::Genesis(Digested::precomputed(block, first.payload))
        }
    };
    Begin { snapshots, anchor }
}

type Start = marshal::Start<VoteScheme, Payload, Digested<OrderedBlock>>;

/// What consensus needs beside its links.
struct Consensus<B> {
    stores: Stores,
    scheme: VoteScheme,
    marshal: Marshal,
    blocker: B,
}

type InlineProposer<E> = Inline<E, VoteScheme, Proposer, OrderedBlock, FixedEpocher>;

type Engine<E, B> = simplex::Engine<
    E,
    VoteScheme,
    RoundRobin<Sha256>,
    B,
    Payload,
    InlineProposer<E>,
    InlineProposer<E>,
    Observer<InlineProposer<E>>,
    Sequential,
>;

impl<B: Blocker<PublicKey = PublicKey>> Consensus<B> {
    /// Runs it, as soon as it is known from where on the member may vote, until it fails.
    async fn run<E, S, R>(
        self,
        runtime: E,
        (member, shard): (Member, Arc<Shard>),
        fence: Option<Fence<E>>,
        links: [(S, R); 3],
    ) where
        E: Runtime,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Some(fence) = fence else {
            // A follower's gate stays closed.
            let _ = self.start(&runtime, &member, &shard, links).await;
            return;
        };
        let fence = fence.settle().await;
        let voting = self.start(&runtime, &member, &shard, links);
        select! {
            _ = voting => {},
            _ = fence.run() => {},
        }
    }

    /// Starts it on its links, on which a member that may not vote is heard by nobody.
    fn start<E, S, R>(
        self,
        runtime: &E,
        member: &Member,
        shard: &Arc<Shard>,
        [votes, certificates, fetch]: [(S, R); 3],
    ) -> Task<()>
    where
        E: Runtime,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (sender, receiver) = certificates;
        let certificates = (Muted::new(sender, Arc::clone(shard)), receiver);
        let engine = self.engine(runtime, member, shard);
        engine.start(votes, certificates, fetch)
    }

    fn engine<E: Runtime>(self, runtime: &E, member: &Member, shard: &Arc<Shard>) -> Engine<E, B> {
        let timing = member.timing;
        let proposer = Proposer::new(Arc::clone(shard), timing);
        let child = runtime.child("inline");
        let inline = Inline::new(
            child,
            proposer,
            self.marshal,
            FixedEpocher::new(EPOCH_LENGTH),
        );
        let (conflicts, conflicts_end) = mpsc::channel(CONFLICTS_MAX);
        let (kept, shards) = (Arc::clone(shard), Arc::clone(&member.shards));
        let evidence = Evidence::new(
            kept,
            shards,
            self.scheme.clone(),
            Arc::clone(&member.signer),
        );
        if shard.member.is_some() {
            let child = runtime.child("evidence");
            child.spawn(move |runtime| evidence.run(runtime, conflicts_end));
        }
        let config = simplex::Config {
            scheme: self.scheme,
            elector: RoundRobin::default(),
            blocker: self.blocker,
            automaton: inline.clone(),
            relay: inline.clone(),
            reporter: Observer::new(Arc::clone(shard), conflicts, inline),
            strategy: Sequential,
            partition: self.stores.journal(),
            mailbox_size: MAILBOX,
            epoch: EPOCH,
            floor: Floor::Genesis(shard.genesis_payload()),
            replay_buffer: BUFFER,
            write_buffer: BUFFER,
            page_cache: self.stores.cache,
            leader_timeout: timing.leader_timeout,
            certification_timeout: timing.certification_timeout,
            timeout_retry: timing.retry,
            view_retention: VIEWS_KEPT,
            skip: SkipPolicy::Enabled {
                timeout: timing.skip_timeout,
                budget: SkipBudget::Fixed(SKIPS_MAX),
            },
            fetch_timeout: NonZeroDuration::new_panic(timing.fetch_timeout),
            fetch_retry_delay: FETCH_RETRY,
            forward: match shard.member {
                Some(_) => ForwardPolicy::SilentVoters,
                None => ForwardPolicy::Disabled,
            },
            track_historical_votes: true,
        };
        simplex::Engine::new(runtime.child("consensus"), config)
    }
}

fn scheme(key: &PrivateKey, shard: &Shard) -> VoteScheme {
    let namespace = vote_namespace(shard.genesis.chain(), shard.id);
    let participants = participants(&shard.genesis);
    let gate = Arc::clone(&shard.gate);
    let scheme = match shard.member {
        Some(_) => VoteScheme::new(&namespace, participants, key.clone(), gate),
        None => VoteScheme::follower(&namespace, participants),
    };
    scheme.expect("start has seen whose the key is, and a genesis that its keys can be admitted")
}

/// The committee as the engine knows it.
pub(crate) fn participants(genesis: &Genesis) -> Set<PublicKey> {
    let keys = genesis.committee().keys().iter();
    let keys = keys.map(|key| public_key(key).expect("the keys of a genesis can be signed with"));
    Set::from_iter_dedup(keys)
}

/// A key as the engine knows it; `None` if it is none that can be signed with.
pub(crate) fn public_key(key: &AccountKey) -> Option<PublicKey> {
    PublicKey::decode(Copying(key.as_bytes())).ok()
}

type MarshalConfig = marshal::Config<
    ConstantProvider<VoteScheme, Epoch>,
    FixedEpocher,
    Sequential,
    OrderedBlock,
    Digested<OrderedBlock>,
>;

fn marshal_config(
    shard: &Shard,
    stores: &Stores,
    scheme: &VoteScheme,
    start: Start,
) -> MarshalConfig {
    marshal::Config {
        provider: ConstantProvider::new(scheme.clone()),
        epocher: FixedEpocher::new(EPOCH_LENGTH),
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
    shard: &Shard,
    stores: &Stores,
    scheme: &VoteScheme,
    start: Start,
) -> (MarshalActor<E>, Marshal) {
    let config = marshal_config(shard, stores, scheme, start);
    let archive = stores.archive("finalizations", scheme.certificate_codec_config());
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

/// The committee of the genesis; changes of the committee come with later epochs.
const EPOCH: Epoch = Epoch::zero();

/// One epoch has as many heights as there will ever be.
const EPOCH_LENGTH: NonZeroU64 = NZU64!(u64::MAX);

/// Messages between the parts of one shard; what happens at the bound is the receiving part's
/// policy.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Proposed blocks that are kept of each member.
const BLOCKS_CACHED: usize = 16;

/// Views of which votes are remembered, to recognize contradictions and to help members that lag.
const VIEWS_KEPT: ViewDelta = ViewDelta::new(256);

/// A leader with nothing to propose gives its turn away, however often in a row.
const SKIPS_MAX: NonZeroU64 = NZU64!(1 << 40);

/// How long to wait before something is asked for again.
const FETCH_RETRY: Duration = Duration::from_millis(100);

/// Snapshots to write and parts of them to hand out; what does not fit is asked for again.
const ORDERS_MAX: usize = 4 * ASKED_MAX;

/// Parts of other members' snapshots that wait to be checked; what does not fit is asked for again.
const PARTS_MAX: usize = 32;

/// Contradictions that wait to become evidence.
const CONFLICTS_MAX: usize = 64;
