use borsh::BorshSerialize;

use super::{BatchId, Facts, SealedTicket, Seat, encoding::encode, keys::IssuingKeys};
use crate::{
    crypto::{Context, Digest, Purpose, Signature},
    id::{ChainId, GroupId},
    ledger::TicketHandle,
    time::Timestamp,
};

/// What a member says of a batch to its enrolment authority, which can open none of the tickets: that
/// each is right, and sealed to its car.
#[derive(BorshSerialize, Clone, Copy, Debug)]
pub(super) struct ApprovalOf {
    pub(super) chain: ChainId,
    pub(super) group: GroupId,
    pub(super) batch: BatchId,
    /// The member.
    pub(super) by: u16,
}

impl ApprovalOf {
    /// The member's word.
    pub(super) fn sign(
        self,
        tickets: &[(TicketHandle, SealedTicket)],
        keys: &IssuingKeys,
    ) -> Signature {
        keys.sign(&[APPROVAL_LABEL, &encode(&self), digest(tickets).as_bytes()])
    }

    /// Whether the member said so, with a key that counts at `now`.
    pub(super) fn is_signed(
        self,
        tickets: &[(TicketHandle, SealedTicket)],
        signature: &Signature,
        (facts, now): (&Facts, Timestamp),
    ) -> bool {
        let keys = facts.seats.get(&Seat::first(self.by));
        let mut keys = keys.into_iter().flat_map(|it| it.at(now));
        let (bound, digest) = (encode(&self), digest(tickets));
        let signed: &[&[u8]] = &[APPROVAL_LABEL, &bound, digest.as_bytes()];
        let context = Context::IssuingMessage;
        keys.any(|key| key.verify(context, signed, signature).is_ok())
    }
}

fn digest(tickets: &[(TicketHandle, SealedTicket)]) -> Digest {
    Digest::of(Purpose::TicketBatch, &[b"sealed", &encode(&tickets)])
}

/// Distinguishes approvals from messages, and from what is sealed for a third party.
const APPROVAL_LABEL: &[u8] = b"approval";
