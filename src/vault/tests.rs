use super::*;
use crate::{
    crypto::{DataKey, OpeningKey, SecretShare, SigningKey},
    id::{ChainId, ShardId, VehicleId},
    ledger::{AccountKey, RecordClass, RecordCommitment},
    time::Timestamp,
};

const TEXT: &[u8] = b"plain text that nobody reads without a receipt";

struct Town {
    custodians: Vec<SigningKey>,
    owner: SigningKey,
    sealed: SealedRecord,
    kept: Vec<(SigningKey, KeptShare)>,
}

fn chain() -> ChainId {
    ChainId::from_bytes([7; 32])
}

fn vehicle() -> VehicleId {
    VehicleId::commit(ShardId(1), &[3; 32], "WVSTEST0000000001")
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn account(key: &SigningKey) -> AccountKey {
    key.verifying_key().into()
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000).unwrap()
}

impl Town {
    fn new(custodians: u8) -> Self {
        let custodians: Vec<_> = (1..=custodians).map(key).collect();
        let owner = key(100);
        let sealed = SealedRecord::seal(vehicle(), RecordClass::Trip, TEXT).unwrap();
        let keys: Vec<_> = custodians.iter().map(account).collect();
        let dealt = sealed.deal(chain(), &keys, &owner).unwrap();
        let kept = keep(dealt, &custodians);
        Self {
            custodians,
            owner,
            sealed,
            kept,
        }
    }

    fn name(&self) -> RecordName {
        RecordName::of(self.sealed.attached())
    }

    fn reader(&self) -> Reader {
        Reader::new(chain(), self.name(), &self.owner, now())
    }
}

fn keep(dealt: Dealt, custodians: &[SigningKey]) -> Vec<(SigningKey, KeptShare)> {
    let Dealt { deal, shares } = dealt;
    let keep = |(to, sealed): (AccountKey, Vec<u8>)| {
        let custodian = custodians.iter().find(|it| account(it) == to).unwrap();
        let share = KeptShare::admit(deal.clone(), sealed, custodian).unwrap();
        (SigningKey::from_seed(&custodian.to_seed()), share)
    };
    shares.into_iter().map(keep).collect()
}

fn release(reader: &mut Reader, kept: &(SigningKey, KeptShare)) -> Result<(), ReleaseError> {
    let (custodian, share) = kept;
    let released = share.release(custodian, reader.request()).unwrap();
    reader.take(account(custodian), share.deal.clone(), &released)
}

#[test]
fn l17_one_share_too_few_says_nothing_and_enough_say_all() {
    // n, n - (n - 1) / 3
    for (count, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 5), (10, 7)] {
        assert_eq!(threshold(count), Some(needed));
        let town = Town::new(count);
        let mut reader = town.reader();
        for kept in town.kept.iter().take(usize::from(needed) - 1) {
            release(&mut reader, kept).unwrap();
            // The same share again is not another one.
            release(&mut reader, kept).unwrap();
        }
        assert!(!reader.is_ready());
        let refused = reader.open(town.sealed.payload()).unwrap_err();
        assert!(matches!(refused, ReadError::TooFew { .. }), "{refused}");

        release(&mut reader, town.kept.last().unwrap()).unwrap();
        assert!(reader.is_ready());
        let text = reader.open(town.sealed.payload()).unwrap();
        assert_eq!(text.as_slice(), TEXT);
    }
}

#[test]
fn l17_shares_of_colluding_custodians_open_nothing_even_with_guessed_ones() {
    let town = Town::new(4);
    // Two of four have opened what was sealed to them, without any receipt.
    let stolen: Vec<_> = town.kept.iter().take(2).collect();
    let mut reader = town.reader();
    for kept in &stolen {
        release(&mut reader, kept).unwrap();
    }
    // Whatever they make up as the third share gives another key; the deal names the real one.
    let mut others = Town::new(4);
    let foreign = others.kept.pop().unwrap();
    let refused = release(&mut reader, &foreign).unwrap_err();
    assert_eq!(refused, ReleaseError::OtherRecord);
    assert!(reader.open(town.sealed.payload()).is_err());
}

#[test]
fn a_changed_share_names_its_custodian() {
    let town = Town::new(4);
    let (custodian, share) = town.kept.first().unwrap();
    let mut reader = town.reader();
    // A share of another deal of the same record, sealed to the reader as if it were of this one.
    let keys: Vec<_> = town.custodians.iter().map(account).collect();
    let again = town.sealed.deal(chain(), &keys, &key(9)).unwrap();
    let (_, other) = keep(again, &town.custodians)
        .into_iter()
        .find(|(it, _)| account(it) == account(custodian))
        .unwrap();
    let released = other.release(custodian, reader.request()).unwrap();
    let refused = reader.take(account(custodian), share.deal.clone(), &released);
    assert_eq!(refused, Err(ReleaseError::Sealed), "bound to its deal");

    let mut cut = share.release(custodian, reader.request()).unwrap();
    *cut.last_mut().unwrap() ^= 1;
    let refused = reader.take(account(custodian), share.deal.clone(), &cut);
    assert_eq!(refused, Err(ReleaseError::Sealed));
}

#[test]
fn a_share_opens_for_its_custodian_and_record_alone() {
    let town = Town::new(4);
    let keys: Vec<_> = town.custodians.iter().map(account).collect();
    let dealt = town.sealed.deal(chain(), &keys, &town.owner).unwrap();
    let (to, sealed) = dealt.shares.first().unwrap().clone();
    for custodian in &town.custodians {
        let admitted = KeptShare::admit(dealt.deal.clone(), sealed.clone(), custodian);
        assert_eq!(admitted.is_ok(), account(custodian) == to);
    }
    let other = Town::new(4);
    let custodian = town.custodians.iter().find(|it| account(it) == to).unwrap();
    let other = other.sealed.deal(chain(), &keys, &town.owner).unwrap();
    let refused = KeptShare::admit(other.deal, sealed, custodian).unwrap_err();
    assert_eq!(refused, ShareError::Sealed);
}

#[test]
fn a_release_opens_for_the_reader_who_asked_alone() {
    let town = Town::new(4);
    let asked = town.reader();
    let (custodian, share) = town.kept.first().unwrap();
    let released = share.release(custodian, asked.request()).unwrap();
    // The same account, but another one-time key.
    let mut other = town.reader();
    let refused = other.take(account(custodian), share.deal.clone(), &released);
    assert_eq!(refused, Err(ReleaseError::Sealed));
}

#[test]
fn a_deal_with_a_lower_threshold_or_a_changed_custodian_does_not_count() {
    let town = Town::new(4);
    let keys: Vec<_> = town.custodians.iter().map(account).collect();
    let good = town.sealed.deal(chain(), &keys, &town.owner).unwrap().deal;
    good.check(chain()).unwrap();
    assert_eq!(
        good.check(ChainId::from_bytes([8; 32])),
        Err(DealError::ForeignChain)
    );
    assert_eq!(SignedDeal::from_bytes(&good.to_bytes()).unwrap(), good);

    let mut low = good.deal.clone();
    low.threshold = 1;
    assert_eq!(
        low.sign(&town.owner).check(chain()),
        Err(DealError::Threshold(1))
    );

    let mut twice = good.deal.clone();
    let first = *twice.shares.first().unwrap();
    *twice.shares.get_mut(1).unwrap() = first;
    assert_eq!(
        twice.sign(&town.owner).check(chain()),
        Err(DealError::Custodians)
    );

    let mut changed = good;
    changed.deal.number += 1;
    assert_eq!(changed.check(chain()), Err(DealError::BadSignature));
}

#[test]
fn a_wish_to_read_counts_for_a_while_on_its_ledger_as_it_was_signed() {
    let town = Town::new(4);
    let reader = town.reader();
    let wish = reader.request();
    wish.check(chain(), now()).unwrap();
    let late = now().saturating_add(SignedReading::AGE_MAX * 2);
    assert!(matches!(
        wish.check(chain(), late),
        Err(ReadingError::Stale(_))
    ));
    let foreign = wish.check(ChainId::from_bytes([8; 32]), now());
    assert_eq!(foreign, Err(ReadingError::ForeignChain));
    let bytes = wish.to_bytes();
    let mut changed = SignedReading::from_bytes(&bytes).unwrap();
    assert_eq!(&changed, wish);
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        *bytes.get_mut(place).unwrap() ^= 1;
        if let Ok(read) = SignedReading::from_bytes(&bytes) {
            changed = read;
            assert!(changed.check(chain(), now()).is_err(), "byte {place}");
        }
    }
    assert_ne!(&changed, wish);
}

#[test]
fn damaged_sealed_bytes_do_not_open() {
    let town = Town::new(4);
    let mut reader = town.reader();
    for kept in &town.kept {
        release(&mut reader, kept).unwrap();
    }
    let payload = town.sealed.payload();
    assert!(is_payload_of(town.sealed.attached(), payload));
    for place in [0, 1, 30, payload.len() - 1] {
        let mut damaged = payload.to_vec();
        *damaged.get_mut(place).unwrap() ^= 1;
        assert!(!is_payload_of(town.sealed.attached(), &damaged));
        let refused = reader.open(&damaged).unwrap_err();
        assert_eq!(refused, ReadError::Closed(account(&town.owner)));
    }
    assert!(reader.open(&[]).is_err());
}

#[test]
fn a_record_dealt_again_is_read_from_either_deal_and_then_from_the_new_one() {
    let town = Town::new(4);
    let mut reader = town.reader();
    for kept in town.kept.iter().take(3) {
        release(&mut reader, kept).unwrap();
    }
    let newcomers: Vec<_> = (2..=6).map(key).collect();
    let keys: Vec<_> = newcomers.iter().map(account).collect();
    let payload = town.sealed.payload();
    let dealt = reader
        .deal_again(payload, &keys, &town.owner)
        .unwrap()
        .unwrap();
    assert_eq!((dealt.deal.deal.number, dealt.deal.deal.threshold), (1, 4));
    let newer = keep(dealt, &newcomers);

    // A custodian of both deals keeps both shares until the owner says which stays.
    let (_, old) = town
        .kept
        .iter()
        .find(|(it, _)| account(it) == account(&key(2)))
        .unwrap();
    let (_, new) = newer
        .iter()
        .find(|(it, _)| account(it) == account(&key(2)))
        .unwrap();
    let mut kept = KeptShares::new(town.sealed.attached().clone(), old.clone()).unwrap();
    assert!(kept.add(new.clone()).unwrap());
    assert!(!kept.add(new.clone()).unwrap(), "it is there");
    assert_eq!(kept.shares().len(), 2);
    assert_eq!(KeptShares::from_bytes(&kept.to_bytes()).unwrap(), kept);
    let settlement = SignedSettlement::sign(&new.deal.deal, &town.owner);
    assert_eq!(settlement.check(chain()), Ok(account(&town.owner)));
    assert!(kept.settle(settlement.deal()));
    assert_eq!(kept.shares(), std::slice::from_ref(new));
    assert_eq!(kept.add(old.clone()), Err(ShareError::Old));

    let mut reader = town.reader();
    for kept in newer.iter().skip(1) {
        release(&mut reader, kept).unwrap();
    }
    assert_eq!(reader.open(payload).unwrap().as_slice(), TEXT);
}

#[test]
fn texts_up_to_the_limit_are_sealed() {
    for length in [0, 1, PLAIN_LENGTH_MAX] {
        let text = vec![5; length];
        let sealed = SealedRecord::seal(vehicle(), RecordClass::Wear, &text).unwrap();
        // One byte of version, 24 of nonce, 16 of check value.
        assert_eq!(sealed.payload().len(), length + 41);
        let kept = KeptPayload::new(sealed.attached().clone(), sealed.payload().to_vec());
        assert_eq!(KeptPayload::from_bytes(&kept.to_bytes()).unwrap(), kept);
    }
    let long = vec![5; PLAIN_LENGTH_MAX + 1];
    let refused = SealedRecord::seal(vehicle(), RecordClass::Wear, &long).err();
    assert_eq!(refused, Some(TooLong(PLAIN_LENGTH_MAX + 1)));
}

#[test]
fn names_are_read_as_they_are_written() {
    let name = Town::new(1).name();
    assert_eq!(name.to_string().parse(), Ok(name));
    assert_eq!("7-00_00".parse::<RecordName>(), Err(RecordNameError));
    assert_eq!("../../etc".parse::<RecordName>(), Err(RecordNameError));
}

#[test]
fn the_commitment_hides_and_binds() {
    let (first, second) = (DataKey::generate(), DataKey::generate());
    let of = |key: &DataKey, text| RecordCommitment::of(key.salt(), text);
    assert_ne!(of(&first, TEXT), of(&second, TEXT), "another salt");
    assert_ne!(of(&first, TEXT), of(&first, b"another text"));
}

/// Compiles only for a type that cannot be printed: for one that can, both traits fit, and the
/// compiler asks which is meant.
macro_rules! assert_unprintable {
    ($($secret:ty),*) => {$({
        trait Printed<Way> {
            fn is_unprintable() -> bool {
                true
            }
        }
        impl<T> Printed<()> for T {}
        impl<T: std::fmt::Debug> Printed<u8> for T {}
        assert!(<$secret as Printed<_>>::is_unprintable());
    })*};
}

#[test]
fn o9_secrets_cannot_be_printed() {
    assert_unprintable!(SigningKey, OpeningKey, DataKey, SecretShare);
    assert_unprintable!(SealedRecord, Reader);
}
