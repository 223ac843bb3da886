use bytes::{BufMut, Bytes, BytesMut};

use super::{
    admitted::AdmittedTicket,
    refusal::Refusal,
    ticket::{TICKET_LEN, Ticket},
};
use crate::{
    crypto::{Context, Signature, SigningKey},
    id::StationId,
    message::MessageType,
    time::Timestamp,
};

/// A signed message as it came, with its frame parsed and its signature not yet checked.
///
/// Big-endian: version (3 bits), type (4 bits) and full-ticket flag (1 bit); signer, 8 bytes of id
/// or a ticket of 120; generation time, 6; sequence, 4; payload length, 2; payload; signature, 64,
/// over the station's id and all bytes before the signature.
#[derive(Clone, Debug)]
pub struct Envelope {
    bytes: Bytes,
    kind: MessageType,
    signer: EnvelopeSigner,
    station: StationId,
    generated: Timestamp,
    sequence: u32,
    payload: Bytes,
}

/// How an envelope names its signer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EnvelopeSigner {
    /// By its id, for those who know the ticket.
    Station(StationId),
    /// By its ticket.
    Ticket(Box<Ticket>),
}

impl Envelope {
    /// Parses the frame; the payload shares the bytes and is not decoded.
    pub fn parse(bytes: Bytes) -> Result<Self, Refusal> {
        let length = || Refusal::Length(bytes.len());
        if !(ENVELOPE_LEN_MIN..=ENVELOPE_LEN_MAX).contains(&bytes.len()) {
            return Err(length());
        }
        let (&first, rest) = bytes.split_first().ok_or_else(length)?;
        if first >> 5 != VERSION {
            return Err(Refusal::Version(first >> 5));
        }
        let code = first >> 1 & 0x0f;
        let kind = MessageType::from_code(code).ok_or(Refusal::Type(code))?;
        let full = first & 1 == 1;
        let signer_len = if full { TICKET_LEN } else { STATION_LEN };
        let (signer, rest) = rest.split_at_checked(signer_len).ok_or_else(length)?;
        let (time, rest) = rest.split_first_chunk::<6>().ok_or_else(length)?;
        let (sequence, rest) = rest.split_first_chunk::<4>().ok_or_else(length)?;
        let (payload_len, rest) = rest.split_first_chunk::<2>().ok_or_else(length)?;
        let payload_len = usize::from(u16::from_be_bytes(*payload_len));
        if payload_len > kind.payload_len_max() {
            return Err(Refusal::PayloadTooLong(payload_len));
        }
        if rest.len() != payload_len + SIGNATURE_LEN {
            return Err(length());
        }
        let payload_from = bytes.len() - rest.len();
        let signer = match <[u8; STATION_LEN]>::try_from(signer) {
            Ok(station) => EnvelopeSigner::Station(StationId::from_bytes(station)),
            Err(_) => EnvelopeSigner::Ticket(Box::new(Ticket::from_bytes(signer)?)),
        };
        let [a, b, c, d, e, f] = *time;
        Ok(Self {
            kind,
            station: match &signer {
                EnvelopeSigner::Station(station) => *station,
                EnvelopeSigner::Ticket(ticket) => ticket.station(),
            },
            signer,
            generated: Timestamp::from_unix_ms(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
                .ok_or_else(length)?,
            sequence: u32::from_be_bytes(*sequence),
            payload: bytes.slice(payload_from..payload_from + payload_len),
            bytes,
        })
    }

    /// What kind of message these bytes say they are, whether or not they can be parsed.
    pub fn kind_of(bytes: &[u8]) -> Option<MessageType> {
        bytes
            .first()
            .and_then(|first| MessageType::from_code(first >> 1 & 0x0f))
    }

    /// Whether these bytes say that they carry their signer's ticket.
    pub fn carries_ticket(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|first| first & 1 == 1)
    }

    /// Who these bytes say signed them, where they name it by its id.
    pub fn station_of(bytes: &[u8]) -> Option<StationId> {
        let named = bytes.get(1..)?.first_chunk::<STATION_LEN>()?;
        (!Self::carries_ticket(bytes)).then(|| StationId::from_bytes(*named))
    }

    /// What kind of message it says it is.
    pub fn kind(&self) -> MessageType {
        self.kind
    }

    /// How it names its signer.
    pub fn signer(&self) -> &EnvelopeSigner {
        &self.signer
    }

    /// The station that it says signed it.
    pub fn station(&self) -> StationId {
        self.station
    }

    /// When it says it was generated.
    pub fn generated(&self) -> Timestamp {
        self.generated
    }

    /// Its place among its signer's messages of this kind.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The encoded statement.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// All its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether the holder of a ticket signed it, at a time for which the ticket counts.
    ///
    /// That is all of [`Verifier`](super::Verifier)'s checks that anybody can repeat, at any time.
    pub fn is_signed_with(&self, ticket: &AdmittedTicket) -> bool {
        let (signed, signature) = self.signed_part();
        let parts: [&[u8]; 2] = [self.station.as_bytes(), signed];
        let signed = ticket.key().verify(Context::Message, &parts, &signature);
        self.station == ticket.station() && ticket.is_valid_at(self.generated) && signed.is_ok()
    }

    /// All its bytes but those that name the signer, for whoever has the ticket.
    pub fn to_unnamed(&self) -> Bytes {
        let (head, rest) = self.bytes.split_at(1);
        let rest = rest.split_at(self.signer_len()).1;
        head.iter().chain(rest).copied().collect()
    }

    /// Takes the next envelope of a ticket's holder, as [`Self::to_unnamed`] wrote it, off the bytes;
    /// what follows stays.
    pub fn take_unnamed(bytes: &mut &[u8], ticket: &Ticket) -> Result<Self, Refusal> {
        let short = Refusal::Length(bytes.len());
        let (&first, after) = bytes.split_first().ok_or(Refusal::Length(0))?;
        let Some((_, [high, low, ..])) = after.split_at_checked(FIXED_LEN - 2) else {
            return Err(short);
        };
        let payload_len = usize::from(u16::from_be_bytes([*high, *low]));
        let (own, rest) = after
            .split_at_checked(FIXED_LEN + payload_len + SIGNATURE_LEN)
            .ok_or(short)?;
        let station = ticket.station();
        let signer: &[u8] = if first & 1 == 1 {
            ticket.as_bytes()
        } else {
            station.as_bytes()
        };
        let named = [&[first], signer, own].concat();
        *bytes = rest;
        Self::parse(named.into())
    }

    fn signer_len(&self) -> usize {
        match &self.signer {
            EnvelopeSigner::Station(_) => STATION_LEN,
            EnvelopeSigner::Ticket(_) => TICKET_LEN,
        }
    }

    /// The bytes before the signature, and the signature.
    pub(super) fn signed_part(&self) -> (&[u8], Signature) {
        let (signed, signature) = self
            .bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .expect("parsing made sure of the signature");
        (signed, Signature::from_bytes(*signature))
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// What goes before the payload.
pub(super) struct Header<'a> {
    pub(super) kind: MessageType,
    pub(super) ticket: &'a Ticket,
    pub(super) full_ticket: bool,
    pub(super) generated: Timestamp,
    pub(super) sequence: u32,
}

impl Header<'_> {
    /// Builds and signs an envelope, or returns `None` if the payload is too long for its kind.
    pub(super) fn seal(&self, payload: &[u8], key: &SigningKey) -> Option<Bytes> {
        if payload.len() > self.kind.payload_len_max() {
            return None;
        }
        let payload_len = u16::try_from(payload.len()).ok()?;
        let station = self.ticket.station();
        let signer: &[u8] = if self.full_ticket {
            self.ticket.as_bytes()
        } else {
            station.as_bytes()
        };
        let mut bytes =
            BytesMut::with_capacity(1 + signer.len() + FIXED_LEN + payload.len() + SIGNATURE_LEN);
        bytes.put_u8(VERSION << 5 | self.kind.code() << 1 | u8::from(self.full_ticket));
        bytes.put_slice(signer);
        bytes.put_uint(self.generated.unix_ms(), 6);
        bytes.put_u32(self.sequence);
        bytes.put_u16(payload_len);
        bytes.put_slice(payload);
        let signature = key.sign(Context::Message, &[station.as_bytes(), &bytes]);
        bytes.put_slice(signature.as_bytes());
        Some(bytes.freeze())
    }
}

/// Bytes of the shortest envelope: an id and no payload.
pub const ENVELOPE_LEN_MIN: usize = 1 + STATION_LEN + FIXED_LEN + SIGNATURE_LEN;
/// Bytes of the longest envelope: a ticket and the longest hazard.
pub const ENVELOPE_LEN_MAX: usize = 1 + TICKET_LEN + FIXED_LEN + 8 * 1024 + SIGNATURE_LEN;

const VERSION: u8 = 1;
const STATION_LEN: usize = 8;
/// Generation time, sequence and payload length.
const FIXED_LEN: usize = 6 + 4 + 2;
const SIGNATURE_LEN: usize = 64;
