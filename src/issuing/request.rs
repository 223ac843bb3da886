use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Seat, Token,
    encoding::{decode, encode},
    keys::IssuingKeys,
};
use crate::{
    crypto::{
        Context, Digest, Purpose, Seal, SealError, SealingKey, Signature, SigningKey, VerifyingKey,
    },
    id::{ChainId, GroupId, VehicleId},
    security::Slot,
    time::Timestamp,
};

/// A request for tickets, as it travels: whoever carries it sees the enrolment authority's process and
/// a random token, and nothing else.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SealedRequest {
    version: u8,
    /// The ledger.
    pub chain: ChainId,
    /// Whom it is for.
    pub to: Seat,
    /// By what its answer is asked for.
    pub token: Token,
    sealed: Vec<u8>,
}

/// What a car asks for.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub(super) struct TicketRequest {
    pub(super) version: u8,
    pub(super) chain: ChainId,
    pub(super) group: GroupId,
    pub(super) to: Seat,
    pub(super) token: Token,
    pub(super) vehicle: VehicleId,
    pub(super) time: Timestamp,
    /// To what the answers are sealed (X25519).
    pub(super) response_key: [u8; 32],
    /// For whom the blobs of each slot are, in order.
    pub(super) members: Vec<u16>,
    pub(super) wanted: Vec<WantedTicket>,
}

/// One ticket that a car asks for.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub(super) struct WantedTicket {
    pub(super) slot: u32,
    pub(super) blobs: Vec<TicketBlob>,
}

/// What one ticket shall be for, sealed to one member of the ticket authority.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub struct TicketBlob([u8; TICKET_BLOB_LEN]);

/// What is in a blob: slot 4, key 32, response key 32, possession 64.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TicketWish {
    pub(super) slot: u32,
    pub(super) key: [u8; 32],
    pub(super) response_key: [u8; 32],
    pub(super) possession: Signature,
}

#[derive(BorshDeserialize, BorshSerialize)]
struct SignedRequest {
    request: TicketRequest,
    signature: Signature,
}

/// A request that was opened and is well formed; who signed it is not yet checked.
///
/// Look its vehicle up on the ledger and pass both to
/// [`EnrolmentAuthority::handle_request`](super::EnrolmentAuthority::handle_request).
#[derive(Debug)]
pub struct OpenedRequest {
    pub(super) request: TicketRequest,
    pub(super) digest: Digest,
    signature: Signature,
}

/// Why bytes are no request that can be answered.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RequestError {
    /// Cut, too long, or of another version.
    #[error("not a request for tickets")]
    Malformed,
    /// For another ledger.
    #[error("a request for tickets of another ledger")]
    ForeignChain,
    /// Sealed to another key, for instance one that this process has no longer, or changed on its way.
    #[error("a request that does not open with this key")]
    Sealed,
}

impl SealedRequest {
    pub(super) fn seal(
        request: TicketRequest,
        enrolment_key: &SigningKey,
        to: &SealingKey,
    ) -> Result<Self, SealError> {
        let signature = enrolment_key.sign(Context::TicketRequest, &[&encode(&request)]);
        let TicketRequest {
            chain,
            to: seat,
            token,
            ..
        } = request;
        let signed = encode(&SignedRequest { request, signature });
        Ok(Self {
            version: REQUEST_VERSION,
            chain,
            to: seat,
            token,
            sealed: to.seal(Seal::TicketRequest, &bound(chain, seat, token), &signed)?,
        })
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads it. Nothing of it is checked yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RequestError> {
        let read: Self = decode(bytes, REQUEST_LENGTH_MAX).map_err(|_| RequestError::Malformed)?;
        let is_known = read.version == REQUEST_VERSION;
        is_known.then_some(read).ok_or(RequestError::Malformed)
    }

    /// Opens it, as the process that it is for. Costs 60 to 100 µs; needs no machine.
    pub fn open(&self, chain: ChainId, keys: &IssuingKeys) -> Result<OpenedRequest, RequestError> {
        if self.chain != chain {
            return Err(RequestError::ForeignChain);
        }
        let bound = bound(chain, self.to, self.token);
        let plain = keys.open(Seal::TicketRequest, &bound, &self.sealed);
        let plain = plain.map_err(|_| RequestError::Sealed)?;
        let signed: SignedRequest =
            decode(&plain, REQUEST_LENGTH_MAX).map_err(|_| RequestError::Malformed)?;
        let SignedRequest { request, signature } = signed;
        let is_same = request.version == REQUEST_VERSION
            && request.chain == chain
            && request.to == self.to
            && request.token == self.token;
        let is_sorted = request.wanted.is_sorted_by(|a, b| a.slot < b.slot);
        let is_whole = (1..=REQUEST_SLOTS_MAX).contains(&request.wanted.len())
            && request
                .wanted
                .iter()
                .all(|wanted| wanted.blobs.len() == request.members.len());
        if !(is_same && is_sorted && is_whole) {
            return Err(RequestError::Malformed);
        }
        Ok(OpenedRequest {
            digest: Digest::of(Purpose::TicketBatch, &[&encode(&request)]),
            request,
            signature,
        })
    }
}

impl OpenedRequest {
    /// A request as it comes out of its seal.
    #[cfg(test)]
    pub(super) fn signed(request: TicketRequest, key: &SigningKey) -> Self {
        let bytes = encode(&request);
        Self {
            digest: Digest::of(Purpose::TicketBatch, &[&bytes]),
            signature: key.sign(Context::TicketRequest, &[&bytes]),
            request,
        }
    }

    /// The same with another signature.
    #[cfg(test)]
    pub(super) fn map_signature(&mut self, change: impl FnOnce(&Signature) -> Signature) {
        self.signature = change(&self.signature);
    }

    /// Which vehicle says that it asks.
    pub fn vehicle(&self) -> VehicleId {
        self.request.vehicle
    }

    /// With whom it says that it is enrolled.
    pub fn group(&self) -> GroupId {
        self.request.group
    }

    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let bytes = encode(&self.request);
        key.verify(Context::TicketRequest, &[&bytes], &self.signature)
            .is_ok()
    }
}

impl TicketWish {
    /// Asks for a ticket of a slot for a key, by that key.
    pub(super) fn sign(
        (chain, group): (ChainId, GroupId),
        slot: Slot,
        key: &SigningKey,
        response_key: &SealingKey,
    ) -> Self {
        let (slot, response_key) = (slot.number(), *response_key.as_bytes());
        let public = *key.verifying_key().as_bytes();
        let signed = encode(&(chain, group, slot, public, response_key));
        Self {
            slot,
            key: public,
            response_key,
            possession: key.sign(Context::TicketPossession, &[&signed]),
        }
    }

    /// The key, if it may be believed and signed this wish for this group.
    pub(super) fn verified_key(&self, chain: ChainId, group: GroupId) -> Option<VerifyingKey> {
        let key = VerifyingKey::from_bytes(&self.key).ok()?;
        let signed = encode(&(chain, group, self.slot, self.key, self.response_key));
        key.verify(Context::TicketPossession, &[&signed], &self.possession)
            .ok()?;
        Some(key)
    }
}

impl TicketBlob {
    pub(super) fn seal(
        wish: &TicketWish,
        chain: ChainId,
        group: GroupId,
        (member, key): (u16, &SealingKey),
    ) -> Result<Self, SealError> {
        let bound = encode(&(chain, group, member));
        let sealed = key.seal(Seal::TicketBlob, &bound, &encode(wish))?;
        let bytes = sealed.try_into();
        Ok(Self(bytes.expect("132 bytes and what sealing adds")))
    }

    /// Stands in the place of a member to which nothing can be sealed, and so does not sign the ticket.
    pub(super) fn left_out() -> Self {
        Self([0; TICKET_BLOB_LEN])
    }

    pub(super) fn is_left_out(&self) -> bool {
        self.0 == [0; TICKET_BLOB_LEN]
    }

    pub(super) fn open(
        &self,
        chain: ChainId,
        group: GroupId,
        member: u16,
        keys: &IssuingKeys,
    ) -> Option<TicketWish> {
        let bound = encode(&(chain, group, member));
        let plain = keys.open(Seal::TicketBlob, &bound, &self.0).ok()?;
        decode(&plain, TICKET_BLOB_LEN).ok()
    }
}

fn bound(chain: ChainId, to: Seat, token: Token) -> Vec<u8> {
    encode(&(REQUEST_VERSION, chain, to, token))
}

/// The tickets of a day of slots of five minutes.
pub const REQUEST_SLOTS_MAX: usize = 288;
/// Bytes of a blob: 132, and 48 of sealing.
pub const TICKET_BLOB_LEN: usize = 180;
/// Room for 288 slots and the blobs of [`MEMBERS_MAX`] members.
pub const REQUEST_LENGTH_MAX: usize = 384 * 1024;
/// How many members a ticket authority has at most, so that a request fits.
pub const MEMBERS_MAX: usize = 7;
pub(super) const REQUEST_VERSION: u8 = 1;
