//! In which epoch this unit is, and what it knows of the next.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, atomic::Ordering},
};

use commonware_utils::ordered::Set;
use tokio::sync::watch;
use wayside::ledger::{AccountKey, Committee, EPOCH_LAG, StateView as _};

use super::{Node, Shard, Standing, height};
use crate::session::{Session, participants};

/// Vote keys, with where their owners' units are reached, as far as that is known.
pub(crate) type Seats = BTreeMap<AccountKey, Option<String>>;

impl Shard {
    /// Notes which epoch comes after a final block, and listens to the members of the next.
    pub(super) fn follow_epochs(&self, tip: &Node) {
        let epochs = tip.state.epoch_state(&self.genesis);
        let (epoch, _) = epochs.at(tip.header.height + 1);
        let next = epochs.next.as_ref().map(|next| &next.committee);
        let newest = next.unwrap_or(&epochs.committee);
        if self.expected.fetch_max(newest.epoch(), Ordering::Relaxed) < newest.epoch() {
            self.listen_to([&epochs.committee, newest]);
        }
        self.epoch.send_if_modified(|known| {
            let is_later = epoch > *known;
            *known = epoch.max(*known);
            is_later
        });
    }

    fn listen_to(&self, committees: [&Committee; 2]) {
        let members = committees.into_iter().flat_map(participants);
        let members = Set::from_iter_dedup(members);
        self.peers.lock().listen_to(members);
        let state = self.tip_node().state.clone();
        let address = |key| Some(state.seat(&self.genesis, key)?.address);
        let keys = committees.into_iter().flat_map(Committee::keys);
        let seats = keys.map(|key| (*key, address(*key))).collect();
        self.seats.send_if_modified(|known| {
            let before = mem::replace(known, seats);
            before != *known
        });
    }

    /// The members of this epoch, and of the next if it is decided.
    pub(crate) fn seats(&self) -> watch::Receiver<Seats> {
        self.seats.subscribe()
    }

    /// The epoch of the next block after the final tip.
    pub(crate) fn epoch(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    /// Passes whenever a block has become final.
    pub(crate) async fn advanced(&self) {
        self.advanced.notified().await;
    }

    /// The epoch that this unit is in.
    pub(crate) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.lock())
    }

    /// Enters the epoch of the next block after the final tip.
    pub(crate) fn enter_epoch(&self) -> Arc<Session> {
        let tip = self.tip_node();
        let epochs = tip.state.epoch_state(&self.genesis);
        let (_, committee) = epochs.at(tip.header.height + 1);
        self.enter(committee.clone())
    }

    /// Enters the epoch of a committee.
    pub(crate) fn enter(&self, committee: Committee) -> Arc<Session> {
        let session = Arc::new(Session::new(committee, self.vote_key.as_ref()));
        let epochs = self.tip_node().state.epoch_state(&self.genesis);
        let next = epochs.next.map_or(epochs.committee, |next| next.committee);
        self.listen_to([&session.committee, &next]);
        *self.session.lock() = Arc::clone(&session);
        session
    }

    /// Notes that a block of an epoch is final at this height, whether or not it is here.
    pub(crate) fn saw_height(&self, epoch: u64, height: u64) {
        let mut certified = self.certified.lock();
        if height > certified.1 {
            *certified = (epoch, height);
        }
    }

    /// The greatest height that is known to be final, behind its epoch.
    pub(crate) fn certified(&self) -> (u64, u64) {
        *self.certified.lock()
    }

    /// What other members of this epoch say of themselves.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let session = self.session();
        self.peers.lock().standings(&session.members)
    }

    /// Whether so many more blocks are final that this member has nothing to propose.
    pub(crate) fn is_behind(&self) -> bool {
        let (session, standings) = (self.session(), self.standings());
        let liars = match session.member {
            Some(_) => session.liars(),
            None => session.liars().min(standings.len().saturating_sub(1)),
        };
        let (_, known) = self.certified();
        self.tip_node().header.height + LAG_MAX < known.max(height(&standings, liars))
    }

    /// The last height of which it is beyond doubt in which epoch it is.
    pub(crate) fn known_through(&self) -> u64 {
        let tip = self.tip_node();
        let epochs = tip.state.epoch_state(&self.genesis);
        let (certified_epoch, certified) = self.certified();
        // So many blocks of the same epoch follow one that holds a change at least.
        let (epoch, sure) = match &epochs.next {
            None => (epochs.epoch(), tip.header.height + EPOCH_LAG),
            Some(next) => (next.committee.epoch(), next.first_height + EPOCH_LAG - 1),
        };
        if certified_epoch == epoch {
            sure.max(certified)
        } else {
            sure
        }
    }
}

/// A member this many blocks behind is not just about to execute them.
const LAG_MAX: u64 = 16;
