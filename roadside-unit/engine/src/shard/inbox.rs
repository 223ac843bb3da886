use std::collections::BTreeMap;

use wayside::{id::ShardId, ledger::CheckedDelivery};

/// Receipts of other shards that wait to be delivered, by source and by the first one's sequence.
///
/// Only receipts that this member has executed itself come here, so that they need no bound beyond
/// [`WAITING_MAX`]: what does not fit is fetched again from the source's blocks.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: BTreeMap<(ShardId, u64), CheckedDelivery>,
}

impl Inbox {
    /// Keeps a delivery unless the shard already `received` all of it, or there is no room; whether
    /// it was kept.
    pub(crate) fn insert(&mut self, delivery: CheckedDelivery, received: u64) -> bool {
        let Some((first, last)) = sequences(&delivery) else {
            return false;
        };
        if last < received || self.waiting.len() >= WAITING_MAX {
            return false;
        }
        let key = (delivery.source(), first);
        self.waiting.insert(key, delivery).is_none()
    }

    /// Up to `count` deliveries that may come next, in order, where `received` says how many
    /// receipts of a source the state below has taken.
    pub(crate) fn next(
        &self,
        count: usize,
        received: impl Fn(ShardId) -> u64,
    ) -> Vec<CheckedDelivery> {
        let mut next: BTreeMap<ShardId, u64> = BTreeMap::new();
        let mut chosen = Vec::new();
        for ((source, first), delivery) in &self.waiting {
            let expected = next.entry(*source).or_insert_with(|| received(*source));
            let Some((_, last)) = sequences(delivery) else {
                continue;
            };
            if first <= expected && last >= *expected && chosen.len() < count {
                *expected = last + 1;
                chosen.push(delivery.clone());
            }
        }
        chosen
    }

    /// Whether receipts of `source` wait that hold the one with this sequence.
    pub(crate) fn has(&self, source: ShardId, sequence: u64) -> bool {
        let before = self.waiting.range((source, 0)..=(source, sequence));
        let nearest = before.last().and_then(|(_, delivery)| sequences(delivery));
        nearest.is_some_and(|(_, last)| last >= sequence)
    }

    /// Drops what the shard has received.
    pub(crate) fn retain(&mut self, received: impl Fn(ShardId) -> u64) {
        self.waiting.retain(|(source, _), delivery| {
            sequences(delivery).is_some_and(|(_, last)| last >= received(*source))
        });
    }
}

/// The sequences of the first and last receipt of a delivery.
fn sequences(delivery: &CheckedDelivery) -> Option<(u64, u64)> {
    let receipts = &delivery.delivery().receipts;
    let (first, _) = receipts.first()?;
    let (last, _) = receipts.last()?;
    Some((first.sequence, last.sequence))
}

/// Some thousand blocks' receipts for one shard that has been gone.
const WAITING_MAX: usize = 4_096;
