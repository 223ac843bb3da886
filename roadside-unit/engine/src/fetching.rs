use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, SystemTime},
};

use commonware_cryptography::ed25519::PublicKey;

/// Which chunks of a snapshot are asked of whom.
///
/// Every member that may have them is asked for a few at once. What one does not answer in time is
/// asked of another; who goes on not answering, or answers wrongly, is asked no more.
pub(crate) struct Fetching {
    timeout: Duration,
    /// Those who may be asked, with how many answers of each are open and how many never came.
    sources: Vec<Source>,
    /// What nobody is asked for now.
    open: VecDeque<usize>,
    asked: BTreeMap<usize, Asked>,
}

struct Source {
    peer: PublicKey,
    asked: usize,
    late: usize,
}

struct Asked {
    peer: PublicKey,
    deadline: SystemTime,
}

impl Fetching {
    /// All of `count` chunks, from any of `peers`, each of which has `timeout` to answer.
    pub(crate) fn new(peers: &[PublicKey], count: usize, timeout: Duration) -> Self {
        let source = |peer: &PublicKey| Source {
            peer: peer.clone(),
            asked: 0,
            late: 0,
        };
        Self {
            timeout,
            sources: peers.iter().map(source).collect(),
            open: (0..count).collect(),
            asked: BTreeMap::new(),
        }
    }

    /// The next chunk to ask for, and whom: whoever has the fewest to answer.
    pub(crate) fn next(&mut self, now: SystemTime) -> Option<(PublicKey, usize)> {
        let free = self.sources.iter_mut().filter(|it| it.asked < ASKED_MAX);
        let source = free.min_by_key(|it| it.asked)?;
        let index = self.open.pop_front()?;
        source.asked += 1;
        let peer = source.peer.clone();
        let asked = Asked {
            peer: peer.clone(),
            deadline: now + self.timeout,
        };
        self.asked.insert(index, asked);
        Some((peer, index))
    }

    /// Whether a chunk was asked of this member.
    pub(crate) fn is_asked(&self, index: usize, peer: &PublicKey) -> bool {
        self.asked.get(&index).is_some_and(|it| it.peer == *peer)
    }

    /// Notes that a chunk is here.
    pub(crate) fn done(&mut self, index: usize) {
        if let Some(Asked { peer, .. }) = self.asked.remove(&index)
            && let Some(source) = self.source(&peer)
        {
            source.asked -= 1;
            source.late = 0;
        }
    }

    /// Takes back what was not answered in time.
    pub(crate) fn expire(&mut self, now: SystemTime) {
        for peer in self.take_back(|it| it.deadline <= now) {
            if let Some(source) = self.source(&peer) {
                source.asked -= 1;
                source.late += 1;
            }
        }
        let lost = self.sources.iter().filter(|it| it.late >= LATE_MAX);
        for peer in lost.map(|it| it.peer.clone()).collect::<Vec<_>>() {
            self.give_up(&peer);
        }
    }

    /// Asks a member no more, and others for what it was asked.
    pub(crate) fn give_up(&mut self, peer: &PublicKey) {
        self.sources.retain(|it| it.peer != *peer);
        self.take_back(|it| it.peer == *peer);
    }

    /// Has some of what was asked asked again; returns of whom each was.
    fn take_back(&mut self, is_lost: impl Fn(&Asked) -> bool) -> Vec<PublicKey> {
        let lost = self.asked.iter().filter(|(_, it)| is_lost(it));
        let lost: Vec<_> = lost.map(|(index, it)| (*index, it.peer.clone())).collect();
        for (index, _) in &lost {
            self.asked.remove(index);
            self.open.push_front(*index);
        }
        lost.into_iter().map(|(_, peer)| peer).collect()
    }

    /// When the next answer is late; `None` if nobody is left to answer.
    pub(crate) fn deadline(&self) -> Option<SystemTime> {
        self.asked.values().map(|it| it.deadline).min()
    }

    fn source(&mut self, peer: &PublicKey) -> Option<&mut Source> {
        self.sources.iter_mut().find(|it| it.peer == *peer)
    }
}

/// Answers of one member that are open at once: enough to hide the way there and back.
pub(crate) const ASKED_MAX: usize = 4;

/// Answers of one member that may stay away in a row.
const LATE_MAX: usize = 2 * ASKED_MAX;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn peers(count: u64) -> Vec<PublicKey> {
        let peer = |seed| PrivateKey::from_seed(seed).public_key();
        (0..count).map(peer).collect()
    }

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    fn ask_all(fetching: &mut Fetching, now: SystemTime) -> Vec<(PublicKey, usize)> {
        std::iter::from_fn(|| fetching.next(now)).collect()
    }

    #[test]
    fn every_member_is_asked_for_a_few_chunks_at_once() {
        let peers = peers(3);
        let mut fetching = Fetching::new(&peers, 100, TIMEOUT);
        let asked = ask_all(&mut fetching, at(0));
        let indexes: BTreeSet<_> = asked.iter().map(|(_, index)| *index).collect();
        assert_eq!(indexes, (0..3 * ASKED_MAX).collect());
        for peer in &peers {
            let own = asked.iter().filter(|(it, _)| it == peer);
            assert_eq!(own.count(), ASKED_MAX);
        }
        let (peer, index) = &asked[0];
        assert!(fetching.is_asked(*index, peer));
        fetching.done(*index);
        assert!(!fetching.is_asked(*index, peer));
        let next = ask_all(&mut fetching, at(10));
        assert_eq!(next, [(peer.clone(), 3 * ASKED_MAX)]);
    }

    #[test]
    fn what_one_does_not_answer_another_is_asked_for() {
        let peers = peers(2);
        let mut fetching = Fetching::new(&peers, 4, TIMEOUT);
        let asked = ask_all(&mut fetching, at(0));
        assert_eq!(fetching.deadline(), Some(at(1_000)));
        fetching.give_up(&peers[0]);
        let again = ask_all(&mut fetching, at(1));
        assert_eq!(again.len(), 2);
        assert!(again.iter().all(|(peer, _)| *peer == peers[1]));
        for (_, index) in asked {
            assert!(fetching.is_asked(index, &peers[1]));
            fetching.done(index);
        }
        assert_eq!(fetching.deadline(), None);
        assert!(ask_all(&mut fetching, at(2)).is_empty());
    }

    #[test]
    fn who_never_answers_is_asked_no_more() {
        let peers = peers(1);
        let mut fetching = Fetching::new(&peers, 100, TIMEOUT);
        let mut rounds = 0;
        let mut now = at(0);
        while !ask_all(&mut fetching, now).is_empty() {
            rounds += 1;
            now += TIMEOUT;
            fetching.expire(now);
        }
        assert_eq!(rounds, LATE_MAX / ASKED_MAX);
        assert_eq!(fetching.deadline(), None);
    }
}
