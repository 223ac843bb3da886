use super::step::Step;
use crate::{
    crypto::Digest,
    ledger::{
        AccountKey, Alarm, Key, ReceiptBody, Role, Rule, StateView, Tag, TagCertificate, TagClaim,
        TagKind, TagSubject, Value,
    },
};

/// Holds a tag's certificate against who claims it and who issued it.
///
/// Its signature was checked before the transaction came here.
pub(super) fn require_certificate(
    step: &Step<'_, '_>,
    certificate: &TagCertificate,
    claimant: AccountKey,
) -> Result<(), Rule> {
    if certificate.claimant != claimant {
        return Err(Rule::TagClaimantDiffers);
    }
    let is_issuer = step.overlay.has_role(certificate.issuer, Role::TagIssuer);
    is_issuer.then_some(()).ok_or(Rule::TagIssuerUnknown)
}

/// Claims a tag in the shard that keeps it.
///
/// Returns whether it is the claimant's: at once if this shard keeps it, else only when a receipt
/// says so.
pub(super) fn claim(
    step: &mut Step<'_, '_>,
    subject: TagSubject,
    claimant: AccountKey,
) -> Result<bool, Rule> {
    let keeper = step.context.genesis.bucket(&subject.tag());
    let claim = claim_here(step, claimant);
    if keeper != step.shard() {
        step.send(keeper, ReceiptBody::RegisterTag { subject, claim });
        return Ok(false);
    }
    match register(step, &subject, claim) {
        Ok(()) => Ok(true),
        Err(_) => Err(match subject.kind() {
            TagKind::Vehicle => Rule::VinTagTaken,
            TagKind::Part => Rule::PartTagTaken,
        }),
    }
}

/// Keeps a tag for its first claimant; says whose it is if that is somebody else.
pub(super) fn register(
    step: &mut Step<'_, '_>,
    subject: &TagSubject,
    claim: TagClaim,
) -> Result<(), TagClaim> {
    let (kind, tag) = (subject.kind(), subject.tag());
    if let Some(taken) = step.overlay.tag(kind, tag) {
        return Err(taken.claim.clone());
    }
    step.put(Key::Tag(kind, tag), Value::Tag(Tag { claim }));
    Ok(())
}

/// Writes down that a tag was claimed twice.
pub(super) fn raise_alarm(
    step: &mut Step<'_, '_>,
    subject: (TagKind, [u8; 32]),
    first: TagClaim,
    other: TagClaim,
) {
    let (kind, tag) = subject;
    let refused = step.overlay.alarm(kind, tag).map_or(0, |it| it.refused);
    let alarm = Alarm {
        first,
        other,
        refused: refused.saturating_add(1),
    };
    step.put(Key::Alarm(kind, tag), Value::Alarm(alarm));
}

/// Writes down a second claim that this shard, which keeps the tag, has just refused.
pub(super) fn raise_alarm_here(step: &mut Step<'_, '_>, kind: TagKind, tag: &Digest) {
    let tag = *tag.as_bytes();
    let Some(taken) = step.overlay.tag(kind, tag) else {
        return;
    };
    let first = taken.claim.clone();
    // The transaction got this far, so one of those who signed holds the role.
    let claimant = step.signer_with(&[Role::Maker, Role::PartMaker]);
    if let Some(claimant) = claimant {
        let other = claim_here(step, claimant);
        raise_alarm(step, (kind, tag), first, other);
    }
}

fn claim_here(step: &Step<'_, '_>, claimant: AccountKey) -> TagClaim {
    TagClaim {
        claimant,
        shard: step.shard(),
        transaction: step.entry,
        time: step.time(),
    }
}
