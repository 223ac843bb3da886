use std::convert::Infallible;

use blake3::hazmat::HasherExt as _;
use getrandom::{
    SysRng,
    rand_core::{CryptoRng, TryCryptoRng, TryRng, UnwrapErr},
};
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::ChaCha20Poly1305,
    kdf::HkdfSha256, kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{OpenError, Purpose, SigningKey, VerifyingKey};

/// A public key (X25519) to which secrets are sealed, so that only the owner of its private half opens
/// them (HPKE, RFC 9180, base mode).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SealingKey([u8; 32]);

/// The private half of a [`SealingKey`], wiped when dropped.
pub struct OpeningKey(<X25519HkdfSha256 as hpke::Kem>::PrivateKey);

/// What a sealed secret is for; one that was sealed for another purpose does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seal {
    /// A share of a record's key, to the custodian who keeps it.
    VaultShare,
    /// The same share, from the custodian to a reader.
    VaultRelease,
    /// A vehicle's request for tickets, to its enrolment authority.
    TicketRequest,
    /// What the enrolment authority answers to it.
    TicketAnswer,
    /// What one ticket shall be for, to a member of the ticket authority.
    TicketBlob,
    /// A ticket, to the vehicle that asked for it.
    Ticket,
    /// Linkage values, to a member of the ticket authority.
    LinkageShares,
    /// Shares of linkage seeds, to whoever keeps them in escrow.
    LinkageEscrow,
    /// What members tell one another while they make a ticket authority's key.
    KeyPart,
    /// What one operator tells another about tickets.
    IssuingMessage,
}

/// Nothing can be sealed to the key: whatever its owner has, the result would be open to anybody.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("nothing can be sealed to this key")]
pub struct SealError;

impl SealingKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key to which secrets for the owner of a signing key are sealed.
    ///
    /// It is the same point of the curve in its other form. One key may both sign and be sealed to
    /// where, as here, all of what is signed and all of what is derived begin with a purpose of its own
    /// (Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM", 2021).
    pub fn of(key: &VerifyingKey) -> Self {
        Self(key.to_montgomery())
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals a secret; `bound` has to be the same when it is opened.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give.
    pub fn seal(&self, seal: Seal, bound: &[u8], secret: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal_with(&mut UnwrapErr(SysRng), seal, bound, secret)
    }

    /// Seals a secret so that everybody who seals the same with the same `seed` gets the same bytes.
    ///
    /// Who has the seed can tell whether a guess at the secret is right, so it has to be random and as
    /// secret as what is sealed.
    pub fn seal_alike(
        &self,
        seed: &[u8; 32],
        seal: Seal,
        bound: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let purpose = Purpose::SealingRandomness.context_key();
        let mut hasher = blake3::Hasher::new_from_context_key(&purpose);
        // All that is sealed goes in, so that no two secrets share an ephemeral key.
        for part in [seed, &self.0, seal.string().as_bytes(), bound, secret] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        self.seal_with(&mut Stream(hasher.finalize_xof()), seal, bound, secret)
    }

    fn seal_with(
        &self,
        random: &mut impl CryptoRng,
        seal: Seal,
        bound: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let key = PublicKey::from_bytes(&self.0).map_err(|_| SealError)?;
        let (to, sealed) =
            single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &key,
                seal.string().as_bytes(),
                secret,
                bound,
                random,
            )
            .map_err(|_| SealError)?;
        Ok([to.to_bytes().as_slice(), &sealed].concat())
    }
}

impl OpeningKey {
    /// Makes a key for one use.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give.
    pub fn generate() -> Self {
        let (private, _) = X25519HkdfSha256::gen_keypair_with_rng(&mut UnwrapErr(SysRng));
        Self(private)
    }

    /// The key that opens what is sealed to [`SealingKey::of`] a signing key's public half.
    pub fn of(key: &SigningKey) -> Self {
        let scalar = key.to_x25519();
        let private = PrivateKey::from_bytes(scalar.as_slice());
        Self(private.expect("every 32 bytes are a private key"))
    }

    /// The public half.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey(X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into())
    }

    /// Opens what was sealed to the public half, for the same purpose and with the same `bound`.
    pub fn open(
        &self,
        seal: Seal,
        bound: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (to, sealed) = sealed.split_first_chunk::<32>().ok_or(OpenError)?;
        let to = EncappedKey::from_bytes(to).map_err(|_| OpenError)?;
        let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &to,
            seal.string().as_bytes(),
            sealed,
            bound,
        );
        opened.map(Zeroizing::new).map_err(|_| OpenError)
    }
}

impl Seal {
    fn string(self) -> &'static str {
        match self {
            Self::VaultShare => "wayside/vault/share/v1",
            Self::VaultRelease => "wayside/vault/release/v1",
            Self::TicketRequest => "wayside/issuing/request/v1",
            Self::TicketAnswer => "wayside/issuing/answer/v1",
            Self::TicketBlob => "wayside/issuing/blob/v1",
            Self::Ticket => "wayside/issuing/ticket/v1",
            Self::LinkageShares => "wayside/issuing/linkage/v1",
            Self::LinkageEscrow => "wayside/issuing/escrow/v1",
            Self::KeyPart => "wayside/issuing/key-part/v1",
            Self::IssuingMessage => "wayside/issuing/message/v1",
        }
    }
}

/// Bytes that follow from a seed, in the form in which the library asks for randomness.
struct Stream(blake3::OutputReader);

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

type PublicKey = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;
