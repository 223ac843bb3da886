use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{JoinSet, spawn_blocking},
    time::sleep,
};
use tracing::{error, info, warn};
use wayside::{
    id::ShardId,
    ledger::{Action, ConfirmErasure, Key, Outcome, State, StateView as _},
    time::Timestamp,
    vault::RecordName,
};
use wayside_engine::Handle;

use super::Vault;
use crate::{follow::Followed, voice::Voice};

/// Destroys what the ledger says is erased, and says so for the custodian.
pub(crate) struct Sweeper {
    /// What is kept.
    pub(crate) vault: Arc<Vault>,
    /// Who says so; nobody, where no custodian's shares are kept.
    pub(crate) custodian: Option<Arc<Voice>>,
    /// What is final.
    pub(crate) engine: Handle,
    /// What was erased lately.
    pub(crate) followed: Arc<Followed>,
    /// From when on a block must be to show that nothing was missed: when the unit started, and as much
    /// later as a proposer's clock may be ahead.
    pub(crate) fresh_from: Timestamp,
}

impl Sweeper {
    /// Sweeps for as long as the unit runs.
    pub(crate) async fn run(self) {
        let mut turns = self.followed.turns();
        let mut unconfirmed = BTreeSet::new();
        let mut swept: BTreeMap<ShardId, u64> = BTreeMap::new();
        loop {
            turns.mark_unchanged();
            for shard in self.engine.shards() {
                self.sweep_shard(shard, &mut swept, &mut unconfirmed).await;
            }
            for name in self.followed.take_erasures() {
                if self.destroy(BTreeSet::from([name])).await {
                    unconfirmed.insert(name);
                } else {
                    // Not while the disk refuses; the whole state is looked through again.
                    swept.remove(&name.vehicle.home);
                }
            }
            let is_good = self.confirm(&mut unconfirmed).await;
            if is_good && unconfirmed.iter().any(|name| self.may_say(name)) {
                continue;
            }
            tokio::select! {
                turned = turns.changed() => if turned.is_err() {
                    return;
                },
                () = self.vault.witnessed() => {}
                // To try again what failed.
                () = sleep(AGAIN_AFTER) => {}
            }
        }
    }

    /// Applies every tombstone of a shard's state once at the start, once that state is fresh, and again
    /// after blocks were passed over; serves the shard from then on.
    async fn sweep_shard(
        &self,
        shard: ShardId,
        swept: &mut BTreeMap<ShardId, u64>,
        unconfirmed: &mut BTreeSet<RecordName>,
    ) {
        // Before the state is taken, which then has what was witnessed.
        let is_witnessed = self.vault.is_witnessed(shard);
        let Some(tip) = self.engine.tip(shard) else {
            return;
        };
        let is_fresh = tip.header.time > self.fresh_from || is_witnessed;
        let jumps = self.followed.jumps(shard);
        let is_swept = swept.get(&shard) == Some(&jumps);
        if is_swept && (!is_fresh || self.vault.is_open(shard)) {
            return;
        }
        let state = tip.state.clone();
        let Ok(tombstones) = spawn_blocking(move || erased(&state)).await else {
            error!("looking for what was erased panicked");
            return;
        };
        let unsaid = tombstones
            .iter()
            .filter(|name| !self.has_said(&tip.state, name));
        unconfirmed.extend(unsaid);
        let kept = self.vault.names(shard);
        let gone: BTreeSet<_> = kept.intersection(&tombstones).copied().collect();
        if !gone.is_empty() {
            info!(%shard, records = gone.len(), "destroying what was erased meanwhile");
        }
        if !self.destroy(gone).await {
            return;
        }
        swept.insert(shard, jumps);
        if is_fresh {
            self.vault.serve(shard);
        }
    }

    /// Destroys records; returns whether that worked.
    async fn destroy(&self, names: BTreeSet<RecordName>) -> bool {
        let vault = Arc::clone(&self.vault);
        let destroyed = spawn_blocking(move || {
            let destroyed: Result<Vec<_>, _> = names.iter().map(|name| vault.erase(name)).collect();
            destroyed.map(|_| ())
        });
        match destroyed.await {
            Ok(Ok(())) => true,
            Ok(Err(problem)) => {
                error!(error = %problem, "cannot destroy what was erased");
                sleep(PAUSE).await;
                false
            }
            Err(_) => {
                error!("destroying what was erased panicked");
                false
            }
        }
    }

    /// Tells the ledger what the custodian has destroyed, of a few records at once, so that what is
    /// erased meanwhile does not wait; returns whether all went well.
    async fn confirm(&self, unconfirmed: &mut BTreeSet<RecordName>) -> bool {
        let Some(custodian) = &self.custodian else {
            unconfirmed.clear();
            return true;
        };
        let mut saying = JoinSet::new();
        let names: Vec<_> = unconfirmed.iter().copied().collect();
        for name in names.into_iter().filter(|name| self.may_say(name)) {
            if saying.len() == CONFIRM_MAX {
                break;
            }
            unconfirmed.remove(&name);
            let shard = name.vehicle.home;
            let is_said = self
                .engine
                .tip(shard)
                .is_some_and(|tip| self.has_said(&tip.state, &name));
            if is_said {
                continue;
            }
            let action = Action::ConfirmErasure(ConfirmErasure {
                vehicle: name.vehicle,
                record: name.record,
            });
            let custodian = Arc::clone(custodian);
            saying.spawn(async move { (name, custodian.say(shard, action).await) });
        }
        let mut is_good = true;
        while let Some(said) = saying.join_next().await {
            match said {
                Ok((_, Ok((_, Some(Outcome::Applied))))) => {}
                Ok((_, Ok((_, outcome)))) => {
                    warn!(?outcome, "the ledger refused to note an erasure");
                }
                Ok((name, Err(problem))) => {
                    warn!(error = %problem, "an erasure is not yet noted on the ledger");
                    unconfirmed.insert(name);
                    is_good = false;
                }
                Err(_) => error!("noting an erasure panicked"),
            }
        }
        is_good
    }

    /// Whether an erasure can be confirmed by now: by a fresh state alone, since an old one does not know
    /// what was said since.
    fn may_say(&self, name: &RecordName) -> bool {
        let tip = self.engine.tip(name.vehicle.home);
        let tombstone = tip.is_some_and(|tip| {
            let tombstone = tip.state.tombstone(name.vehicle, name.record);
            tombstone.is_some()
        });
        tombstone && self.vault.is_open(name.vehicle.home)
    }

    fn has_said(&self, state: &State, name: &RecordName) -> bool {
        let account = self.custodian.as_ref().map(|custodian| custodian.account());
        let tombstone = state.tombstone(name.vehicle, name.record);
        let confirmed = tombstone.zip(account);
        confirmed.is_some_and(|(tombstone, account)| tombstone.confirmed.contains(&account))
    }
}

/// The records that a state says are erased.
fn erased(state: &State) -> BTreeSet<RecordName> {
    let names = state.iter().filter_map(|(key, _)| {
        if let Key::Tombstone(vehicle, record) = key {
            Some(RecordName {
                vehicle: *vehicle,
                record: *record,
            })
        } else {
            None
        }
    });
    names.collect()
}

const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Fewer than a custodian has nonces for.
const CONFIRM_MAX: usize = 32;
const PAUSE: Duration = Duration::from_secs(1);
