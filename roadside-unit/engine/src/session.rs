use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_utils::{ordered::Set, sync::Mutex};
use wayside::ledger::{AccountKey, Committee};

use crate::{
    scheme::{VoteGate, VoteScheme},
    shard::VotesSeen,
};

/// One epoch of a shard as this unit takes part in it: with a vote if its key is in the committee,
/// else as one that follows.
pub(crate) struct Session {
    /// Whose votes count.
    pub(crate) committee: Committee,
    /// The same as the engine knows them.
    pub(crate) members: Set<PublicKey>,
    /// This unit's index in the committee; `None` if it follows.
    pub(crate) member: Option<u16>,
    /// In which views of the epoch this unit votes.
    pub(crate) gate: Arc<VoteGate>,
    /// In which views the members were seen to vote.
    pub(crate) votes: Mutex<VotesSeen>,
    view: AtomicU64,
}

impl Session {
    /// An epoch of which nothing was seen, for a unit with this vote key, if it has one. It does not
    /// vote until its gate is opened.
    pub(crate) fn new(committee: Committee, vote_key: Option<&AccountKey>) -> Self {
        Self {
            members: participants(&committee),
            votes: Mutex::new(VotesSeen::none(committee.keys().len())),
            member: vote_key.and_then(|key| committee.index(key)),
            committee,
            gate: Arc::new(VoteGate::closed()),
            view: AtomicU64::new(0),
        }
    }

    /// The epoch's number.
    pub(crate) fn epoch(&self) -> u64 {
        self.committee.epoch()
    }

    /// What signs and checks votes of the epoch; `key` is the unit's own.
    pub(crate) fn scheme(&self, namespace: &[u8], key: &PrivateKey) -> VoteScheme {
        let members = self.members.clone();
        let scheme = match self.member {
            Some(_) => {
                let gate = Arc::clone(&self.gate);
                VoteScheme::new(namespace, members, key.clone(), gate)
            }
            None => VoteScheme::follower(namespace, members),
        };
        scheme.expect("the keys of a committee were admitted, and a member's is among them")
    }

    /// Notes that a view has ended with a certificate.
    pub(crate) fn saw_view(&self, view: u64) {
        self.view.fetch_max(view, Ordering::Relaxed);
    }

    /// The newest view that was seen to end.
    pub(crate) fn view(&self) -> u64 {
        self.view.load(Ordering::Relaxed)
    }

    /// Whether this unit may vote in the next view.
    pub(crate) fn is_voting(&self) -> bool {
        self.member.is_some() && self.gate.admits(self.view() + 1)
    }

    /// How many others have to be heard of before anything is concluded from what they say: for a
    /// member, as many as make a quorum with it; for a follower one, since it may be served by one
    /// alone.
    pub(crate) fn company(&self) -> usize {
        match self.member {
            Some(_) => self.committee.quorum() - 1,
            None => 1,
        }
    }

    /// How many members may do anything.
    pub(crate) fn liars(&self) -> usize {
        self.committee.keys().len() - self.committee.quorum()
    }
}

/// A committee as the engine knows it.
pub(crate) fn participants(committee: &Committee) -> Set<PublicKey> {
    let keys = committee.keys().iter();
    let keys = keys.map(|key| public_key(key).expect("the keys of a committee were admitted"));
    Set::from_iter_dedup(keys)
}

/// A key as the engine knows it; `None` if it is none that can be signed with.
pub(crate) fn public_key(key: &AccountKey) -> Option<PublicKey> {
    PublicKey::decode(Copying(key.as_bytes())).ok()
}
