use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use commonware_actor::Feedback;
use commonware_consensus::{Reporter, marshal::Update, types::Height};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_macros::select;
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact};
use tokio::sync::{broadcast, mpsc};
use tracing::info;
use wayside::{
    id::ShardId,
    ledger::{Delivery, FinalizedHeader, List, Outcome, Receipt, Results},
};

use crate::{
    FinalizedBlock,
    block::OrderedBlock,
    certificate::finalized_header,
    runtime::Runtime,
    shard::{Marshal, Node, Query, Shard, Shards},
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
            Update::Tip(_, height, _) => {
                self.shard.saw_height(height.get());
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
    /// A finalizer for `shard`, which stores `results` and publishes to `published` and to the
    /// other shards of this process.
    pub(crate) fn new(
        runtime: E,
        (shard, shards): (Arc<Shard>, Arc<Shards>),
        marshal: Marshal,
        results: storage::Results<E>,
        published: broadcast::Sender<Arc<FinalizedBlock>>,
    ) -> Self {
        Self {
            runtime,
            shard,
            marshal,
            results,
            recent: VecDeque::new(),
            published,
            shards,
            undelivered: BTreeMap::new(),
        }
    }

    /// Executes what was final before this process began.
    pub(crate) async fn recover(&mut self) {
        let processed = self.marshal.get_processed().await;
        let processed = processed.map_or(0, |it| it.height().get());
        let mut node = self.shard.tip_node();
        let begin = node.header.height;
        for height in begin + 1..=processed {
            let block = self.marshal.get_block(Height::new(height)).await;
            let block = block.expect("every block above the newest snapshot is stored");
            node = self.execute(node, block.inner().clone()).await;
            self.store(&node).await;
        }
        info!(shard = %self.shard.id, from = begin, to = processed, "executed stored blocks");
        self.shard.recover(node);
        self.shard.recovered().send_replace(true);
    }

    /// Executes blocks and answers questions until the runtime stops.
    pub(crate) async fn run(
        mut self,
        mut blocks: mpsc::UnboundedReceiver<Final>,
        mut queries: mpsc::UnboundedReceiver<Query>,
    ) {
        loop {
            select! {
                block = blocks.recv() => {
                    let Some((block, done)) = block else { return };
                    self.finalized(block.inner().clone()).await;
                    done.acknowledge();
                },
                query = queries.recv() => {
                    let Some(Query { height, answer }) = query else { return };
                    // Whoever asked may have gone.
                    let _ = answer.send(self.block(height).await);
                },
                _ = self.runtime.sleep(DELIVER_INTERVAL) => {},
            }
            self.deliver().await;
        }
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
        self.shard.commit(&node);
        self.publish(&node);
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
                return;
            };
            for (id, shard) in &*self.shards {
                if let Some(delivery) = delivery(&finalized, &block.receipts, *id) {
                    shard.deliver(delivery);
                }
            }
            self.undelivered.remove(&height);
        }
    }
}

/// The receipts of a block that are for one shard, with their proofs; `None` if there are none.
fn delivery(
    finalized: &FinalizedHeader,
    receipts: &[Receipt],
    destination: ShardId,
) -> Option<Delivery> {
    let leaves: Vec<_> = receipts.iter().map(Receipt::digest).collect();
    let receipts = receipts.iter().enumerate();
    let receipts = receipts
        .filter(|(_, receipt)| receipt.destination == destination)
        .map(|(index, receipt)| {
            let path = List::Receipts.path(&leaves, index);
            (receipt.clone(), path.expect("the receipt is on the list"))
        });
    let receipts: Vec<_> = receipts.collect();
    (!receipts.is_empty()).then(|| Delivery {
        finalized: finalized.clone(),
        receipts,
    })
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

/// After how long receipts are tried again whose block could not be shown to be final.
const DELIVER_INTERVAL: Duration = Duration::from_millis(200);
