use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};

use commonware_actor::Feedback;
use commonware_consensus::{Reporter, marshal::Update, types::Height};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_macros::select;
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact};
use tokio::sync::{broadcast, mpsc};
use tracing::{debug, error, info, warn};
use wayside::{
    id::ShardId,
    ledger::{
        Delivery, FinalizedHeader, Handover, List, NextRules, Outcome, Receipt, Results,
        StateView as _,
    },
};

use crate::{
    FinalizedBlock,
    block::OrderedBlock,
    certificate::finalized_header,
    handovers::Record,
    keeper::{Border, Order},
    runtime::Runtime,
    shard::{Marshal, Node, Query, Shard, Shards, genesis_node},
    storage,
};

/// Hands what marshal reports to the finalizer.
#[derive(Clone)]
pub(crate) struct Reports {
    shard: Arc<Shard>,
    blocks: mpsc::UnboundedSender<Final>,
}

/// A final block, and what tells marshal that it has been executed.
///
/// Marshal hands out only a few before they are acknowledged, which bounds the queue of them.
pub(crate) type Final = (Digested<OrderedBlock>, Exact);

/// Executes final blocks in order, stores what follows from them, and tells everybody.
pub(crate) struct Finalizer<E: Runtime> {
    runtime: E,
    shard: Arc<Shard>,
    marshal: Marshal,
    results: storage::Results<E>,
    recent: VecDeque<Arc<FinalizedBlock>>,
    published: broadcast::Sender<Arc<FinalizedBlock>>,
    shards: Arc<Shards>,
    undelivered: BTreeMap<u64, Arc<FinalizedBlock>>,
    keeper: mpsc::Sender<Order>,
    handovers: Record<E>,
    retention: Option<u64>,
    view: Duration,
    /// The block before one with the snapshot's root of its state.
    border: Option<Arc<Node>>,
    refilled: SystemTime,
    /// The first block whose rules this program does not know. It is never acknowledged, so that a
    /// newer program finds it where this one stopped.
    held: Option<Final>,
    /// The scheduled rules that were warned of.
    warned: Option<NextRules>,
    /// Whether it was warned that blocks are kept for want of archives.
    lacks_archives: bool,
}

/// What a finalizer works with.
pub(crate) struct Finalizing<E: Runtime> {
    /// Where blocks come from.
    pub(crate) marshal: Marshal,
    /// Where results are stored.
    pub(crate) results: storage::Results<E>,
    /// Who hears of final blocks.
    pub(crate) published: broadcast::Sender<Arc<FinalizedBlock>>,
    /// Who writes snapshots.
    pub(crate) keeper: mpsc::Sender<Order>,
    /// Where hand-overs are stored.
    pub(crate) handovers: Record<E>,
    /// How many heights' blocks are kept below the newest snapshot.
    pub(crate) retention: Option<u64>,
    /// How long a view of the consensus may take.
    pub(crate) view: Duration,
}

impl Reports {
    /// Reports on `shard` to whoever reads `blocks`.
    pub(crate) fn new(shard: Arc<Shard>, blocks: mpsc::UnboundedSender<Final>) -> Self {
        Self { shard, blocks }
    }
}

impl Reporter for Reports {
    type Activity = Update<OrderedBlock>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match update {
            Update::Tip(round, height, _) => {
                let epoch = round.epoch().get();
                self.shard.saw_height(epoch, height.get());
                Feedback::Ok
            }
            Update::Block(block, done) => match self.blocks.send((block, done)) {
                Ok(()) => Feedback::Ok,
                Err(_) => Feedback::Closed,
            },
        }
    }
}

impl<E: Runtime> Finalizer<E> {
    /// A finalizer for one of the shards of this process.
    pub(crate) fn new(
        runtime: E,
        shard: Arc<Shard>,
        shards: Arc<Shards>,
        with: Finalizing<E>,
    ) -> Self {
        shard.set_archive(with.retention.is_none());
        Self {
            runtime,
            shard,
            marshal: with.marshal,
            results: with.results,
            recent: VecDeque::new(),
            published: with.published,
            shards,
            undelivered: BTreeMap::new(),
            keeper: with.keeper,
            handovers: with.handovers,
            retention: with.retention,
            view: with.view,
            border: None,
            refilled: SystemTime::UNIX_EPOCH,
            held: None,
            warned: None,
            lacks_archives: false,
        }
    }

    /// Executes what was final before this process began.
    ///
    /// # Panics
    ///
    /// If a block that was stored cannot be read any more: a unit on such a disk must not go on.
    /// With an empty folder it fetches from others what it needs.
    pub(crate) async fn recover(&mut self) {
        let processed = self.marshal.get_processed().await;
        let processed = processed.map_or(0, |it| it.height().get());
        let mut node = self.shard.tip_node();
        let begin = node.header.height;
        for height in begin + 1..=processed {
            if self.shard.rules_missing(&node).is_some() {
                break;
            }
            let block = self.marshal.get_block(Height::new(height)).await;
            let Some(block) = block else {
                panic!(
                    "shard {}: the block at height {height} is gone or broken on disk",
                    self.shard.id
                )
            };
            node = self.execute(node, block.inner().clone()).await;
            self.store(&node).await;
            self.hand_over(&node).await;
        }
        info!(shard = %self.shard.id, from = begin, to = processed, "executed stored blocks");
        if let Some(oldest) = self.results.oldest() {
            self.shard.pruned_below(oldest);
        }
        self.shard.recover(node);
        self.shard.recovered().send_replace(true);
        self.warn_of_rules();
    }

    /// Executes blocks and answers questions until the runtime stops.
    pub(crate) async fn run(
        mut self,
        mut blocks: mpsc::UnboundedReceiver<Final>,
        mut queries: mpsc::UnboundedReceiver<Query>,
    ) {
        loop {
            select! {
                block = next(&mut blocks, self.held.is_some()) => {
                    let Some(block) = block else { return };
                    self.take(block).await;
                },
                query = queries.recv() => {
                    let Some(Query { height, answer }) = query else { return };
                    // Whoever asked may have gone.
                    let _ = answer.send(self.block(height).await);
                },
                _ = self.runtime.sleep(DELIVER_INTERVAL) => {},
            }
            self.deliver().await;
            self.keep_border().await;
            if self.runtime.current() >= self.refilled + REFILL_INTERVAL {
                self.refilled = self.runtime.current();
                self.refill().await;
            }
        }
    }

    async fn take(&mut self, (block, done): Final) {
        let tip = self.shard.tip_node();
        let is_news = block.inner().block().header.height > tip.header.height;
        if is_news && self.shard.rules_missing(&tip).is_some() {
            self.held = Some((block, done));
            return;
        }
        self.finalized(block.inner().clone()).await;
        done.acknowledge();
        self.warn_of_rules();
    }

    /// Says in good time that this program will be too old, and when it is.
    fn warn_of_rules(&mut self) {
        let (shard, tip) = (self.shard.id, self.shard.tip_node());
        let (height, known) = (tip.header.height, self.shard.rules);
        if let Some(needed) = self.shard.rules_missing(&tip) {
            error!(
                %shard, height, needed, known,
                "stopped: the next block follows newer rules than this program knows; upgrade it"
            );
            return;
        }
        let scheduled = tip.state.chain().and_then(|chain| chain.next_rules);
        let scheduled = scheduled.filter(|next| next.rules > known);
        if let Some(next) = scheduled.filter(|next| self.warned != Some(*next)) {
            warn!(
                %shard, needed = next.rules, known, stops_before = next.height,
                "newer rules are scheduled than this program knows; upgrade it"
            );
        }
        self.warned = scheduled;
    }

    async fn finalized(&mut self, block: OrderedBlock) {
        let tip = self.shard.tip_node();
        if block.block().header.height <= tip.header.height {
            return;
        }
        let node = match self.shard.find(&block.digest()) {
            Some(node) => node,
            None => self.execute(tip, block).await,
        };
        self.store(&node).await;
        if node.header.snapshot_root.is_some() {
            self.border = Some(self.shard.tip_node());
        }
        self.hand_over(&node).await;
        self.shard.commit(&node);
        let mut pace = self.shard.pace.lock();
        pace.finalized(&node.payload, self.runtime.current(), self.view);
        drop(pace);
        self.publish(&node);
    }

    /// Shows to all shards of this process how the committee hands over to the next, if this block is
    /// one of the shard that governs that can show it.
    async fn hand_over(&mut self, node: &Node) {
        let known = self.shard.handovers.newest().epoch();
        let next = node.state.epoch_state(&self.shard.genesis).next;
        let is_news = next.is_some_and(|next| next.committee.epoch() > known);
        if self.shard.id == ShardId::GOVERNANCE && is_news {
            let height = node.header.height;
            let finalized = finalized_header(&self.marshal, height, height).await;
            let handover = finalized.and_then(|it| Handover::of(it, &node.state));
            for shard in self.shards.values() {
                if let Some(Err(cause)) = handover.as_ref().map(|it| shard.handovers.add(it)) {
                    // A later block will do.
                    debug!(shard = %shard.id, height, %cause, "did not take a hand-over");
                }
            }
        }
        self.handovers.save().await;
    }

    /// Has a snapshot written of the state before the last block that has its root, once that block
    /// is final by votes of its own; the next one will do if it never is.
    async fn keep_border(&mut self) {
        let Some(base) = &self.border else {
            return;
        };
        let (height, tip) = (base.header.height + 1, self.shard.tip_node().header.height);
        let Some(finalized) = finalized_header(&self.marshal, height, tip).await else {
            return;
        };
        let base = self.border.take().expect("it was there a moment ago");
        let shown = self.shard.handovers.newest().epoch();
        if !finalized.link.is_empty() || finalized.header.epoch > shown {
            // Nobody could be shown that it holds.
            return;
        }
        // What the snapshot stands in for must not be made again from blocks that are gone.
        self.results.sync().await;
        self.handovers.save().await;
        let border = Border {
            base: base.header.clone(),
            state: base.state.clone(),
            finalized,
        };
        if self
            .keeper
            .try_send(Order::Write(Box::new(border)))
            .is_err()
        {
            debug!(shard = %self.shard.id, height, "skipped a snapshot");
        }
        self.prune().await;
    }

    /// Forgets blocks that nothing is made from any more, unless this member is an archive, or the
    /// committee has too few of them: then it would be lost what was once agreed on.
    async fn prune(&mut self) {
        let Some(retention) = self.retention else {
            return;
        };
        // The snapshot before the newest must be good for something too.
        let kept = retention.max(2 * self.shard.genesis.snapshot_interval);
        let height = self.shard.snapshot().saturating_sub(kept);
        if height > self.shard.oldest() && self.may_forget() {
            self.marshal.prune(Height::new(height));
            self.results.prune(height).await;
            self.shard.pruned_below(height);
        }
    }

    fn may_forget(&mut self) -> bool {
        let (archives, required) = (self.shard.archives(), self.shard.archives_required());
        let lacks_archives = archives < required;
        if lacks_archives && !self.lacks_archives {
            warn!(
                shard = %self.shard.id, archives, required,
                "keeps all blocks although it need not: the committee has too few archives"
            );
        }
        self.lacks_archives = lacks_archives;
        !lacks_archives
    }

    /// Finds receipts again that other shards of this process have not got, because this process
    /// was restarted or their inbox was full.
    async fn refill(&mut self) {
        let tip = self.shard.tip_node();
        for (id, shard) in &*self.shards {
            let is_ready = *shard.recovered().borrow();
            let received = shard.tip_node().state.received(self.shard.id);
            if !is_ready || received >= tip.state.sent(*id) || shard.has_next(self.shard.id) {
                continue;
            }
            let mut height = tip.header.height;
            while height >= self.shard.oldest().max(1) {
                let Some(block) = self.block(height).await else {
                    break;
                };
                let receipts = block.receipts.iter();
                let mut receipts = receipts.filter(|it| it.destination == *id);
                let first = receipts.next().map(|it| it.sequence);
                if first.is_some() {
                    self.undelivered.insert(height, block);
                }
                if first.is_some_and(|first| first <= received) {
                    break;
                }
                height -= 1;
            }
        }
    }

    /// Executes a final block.
    ///
    /// # Panics
    ///
    /// If the block does not hold, although a quorum says that it does: then either this unit or a
    /// quorum does not follow the rules, and to go on would fork the ledger.
    async fn execute(&self, parent: Arc<Node>, block: OrderedBlock) -> Arc<Node> {
        let shard = Arc::clone(&self.shard);
        let task = self.runtime.child("execute").shared(true);
        let executed = task.spawn(move |_| async move { shard.execute(&parent, block) });
        match executed.await.expect("executing does not panic") {
            Ok(node) => node,
            Err(error) => panic!(
                "shard {}: a final block does not hold: {error}",
                self.shard.id
            ),
        }
    }

    async fn store(&mut self, node: &Node) {
        let (height, payload) = (node.header.height, node.payload);
        self.results.put(height, payload, &node.results).await;
    }

    fn publish(&mut self, node: &Node) {
        let Some(block) = &node.block else {
            return;
        };
        let block = Arc::new(published(block, node.results.clone()));
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Arc::clone(&block));
        if !block.receipts.is_empty() {
            self.undelivered
                .insert(node.header.height, Arc::clone(&block));
        }
        // Nobody may be listening.
        let _ = self.published.send(block);
    }

    async fn block(&self, height: u64) -> Option<Arc<FinalizedBlock>> {
        if height == 0 {
            let first = genesis_node(&self.shard.genesis, self.shard.id);
            return Some(Arc::new(published(&first.block?, first.results)));
        }
        let recent = self.recent.iter();
        let mut recent = recent.skip_while(|it| it.block.header.height < height);
        if let Some(block) = recent.next().filter(|it| it.block.header.height == height) {
            return Some(Arc::clone(block));
        }
        let block = self.marshal.get_block(Height::new(height)).await?;
        let results = self.results.get(height).await?;
        Some(Arc::new(published(block.inner(), results)))
    }

    /// Hands receipts to the shards that they are for, once the block that sends them can be shown
    /// to be final.
    async fn deliver(&mut self) {
        while let Some((height, block)) = self.undelivered.first_key_value() {
            let (height, block) = (*height, Arc::clone(block));
            let tip = self.shard.tip_node().header.height;
            let Some(finalized) = finalized_header(&self.marshal, height, tip).await else {
                if block.block.header.epoch == self.shard.session().epoch() {
                    return;
                }
                // Nothing here will ever show that it is final; others can.
                self.undelivered.remove(&height);
                continue;
            };
            for (id, shard) in &*self.shards {
                for delivery in deliveries(&finalized, &block.receipts, *id) {
                    shard.deliver(delivery);
                }
            }
            self.undelivered.remove(&height);
        }
    }
}

/// The next final block; none ever comes once one had to be held.
async fn next(blocks: &mut mpsc::UnboundedReceiver<Final>, is_held: bool) -> Option<Final> {
    if is_held {
        return pending().await;
    }
    blocks.recv().await
}

/// The receipts of a block that are for one shard, with their proofs.
fn deliveries(
    finalized: &FinalizedHeader,
    receipts: &[Receipt],
    destination: ShardId,
) -> Vec<Delivery> {
    let leaves: Vec<_> = receipts.iter().map(Receipt::digest).collect();
    let receipts = receipts.iter().enumerate();
    let receipts = receipts
        .filter(|(_, receipt)| receipt.destination == destination)
        .map(|(index, receipt)| {
            let path = List::Receipts.path(&leaves, index);
            (receipt.clone(), path.expect("the receipt is on the list"))
        });
    let receipts: Vec<_> = receipts.collect();
    let deliveries = receipts.chunks(RECEIPTS_MAX).map(|receipts| Delivery {
        finalized: finalized.clone(),
        receipts: receipts.to_vec(),
    });
    deliveries.collect()
}

fn published(block: &OrderedBlock, results: Results) -> FinalizedBlock {
    let outcomes = block.block().outcomes.iter().map(|code| {
        let outcome = Outcome::from_code(*code);
        outcome.expect("a block that was executed has outcomes that are known")
    });
    FinalizedBlock {
        shard: block.block().header.shard,
        block: block.block().clone(),
        outcomes: outcomes.collect(),
        receipts: results.receipts,
        touched: results.touched,
    }
}

/// Blocks that are answered from memory.
const RECENT_MAX: usize = 256;

/// Receipts in one delivery, so that several fit into a block.
const RECEIPTS_MAX: usize = 512;

/// How often to look for receipts that were not delivered.
const REFILL_INTERVAL: Duration = Duration::from_secs(2);

/// After how long receipts are tried again whose block could not be shown to be final.
const DELIVER_INTERVAL: Duration = Duration::from_millis(200);
