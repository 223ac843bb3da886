use std::{collections::BTreeMap, time::Duration};

use wayside::{
    id::ShardId,
    rpc::ledger::v1::{Tip, TransactionFinalized},
};

/// What units reported, and when the first of them did.
///
/// Times are of one clock that only goes forward.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Where each transaction stands that a unit said is final.
    finals: BTreeMap<String, Place>,
    /// When each of these became known.
    final_at: Vec<Duration>,
    /// By shard, the greatest height, and when each of the heights became known.
    blocks: BTreeMap<u32, (u64, Vec<Duration>)>,
}

/// A transaction's place on the ledger and its outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) shard: u32,
    pub(super) height: u64,
    pub(super) applied: bool,
}

impl Place {
    /// What a unit said; `None` if it did not say it in full.
    pub(super) fn of(transaction: &TransactionFinalized) -> Option<Self> {
        let finalized = transaction.finalized.as_ref()?;
        Some(Self {
            shard: transaction.shard_id,
            height: finalized.height,
            applied: finalized.outcome.as_ref()?.applied,
        })
    }
}

impl Log {
    /// Notes a transaction that a unit says is final.
    pub(super) fn take_transaction(&mut self, id: &str, place: Place, now: Duration) {
        if !self.finals.contains_key(id) {
            self.finals.insert(id.to_owned(), place);
            self.final_at.push(now);
        }
    }

    /// Notes a block that a unit says is final.
    pub(super) fn take_block(&mut self, tip: &Tip, now: Duration) {
        let (height, times) = self.blocks.entry(tip.shard_id).or_default();
        if tip.height > *height {
            *height = tip.height;
            times.push(now);
        }
    }

    /// Whether a transaction is known to be final.
    pub(super) fn is_final(&self, id: &str) -> bool {
        self.finals.contains_key(id)
    }

    /// All that are.
    pub(super) fn finals(&self) -> &BTreeMap<String, Place> {
        &self.finals
    }

    /// The greatest height of a shard that a unit reported.
    pub(super) fn height(&self, shard: ShardId) -> u64 {
        let blocks = self.blocks.get(&shard.0.into());
        blocks.map_or(0, |(height, _)| *height)
    }

    /// Transactions that became final per second between two moments.
    pub(super) fn rate(&self, from: Duration, to: Duration) -> f64 {
        let count = count_between(&self.final_at, from, to);
        count as f64 / to.saturating_sub(from).as_secs_f64()
    }

    /// The longest time between two moments without a block, in whichever shard it was longest.
    pub(super) fn gap(&self, from: Duration, to: Duration) -> Duration {
        let gap = |times: &Vec<Duration>| {
            let inside = times.iter().copied().filter(|it| (from..to).contains(it));
            let mut before = from;
            let mut gap = Duration::ZERO;
            for time in inside.chain([to]) {
                gap = gap.max(time.saturating_sub(before));
                before = time;
            }
            gap
        };
        let gaps = self.blocks.values().map(|(_, times)| gap(times));
        gaps.max().unwrap_or(to.saturating_sub(from))
    }

    /// How long after `from` transactions became final again at a `wanted` rate, for a second; the
    /// whole time until `to`, if they never did.
    pub(super) fn slump(&self, from: Duration, to: Duration, wanted: f64) -> Duration {
        let mut begin = from;
        while begin + RECOVERED <= to {
            if self.rate(begin, begin + RECOVERED) >= wanted {
                return begin - from;
            }
            begin += STEP;
        }
        to.saturating_sub(from)
    }
}

fn count_between(times: &[Duration], from: Duration, to: Duration) -> usize {
    let before = |moment| times.partition_point(|it| *it < moment);
    before(to) - before(from).min(before(to))
}

/// For how long a rate must be back.
const RECOVERED: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(50);
