use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use commonware_cryptography::ed25519::PublicKey;

/// What other members say of themselves.
#[derive(Default)]
pub(crate) struct Peers {
    heard: BTreeMap<PublicKey, Heard>,
}

struct Heard {
    at: SystemTime,
    says: Standing,
    votes: VotesOfMine,
}

/// What a member says of this member's votes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct VotesOfMine {
    /// The newest view in which it saw one; 0 for none.
    pub(crate) newest: u64,
    /// It may not have seen those before this view.
    pub(crate) since: u64,
}

/// Where a member says it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// The newest view that it saw end.
    pub(crate) view: u64,
    /// The height of its newest final block.
    pub(crate) height: u64,
    /// The lowest height whose block it keeps.
    pub(crate) oldest: u64,
    /// Whether it keeps all blocks for ever.
    pub(crate) is_archive: bool,
}

impl Peers {
    /// Notes what a member says of itself, and of this member's votes.
    pub(crate) fn hear(
        &mut self,
        peer: PublicKey,
        at: SystemTime,
        says: Standing,
        votes: VotesOfMine,
    ) {
        self.heard.insert(peer, Heard { at, says, votes });
    }

    /// The newest view in which one of them saw this member vote; 0 for none.
    pub(crate) fn saw_me(&self) -> u64 {
        let newest = self.heard.values().map(|it| it.votes.newest);
        newest.max().unwrap_or(0)
    }

    /// The newest view in which this member may have voted, by what they saw or may have missed.
    pub(crate) fn may_have_seen_me(&self) -> u64 {
        let views = self.heard.values().map(|it| it.votes);
        let views = views.map(|votes| votes.newest.max(votes.since));
        views.max().unwrap_or(0)
    }

    /// Forgets members that have been silent for `silence`.
    pub(crate) fn forget(&mut self, now: SystemTime, silence: Duration) {
        self.heard
            .retain(|_, it| now.duration_since(it.at).is_ok_and(|age| age < silence));
    }

    /// How many other members have been heard of lately.
    pub(crate) fn heard(&self) -> usize {
        self.heard.len()
    }

    /// The greatest view that one of them says it has reached.
    pub(crate) fn view(&self) -> u64 {
        self.standings().map(|it| it.view).max().unwrap_or(0)
    }

    /// The greatest height that more than `liars` of them say they have reached.
    pub(crate) fn height(&self, liars: usize) -> u64 {
        let mut heights: Vec<_> = self.standings().map(|it| it.height).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.get(liars).copied().unwrap_or(0)
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

    /// How many say that they keep all blocks for ever, and have them all.
    pub(crate) fn archives(&self) -> usize {
        let archives = self
            .standings()
            .filter(|it| it.is_archive && it.oldest <= 1);
        archives.count()
    }

    fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.heard.values().map(|it| &it.says)
    }
}
