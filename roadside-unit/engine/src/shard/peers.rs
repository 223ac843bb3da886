use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Set;

use super::VotesSeen;

/// What other members say of themselves.
#[derive(Default)]
pub(crate) struct Peers {
    /// Who may say anything: the members of this epoch, and of the next if it is decided.
    members: Set<PublicKey>,
    heard: BTreeMap<PublicKey, Heard>,
}

struct Heard {
    at: SystemTime,
    says: Standing,
}

/// Where a member says it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// The epoch that it is in.
    pub(crate) epoch: u64,
    /// The newest view of that epoch that it saw end.
    pub(crate) view: u64,
    /// The height of its newest final block.
    pub(crate) height: u64,
    /// The lowest height whose block it keeps.
    pub(crate) oldest: u64,
    /// Whether it keeps all blocks for ever.
    pub(crate) is_archive: bool,
    /// Which votes of that epoch it saw.
    pub(crate) votes: VotesSeen,
}

impl Peers {
    /// From now on, listens to these alone.
    pub(crate) fn listen_to(&mut self, members: Set<PublicKey>) {
        self.heard
            .retain(|peer, _| members.position(peer).is_some());
        self.members = members;
    }

    /// Whether somebody is a member.
    pub(crate) fn is_member(&self, peer: &PublicKey) -> bool {
        self.members.position(peer).is_some()
    }

    /// Notes what a member says of itself; where a follower is, concerns nobody.
    pub(crate) fn hear(&mut self, peer: PublicKey, at: SystemTime, says: Standing) {
        if self.is_member(&peer) {
            self.heard.insert(peer, Heard { at, says });
        }
    }

    /// Forgets members that have been silent for `silence`.
    pub(crate) fn forget(&mut self, now: SystemTime, silence: Duration) {
        self.heard
            .retain(|_, it| now.duration_since(it.at).is_ok_and(|age| age < silence));
    }

    /// What those of a committee say of themselves who have been heard of lately.
    pub(crate) fn standings(&self, committee: &Set<PublicKey>) -> Vec<Standing> {
        let heard = self.heard.iter();
        let heard = heard.filter(|(peer, _)| committee.position(peer).is_some());
        heard.map(|(_, it)| it.says.clone()).collect()
    }

    /// All who have been heard of lately.
    pub(crate) fn heard(&self) -> Vec<PublicKey> {
        self.heard.keys().cloned().collect()
    }

    /// Those who say that they have more blocks than `height`.
    pub(crate) fn above(&self, height: u64) -> Vec<(PublicKey, u64)> {
        let heard = self.heard.iter().map(|(peer, it)| (peer, it.says.height));
        let above = heard.filter(|(_, it)| *it > height);
        above.map(|(peer, it)| (peer.clone(), it)).collect()
    }

    /// Those who say that they keep the block at `height`.
    pub(crate) fn holders(&self, height: u64) -> Vec<PublicKey> {
        let heard = self.heard.iter();
        let holders = heard.filter(|(_, it)| (it.says.oldest..=it.says.height).contains(&height));
        holders.map(|(peer, _)| peer.clone()).collect()
    }
}

/// The greatest height that more than `liars` of these say they have reached.
pub(crate) fn height(standings: &[Standing], liars: usize) -> u64 {
    let mut heights: Vec<_> = standings.iter().map(|it| it.height).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.get(liars).copied().unwrap_or(0)
}
