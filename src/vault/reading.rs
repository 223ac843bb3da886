use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    DealError, Dealt, RecordName, SignedDeal,
    encoding::{decode, encode},
    kept::bound_to_reader,
    record::{DealOf, deal_key, open_payload},
};
use crate::{
    crypto::{
        Context, DataKey, Digest, OpeningKey, Purpose, Seal, SecretShare, Signature, SigningKey,
    },
    id::ChainId,
    ledger::{AccountKey, RecordClass},
    time::Timestamp,
};

/// A wish to read a record, signed by the reader. It goes to every custodian alike: whatever is released
/// for it opens with the reader's one-time key alone.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedReading {
    reading: Reading,
    signature: Signature,
}

#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
struct Reading {
    version: u8,
    chain: ChainId,
    name: RecordName,
    reader: AccountKey,
    key: [u8; 32],
    time: Timestamp,
}

/// Why a wish to read does not count.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ReadingError {
    /// The bytes are none, or of a later release.
    #[error("not a signed wish to read")]
    Malformed,
    /// It belongs to another ledger.
    #[error("a wish to read from another ledger")]
    ForeignChain,
    /// Nobody can sign with the reader's key.
    #[error("{0} is no key for a reader")]
    Key(AccountKey),
    /// The reader did not sign it.
    #[error("a wish to read that its reader did not sign")]
    BadSignature,
    /// It was signed too long ago, or a clock is wrong.
    #[error("signed {0:?} away from this unit's time")]
    Stale(Duration),
}

/// Why what a custodian sent is of no use.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ReleaseError {
    /// The deal is not good.
    #[error(transparent)]
    Deal(#[from] DealError),
    /// It is of another record.
    #[error("a share of another record")]
    OtherRecord,
    /// The deal has no share for this custodian, or the share does not open.
    #[error("a share that does not open")]
    Sealed,
    /// It is not the share that the deal names: the custodian has changed it.
    #[error("a false share")]
    False,
}

/// Why a record cannot be read with what has come.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ReadError {
    /// Too few custodians released a share.
    #[error("{held} shares came, and {needed} are needed")]
    TooFew {
        /// How many came, of the deal of which most did.
        held: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Enough shares came, as they were dealt, and do not open the record: the sealed bytes are damaged,
    /// which those of another unit may not be, or whoever dealt the shares lied.
    #[error("the shares that {0} dealt do not open these sealed bytes")]
    Closed(AccountKey),
}

/// One who reads a record: asks, collects shares, opens.
///
/// [`Self::request`] goes to the custodians; [`Self::take`] each answer; then [`Self::open`].
pub struct Reader {
    key: OpeningKey,
    request: SignedReading,
    deals: BTreeMap<[u8; 32], Collected>,
}

struct Collected {
    deal: SignedDeal,
    from: BTreeSet<AccountKey>,
    shares: Vec<SecretShare>,
}

impl SignedReading {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads it. Nothing of it is checked yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadingError> {
        let read: Self = decode(bytes, READING_LENGTH_MAX).map_err(|_| ReadingError::Malformed)?;
        let is_known = read.reading.version == VERSION;
        is_known.then_some(read).ok_or(ReadingError::Malformed)
    }

    /// Checks that the reader signed it, for this ledger, at most [`Self::AGE_MAX`] away from `now`.
    pub fn check(&self, chain: ChainId, now: Timestamp) -> Result<(), ReadingError> {
        let reading = &self.reading;
        if reading.chain != chain {
            return Err(ReadingError::ForeignChain);
        }
        let away = now.since(reading.time).max(reading.time.since(now));
        if away > Self::AGE_MAX {
            return Err(ReadingError::Stale(away));
        }
        let reader = reading.reader.admit();
        let reader = reader.map_err(|_| ReadingError::Key(reading.reader))?;
        reader
            .verify(Context::VaultReading, &[&encode(reading)], &self.signature)
            .map_err(|_| ReadingError::BadSignature)
    }

    /// Which record.
    pub fn name(&self) -> RecordName {
        self.reading.name
    }

    /// Who wants to read it.
    pub fn reader(&self) -> AccountKey {
        self.reading.reader
    }

    /// To what the shares are sealed.
    pub(super) fn key(&self) -> &[u8; 32] {
        &self.reading.key
    }

    /// How long it counts, and how far clocks may be apart.
    pub const AGE_MAX: Duration = Duration::from_secs(120);
}

impl Reader {
    /// Begins to read a record, as the account of `reader`.
    pub fn new(chain: ChainId, name: RecordName, reader: &SigningKey, now: Timestamp) -> Self {
        let key = OpeningKey::generate();
        let reading = Reading {
            version: VERSION,
            chain,
            name,
            reader: reader.verifying_key().into(),
            key: *key.sealing_key().as_bytes(),
            time: now,
        };
        let signature = reader.sign(Context::VaultReading, &[&encode(&reading)]);
        Self {
            key,
            request: SignedReading { reading, signature },
            deals: BTreeMap::new(),
        }
    }

    /// What the custodians are asked.
    pub fn request(&self) -> &SignedReading {
        &self.request
    }

    /// Takes a custodian's answer; says what is wrong with it otherwise.
    pub fn take(
        &mut self,
        custodian: AccountKey,
        deal: SignedDeal,
        release: &[u8],
    ) -> Result<(), ReleaseError> {
        deal.check(self.request.reading.chain)?;
        if deal.deal.name() != self.request.name() {
            return Err(ReleaseError::OtherRecord);
        }
        let (_, digest) = deal.deal.share(custodian).ok_or(ReleaseError::Sealed)?;
        let bound = bound_to_reader(&deal.deal, custodian, &self.request);
        let share = self.key.open(Seal::VaultRelease, &bound, release);
        let share = share.map_err(|_| ReleaseError::Sealed)?;
        if Digest::of(Purpose::VaultShare, &[&share]) != digest {
            return Err(ReleaseError::False);
        }
        let of_deal = self.deals.entry(*deal.deal.digest().as_bytes());
        let collected = of_deal.or_insert_with(|| Collected {
            deal,
            from: BTreeSet::new(),
            shares: Vec::new(),
        });
        if collected.from.insert(custodian) {
            collected.shares.push(SecretShare::from_bytes(share));
        }
        Ok(())
    }

    /// The shares that have come, which are as secret as the record.
    pub fn shares(&self) -> impl Iterator<Item = &SecretShare> {
        self.deals.values().flat_map(|it| &it.shares)
    }

    /// Whether enough shares of one deal have come.
    pub fn is_ready(&self) -> bool {
        self.deals.values().any(Collected::is_enough)
    }

    /// The number that the next deal must have.
    pub fn next_number(&self) -> u64 {
        let numbers = self.deals.values().map(|it| it.deal.deal.number);
        numbers.max().map_or(0, |newest| newest.saturating_add(1))
    }

    /// Opens the record.
    pub fn open(&self, payload: &[u8]) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        self.unlock(payload).map(|(_, _, text)| text)
    }

    /// Deals the record's key anew, to other custodians.
    ///
    /// Fails as [`Self::open`] does: only a key that opens the record is dealt.
    pub fn deal_again(
        &self,
        payload: &[u8],
        custodians: &[AccountKey],
        dealer: &SigningKey,
    ) -> Result<Result<Dealt, DealError>, ReadError> {
        let (key, class, _) = self.unlock(payload)?;
        let of = DealOf {
            chain: self.request.reading.chain,
            name: self.request.name(),
            class,
            number: self.next_number(),
        };
        Ok(deal_key(&key, of, custodians, dealer))
    }

    fn unlock(
        &self,
        payload: &[u8],
    ) -> Result<(DataKey, RecordClass, Zeroizing<Vec<u8>>), ReadError> {
        let mut liar = None;
        for collected in self.deals.values().filter(|it| it.is_enough()) {
            let key = SecretShare::combine(&collected.shares).ok();
            let key = key.and_then(|bytes| DataKey::from_bytes(&bytes));
            let opened = key.and_then(|key| {
                let class = collected.deal.deal.class;
                let text = open_payload(&key, self.request.name(), class, payload).ok()?;
                Some((key, class, text))
            });
            match opened {
                Some(opened) => return Ok(opened),
                None => liar = Some(collected.deal.deal.dealer),
            }
        }
        match liar {
            Some(dealer) => Err(ReadError::Closed(dealer)),
            None => Err(self.too_few()),
        }
    }

    fn too_few(&self) -> ReadError {
        let most = self.deals.values().max_by_key(|it| it.shares.len());
        ReadError::TooFew {
            held: most.map_or(0, |it| it.shares.len()),
            needed: most.map_or(1, |it| it.deal.deal.threshold.into()),
        }
    }
}

impl Collected {
    fn is_enough(&self) -> bool {
        self.shares.len() >= self.deal.deal.threshold.into()
    }
}

const VERSION: u8 = 1;
const READING_LENGTH_MAX: usize = 1024;
