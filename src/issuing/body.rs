use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    BatchId, SealedTicket, Seat, Session, TicketBlob, VehicleHandle,
    encoding::{decode, encode},
    keys::IssuingKeys,
};
use crate::{
    crypto::{Context, Digest, Seal, SealError, SealingKey, Signature, VerifyingKey},
    id::{ChainId, GroupId},
    ledger::TicketHandle,
    security::LinkageAuthority,
};

/// What one operator asks of another, or answers to it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// Enrolment authority to linkage office: linkage values for these tickets.
    Link(LinkageRequest),
    /// Its answer.
    Linked(LinkageAnswer),
    /// Enrolment authority to a custodian: shares of these tickets' seeds.
    Deposit(EscrowDeposit),
    /// Its answer: they are kept.
    Deposited(BatchId),
    /// Enrolment authority to a member of the ticket authority: what shall be signed.
    Batch(TicketBatch),
    /// Its answer.
    Taken(BatchTaken),
    /// Enrolment authority to the member that shall coordinate: sign with some of these.
    Mint(MintOrder),
    /// Its answer: it does, and will tell.
    Minting(BatchId),
    /// Coordinator to enrolment authority: the tickets.
    Minted(Minted),
    /// Its answer.
    Received(BatchId),
    /// Coordinator to member: commit to nonces.
    Prepare(Prepare),
    /// Its answer.
    Prepared(Prepared),
    /// Coordinator to member: sign.
    Sign(SignOrder),
    /// Its answer.
    Signed(SignedShares),
    /// Coordinator to member: say that these are the tickets.
    Approve(ApprovalOrder),
    /// Its answer.
    Approved(Approval),
    /// Anybody to a custodian: its share of a seed that an order on the ledger asks for.
    Release(ReleaseOrder),
    /// Its answer.
    Released(Released),
    /// The answer to anything that is not done.
    Refused(OperatorRefusal),
}

/// Why an operator does not do what another asks.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum OperatorRefusal {
    /// It has not that role for this group, by the ledger that it knows.
    #[error("not in this role for the group")]
    NotInRole,
    /// The one who asks has not the role for it.
    #[error("asked by somebody who may not")]
    NotForYou,
    /// It knows no such batch; give it the batch first.
    #[error("an unknown batch")]
    UnknownBatch,
    /// The batch has too many tickets, one twice, or a slot for which none is given.
    #[error("a batch with tickets that can not be")]
    BadBatch,
    /// The other linkage authority's values are not signed by it, or for other tickets.
    #[error("the linkage values do not belong to the batch")]
    BadLinkage,
    /// No key of the ticket authority for this batch is held here.
    #[error("the key that shall sign is not held here")]
    NoKey,
    /// The attempt to sign is not known, or its nonces are used. Prepare again.
    #[error("an attempt to sign that is not open")]
    NoSession,
    /// The commitments do not belong to the attempt.
    #[error("commitments that do not belong to the attempt")]
    BadCommitments,
    /// The tickets do not count with these signatures.
    #[error("signatures that are not the tickets'")]
    BadSignatures,
    /// It is not allowed by the ledger, or not yet.
    #[error("no order on the ledger allows it")]
    NotOrdered,
    /// It holds no such share.
    #[error("nothing is kept of this ticket")]
    UnknownHandle,
    /// Too much is open.
    #[error("too much to do")]
    Busy,
    /// The message is none that is asked.
    #[error("not something to ask")]
    Unexpected,
}

/// Tickets for which linkage values are wanted.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct LinkageRequest {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    /// The key that shall sign it.
    pub issuer: u16,
    /// The tickets, in the order of their slots and handles.
    pub tickets: Vec<LinkageWish>,
}

/// One of them: 36 bytes.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkageWish {
    /// The ticket.
    pub handle: TicketHandle,
    /// Its vehicle.
    pub vehicle: VehicleHandle,
    /// Its slot.
    pub slot: u32,
}

/// Linkage values, sealed to each member, and shares of their seeds, sealed to each custodian.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct LinkageAnswer {
    /// The batch.
    pub batch: BatchId,
    /// Tickets that get none, since their vehicle has another ticket of the slot.
    pub refused: Vec<TicketHandle>,
    /// For each member, in their order.
    pub members: Vec<SignedSeal>,
    /// For each custodian, in their order.
    pub custodians: Vec<SignedSeal>,
}

/// Something that one operator says to another about a batch, through a third who can neither read nor
/// change it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedSeal {
    /// Who says it.
    pub from: Seat,
    /// To whom.
    pub to: u16,
    sealed: Vec<u8>,
    signature: Signature,
}

/// One ticket's linkage value from one authority: 32 bytes.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LinkedTicket {
    pub(super) handle: TicketHandle,
    pub(super) slot: u32,
    pub(super) share: [u8; 12],
}

/// A custodian's share of one ticket's seed from one authority: 53 bytes.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct EscrowedSeed {
    pub(super) handle: TicketHandle,
    pub(super) slot: u32,
    pub(super) share: [u8; ESCROW_SHARE_LEN],
}

/// Shares of the seeds of a batch for one custodian.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct EscrowDeposit {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    pub(super) first: Vec<EscrowedSeed>,
    pub(super) second: SignedSeal,
}

/// What a member shall help to sign.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct TicketBatch {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    /// The key under which the tickets count.
    pub issuer: u16,
    pub(super) tickets: Vec<BatchTicket>,
    pub(super) second: SignedSeal,
}

/// One of them: 212 bytes.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BatchTicket {
    pub(super) handle: TicketHandle,
    pub(super) slot: u32,
    pub(super) share: [u8; 12],
    pub(super) blob: TicketBlob,
}

/// That a member is ready to sign a batch.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct BatchTaken {
    /// The batch.
    pub batch: BatchId,
    /// What it would sign. It signs none whose wish was malformed or whose key is weak.
    pub tickets: Vec<(TicketHandle, WishMark)>,
}

/// By what members tell whether a car asked them all for the same.
///
/// A digest of the ticket but for its signature, and of what only the car and the members know: so it
/// says nothing to others, even once the ticket is heard on the road.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WishMark(pub(super) [u8; 16]);

/// Who shall sign a batch.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct MintOrder {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    /// The members that have taken it.
    pub holders: Vec<u16>,
}

/// Tickets that were signed, each sealed to its car: 184 bytes each.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Minted {
    /// The batch.
    pub batch: BatchId,
    /// The tickets, in the order of their handles.
    pub tickets: Vec<(TicketHandle, SealedTicket)>,
    /// Who says that these are all tickets of the batch, each the right one: as many members as sign.
    pub approvals: Vec<(u16, Signature)>,
}

/// A wish for commitments.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prepare {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    /// The attempt.
    pub session: Session,
}

/// Commitments to the nonces for a batch: 64 bytes for each ticket.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Prepared {
    /// The attempt.
    pub session: Session,
    /// A digest of what the member would sign: all have to sign the same.
    pub content: Digest,
    /// In the order of the batch.
    pub commitments: Vec<[u8; 64]>,
}

/// A wish for shares of signatures.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignOrder {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    /// The attempt.
    pub session: Session,
    /// The commitments of all who sign, by operator.
    pub commitments: Vec<(u16, Vec<[u8; 64]>)>,
}

/// Shares of the signatures of a batch: 32 bytes for each ticket.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedShares {
    /// The attempt.
    pub session: Session,
    /// In the order of the batch.
    pub shares: Vec<[u8; 32]>,
}

/// A wish for a member's word that tickets are what they shall be.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct ApprovalOrder {
    /// The group.
    pub group: GroupId,
    /// The batch.
    pub batch: BatchId,
    /// The attempt.
    pub session: Session,
    /// By which all seal the tickets alike; no others may know it.
    pub seed: [u8; 32],
    /// In the order of the batch.
    pub signatures: Vec<Signature>,
}

/// That tickets are what they shall be.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// The attempt.
    pub session: Session,
    /// For the enrolment authority, of the batch and all its tickets as they are sealed.
    pub signature: Signature,
}

/// A wish for a custodian's share.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ReleaseOrder {
    /// The ticket.
    pub handle: TicketHandle,
    /// Whether of the second authority's seed; else of the first one's.
    pub is_second: bool,
}

/// A custodian's shares of a seed: one for each time that the ticket's batch was dealt out.
#[derive(BorshDeserialize, BorshSerialize, Clone, Eq, PartialEq)]
pub struct Released {
    /// What was asked.
    pub order: ReleaseOrder,
    pub(super) shares: Vec<(BatchId, [u8; ESCROW_SHARE_LEN])>,
}

impl std::fmt::Debug for Released {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Released")
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

impl ReleaseOrder {
    /// Of which authority's seed.
    pub fn authority(&self) -> LinkageAuthority {
        match self.is_second {
            true => LinkageAuthority::Second,
            false => LinkageAuthority::First,
        }
    }
}

/// What a [`SignedSeal`] holds.
#[derive(BorshSerialize, Clone, Copy, Debug)]
pub(super) enum Sealed {
    /// Linkage values.
    Linkage,
    /// Shares of seeds.
    Escrow,
}

impl Sealed {
    fn seal(self) -> Seal {
        match self {
            Self::Linkage => Seal::LinkageShares,
            Self::Escrow => Seal::LinkageEscrow,
        }
    }
}

/// What a [`SignedSeal`] is bound to.
#[derive(BorshSerialize, Clone, Copy, Debug)]
pub(super) struct SealOf {
    pub(super) chain: ChainId,
    pub(super) group: GroupId,
    pub(super) batch: BatchId,
}

impl SignedSeal {
    pub(super) fn new<T: BorshSerialize>(
        of: SealOf,
        what: Sealed,
        (from, keys): (Seat, &IssuingKeys),
        (to, key): (u16, &SealingKey),
        content: &T,
    ) -> Result<Self, SealError> {
        let plain = Zeroizing::new(encode(content));
        let bound = encode(&(of, what, from, to));
        let sealed = key.seal(what.seal(), &bound, &plain)?;
        Ok(Self {
            from,
            to,
            signature: keys.sign(&[SEAL_LABEL, &bound, &sealed]),
            sealed,
        })
    }

    /// Opens it, if one of `senders` signed it for this batch and for `to`.
    pub(super) fn open<T: BorshDeserialize>(
        &self,
        of: SealOf,
        what: Sealed,
        senders: impl IntoIterator<Item = VerifyingKey>,
        (to, keys): (u16, &IssuingKeys),
    ) -> Option<T> {
        let bound = encode(&(of, what, self.from, to));
        let signed: &[&[u8]] = &[SEAL_LABEL, &bound, &self.sealed];
        let context = Context::IssuingMessage;
        let is_signed = senders
            .into_iter()
            .any(|key| key.verify(context, signed, &self.signature).is_ok());
        if !is_signed {
            return None;
        }
        let plain = keys.open(what.seal(), &bound, &self.sealed).ok()?;
        decode(&plain, super::MESSAGE_LENGTH_MAX).ok()
    }
}

/// A Shamir share of a seed: its place, and 32 bytes.
pub(super) const ESCROW_SHARE_LEN: usize = 33;
/// Distinguishes what is signed for a third party from messages.
const SEAL_LABEL: &[u8] = b"seal";
