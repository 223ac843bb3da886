use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use tokio::time::timeout;
use wayside::rpc::ledger::v1::{Position, WatchRequest, watch_response::Event};

use super::{log::Place, units::Units};
use crate::ledger::{Unit, refused};

/// All that one unit has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Copy {
    /// The lowest height that it has, of each shard.
    pub(super) oldest: BTreeMap<u32, u64>,
    /// The digest of the header and the root of the state, at each height of each shard.
    pub(super) roots: BTreeMap<(u32, u64), (String, String)>,
    /// Where each transaction stands.
    pub(super) places: BTreeMap<String, Place>,
}

/// What the units' copies show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Verdict {
    /// Heights of shards that more than one unit has.
    pub(super) compared: usize,
    /// Of these, how many at which two units disagree.
    pub(super) differing: usize,
    /// Heights that a unit should have and has not.
    pub(super) missing: usize,
    /// Acknowledged transactions that a unit should have, and has not or otherwise.
    pub(super) lost: usize,
}

impl Copy {
    /// Reads all blocks of a unit up to the given heights, by shard.
    pub(super) async fn read(client: &Unit, tips: &BTreeMap<u32, u64>) -> anyhow::Result<Self> {
        let mut copy = Self::default();
        for shard in Units::info(client).await?.shards {
            // Block 0 follows from the genesis.
            copy.oldest
                .insert(shard.shard_id, shard.oldest_height.max(1));
        }
        for (shard, tip) in tips {
            timeout(READ_MAX, copy.read_shard(client.clone(), *shard, *tip))
                .await
                .context("a unit does not tell its blocks in time")??;
        }
        Ok(copy)
    }

    async fn read_shard(&mut self, mut client: Unit, shard: u32, tip: u64) -> anyhow::Result<()> {
        let height = *self.oldest.get(&shard).context("a shard is not kept")?;
        let request = WatchRequest {
            shard_ids: vec![shard],
            from: vec![Position {
                shard_id: shard,
                height,
            }],
            ..WatchRequest::default()
        };
        let answer = client.ledger.watch(request).await;
        let mut events = answer.map_err(|status| refused(&status))?.into_inner();
        loop {
            let event = events.message().await.map_err(|status| refused(&status))?;
            match event.context("a unit hung up")?.event {
                Some(Event::Transaction(it)) => {
                    let place = Place::of(&it).context("a unit says half of it")?;
                    if self.places.insert(it.transaction_id, place).is_some() {
                        bail!("a unit has a transaction twice");
                    }
                }
                Some(Event::Block(it)) => {
                    let last = it.height;
                    self.roots.insert((shard, last), (it.digest, it.state_root));
                    if last >= tip {
                        return Ok(());
                    }
                }
                Some(Event::Start(_) | Event::Heartbeat(_)) | None => {}
            }
        }
    }
}

/// Holds the units' copies against each other and against what clients were told is final.
pub(super) fn compare(
    copies: &[Copy],
    tips: &BTreeMap<u32, u64>,
    acknowledged: &BTreeMap<String, Place>,
) -> Verdict {
    let mut verdict = Verdict::default();
    for (shard, tip) in tips {
        for height in 1..=*tip {
            let key = (*shard, height);
            let should = |copy: &&Copy| copy.oldest.get(shard).is_none_or(|it| *it <= height);
            let holders = copies.iter().filter(should);
            let roots: Vec<_> = holders.map(|copy| copy.roots.get(&key)).collect();
            let mut known = roots.iter().flatten();
            verdict.missing += roots.iter().filter(|it| it.is_none()).count();
            verdict.compared += usize::from(roots.len() > 1);
            let first = known.next();
            verdict.differing += usize::from(known.any(|it| Some(it) != first));
            // A height that nobody has is a hole that nobody can see.
            verdict.missing += usize::from(roots.is_empty());
        }
    }
    for (id, place) in acknowledged {
        let should = |copy: &&Copy| {
            let oldest = copy.oldest.get(&place.shard);
            oldest.is_none_or(|it| *it <= place.height)
        };
        let mut holders = copies.iter().filter(should).peekable();
        let is_nowhere = holders.peek().is_none();
        let is_lost = is_nowhere || holders.any(|copy| copy.places.get(id) != Some(place));
        verdict.lost += usize::from(is_lost);
    }
    verdict
}

const READ_MAX: Duration = Duration::from_secs(120);
