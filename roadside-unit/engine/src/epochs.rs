//! Consensus, one epoch after the other.
//!
//! Everything else of a shard lives across epochs. Votes do not: each epoch has its committee, its
//! journal, and lines on which only it is spoken of. It ends with its last block: consensus proposes
//! that block again and again until it is final, so that whatever comes on top of it is on top of it
//! for everybody. Then the next begins where this one ended. Whoever hears of that late finds what
//! the others said first waiting on the next epoch's lines, which are open one epoch ahead.

use std::{
    collections::BTreeMap,
    future::pending,
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use commonware_consensus::{
    marshal::standard::Inline,
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, ViewDelta},
};
use commonware_cryptography::{Sha256, ed25519::PublicKey};
use commonware_macros::select;
use commonware_p2p::{
    Blocker, Sender,
    utils::mux::{MuxHandle, SubReceiver, SubSender},
};
use commonware_parallel::Sequential;
use commonware_utils::{NZU64, NZUsize, NonZeroDuration};
use futures::future::OptionFuture;
use tokio::sync::mpsc;
use tracing::info;
use wayside::{
    id::ShardId,
    ledger::{StateView as _, vote_namespace},
};

use crate::{
    block::{OrderedBlock, Payload, payload},
    borders::BranchBorders,
    certificate::newest_finalization,
    evidence::Evidence,
    fence::Fence,
    member::Member,
    muted::Muted,
    observer::Observer,
    proposer::Proposer,
    runtime::Runtime,
    scheme::VoteScheme,
    session::Session,
    shard::{Marshal, Shard},
    storage::{BUFFER, Stores},
};

/// What consensus of a shard works with in every epoch.
#[derive(Clone)]
pub(crate) struct Consensus<B> {
    /// What all shards have in common.
    pub(crate) member: Member,
    /// The shard.
    pub(crate) shard: Arc<Shard>,
    /// Where its journals are.
    pub(crate) stores: Stores,
    /// Stores and fetches blocks.
    pub(crate) marshal: Marshal,
    /// Keeps out those that break the protocol.
    pub(crate) blocker: B,
}

/// The lines on which one epoch is spoken of: votes; votes of a quorum, put together; and questions
/// for such, and answers.
type EpochLines<S> = [(SubSender<S>, SubReceiver<PublicKey>); LINES];

/// The lines of a shard.
pub(crate) struct Lines<S: Sender<PublicKey = PublicKey>> {
    shard: ShardId,
    channels: [MuxHandle<S>; LINES],
    open: BTreeMap<u64, EpochLines<S>>,
}

impl<S: Sender<PublicKey = PublicKey>> Lines<S> {
    /// The lines of a shard on these channels, none of which is open.
    pub(crate) fn new(shard: ShardId, channels: [MuxHandle<S>; LINES]) -> Self {
        Self {
            shard,
            channels,
            open: BTreeMap::new(),
        }
    }

    /// Opens those of an epoch and of the next; what was said on the latter before waits.
    async fn take(&mut self, epoch: u64) -> EpochLines<S> {
        self.open.retain(|it, _| *it >= epoch);
        for epoch in [epoch, epoch + 1] {
            if !self.open.contains_key(&epoch) {
                let lines = self.register(epoch).await;
                self.open.insert(epoch, lines);
            }
        }
        self.open.remove(&epoch).expect("it was opened above")
    }

    async fn register(&mut self, epoch: u64) -> EpochLines<S> {
        let line = u64::from(self.shard.0) | epoch << u16::BITS;
        let [votes, certificates, questions] = &mut self.channels;
        let (votes, certificates, questions) = (
            votes.register(line).await,
            certificates.register(line).await,
            questions.register(line).await,
        );
        let lines = [votes, certificates, questions];
        lines.map(|it| it.expect("an epoch's lines are opened once, while the network runs"))
    }
}

type InlineProposer<E> = Inline<E, VoteScheme, Proposer, OrderedBlock, BranchBorders>;

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
    /// Runs one epoch after the other, from that of the final tip on, until a part fails.
    pub(crate) async fn run<E, S>(self, runtime: E, mut lines: Lines<S>)
    where
        E: Runtime,
        S: Sender<PublicKey = PublicKey>,
    {
        let mut was_member = None;
        loop {
            let session = self.shard.enter_epoch();
            let epoch = session.epoch();
            self.announce(&session, was_member);
            was_member = Some(session.member.is_some());
            let on = lines.take(epoch).await;
            let mut epochs = self.shard.epoch();
            let child = runtime.child("epoch").with_attribute("epoch", epoch);
            let consensus = self.clone();
            let running = child.spawn(move |it| consensus.run_epoch(it, session, on));
            let mut running = running;
            select! {
                _ = &mut running => return,
                _ = epochs.wait_for(|next| *next > epoch) => {},
            }
            running.abort();
            let _ = running.await;
        }
    }

    /// Says what this unit is in an epoch, if that is news.
    fn announce(&self, session: &Session, was_member: Option<bool>) {
        let (shard, epoch) = (self.shard.id, session.epoch());
        match (was_member, session.member) {
            (Some(true), None) => {
                info!(%shard, epoch, "is no member of the committee any more, and follows it");
            }
            (None | Some(false), Some(_)) => {
                info!(%shard, epoch, "is a member of the committee");
            }
            (None, None) => info!(%shard, epoch, "follows the committee"),
            (Some(true), Some(_)) | (Some(false), None) => info!(%shard, epoch, "epoch begins"),
        }
    }

    /// Runs one epoch until a part of it fails.
    async fn run_epoch<E, S>(self, runtime: E, session: Arc<Session>, lines: EpochLines<S>)
    where
        E: Runtime,
        S: Sender<PublicKey = PublicKey>,
    {
        let child = runtime.child("fence");
        let (shard, stores) = (Arc::clone(&self.shard), self.stores.clone());
        let (forget, epoch) = (runtime.child("forget"), session.epoch());
        let forgetting = forget.spawn(move |it| forget_journals(it, shard, stores, epoch));
        let mut floor = Floor::Genesis(self.first_parent(session.epoch()));
        let mut guarding = None;
        if session.member.is_some() {
            let shard = Arc::clone(&self.shard);
            // It has to see whether there is a journal of votes before consensus opens one.
            let fence = Fence::open(child, shard, Arc::clone(&session), &self.stores).await;
            let fence = fence.settle().await;
            if !fence.has_journal() {
                // Others may have begun anew too, and then nobody could say what came before.
                let newest = newest_finalization(self.marshal.clone(), Epoch::new(epoch)).await;
                floor = newest.map_or(floor, Floor::Finalized);
            }
            guarding = Some(fence.run());
        }
        let guarding = OptionFuture::from(guarding);
        let guarding = async move {
            if guarding.await.is_none() {
                // A follower's gate stays closed.
                pending().await
            }
        };
        let [votes, (sender, receiver), questions] = lines;
        // A member that may not vote is heard by nobody.
        let certificates = (Muted::new(sender, Arc::clone(&session)), receiver);
        let engine = self.engine(&runtime, &session, floor);
        let voting = engine.start(votes, certificates, questions);
        select! {
            _ = guarding => {},
            _ = voting => {},
            _ = forgetting => {},
        }
    }

    fn engine<E: Runtime>(
        &self,
        runtime: &E,
        session: &Arc<Session>,
        floor: Floor<VoteScheme, Payload>,
    ) -> Engine<E, B> {
        let (shard, timing) = (&self.shard, self.member.timing);
        let namespace = vote_namespace(shard.genesis.chain(), shard.id);
        let scheme = session.scheme(&namespace, &self.member.key);
        let proposer = Proposer::new(Arc::clone(shard), Arc::clone(session), timing);
        let borders = BranchBorders::new(Arc::clone(shard), Arc::clone(session));
        let child = runtime.child("inline");
        let inline = Inline::new(child, proposer, self.marshal.clone(), borders);
        let (conflicts, conflicts_end) = mpsc::channel(CONFLICTS_MAX);
        if session.member.is_some() {
            let (kept, shards) = (Arc::clone(shard), Arc::clone(&self.member.shards));
            let signer = Arc::clone(&self.member.signer);
            let evidence = Evidence::new(kept, shards, scheme.clone(), signer);
            let child = runtime.child("evidence");
            child.spawn(move |runtime| evidence.run(runtime, conflicts_end));
        }
        let config = simplex::Config {
            scheme,
            elector: RoundRobin::default(),
            blocker: self.blocker.clone(),
            automaton: inline.clone(),
            relay: inline.clone(),
            reporter: Observer::new(Arc::clone(session), conflicts, inline),
            strategy: Sequential,
            partition: self.stores.journal(session.epoch()),
            mailbox_size: MAILBOX,
            epoch: Epoch::new(session.epoch()),
            floor,
            replay_buffer: BUFFER,
            write_buffer: BUFFER,
            page_cache: self.stores.cache.clone(),
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
            forward: match session.member {
                Some(_) => ForwardPolicy::SilentVoters,
                None => ForwardPolicy::Disabled,
            },
            track_historical_votes: true,
        };
        simplex::Engine::new(runtime.child("consensus"), config)
    }

    /// The block before an epoch's first, on which it begins.
    fn first_parent(&self, epoch: u64) -> Payload {
        let tip = self.shard.tip_node();
        let epochs = tip.state.epoch_state(&self.shard.genesis);
        if epoch != epochs.epoch() {
            // The final tip is the last block of the epoch before.
            tip.payload
        } else if epoch == self.shard.genesis.committee().epoch() {
            self.shard.genesis_payload()
        } else {
            payload(&epochs.parent)
        }
    }
}

/// Removes the journals of earlier epochs once a block of this one is final, so that none of those
/// can be entered again.
async fn forget_journals<E: Runtime>(runtime: E, shard: Arc<Shard>, stores: Stores, epoch: u64) {
    while shard.tip_node().header.epoch < epoch {
        runtime.sleep(FORGET_INTERVAL).await;
    }
    for earlier in (0..epoch).rev() {
        let journal = stores.journal(earlier);
        if runtime.remove(&journal, None).await.is_err() {
            // It was removed before, and so were those before it.
            break;
        }
    }
    pending().await
}

/// Channels that epochs do not share.
pub(crate) const LINES: usize = 3;

/// Messages between the parts of one shard; what happens at the bound is the receiving part's
/// policy.
pub(crate) const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Views of which votes are remembered, to recognize contradictions and to help members that lag.
pub(crate) const VIEWS_KEPT: ViewDelta = ViewDelta::new(256);

/// A leader with nothing to propose gives its turn away, however often in a row.
const SKIPS_MAX: NonZeroU64 = NZU64!(1 << 40);

/// How long to wait before something is asked for again.
pub(crate) const FETCH_RETRY: Duration = Duration::from_millis(100);

/// Contradictions that wait to become evidence.
const CONFLICTS_MAX: usize = 64;

/// How often to look whether journals can be removed.
const FORGET_INTERVAL: Duration = Duration::from_millis(500);
