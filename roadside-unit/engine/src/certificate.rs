use commonware_codec::{Copying, DecodeExt as _, types::lazy::Lazy};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    marshal::Identifier,
    simplex::types::{Finalization, Proposal},
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{certificate::Signers, ed25519};
use commonware_utils::Participant;
use wayside::{
    crypto::Signature,
    ledger::{Certificate, Committee, FinalizedHeader},
};

use crate::{
    block::{Payload, digest, payload},
    scheme::VoteScheme,
    shard::Marshal,
};

/// The engine's votes for a block as a car checks them; `None` if one of them is no signature,
/// which the engine would have refused.
pub(crate) fn certificate(finalization: &Finalization<VoteScheme, Payload>) -> Option<Certificate> {
    let proposal = &finalization.proposal;
    let votes = &finalization.certificate;
    let signers = votes
        .signers
        .iter()
        .map(|signer| u16::try_from(signer.get()).ok());
    let signatures = votes.signatures.iter().map(|vote| {
        let bytes = <[u8; 64]>::try_from(vote.get()?.as_ref()).ok()?;
        Some(Signature::from_bytes(bytes))
    });
    Some(Certificate {
        epoch: proposal.epoch().get(),
        view: proposal.view().get(),
        parent_view: proposal.parent.get(),
        payload: digest(&proposal.payload),
        signers: signers.collect::<Option<_>>()?,
        signatures: signatures.collect::<Option<_>>()?,
    })
}

/// Votes as a car checks them, as the engine has them; `None` if it could not have made them.
pub(crate) fn finalization(
    certificate: &Certificate,
    committee: &Committee,
) -> Option<Finalization<VoteScheme, Payload>> {
    let members = u32::try_from(committee.keys().len()).ok()?;
    let signers = certificate.signers.iter();
    let signers = signers.map(|signer| Participant::new(u32::from(*signer)));
    let signatures = certificate.signatures.iter().map(|signature| {
        let signature = ed25519::Signature::decode(Copying(signature.as_bytes()));
        signature.ok().map(Lazy::from)
    });
    let round = Round::new(Epoch::new(certificate.epoch), View::new(certificate.view));
    let parent = View::new(certificate.parent_view);
    Some(Finalization {
        proposal: Proposal::new(round, parent, payload(&certificate.payload)),
        certificate: ed25519::certificate::Certificate {
            signers: Signers::new(members, signers).ok()?,
            signatures: signatures.collect::<Option<_>>()?,
        },
    })
}

/// The header at a height with the votes that made it final, or those for the next block above it
/// that has votes of its own; `None` if there are none at or below `tip`.
pub(crate) async fn finalized_header(
    marshal: &Marshal,
    height: u64,
    tip: u64,
) -> Option<FinalizedHeader> {
    let block = marshal.get_block(Height::new(height)).await?;
    let mut link = Vec::new();
    for above in height..=tip.min(height + LINK_MAX) {
        if above > height {
            let next = marshal.get_block(Height::new(above)).await?;
            let next = &next.inner().block().header;
            if next.epoch != block.inner().block().header.epoch {
                // Other votes count there.
                return None;
            }
            link.push(next.clone());
        }
        if let Some(finalization) = marshal.get_finalization(Height::new(above)).await {
            return Some(FinalizedHeader {
                header: block.inner().block().header.clone(),
                link,
                certificate: certificate(&finalization)?,
            });
        }
    }
    None
}

/// The votes for the newest stored block that has some of its own, if they are of this epoch.
pub(crate) async fn newest_finalization(
    marshal: Marshal,
    epoch: Epoch,
) -> Option<Finalization<VoteScheme, Payload>> {
    let (newest, _) = marshal.get_info(Identifier::Latest).await?;
    for below in 0..=LINK_MAX {
        let height = newest
            .get()
            .checked_sub(below)
            .filter(|height| *height > 0)?;
        if let Some(finalization) = marshal.get_finalization(Height::new(height)).await {
            return Some(finalization).filter(|it| it.proposal.epoch() == epoch);
        }
    }
    None
}

/// The longest link that is taken for a proof.
const LINK_MAX: u64 = 64;
