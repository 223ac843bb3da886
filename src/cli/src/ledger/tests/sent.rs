use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wayside::{
    crypto::SigningKey,
    id::{ChainId, ShardId},
    ledger::{SignedTransaction, Transaction},
};

use super::reading;
use crate::ledger::{key::account, record::Record, sent::Sent};

const CHAIN: [u8; 32] = [7; 32];

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn signed(record: &Record, nonce: u64) -> SignedTransaction {
    Transaction {
        version: Transaction::VERSION,
        chain: ChainId::from_bytes(CHAIN),
        shard: ShardId(1),
        sender: account(&key()),
        nonce,
        expires: None,
        approvers: Vec::new(),
        action: record.action.clone(),
    }
    .sign(&key())
}

fn open(records: &Path) -> anyhow::Result<Sent> {
    Sent::open(records, ChainId::from_bytes(CHAIN), account(&key()))
}

/// A folder with what was signed for two records, and the records.
fn two_sent() -> (TempDir, PathBuf, [Record; 2]) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("records.jsonl");
    let records = [5, 6].map(|km| Record::parse(&reading(1, km)).unwrap());
    let pairs = [0, 1].map(|nonce| {
        let record = &records[usize::try_from(nonce).unwrap()];
        (record.name.clone(), signed(record, nonce))
    });
    open(&file).unwrap().keep(pairs.into()).unwrap();
    (folder, file, records)
}

#[test]
fn what_was_signed_is_found_again() {
    let (_folder, file, records) = two_sent();
    let sent = open(&file).unwrap();
    assert_eq!(sent.get(&records[1].name), Some(&signed(&records[1], 1)));
    assert_eq!(sent.transactions().count(), 2);
}

#[test]
fn a_line_that_was_cut_off_is_forgotten_and_the_others_are_not() {
    let (_folder, file, records) = two_sent();
    let beside = file.with_extension("jsonl.sent");
    let text = fs::read(&beside).unwrap();
    fs::write(&beside, &text[..text.len() - 9]).unwrap();

    let mut sent = open(&file).unwrap();

    assert!(sent.get(&records[0].name).is_some());
    assert!(sent.get(&records[1].name).is_none());
    let again = (records[1].name.clone(), signed(&records[1], 9));
    sent.keep(vec![again]).unwrap();
    let sent = open(&file).unwrap();
    assert_eq!(sent.get(&records[1].name), Some(&signed(&records[1], 9)));
}

#[test]
fn another_ledger_or_key_is_refused() {
    let (_folder, file, _) = two_sent();
    let other = account(&SigningKey::from_seed(&[2; 32]));
    assert!(Sent::open(&file, ChainId::from_bytes([8; 32]), account(&key())).is_err());
    assert!(Sent::open(&file, ChainId::from_bytes(CHAIN), other).is_err());
}

#[test]
fn damage_is_told_and_nothing_is_signed_anew() {
    let (_folder, file, _) = two_sent();
    let beside = file.with_extension("jsonl.sent");
    let text = fs::read_to_string(&beside).unwrap();
    fs::write(&beside, text.replacen("transaction", "tranzaction", 1)).unwrap();
    let error = format!("{:#}", open(&file).err().unwrap());
    assert!(error.contains("is damaged"), "{error}");
}
