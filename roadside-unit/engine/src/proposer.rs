use std::{future::pending, sync::Arc, time::SystemTime};

use commonware_consensus::{
    Application, Heightable as _, marshal::ancestry::Ancestry, simplex::types::Context,
};
use commonware_cryptography::{Digested, Digestible as _, ed25519::PublicKey};
use commonware_macros::select;
use futures::StreamExt as _;
use tracing::debug;
use wayside::{
    ledger::{AccountKey, StateView as _},
    time::Timestamp,
};

use crate::{
    Timing,
    block::{OrderedBlock, Payload},
    runtime::Runtime,
    scheme::VoteScheme,
    session::Session,
    shard::{Node, Shard},
};

/// Makes this member's blocks and judges those of others.
#[derive(Clone)]
pub(crate) struct Proposer {
    shard: Arc<Shard>,
    session: Arc<Session>,
    timing: Timing,
}

impl Proposer {
    /// A proposer for an epoch of a shard.
    pub(crate) fn new(shard: Arc<Shard>, session: Arc<Session>, timing: Timing) -> Self {
        Self {
            shard,
            session,
            timing,
        }
    }

    /// The newest block of `ancestry`, executed with all its ancestors; `None` if it cannot become
    /// final any more, or does not hold.
    async fn executed<E: Runtime>(
        &self,
        runtime: &E,
        mut ancestry: impl Ancestry<OrderedBlock>,
    ) -> Option<Arc<Node>> {
        let mut missing = Vec::new();
        let mut node = loop {
            let block = ancestry.next().await?;
            if let Some(node) = self.shard.find(&block.digest()) {
                break node;
            }
            if block.height().get() <= self.shard.tip_node().header.height {
                return None;
            }
            missing.push(block);
        };
        while let Some(block) = missing.pop() {
            node = self.execute(runtime, node, block.inner().clone()).await?;
        }
        Some(node)
    }

    /// Executes one block away from the threads on which votes are counted.
    async fn execute<E: Runtime>(
        &self,
        runtime: &E,
        parent: Arc<Node>,
        block: OrderedBlock,
    ) -> Option<Arc<Node>> {
        let shard = Arc::clone(&self.shard);
        let task = runtime.child("execute").shared(true);
        let executed = task.spawn(move |_| async move { shard.execute(&parent, block) });
        match executed.await.ok()? {
            Ok(node) => {
                self.shard.keep(Arc::clone(&node));
                Some(node)
            }
            Err(error) => {
                debug!(shard = %self.shard.id, %error, "refused block");
                None
            }
        }
    }

    /// The next block on `parent`, as soon as there is something to put into it.
    async fn build<E: Runtime>(&self, runtime: &E, parent: Arc<Node>) -> Option<Arc<Node>> {
        let deadline = runtime.current() + self.timing.idle_wait;
        let view = self.timing.certification_timeout;
        let entries_max = self.shard.pace.lock().entries(runtime.current(), view);
        loop {
            let woken = self.shard.work().notified();
            futures::pin_mut!(woken);
            woken.as_mut().enable();
            let now = timestamp(runtime.current());
            let (shard, below) = (Arc::clone(&self.shard), Arc::clone(&parent));
            let task = runtime.child("build").shared(true);
            let built = task.spawn(move |_| async move {
                let is_due = is_heartbeat_due(&shard, &below, now);
                let built = shard.build(&below, now, entries_max);
                built.or_else(|| is_due.then(|| shard.build_empty(&below, now)))
            });
            if let Some(node) = built.await.ok()? {
                let entries = node.block.as_ref().map_or(0, |it| it.block().entries.len());
                let mut pace = self.shard.pace.lock();
                pace.made(node.payload, runtime.current(), entries);
                drop(pace);
                return Some(node);
            }
            select! {
                _ = woken => {},
                _ = runtime.sleep_until(deadline) => break,
            }
        }
        // Votes that would have made the parent final may be lost; a block on top brings new ones.
        let is_final = parent.header.height <= self.shard.tip_node().header.height;
        (!is_final).then(|| {
            self.shard
                .build_empty(&parent, timestamp(runtime.current()))
        })
    }

    /// Waits until a header's time is not ahead of this member's clock by more than is allowed; for
    /// ever if it is behind by more. Either may be the fault of the clock here, so it is no reason
    /// to call the block wrong.
    async fn await_time<E: Runtime>(&self, runtime: &E, time: Timestamp) {
        let skew = u64::from(self.shard.genesis.limits.clock_skew_max_ms);
        let skew = std::time::Duration::from_millis(skew);
        loop {
            let now = timestamp(runtime.current());
            if now > time.saturating_add(skew) {
                debug!(shard = %self.shard.id, "abstained from a block that is too old");
                pending::<()>().await;
            }
            let ahead = time.saturating_sub(skew).since(now);
            if ahead.is_zero() {
                return;
            }
            runtime.sleep(ahead).await;
        }
    }
}

impl<E: Runtime> Application<E> for Proposer {
    type SigningScheme = VoteScheme;
    type Context = Context<Payload, PublicKey>;
    type Block = OrderedBlock;
    type Input = ();

    async fn propose(
        &mut self,
        (runtime, context): (E, Self::Context),
        ancestry: impl Ancestry<OrderedBlock>,
        (): (),
    ) -> Option<Digested<OrderedBlock>> {
        let may_vote = self.session.gate.admits(context.round.view().get());
        if !may_vote || self.shard.is_behind() {
            return None;
        }
        let parent = self.executed(&runtime, ancestry).await?;
        if self.shard.rules_missing(&parent).is_some() {
            return None;
        }
        let epochs = parent.state.epoch_state(&self.shard.genesis);
        if epochs.at(parent.header.height + 1).0 != self.session.epoch() {
            // The next block is the next committee's.
            return None;
        }
        let node = self.build(&runtime, parent).await?;
        let (block, payload) = (node.block.clone()?, node.payload);
        self.shard.keep(node);
        Some(Digested::precomputed(block, payload))
    }

    async fn verify(
        &mut self,
        (runtime, context): (E, Self::Context),
        mut ancestry: impl Ancestry<OrderedBlock>,
    ) -> bool {
        let Some(block) = ancestry.next().await else {
            return pending().await;
        };
        let header = &block.inner().block().header;
        let leader = <[u8; 32]>::try_from(context.leader.as_ref()).map(AccountKey::from_bytes);
        let leader = leader
            .ok()
            .and_then(|key| self.session.committee.index(&key));
        if leader != Some(header.proposer) || header.epoch != context.round.epoch().get() {
            return false;
        }
        if self.shard.find(&block.digest()).is_some() {
            return true;
        }
        self.await_time(&runtime, header.time).await;
        let Some(parent) = self.executed(&runtime, ancestry).await else {
            return pending().await;
        };
        if self.shard.rules_missing(&parent).is_some() {
            // It may well hold, but that is not for this program to say.
            return pending().await;
        }
        self.execute(&runtime, parent, block.inner().clone())
            .await
            .is_some()
    }
}

fn is_heartbeat_due(shard: &Shard, parent: &Node, now: Timestamp) -> bool {
    let age = now.since(parent.header.time).as_millis();
    age >= u128::from(shard.genesis.limits.heartbeat_ms)
}

/// A reading of the clock as it stands in headers.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}
