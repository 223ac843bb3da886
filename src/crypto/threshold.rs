use std::collections::BTreeMap;

use blake3::hazmat::HasherExt as _;
use frost_ed25519::{
    CheaterDetection, Error, Identifier, SigningPackage, aggregate_custom,
    keys::{
        KeyPackage, PublicKeyPackage, SigningShare, VerifiableSecretSharingCommitment,
        VerifyingShare, dkg,
    },
    rand_core::{self, CryptoRng, RngCore},
    round1, round2,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Context, Purpose, Signature, VerifyingKey, random::fill_random};

/// One member's share of a key that signs only when enough members do (FROST, RFC 9591, over
/// Ed25519), wiped when dropped.
///
/// What the members sign together is an ordinary Ed25519 signature under [`Self::verifying_key`], so
/// nobody who checks it sees how many made it. Members have places from 1.
pub struct KeyShare {
    place: u16,
    threshold: u16,
    package: KeyPackage,
    public: PublicKeyPackage,
    key: VerifyingKey,
}

/// What a member has drawn for one signature, wiped when dropped.
///
/// Two signatures with the same one give the member's share of the key away. So it has neither `Clone`
/// nor bytes, [`KeyShare::sign`] takes it by value, and a restart forgets it.
///
/// ```compile_fail,E0382
/// # use std::collections::BTreeMap;
/// # use wayside::crypto::{Commitment, Context, KeyShare, Nonces};
/// fn twice(share: &KeyShare, nonces: Nonces, commitments: &BTreeMap<u16, Commitment>) {
///     let _ = share.sign(nonces, commitments, Context::Ticket, &[b"one"]);
///     let _ = share.sign(nonces, commitments, Context::Ticket, &[b"other"]);
/// }
/// ```
pub struct Nonces(round1::SigningNonces);

/// The public half of a member's [`Nonces`], which everyone who signs has to know before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Commitment {
    bytes: [u8; Self::LENGTH],
    point: round1::SigningCommitments,
}

/// A member's part of one signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignatureShare(round2::SignatureShare);

/// From what a member makes its part of a new key, wiped when dropped.
///
/// Everything that the member says while a key is made follows from it, so that nothing else needs to
/// be kept over a restart. One seed is for one making.
pub struct KeySeed(Zeroizing<[u8; 32]>);

/// One member's way through the making of a key by all members (Pedersen's, as in the FROST paper): no
/// one ever knows the key.
///
/// [`Self::first_part`] goes to all, over a channel on which everybody hears the same; then
/// [`Self::second_parts`], one to each other member, secretly; then [`Self::finish`].
pub struct KeyMaking {
    place: u16,
    members: u16,
    secret: dkg::round1::SecretPackage,
    first: Vec<u8>,
}

/// Why a key cannot be made, or a signature be given.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ThresholdError {
    /// One member alone, more needed than there are, or more members than the format holds.
    #[error("{threshold} of {members} members can not hold a key together")]
    Numbers {
        /// How many would have to sign.
        threshold: u16,
        /// How many there are.
        members: u16,
    },
    /// The members at these places said what cannot be.
    #[error("the members at {0:?} said what cannot be")]
    Culprits(Vec<u16>),
    /// Bytes are no share, commitment or part.
    #[error("malformed bytes")]
    Malformed,
    /// Too few take part, or one who is none of the members, or without this member's commitment.
    #[error("not enough members, or not the right ones")]
    Members,
    /// The key that was made may not be believed.
    #[error("the key that was made is weak")]
    Weak,
}

impl KeyShare {
    /// Which member it belongs to, from 1.
    pub fn place(&self) -> u16 {
        self.place
    }

    /// How many members have to sign.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// How many members there are.
    pub fn members(&self) -> u16 {
        self.public.max_signers()
    }

    /// The key under which the members' signatures count.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key
    }

    /// Draws what one signature needs.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give.
    pub fn commit(&self) -> (Nonces, Commitment) {
        let (nonces, point) = round1::commit(self.package.signing_share(), &mut SystemRandom);
        let commitment = Commitment::of(point).expect("a drawn commitment is no identity");
        (Nonces(nonces), commitment)
    }

    /// Signs `parts` together with the members of `commitments`, of which this one has to be one with
    /// the commitment to these nonces.
    pub fn sign(
        &self,
        nonces: Nonces,
        commitments: &BTreeMap<u16, Commitment>,
        context: Context,
        parts: &[&[u8]],
    ) -> Result<SignatureShare, ThresholdError> {
        let package = self.package(commitments, context, parts)?;
        round2::sign(&package, &nonces.0, &self.package)
            .map(SignatureShare)
            .map_err(|_| ThresholdError::Members)
    }

    /// Puts a signature together; names whoever gave a false part.
    pub fn aggregate(
        &self,
        commitments: &BTreeMap<u16, Commitment>,
        shares: &BTreeMap<u16, SignatureShare>,
        context: Context,
        parts: &[&[u8]],
    ) -> Result<Signature, ThresholdError> {
        if !commitments.keys().eq(shares.keys()) {
            return Err(ThresholdError::Members);
        }
        let package = self.package(commitments, context, parts)?;
        let shares = shares
            .iter()
            .map(|(place, share)| Ok((identifier(*place)?, share.0)))
            .collect::<Result<_, _>>()?;
        let detection = CheaterDetection::AllCheaters;
        let signature = aggregate_custom(&package, &shares, &self.public, detection);
        let bytes = signature.and_then(|it| it.serialize());
        let bytes = bytes.map_err(|error| self.blamed(&error))?;
        let bytes = bytes.try_into().map_err(|_| ThresholdError::Malformed)?;
        let signature = Signature::from_bytes(bytes);
        // Ours is the strict rule, by which every station will check.
        let checked = self.key.verify(context, parts, &signature);
        checked.map_err(|_| ThresholdError::Members)?;
        Ok(signature)
    }

    /// The bytes to store: version 1, place 2, threshold 2, members 2, the secret 32, the key 32, and
    /// the public half of every member's share, 32 each; big-endian.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            HEADER_LENGTH + 32 * (2 + usize::from(self.members())),
        ));
        bytes.push(VERSION);
        for number in [self.place, self.threshold, self.members()] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&Zeroizing::new(self.package.signing_share().serialize()));
        bytes.extend_from_slice(self.key.as_bytes());
        for place in 1..=self.members() {
            let share = identifier(place).ok();
            let share = share.and_then(|id| self.public.verifying_shares().get(&id));
            let share = share.and_then(|share| share.serialize().ok());
            bytes.extend_from_slice(&share.expect("every member has a share that is no identity"));
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ThresholdError> {
        let malformed = ThresholdError::Malformed;
        let (header, rest) = bytes
            .split_first_chunk::<HEADER_LENGTH>()
            .ok_or(malformed.clone())?;
        let [version, p0, p1, t0, t1, m0, m1] = *header;
        let [place, threshold, members] = [[p0, p1], [t0, t1], [m0, m1]].map(u16::from_be_bytes);
        let (points, odd) = rest.as_chunks::<32>();
        let [secret, key, shares @ ..] = points else {
            return Err(malformed);
        };
        let is_whole = odd.is_empty() && shares.len() == usize::from(members);
        if version != VERSION || !is_whole || !(1..=members).contains(&place) {
            return Err(malformed);
        }
        check_numbers(threshold, members)?;
        let shares = (1..)
            .zip(shares)
            .map(|(place, share)| {
                let share = VerifyingShare::deserialize(share);
                Ok((
                    identifier(place)?,
                    share.map_err(|_| ThresholdError::Malformed)?,
                ))
            })
            .collect::<Result<BTreeMap<_, _>, ThresholdError>>()?;
        let signing = SigningShare::deserialize(secret).map_err(|_| malformed.clone())?;
        let own = VerifyingShare::from(signing);
        let id = identifier(place)?;
        if shares.get(&id) != Some(&own) {
            return Err(malformed);
        }
        let joint = frost_ed25519::VerifyingKey::deserialize(key).map_err(|_| malformed)?;
        let package = KeyPackage::new(id, signing, own, joint, threshold);
        let public = PublicKeyPackage::new(shares, joint, Some(threshold));
        Self::of(place, threshold, package, public)
    }

    fn of(
        place: u16,
        threshold: u16,
        package: KeyPackage,
        public: PublicKeyPackage,
    ) -> Result<Self, ThresholdError> {
        let key = public.verifying_key().serialize();
        let key = key.map_err(|_| ThresholdError::Weak)?;
        let key = <[u8; 32]>::try_from(key).map_err(|_| ThresholdError::Malformed)?;
        Ok(Self {
            place,
            threshold,
            package,
            public,
            key: VerifyingKey::from_bytes(&key).map_err(|_| ThresholdError::Weak)?,
        })
    }

    fn package(
        &self,
        commitments: &BTreeMap<u16, Commitment>,
        context: Context,
        parts: &[&[u8]],
    ) -> Result<SigningPackage, ThresholdError> {
        let is_enough = commitments.len() >= usize::from(self.threshold);
        let is_known = commitments
            .keys()
            .all(|place| (1..=self.members()).contains(place));
        if !is_enough || !is_known {
            return Err(ThresholdError::Members);
        }
        let commitments = commitments
            .iter()
            .map(|(place, commitment)| Ok((identifier(*place)?, commitment.point)))
            .collect::<Result<_, ThresholdError>>()?;
        Ok(SigningPackage::new(commitments, &context.prefixed(parts)))
    }

    fn blamed(&self, error: &Error) -> ThresholdError {
        let culprits = places(error, self.members());
        match culprits.is_empty() {
            true => ThresholdError::Members,
            false => ThresholdError::Culprits(culprits),
        }
    }
}

impl Commitment {
    /// How many bytes one has.
    pub const LENGTH: usize = 64;

    /// Reads one; refuses weak points.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, ThresholdError> {
        let (halves, _) = bytes.as_chunks::<32>();
        let [hiding, binding] = halves else {
            return Err(ThresholdError::Malformed);
        };
        let point = |half: &[u8; 32]| {
            let point = round1::NonceCommitment::deserialize(half);
            point.map_err(|_| ThresholdError::Malformed)
        };
        let point = round1::SigningCommitments::new(point(hiding)?, point(binding)?);
        let read = Self::of(point)?;
        // One point has one form here.
        let is_canonical = read.bytes == *bytes;
        is_canonical
            .then_some(read)
            .ok_or(ThresholdError::Malformed)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.bytes
    }

    fn of(point: round1::SigningCommitments) -> Result<Self, ThresholdError> {
        let halves = [point.hiding(), point.binding()].map(|half| half.serialize());
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        for half in halves {
            bytes.extend(half.map_err(|_| ThresholdError::Malformed)?);
        }
        let bytes = bytes.try_into().map_err(|_| ThresholdError::Malformed)?;
        Ok(Self { bytes, point })
    }
}

impl SignatureShare {
    /// Reads one.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, ThresholdError> {
        let share = round2::SignatureShare::deserialize(bytes);
        share.map(Self).map_err(|_| ThresholdError::Malformed)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        let bytes = self.0.serialize().try_into();
        bytes.expect("a share has 32 bytes")
    }
}

impl KeySeed {
    /// Draws one.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(bytes.as_mut());
        Self(bytes)
    }

    /// The seed with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, to store.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }
}

impl KeyMaking {
    /// The member at `place`, from 1, of so many begins; `making` names this making of a key, which
    /// nothing else is named.
    pub fn new(
        seed: &KeySeed,
        making: &[u8],
        place: u16,
        threshold: u16,
        members: u16,
    ) -> Result<Self, ThresholdError> {
        check_numbers(threshold, members)?;
        if place > members {
            return Err(ThresholdError::Members);
        }
        let mut random = SeededRandom::new(seed, &[place, threshold, members], making);
        let made = dkg::part1(identifier(place)?, members, threshold, &mut random);
        let (secret, package) = made.map_err(|_| ThresholdError::Malformed)?;
        let proof = package.proof_of_knowledge().serialize();
        let commitment = package.commitment().serialize_whole();
        let (Ok(proof), Ok(commitment)) = (proof, commitment) else {
            return Err(ThresholdError::Malformed);
        };
        Ok(Self {
            place,
            members,
            secret,
            first: [proof, commitment].concat(),
        })
    }

    /// What all members have to hear: 64 bytes of a proof, and 32 for each of the threshold.
    pub fn first_part(&self) -> &[u8] {
        &self.first
    }

    /// What each other member has to get secretly, from all other members' first parts by their
    /// places; names whose first part is false.
    pub fn second_parts(
        &self,
        firsts: &BTreeMap<u16, Vec<u8>>,
    ) -> Result<BTreeMap<u16, Zeroizing<[u8; 32]>>, ThresholdError> {
        let (_, parts) = self.second_round(&self.read(firsts)?)?;
        let part = |(place, id)| {
            let part: &dkg::round2::Package = parts.get(&id).ok_or(ThresholdError::Members)?;
            let bytes = Zeroizing::new(part.signing_share().serialize());
            let bytes = <[u8; 32]>::try_from(bytes.as_slice());
            let bytes = bytes.map_err(|_| ThresholdError::Malformed)?;
            Ok((place, Zeroizing::new(bytes)))
        };
        let others = (1..=self.members).filter(|place| *place != self.place);
        others
            .map(|place| part((place, identifier(place)?)))
            .collect()
    }

    /// The member's share of the key, from all other members' first parts and what they sent to this
    /// one; names whose part is false.
    pub fn finish(
        &self,
        firsts: &BTreeMap<u16, Vec<u8>>,
        seconds: &BTreeMap<u16, Zeroizing<[u8; 32]>>,
    ) -> Result<KeyShare, ThresholdError> {
        let firsts = self.read(firsts)?;
        let (secret, _) = self.second_round(&firsts)?;
        let mut parts = BTreeMap::new();
        for (place, part) in seconds {
            let share = SigningShare::deserialize(part.as_slice());
            let share = share.map_err(|_| ThresholdError::Culprits(vec![*place]))?;
            parts.insert(identifier(*place)?, dkg::round2::Package::new(share));
        }
        let made = dkg::part3(&secret, &firsts, &parts);
        let (package, public) = made.map_err(|error| self.blamed(&error))?;
        KeyShare::of(self.place, *self.secret.min_signers(), package, public)
    }

    fn read(&self, firsts: &BTreeMap<u16, Vec<u8>>) -> Result<Firsts, ThresholdError> {
        let others = (1..=self.members).filter(|place| *place != self.place);
        if !others.eq(firsts.keys().copied()) {
            return Err(ThresholdError::Members);
        }
        let read = |(place, bytes): (&u16, &Vec<u8>)| {
            let culprit = ThresholdError::Culprits(vec![*place]);
            let length = 64 + 32 * usize::from(*self.secret.min_signers());
            let parts = bytes.split_at_checked(64);
            let (proof, commitment) = parts.ok_or(culprit.clone())?;
            let proof = frost_ed25519::Signature::deserialize(proof);
            let commitment = VerifiableSecretSharingCommitment::deserialize_whole(commitment);
            let (Ok(proof), Ok(commitment), true) = (proof, commitment, bytes.len() == length)
            else {
                return Err(culprit);
            };
            let package = dkg::round1::Package::new(commitment, proof);
            Ok((identifier(*place)?, package))
        };
        firsts.iter().map(read).collect()
    }

    fn second_round(
        &self,
        firsts: &Firsts,
    ) -> Result<(dkg::round2::SecretPackage, Seconds), ThresholdError> {
        let made = dkg::part2(self.secret.clone(), firsts);
        made.map_err(|error| self.blamed(&error))
    }

    fn blamed(&self, error: &Error) -> ThresholdError {
        let culprits = places(error, self.members);
        match culprits.is_empty() {
            true => ThresholdError::Members,
            false => ThresholdError::Culprits(culprits),
        }
    }
}

type Firsts = BTreeMap<Identifier, dkg::round1::Package>;
type Seconds = BTreeMap<Identifier, dkg::round2::Package>;

/// The operating system's randomness, in the form in which the library asks for it.
struct SystemRandom;

/// A stream that follows from a seed and from what it is for.
struct SeededRandom(blake3::OutputReader);

impl SeededRandom {
    fn new(seed: &KeySeed, numbers: &[u16], making: &[u8]) -> Self {
        let purpose = Purpose::ThresholdKeyPart.context_key();
        let mut hasher = blake3::Hasher::new_from_context_key(&purpose);
        hasher.update(seed.0.as_slice());
        for number in numbers {
            hasher.update(&number.to_be_bytes());
        }
        hasher.update(making);
        Self(hasher.finalize_xof())
    }
}

impl RngCore for SystemRandom {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        fill_random(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl RngCore for SeededRandom {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for SystemRandom {}
impl CryptoRng for SeededRandom {}

fn check_numbers(threshold: u16, members: u16) -> Result<(), ThresholdError> {
    let is_possible = members <= MEMBERS_MAX && (2..=members).contains(&threshold);
    let error = ThresholdError::Numbers { threshold, members };
    is_possible.then_some(()).ok_or(error)
}

fn identifier(place: u16) -> Result<Identifier, ThresholdError> {
    Identifier::try_from(place).map_err(|_| ThresholdError::Members)
}

/// The places of those whom an error names.
fn places(error: &Error, members: u16) -> Vec<u16> {
    let culprits = error.culprits();
    let is_named = |place: &u16| identifier(*place).is_ok_and(|id| culprits.contains(&id));
    (1..=members).filter(is_named).collect()
}

/// More members than any group has operators.
const MEMBERS_MAX: u16 = 64;
const VERSION: u8 = 1;
const HEADER_LENGTH: usize = 7;
