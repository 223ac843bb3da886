use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use blake3::hazmat::HasherExt as _;
use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::Verifier as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Digest, DigestBuilder, Purpose, random::fill_random};
use crate::id::{IdTextError, bytes_from_hex, deserialize_text, serialize_text};

/// A private key, wiped when dropped.
///
/// Its public half is always derived from it and never an argument: signing with a foreign public
/// half would give the private one away (RUSTSEC-2022-0093).
///
/// RFC 8032 leaves the signer no choice, so another library than the one that verifies makes the
/// same bytes, in half the time.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
    verifying_key: VerifyingKey,
}

/// A public key that may be believed: canonical, and without a small-order component.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// An Ed25519 signature, not yet checked.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Eq, PartialEq)]
pub struct Signature([u8; 64]);

/// What a signature is for; one made for another purpose is not valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Context {
    /// An update of a hazard, by its one-time key.
    HazardUpdate,
    /// A message, by a ticket's key.
    Message,
    /// A ticket, by its issuer.
    Ticket,
    /// A roadside unit's key, by its operator's cold key.
    UnitCertificate,
    /// A roadside unit's ticket, by the key that its operator certified.
    UnitTicket,
    /// What a roadside unit says of traffic, by the key that its operator certified.
    TrafficReport,
    /// A transaction of the ledger, by its sender and by whoever approves it.
    LedgerTransaction,
    /// A tag that is unique on a ledger, by its issuer.
    LedgerTag,
    /// Who keeps which share of a record's key, by whoever dealt them.
    VaultDeal,
    /// That the shares of an earlier deal are destroyed, by whoever dealt anew.
    VaultSettlement,
    /// A wish to read a record, by the reader.
    VaultReading,
    /// A request for tickets, by a vehicle's enrolment key.
    TicketRequest,
    /// That somebody holds the key for which a ticket is asked, by that key.
    TicketPossession,
    /// What one operator tells another about tickets, by its issuing key.
    IssuingMessage,
    /// What one station says against another, by its ticket's key.
    Testimony,
}

/// Why a public key was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum KeyError {
    /// The bytes are no point of the curve, or not in their one canonical form.
    #[error("not a canonical Ed25519 public key")]
    NotAKey,
    /// The key has a small-order component, under which one signature can fit many messages.
    #[error("weak Ed25519 public key")]
    Weak,
}

/// The signature does not belong to the key, the purpose and the bytes.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("signature does not match")]
pub struct SignatureError;

impl SigningKey {
    /// Makes a key from the operating system's randomness.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give, since no key may be made then.
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        fill_random(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The key whose RFC 8032 private key is `seed`.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every seed of 32 bytes fits");
        let public = <&[u8; 32]>::try_from(pair.public_key().as_ref());
        let public = public.expect("a public key has 32 bytes");
        let public = ed25519_dalek::VerifyingKey::from_bytes(public);
        Self {
            seed: Zeroizing::new(*seed),
            pair,
            verifying_key: VerifyingKey(public.expect("a derived key is a point of the curve")),
        }
    }

    /// The RFC 8032 private key, to store.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// The key that follows from this one and `parts`, for one purpose; whoever sees it learns
    /// nothing about this one.
    pub fn derive(&self, purpose: Purpose, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_from_context_key(&purpose.context_key());
        hasher.update(self.seed.as_ref());
        for part in parts {
            hasher.update(part);
        }
        Self::from_seed(&Zeroizing::new(hasher.finalize().into()))
    }

    /// A digest of `parts` that only who holds this key can make, for one purpose.
    pub fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> Digest {
        let mut builder = DigestBuilder::new(purpose);
        builder.update(self.seed.as_ref());
        parts.iter().for_each(|part| builder.update(part));
        builder.finish()
    }

    /// The private half of the same point in its X25519 form (RFC 8032 §5.1.5 step 2, before it is
    /// reduced).
    pub(super) fn to_x25519(&self) -> Zeroizing<[u8; 32]> {
        let key = ed25519_dalek::SigningKey::from_bytes(&self.seed);
        Zeroizing::new(key.to_scalar_bytes())
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying_key
    }

    /// Signs `parts`, one after the other, for one purpose.
    pub fn sign(&self, context: Context, parts: &[&[u8]]) -> Signature {
        self.sign_raw(&context.prefixed(parts))
    }

    /// Signs bytes that another standard laid out, which begin with a purpose of their own (votes of
    /// the consensus engine).
    pub fn sign_raw(&self, message: &[u8]) -> Signature {
        let signature = self.pair.sign(message);
        let bytes = signature.as_ref().try_into();
        Signature(bytes.expect("a signature has 64 bytes"))
    }
}

impl VerifyingKey {
    /// Admits a key from outside.
    ///
    /// Costs 20 to 35 µs; keep the result.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAKey)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(KeyError::NotAKey);
        }
        if key.is_weak() || !point.is_torsion_free() {
            return Err(KeyError::Weak);
        }
        Ok(Self(key))
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The same point in its X25519 form.
    pub(super) fn to_montgomery(self) -> [u8; 32] {
        self.0.to_montgomery().to_bytes()
    }

    /// Checks a signature over `parts`, one after the other, made for one purpose.
    pub fn verify(
        &self,
        context: Context,
        parts: &[&[u8]],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        self.verify_raw(&context.prefixed(parts), signature)
    }

    /// Checks a signature over bytes that another standard laid out (TLS 1.3, test vectors).
    ///
    /// By the strict rule, at four fifths of what `verify_strict` costs: that one decompresses R to
    /// see whether its order is small. R must equal sB − hA in its one canonical form, and an admitted
    /// key is of prime order as B is, so the only such R that can match is the identity.
    pub fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        if signature.0.starts_with(&IDENTITY) {
            return Err(SignatureError);
        }
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0
            .verify(message, &signature)
            .map_err(|_| SignatureError)
    }
}

impl Signature {
    /// The signature with these bytes.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The signature's bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl Context {
    /// The context string, its terminating zero, and the bytes to sign.
    pub(super) fn prefixed(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(
            self.string().len() + 1 + parts.iter().map(|part| part.len()).sum::<usize>(),
        );
        bytes.extend_from_slice(self.string().as_bytes());
        bytes.push(0);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        bytes
    }

    fn string(self) -> &'static str {
        match self {
            Self::HazardUpdate => "wayside/hazard-update/v1",
            Self::Message => "wayside/msg/v1",
            Self::Ticket => "wayside/ticket/v1",
            Self::UnitCertificate => "wayside/unit-certificate/v1",
            Self::UnitTicket => "wayside/unit-ticket/v1",
            Self::TrafficReport => "wayside/traffic-report/v1",
            Self::LedgerTransaction => "wayside/ledger/transaction/v1",
            Self::LedgerTag => "wayside/ledger/tag/v1",
            Self::VaultDeal => "wayside/vault/deal/v1",
            Self::VaultSettlement => "wayside/vault/settlement/v1",
            Self::VaultReading => "wayside/vault/reading/v1",
            Self::TicketRequest => "wayside/issuing/request/v1",
            Self::TicketPossession => "wayside/issuing/possession/v1",
            Self::IssuingMessage => "wayside/issuing/message/v1",
            Self::Testimony => "wayside/testimony/v1",
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Signature {
    type Err = IdTextError;

    fn from_str(text: &str) -> Result<Self, IdTextError> {
        bytes_from_hex(text).map(Self)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The neutral point (x = 0, y = 1), as RFC 8032 §5.1.2 writes it.
const IDENTITY: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};
