//! Votes: signed only where the unit may, and believed only by the strict rule.
//!
//! The engine's own scheme checks votes in batches, which accept what the strict rule refuses; one
//! operator could then make a block final that no car takes for final. So each vote and each
//! certificate is checked here one by one, by the rule that proofs are checked with.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use commonware_codec::Read;
use commonware_consensus::{
    Viewable as _,
    simplex::{
        scheme::{Namespace, ed25519},
        types::Subject,
    },
};
use commonware_cryptography::{
    Digest,
    certificate::{
        self, AssemblyError, Attestation, Membership, Scheme, Subject as _, Verification, Verifier,
        ed25519::Certificate,
    },
    ed25519::{PrivateKey, PublicKey, Signature},
};
use commonware_parallel::Strategy;
use commonware_utils::{N3f1, iter::NonEmpty, ordered::Set, union_unique};
use rand_core::CryptoRng;
use wayside::crypto::{self, VerifyingKey};

/// Signs and checks the votes of one shard in one epoch.
#[derive(Clone)]
pub(crate) struct VoteScheme {
    inner: ed25519::Scheme,
    namespace: Namespace,
    keys: Arc<[VerifyingKey]>,
    gate: Arc<VoteGate>,
}

/// The views in which this unit may vote.
///
/// A unit whose journal of votes was lost could contradict what it said before. It stays silent up
/// to the last view in which it can have voted; and it never votes beyond what it has durably
/// reserved, so that this view is known even without the journal.
#[derive(Debug, Default)]
pub(crate) struct VoteGate {
    silent_through: AtomicU64,
    reserved_through: AtomicU64,
    refused_through: AtomicU64,
    voted: AtomicU64,
}

impl VoteGate {
    /// A gate through which no vote passes.
    pub(crate) fn closed() -> Self {
        Self {
            silent_through: AtomicU64::new(u64::MAX),
            reserved_through: AtomicU64::new(0),
            refused_through: AtomicU64::new(0),
            voted: AtomicU64::new(0),
        }
    }

    /// Lets votes pass in views above `view`.
    pub(crate) fn silence_through(&self, view: u64) {
        self.silent_through.store(view, Ordering::SeqCst);
    }

    /// Lets votes pass in views up to `view`, which is durably noted.
    pub(crate) fn reserve_through(&self, view: u64) {
        self.reserved_through.fetch_max(view, Ordering::SeqCst);
    }

    /// The last view in which the unit stays silent.
    pub(crate) fn silent_through(&self) -> u64 {
        self.silent_through.load(Ordering::SeqCst)
    }

    /// The newest view in which the unit voted since it started; 0 for none.
    pub(crate) fn voted(&self) -> u64 {
        self.voted.load(Ordering::SeqCst)
    }

    /// Whether a vote in this view may pass.
    pub(crate) fn admits(&self, view: u64) -> bool {
        view > self.silent_through()
            && view > self.refused_through.load(Ordering::SeqCst)
            && view <= self.reserved_through.load(Ordering::SeqCst)
    }

    /// Whether a vote in this view passes.
    ///
    /// If it does not, none passes in this view any more: consensus writes a vote to skip a view
    /// into its journal the first time only, and takes one that was refused for the first.
    fn pass(&self, view: u64) -> bool {
        let is_admitted = self.admits(view);
        let newest = if is_admitted {
            &self.voted
        } else {
            &self.refused_through
        };
        newest.fetch_max(view, Ordering::SeqCst);
        is_admitted
    }
}

impl VoteScheme {
    /// The scheme of a member of the committee; `None` if `key` is not among `participants`.
    pub(crate) fn new(
        namespace: &[u8],
        participants: Set<PublicKey>,
        key: PrivateKey,
        gate: Arc<VoteGate>,
    ) -> Option<Self> {
        let keys = keys(&participants)?;
        Some(Self {
            inner: ed25519::Scheme::signer(namespace, participants, key)?,
            namespace: Namespace::new(namespace),
            keys,
            gate,
        })
    }

    /// The scheme of a follower, which checks votes and signs none; `None` if one of `participants`
    /// cannot be admitted.
    pub(crate) fn follower(namespace: &[u8], participants: Set<PublicKey>) -> Option<Self> {
        let keys = keys(&participants)?;
        Some(Self {
            inner: ed25519::Scheme::verifier(namespace, participants),
            namespace: Namespace::new(namespace),
            keys,
            gate: Arc::new(VoteGate::closed()),
        })
    }

    fn holds<D: Digest>(&self, subject: &Subject<'_, D>, signer: usize, vote: &Signature) -> bool {
        let Some(key) = self.keys.get(signer) else {
            return false;
        };
        let Ok(bytes) = <[u8; 64]>::try_from(vote.as_ref()) else {
            return false;
        };
        let message = union_unique(subject.namespace(&self.namespace), &subject.message());
        key.verify_raw(&message, &crypto::Signature::from_bytes(bytes))
            .is_ok()
    }
}

fn keys(participants: &Set<PublicKey>) -> Option<Arc<[VerifyingKey]>> {
    let keys = participants.iter().map(|participant| {
        let bytes = <&[u8; 32]>::try_from(participant.as_ref()).ok()?;
        VerifyingKey::from_bytes(bytes).ok()
    });
    keys.collect()
}

impl Verifier for VoteScheme {
    type Subject<'a, D: Digest> = Subject<'a, D>;
    type Faults = N3f1;
    type PublicKey = PublicKey;
    type Certificate = Certificate;

    fn verify_certificate<R, D>(
        &self,
        _: &mut R,
        subject: Self::Subject<'_, D>,
        certificate: &Certificate,
        _: &impl Strategy,
    ) -> bool
    where
        R: CryptoRng,
        D: Digest,
    {
        let Certificate {
            signers,
            signatures,
        } = certificate;
        let quorum = self.keys.len() - self.keys.len().saturating_sub(1) / 3;
        signers.len() == self.keys.len()
            && signers.count() == signatures.len()
            && signers.count() >= quorum
            && signers.iter().zip(signatures).all(|(signer, vote)| {
                let vote = vote.get();
                vote.is_some_and(|vote| self.holds(&subject, usize::from(signer), vote))
            })
    }

    fn is_batchable() -> bool {
        false
    }

    fn max_certificate_size(participants: u32) -> usize {
        ed25519::Scheme::max_certificate_size(participants)
    }

    fn certificate_codec_config(&self) -> <Certificate as Read>::Cfg {
        self.inner.certificate_codec_config()
    }

    fn certificate_codec_config_unbounded() -> <Certificate as Read>::Cfg {
        ed25519::Scheme::certificate_codec_config_unbounded()
    }
}

impl Scheme for VoteScheme {
    type Signature = Signature;

    fn me(&self) -> Option<Membership> {
        self.inner.me()
    }

    fn participants(&self) -> &Set<PublicKey> {
        self.inner.participants()
    }

    fn sign<D: Digest>(&self, subject: Subject<'_, D>) -> Option<Attestation<Self>> {
        if !self.gate.pass(subject.view().get()) {
            return None;
        }
        let Attestation { signer, signature } = self.inner.sign(subject)?;
        Some(Attestation { signer, signature })
    }

    fn verify_attestation<R, D>(
        &self,
        _: &mut R,
        subject: Subject<'_, D>,
        attestation: &Attestation<Self>,
        _: &impl Strategy,
    ) -> bool
    where
        R: CryptoRng,
        D: Digest,
    {
        let vote = attestation.signature.get();
        vote.is_some_and(|vote| self.holds(&subject, usize::from(attestation.signer), vote))
    }

    fn optimistic_assemble<'a, R, D, I, J>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        pending: I,
        verified: J,
        strategy: &impl Strategy,
    ) -> Result<Certificate, Verification<Self>>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: ExactSizeIterator + Send,
        J: IntoIterator<Item = &'a Attestation<Self>>,
        J::IntoIter: Send,
    {
        certificate::verify_then_assemble::<Self, _, D, _, _>(
            self, rng, subject, pending, verified, strategy,
        )
    }

    fn assemble<I>(
        &self,
        attestations: NonEmpty<I>,
        strategy: &impl Strategy,
    ) -> Result<Certificate, AssemblyError>
    where
        I: Iterator<Item = Attestation<Self>> + Send,
    {
        let attestations = attestations.into_iter().map(to_inner);
        let attestations = NonEmpty::try_new(attestations)
            .expect("what was not empty has as many votes in another type");
        self.inner.assemble(attestations, strategy)
    }

    fn is_attributable() -> bool {
        true
    }
}

fn to_inner(attestation: Attestation<VoteScheme>) -> Attestation<ed25519::Scheme> {
    Attestation {
        signer: attestation.signer,
        signature: attestation.signature,
    }
}

impl fmt::Debug for VoteScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoteScheme")
            .field("me", &self.inner.me())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_in_which_a_vote_was_refused_has_none() {
        let gate = VoteGate::closed();
        gate.silence_through(0);
        gate.reserve_through(4);
        assert!(!gate.pass(5));
        gate.reserve_through(8);
        assert!(!gate.pass(5));
        assert!(gate.pass(6));
        assert_eq!(gate.voted(), 6);
    }
}
