use std::{collections::BTreeMap, time::Duration};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Body, Facts, Nonce, Seat,
    encoding::{decode, encode},
    keys::IssuingKeys,
};
use crate::{
    crypto::{Context, Seal, SealingKey, Signature, random_bytes},
    id::ChainId,
    time::Timestamp,
};

/// What one operator's process says to another's: sealed to the one, signed by the other.
#[derive(BorshDeserialize, BorshSerialize)]
struct OperatorMessage {
    header: Header,
    sealed: Vec<u8>,
    signature: Signature,
}

#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq)]
struct Header {
    version: u8,
    chain: ChainId,
    from: Seat,
    to: Seat,
    time: Timestamp,
    nonce: Nonce,
    answers: Option<Nonce>,
}

/// A message that was signed by who says to have sent it, to us, just now, and did not come before.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Who sent it.
    pub from: Seat,
    /// Its name.
    pub nonce: Nonce,
    /// Which of our messages it answers.
    pub answers: Option<Nonce>,
    /// What it says.
    pub body: Body,
}

/// Why a message does not count.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum MessageError {
    /// Cut, too long, or of another version.
    #[error("not a message between operators")]
    Malformed,
    /// For another ledger.
    #[error("a message of another ledger")]
    ForeignChain,
    /// For another process than this one.
    #[error("a message for {0}")]
    NotForUs(Seat),
    /// No operator has such a process.
    #[error("a message from {0}, which is not on the ledger")]
    UnknownSender(Seat),
    /// Its sender did not sign it with a key that counts.
    #[error("the signature of the message does not match")]
    BadSignature,
    /// Sent too long ago, or a clock is wrong.
    #[error("sent {0:?} away from our time")]
    Stale(Duration),
    /// It came before.
    #[error("a message that came before")]
    Replayed,
    /// Sealed to a key that is not here.
    #[error("a message that does not open")]
    Sealed,
}

/// One process's end of the conversation with all others: signs and seals, checks and opens.
pub struct Mailbox {
    chain: ChainId,
    seat: Seat,
    keys: IssuingKeys,
    heard: BTreeMap<Nonce, Timestamp>,
}

impl Mailbox {
    /// The end of the process with this seat.
    pub fn new(chain: ChainId, seat: Seat, keys: IssuingKeys) -> Self {
        Self {
            chain,
            seat,
            keys,
            heard: BTreeMap::new(),
        }
    }

    /// Whose end it is.
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// The issuing keys.
    pub fn keys(&self) -> &IssuingKeys {
        &self.keys
    }

    /// Takes the keys that count from now on; earlier ones belong among them while anything is still
    /// sealed to them. The old ones are wiped.
    pub fn handle_keys(&mut self, keys: IssuingKeys) {
        self.keys = keys;
    }

    /// Writes a message; `answers` is the nonce of the one that it answers. Returns its bytes and its
    /// own nonce; `None` for a process that is not on the ledger.
    pub fn write(
        &self,
        to: Seat,
        answers: Option<Nonce>,
        body: &Body,
        (facts, now): (&Facts, Timestamp),
    ) -> Option<(Vec<u8>, Nonce)> {
        let key: SealingKey = facts.sealing_key(to, now)?;
        let header = Header {
            version: VERSION,
            chain: self.chain,
            from: self.seat,
            to,
            time: now,
            nonce: Nonce::from_bytes(random_bytes()),
            answers,
        };
        let bound = encode(&header);
        let plain = Zeroizing::new(encode(body));
        let sealed = key.seal(Seal::IssuingMessage, &bound, &plain).ok()?;
        let message = OperatorMessage {
            signature: self.keys.sign(&[MESSAGE_LABEL, &bound, &sealed]),
            header,
            sealed,
        };
        Some((encode(&message), header.nonce))
    }

    /// Checks and opens a message.
    pub fn read(
        &mut self,
        bytes: &[u8],
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Opened, MessageError> {
        let message: OperatorMessage =
            decode(bytes, MESSAGE_LENGTH_MAX).map_err(|_| MessageError::Malformed)?;
        let header = message.header;
        if header.version != VERSION {
            return Err(MessageError::Malformed);
        }
        if header.chain != self.chain {
            return Err(MessageError::ForeignChain);
        }
        if header.to != self.seat {
            return Err(MessageError::NotForUs(header.to));
        }
        let away = now.since(header.time).max(header.time.since(now));
        if away > MESSAGE_AGE_MAX {
            return Err(MessageError::Stale(away));
        }
        let sender = facts.seats.get(&header.from);
        let sender = sender.ok_or(MessageError::UnknownSender(header.from))?;
        let bound = encode(&header);
        let signed: &[&[u8]] = &[MESSAGE_LABEL, &bound, &message.sealed];
        let is_signed = sender.at(now).any(|key| {
            let signature = &message.signature;
            key.verify(Context::IssuingMessage, signed, signature)
                .is_ok()
        });
        if !is_signed {
            return Err(MessageError::BadSignature);
        }
        self.heard
            .retain(|_, sent| now.since(*sent) <= MESSAGE_AGE_MAX);
        if self.heard.contains_key(&header.nonce) {
            return Err(MessageError::Replayed);
        }
        let keys = &self.keys;
        let plain = keys.open(Seal::IssuingMessage, &bound, &message.sealed);
        let plain = plain.map_err(|_| MessageError::Sealed)?;
        let body = decode(&plain, MESSAGE_LENGTH_MAX).map_err(|_| MessageError::Malformed)?;
        self.heard.insert(header.nonce, header.time);
        Ok(Opened {
            from: header.from,
            nonce: header.nonce,
            answers: header.answers,
            body,
        })
    }
}

/// How long a message counts, and how far clocks may be apart.
pub const MESSAGE_AGE_MAX: Duration = Duration::from_secs(60);
/// Bytes of a message; batches are cut so that all fit.
pub const MESSAGE_LENGTH_MAX: usize = 448 * 1024;
/// Distinguishes messages from what is signed for a third party.
const MESSAGE_LABEL: &[u8] = b"message";
const VERSION: u8 = 1;
