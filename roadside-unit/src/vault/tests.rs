use std::{fs, path::Path};

use tempfile::TempDir;
use wayside::{
    crypto::{DataKey, SigningKey},
    id::{ChainId, ShardId, VehicleId},
    ledger::{AccountKey, AttachRecord, RecordClass},
    vault::{KeptShare, RecordName, SealedRecord, SignedDeal},
};

use super::{
    Vault, VaultError,
    store::{Piece, Store},
};

#[test]
fn what_was_put_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (attached, payload, share) = sealed(b"text");
    let name = RecordName::of(&attached);
    let vault = open(folder.path());
    vault.put_payload(&attached, payload.clone()).unwrap();
    vault.put_payload(&attached, payload.clone()).unwrap();
    vault.put_share(&attached, share.clone()).unwrap();
    vault.put_share(&attached, share.clone()).unwrap();
    let usage = vault.usage();
    assert_eq!(usage.records, 1);

    let vault = open(folder.path());
    assert_eq!(vault.usage().bytes, usage.bytes);
    let kept = vault.payload(&name).unwrap().unwrap();
    assert_eq!((&kept.attached, &kept.payload), (&attached, &payload));
    assert_eq!(vault.shares(&name).unwrap().unwrap().shares(), [share]);
    assert!(!vault.is_open(ShardId(1)), "nothing is served yet");
}

#[test]
fn a_record_attached_again_as_another_class_is_refused() {
    let folder = TempDir::new().unwrap();
    let (attached, payload, share) = sealed(b"text");
    let vault = open(folder.path());
    vault.put_share(&attached, share).unwrap();
    let mut other = attached;
    other.class = RecordClass::Odometer;

    let refused = vault.put_payload(&other, payload).unwrap_err();

    assert!(matches!(refused, VaultError::OtherAttachment), "{refused}");
}

#[test]
fn a_full_vault_takes_nothing_more_and_room_is_made_by_erasing() {
    let folder = TempDir::new().unwrap();
    let vault = Vault::open(folder.path().join("vault"), 1_500).unwrap();
    let (first, payload, _) = sealed(&[1; 1_000]);
    let (second, other, _) = sealed(&[2; 1_000]);
    vault.put_payload(&first, payload).unwrap();

    let refused = vault.put_payload(&second, other.clone()).unwrap_err();
    assert!(matches!(refused, VaultError::Full(_)), "{refused}");

    assert!(vault.erase(&RecordName::of(&first)).unwrap());
    assert_eq!(vault.usage().bytes, 0);
    vault.put_payload(&second, other).unwrap();
}

#[test]
fn l16_erased_and_replaced_files_are_overwritten_before_they_go() {
    let folder = TempDir::new().unwrap();
    let (store, _) = Store::open(folder.path().to_owned()).unwrap();
    let (attached, ..) = sealed(b"text");
    let name = RecordName::of(&attached);
    store.write(&name, Piece::Shares, &[7; 10_000]).unwrap();
    // Another name of the same file shows what becomes of its bytes.
    let first = folder.path().join("first");
    fs::hard_link(store.path(&name, Piece::Shares), &first).unwrap();
    store.write(&name, Piece::Shares, &[8; 5_000]).unwrap();
    assert_eq!(fs::read(&first).unwrap(), [0; 10_000]);

    let second = folder.path().join("second");
    fs::hard_link(store.path(&name, Piece::Shares), &second).unwrap();
    store.erase(&name, Piece::Shares).unwrap();
    assert_eq!(fs::read(&second).unwrap(), [0; 5_000]);
    assert!(!store.path(&name, Piece::Shares).exists());
    store.erase(&name, Piece::Shares).unwrap();
    assert_eq!(store.read(&name, Piece::Shares).unwrap(), None);
}

#[test]
fn what_a_crash_left_half_written_is_destroyed_and_other_files_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let (attached, payload, _) = sealed(b"text");
    let vault = open(folder.path());
    vault.put_payload(&attached, payload).unwrap();
    let shard = folder.path().join("vault/1");
    let half = shard.join(format!("{}.shares-new", RecordName::of(&attached)));
    let foreign = shard.join("notes.txt");
    fs::write(&half, [1; 100]).unwrap();
    fs::write(&foreign, "of somebody else").unwrap();

    let vault = open(folder.path());

    assert!(!half.exists());
    assert!(foreign.exists());
    assert_eq!(vault.names(ShardId(1)).len(), 1);
    assert!(vault.names(ShardId(0)).is_empty());
}

#[test]
fn settling_keeps_one_share_or_none() {
    let folder = TempDir::new().unwrap();
    let (attached, _, share) = sealed(b"text");
    let name = RecordName::of(&attached);
    let vault = open(folder.path());
    let deal = share.deal.deal.digest();
    assert!(!vault.settle(&name, deal).unwrap(), "nothing is kept");
    vault.put_share(&attached, share).unwrap();
    assert!(vault.settle(&name, deal).unwrap());
    assert!(vault.shares(&name).unwrap().is_some());

    let (_, _, other) = sealed(b"another");
    assert!(!vault.settle(&name, other.deal.deal.digest()).unwrap());
    assert_eq!(vault.shares(&name).unwrap(), None);
    assert_eq!(vault.usage().records, 0);
}

fn open(folder: &Path) -> Vault {
    Vault::open(folder.join("vault"), 1 << 20).unwrap()
}

/// A record with the share of its only custodian.
fn sealed(text: &[u8]) -> (AttachRecord, Vec<u8>, KeptShare) {
    let vehicle = VehicleId::commit(ShardId(1), &[3; 32], "WVSTEST0000000001");
    let key = DataKey::generate();
    let sealed = SealedRecord::seal_with(key, vehicle, RecordClass::Trip, text).unwrap();
    let custodian = SigningKey::from_seed(&[1; 32]);
    let account = AccountKey::from(custodian.verifying_key());
    let chain = ChainId::from_bytes([7; 32]);
    let dealt = sealed.deal(chain, &[account], &custodian).unwrap();
    let (_, share) = dealt.shares.first().unwrap().clone();
    let deal = SignedDeal::from_bytes(&dealt.deal.to_bytes()).unwrap();
    let share = KeptShare::admit(deal, share, &custodian).unwrap();
    let attached = sealed.attached().clone();
    (attached, sealed.payload().to_vec(), share)
}
