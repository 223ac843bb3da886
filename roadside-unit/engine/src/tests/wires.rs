//! What happens to messages between members beside what links do to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use commonware_codec::{Copying, Decode as _};
use commonware_consensus::simplex::types::Vote;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    Recipients,
    simulated::{SplitForwarder, SplitOrigin, SplitRouter, SplitTarget},
};
use commonware_runtime::IoBuf;
use commonware_utils::{ordered::Set, sync::Mutex};
use wayside::{id::ShardId, ledger::SignedVote};

use crate::{
    block::Payload,
    evidence::{finalize, notarize, nullify},
    scheme::VoteScheme,
};

/// All wires of a committee, which a test can cut, sort and listen to.
#[derive(Clone)]
pub(super) struct Wires {
    members: Set<PublicKey>,
    followers: Set<PublicKey>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cut: BTreeSet<ShardId>,
    deaf: BTreeSet<PublicKey>,
    halves: BTreeMap<PublicKey, Halves>,
    recorded: Option<Vec<Recorded>>,
}

/// With which of the two that run with one key each other member talks; nobody is left out who is
/// not named.
pub(super) type Halves = BTreeMap<PublicKey, SplitTarget>;

/// A message as it was sent.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) from: usize,
    pub(super) channel: usize,
    pub(super) bytes: IoBuf,
}

impl Wires {
    /// Wires that pass everything on, between those who run once.
    pub(super) fn new(members: Set<PublicKey>, followers: Set<PublicKey>) -> Self {
        Self {
            members,
            followers,
            state: Arc::default(),
        }
    }

    /// Lets no message of these shards arrive anywhere.
    pub(super) fn cut(&self, shards: impl IntoIterator<Item = ShardId>) {
        self.state.lock().cut = shards.into_iter().collect();
    }

    /// Lets a member hear of no transaction from others.
    pub(super) fn deafen(&self, member: usize) {
        let member = self.members[member].clone();
        self.state.lock().deaf.insert(member);
    }

    /// Says which of a member's two selves each other member talks with.
    pub(super) fn divide(&self, member: usize, halves: impl IntoIterator<Item = SplitTarget>) {
        let halves = self.members.iter().cloned().zip(halves);
        let member = self.members[member].clone();
        self.state.lock().halves.insert(member, halves.collect());
    }

    /// Keeps every message from now on.
    pub(super) fn record(&self) {
        self.state.lock().recorded = Some(Vec::new());
    }

    /// What was kept.
    pub(super) fn recorded(&self) -> Vec<Recorded> {
        self.state.lock().recorded.take().unwrap_or_default()
    }

    /// Whom a message on one channel of a member goes to.
    pub(super) fn forwarder(&self, from: usize, channel: usize) -> impl SplitForwarder<PublicKey> {
        let wires = self.clone();
        move |origin, recipients: &Recipients<PublicKey>, message: &IoBuf| {
            Some(Recipients::Some(wires.forward(
                (from, channel),
                origin,
                recipients,
                message,
            )))
        }
    }

    /// Which of a member's two selves a message to it is for.
    pub(super) fn router(&self, to: usize) -> impl SplitRouter<PublicKey> {
        let (wires, to) = (self.clone(), self.members[to].clone());
        move |(peer, _): &(PublicKey, IoBuf)| wires.half(&to, peer)
    }

    fn forward(
        &self,
        (from, channel): (usize, usize),
        origin: SplitOrigin,
        recipients: &Recipients<PublicKey>,
        message: &IoBuf,
    ) -> Vec<PublicKey> {
        let me = &self.members[from];
        let mut recipients = match recipients {
            Recipients::All => self
                .members
                .iter()
                .chain(&self.followers)
                .filter(|it| *it != me)
                .cloned()
                .collect(),
            Recipients::Some(some) => some.clone(),
            Recipients::One(one) => vec![one.clone()],
        };
        recipients.retain(|it| match (self.half(me, it), origin) {
            (SplitTarget::Both, _)
            | (SplitTarget::Primary, SplitOrigin::Primary)
            | (SplitTarget::Secondary, SplitOrigin::Secondary) => true,
            (SplitTarget::None | SplitTarget::Primary | SplitTarget::Secondary, _) => false,
        });
        let mut state = self.state.lock();
        // Shards share a channel: a message begins with the number of its shard, in one byte while
        // that is small.
        let bytes = message.as_ref();
        if bytes
            .first()
            .is_some_and(|it| state.cut.contains(&ShardId(u16::from(*it))))
        {
            return Vec::new();
        }
        if channel == GOSSIP && bytes.get(1) == Some(&TRANSACTIONS) {
            recipients.retain(|it| !state.deaf.contains(it));
        }
        if let Some(recorded) = &mut state.recorded {
            recorded.push(Recorded {
                from,
                channel,
                bytes: message.clone(),
            });
        }
        recipients
    }

    /// Which self of `member` talks with `peer`.
    fn half(&self, member: &PublicKey, peer: &PublicKey) -> SplitTarget {
        let state = self.state.lock();
        let halves = state.halves.get(member);
        let half = halves.and_then(|halves| halves.get(peer));
        half.copied().unwrap_or(SplitTarget::Primary)
    }
}

/// The votes of one shard among recorded messages.
pub(super) fn votes(recorded: &[Recorded], shard: ShardId) -> Vec<SignedVote> {
    let votes = recorded.iter().filter(|it| it.channel == 0);
    let votes = votes.filter_map(|it| {
        let (number, bytes) = it.bytes.as_ref().split_first()?;
        if u16::from(*number) != shard.0 {
            return None;
        }
        match Vote::<VoteScheme, Payload>::decode_cfg(Copying(bytes), &()).unwrap() {
            Vote::Notarize(vote) => notarize(&vote),
            Vote::Nullify(vote) => nullify(&vote),
            Vote::Finalize(vote) => finalize(&vote),
        }
    });
    votes.collect()
}

/// The place of gossip among [`QUOTAS`](crate::member::QUOTAS).
const GOSSIP: usize = 5;

/// How gossip of transactions begins.
const TRANSACTIONS: u8 = 1;
