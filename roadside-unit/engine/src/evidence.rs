//! Turns contradictory votes into proofs on the ledger.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Activity, Finalize, Notarize, Nullify},
};
use commonware_cryptography::certificate::Attestation;
use commonware_parallel::Sequential;
use tokio::sync::mpsc;
use tracing::{debug, warn};
use wayside::{
    crypto::{Signature, SigningKey},
    id::ShardId,
    ledger::{
        AccountKey, Action, Misconduct, Proposal, ReportMisconduct, SignedVote, StateView as _,
        Transaction, Vote,
    },
};

use crate::{
    block::{Payload, digest},
    runtime::Runtime,
    scheme::VoteScheme,
    shard::{Shard, Shards},
};

type Conflict = Activity<VoteScheme, Payload>;

/// Reports members of one shard that contradict themselves, on the shard that governs.
pub(crate) struct Evidence {
    shard: Arc<Shard>,
    shards: Arc<Shards>,
    scheme: VoteScheme,
    key: Arc<SigningKey>,
    /// When each member was reported last, to report an endless liar only now and then.
    reported: BTreeMap<u16, std::time::SystemTime>,
}

impl Evidence {
    /// Reports on `shard`, signing with `key`.
    pub(crate) fn new(
        shard: Arc<Shard>,
        shards: Arc<Shards>,
        scheme: VoteScheme,
        key: Arc<SigningKey>,
    ) -> Self {
        Self {
            shard,
            shards,
            scheme,
            key,
            reported: BTreeMap::new(),
        }
    }

    /// Reports until the runtime stops.
    pub(crate) async fn run<E: Runtime>(
        mut self,
        mut runtime: E,
        mut conflicts: mpsc::Receiver<Conflict>,
    ) {
        while let Some(conflict) = conflicts.recv().await {
            // Votes from the network are only checked when they are needed.
            if !conflict.verify(&mut runtime, &self.scheme, &Sequential) {
                continue;
            }
            let Some(misconduct) = misconduct(self.shard.id, &conflict) else {
                continue;
            };
            let (culprit, now) = (misconduct.first.signer, runtime.current());
            let last = self.reported.get(&culprit);
            let is_news = last.is_none_or(|last| {
                now.duration_since(*last)
                    .is_ok_and(|age| age >= REPORT_INTERVAL)
            });
            if is_news {
                warn!(shard = %self.shard.id, culprit, "a member contradicted itself");
                self.reported.insert(culprit, now);
                self.report(misconduct);
            }
        }
    }

    fn report(&self, misconduct: Misconduct) {
        let Some(governance) = self.shards.get(&ShardId::GOVERNANCE) else {
            debug!("the shard that governs is not kept here, so nobody is reported");
            return;
        };
        let sender = AccountKey::from(self.key.verifying_key());
        let tip = governance.tip_node();
        let nonce = tip.state.account(sender).map_or(0, |it| it.nonces.next());
        let transaction = Transaction {
            version: Transaction::VERSION,
            chain: governance.genesis.chain(),
            shard: ShardId::GOVERNANCE,
            sender,
            nonce,
            expires: None,
            approvers: Vec::new(),
            action: Action::ReportMisconduct(ReportMisconduct { misconduct }),
        };
        if let Err(error) = governance.submit(transaction.sign(&self.key)) {
            // Another member may have reported it, or this one is about to.
            debug!(%error, "misconduct was not reported");
        }
    }
}

/// The contradiction as anybody can check it.
pub(crate) fn misconduct(shard: ShardId, conflict: &Conflict) -> Option<Misconduct> {
    let (one, other) = match conflict {
        Activity::ConflictingNotarize(it) => {
            let bytes = it.encode();
            let (one, other) = <(Notarize<_, _>, Notarize<_, _>)>::decode(bytes).ok()?;
            (notarize(&one)?, notarize(&other)?)
        }
        Activity::ConflictingFinalize(it) => {
            let bytes = it.encode();
            let (one, other) = <(Finalize<_, _>, Finalize<_, _>)>::decode(bytes).ok()?;
            (finalize(&one)?, finalize(&other)?)
        }
        Activity::NullifyFinalize(it) => {
            let bytes = it.encode();
            let (one, other) = <(Nullify<VoteScheme>, Finalize<_, _>)>::decode(bytes).ok()?;
            (nullify(&one)?, finalize(&other)?)
        }
        Activity::Notarize(_)
        | Activity::Notarization(_)
        | Activity::Certification(_)
        | Activity::Nullify(_)
        | Activity::Nullification(_)
        | Activity::Finalize(_)
        | Activity::Finalization(_) => return None,
    };
    Some(Misconduct::new(shard, one, other))
}

/// A vote as anybody can check it.
pub(crate) fn notarize(vote: &Notarize<VoteScheme, Payload>) -> Option<SignedVote> {
    signed(&vote.attestation, Vote::Notarize(proposal(&vote.proposal)))
}

/// A vote as anybody can check it.
pub(crate) fn finalize(vote: &Finalize<VoteScheme, Payload>) -> Option<SignedVote> {
    signed(&vote.attestation, Vote::Finalize(proposal(&vote.proposal)))
}

/// A vote as anybody can check it.
pub(crate) fn nullify(vote: &Nullify<VoteScheme>) -> Option<SignedVote> {
    let said = Vote::Nullify {
        epoch: vote.round.epoch().get(),
        view: vote.round.view().get(),
    };
    signed(&vote.attestation, said)
}

fn signed(attestation: &Attestation<VoteScheme>, vote: Vote) -> Option<SignedVote> {
    let bytes = <[u8; 64]>::try_from(attestation.signature.get()?.as_ref()).ok()?;
    Some(SignedVote {
        signer: u16::try_from(attestation.signer.get()).ok()?,
        vote,
        signature: Signature::from_bytes(bytes),
    })
}

fn proposal(proposal: &commonware_consensus::simplex::types::Proposal<Payload>) -> Proposal {
    Proposal {
        epoch: proposal.epoch().get(),
        view: proposal.view().get(),
        parent_view: proposal.parent.get(),
        payload: digest(&proposal.payload),
    }
}

/// How often one member is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
