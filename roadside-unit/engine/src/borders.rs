//! Where epochs end, and who votes in them, as the parts of the engine ask for it.
//!
//! A shard's own state says so, sixteen blocks or more ahead. What is final says it beyond doubt, but
//! only for heights that no block can change any more; of what is beyond these, [`FinalBorders`]
//! says nothing, so that nobody is judged by the wrong committee. Consensus is ahead of what is
//! final: [`BranchBorders`] also looks at the newest block that was executed. Should that be on a
//! branch that is left again, a block is proposed twice or a view passes without one, no more.

use std::{collections::BTreeMap, sync::Arc};

use commonware_consensus::types::{Epoch, EpochInfo, Epocher, Height};
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_utils::sync::Mutex;
use wayside::ledger::{EpochState, State, StateView as _, vote_namespace};

use crate::{
    scheme::VoteScheme,
    session::{Session, participants},
    shard::Shard,
};

/// Borders that are final.
#[derive(Clone)]
pub(crate) struct FinalBorders(Arc<Shard>);

/// Borders as consensus of one epoch needs them.
#[derive(Clone)]
pub(crate) struct BranchBorders {
    shard: Arc<Shard>,
    session: Arc<Session>,
}

/// Checks the votes of all epochs that are known.
#[derive(Clone)]
pub(crate) struct Schemes {
    shard: Arc<Shard>,
    known: Arc<Mutex<BTreeMap<Epoch, Arc<VoteScheme>>>>,
}

/// The heights of an epoch.
struct Bounds {
    first: u64,
    last: Option<u64>,
}

impl FinalBorders {
    /// The borders of a shard.
    pub(crate) fn new(shard: Arc<Shard>) -> Self {
        Self(shard)
    }

    fn epochs(&self) -> EpochState {
        let tip = self.0.tip_node();
        tip.state.epoch_state(&self.0.genesis)
    }
}

impl Epocher for FinalBorders {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        let epochs = self.epochs();
        if height.get() < epochs.first_height || height.get() > self.0.known_through() {
            return None;
        }
        let (epoch, _) = epochs.at(height.get());
        let bounds = bounds(&epochs, epoch)?;
        Some(info(epoch, height, &bounds))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        let bounds = bounds(&self.epochs(), epoch.get())?;
        Some(Height::new(bounds.first))
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        let bounds = bounds(&self.epochs(), epoch.get())?;
        bounds.last.map(Height::new)
    }
}

impl BranchBorders {
    /// The borders of the epoch of this session.
    pub(crate) fn new(shard: Arc<Shard>, session: Arc<Session>) -> Self {
        Self { shard, session }
    }

    fn bounds(&self) -> Bounds {
        let (tip, newest) = self.shard.branch();
        let epoch = self.session.epoch();
        let of = |state: &State| bounds(&state.epoch_state(&self.shard.genesis), epoch);
        let (last, branch) = (of(&tip.state), of(&newest.state));
        let first = last.as_ref().or(branch.as_ref()).map_or(0, |it| it.first);
        let last = last.and_then(|it| it.last);
        Bounds {
            first,
            last: last.or(branch.and_then(|it| it.last)),
        }
    }
}

impl Epocher for BranchBorders {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        let bounds = self.bounds();
        let last = bounds.last.unwrap_or(u64::MAX);
        let is_within = (bounds.first..=last).contains(&height.get());
        is_within.then(|| info(self.session.epoch(), height, &bounds))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        let is_it = epoch.get() == self.session.epoch();
        is_it.then(|| Height::new(self.bounds().first))
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        let is_it = epoch.get() == self.session.epoch();
        is_it.then(|| Height::new(self.bounds().last.unwrap_or(u64::MAX)))
    }
}

impl Schemes {
    /// The schemes of a shard's epochs.
    pub(crate) fn new(shard: Arc<Shard>) -> Self {
        Self {
            shard,
            known: Arc::default(),
        }
    }
}

impl Provider for Schemes {
    type Scope = Epoch;
    type Scheme = VoteScheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<VoteScheme>> {
        let mut known = self.known.lock();
        if let Some(scheme) = known.get(&epoch) {
            return Some(Scoped::scheme(Arc::clone(scheme)));
        }
        let (genesis, tip) = (&self.shard.genesis, self.shard.tip_node());
        let members = participants(tip.state.committee(genesis, epoch.get())?);
        let namespace = vote_namespace(genesis.chain(), self.shard.id);
        let scheme = Arc::new(VoteScheme::follower(&namespace, members)?);
        known.insert(epoch, Arc::clone(&scheme));
        Some(Scoped::scheme(scheme))
    }
}

/// The heights of an epoch as far as a state tells of it.
fn bounds(epochs: &EpochState, epoch: u64) -> Option<Bounds> {
    if epoch == epochs.epoch() {
        return Some(Bounds {
            first: epochs.first_height,
            last: epochs.last_height(),
        });
    }
    if epoch.checked_add(1) == Some(epochs.epoch()) {
        return Some(Bounds {
            first: 0,
            last: epochs.first_height.checked_sub(1),
        });
    }
    let next = epochs.next.as_ref();
    let next = next.filter(|next| next.committee.epoch() == epoch)?;
    Some(Bounds {
        first: next.first_height,
        last: None,
    })
}

fn info(epoch: u64, height: Height, bounds: &Bounds) -> EpochInfo {
    let last = Height::new(bounds.last.unwrap_or(u64::MAX));
    EpochInfo::new(Epoch::new(epoch), height, Height::new(bounds.first), last)
}
