//! Sealed records: who can read them, who sees that, and what is left of them.

mod search;
mod town;

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use tonic::Status;
use tonic_types::StatusExt as _;
use wayside::{
    rpc::ledger::v1::{
        GetPayloadRequest, GetVaultRequest, PutPayloadRequest, PutShareRequest, SettleSharesRequest,
    },
    serve::read_key,
    vault::{Dealt, KeptShares, ReadError, Reader, SignedDeal, SignedReading, SignedSettlement},
};

use self::{
    search::{copy, search},
    town::{Sealed, Town, now, take, text_of},
};
use super::process::Alone;

#[tokio::test]
async fn l17_every_read_leaves_a_receipt_that_the_owner_sees() {
    let mut town = Town::start().await;
    let text = town.write("text", CANARY);
    let attached = town.attach(&text).await;
    let record = attached.get("record").and_then(Value::as_str).unwrap();
    let count = |field| attached.get(field).and_then(Value::as_u64);
    assert_eq!(count("shares"), Some(4));
    assert_eq!(count("shares_needed"), Some(3));
    assert_eq!(count("payloads"), Some(3));

    // The owner reads; the share of each custodian that helped is on record.
    assert_eq!(town.read(record, "owner").await.unwrap(), CANARY);
    let owner = town.account("owner");
    let reads = town.wait_for_reads(owner, 3).await;
    assert_eq!(
        reads.len(),
        3,
        "one custodian for each share that was needed"
    );
    assert!(reads.iter().all(|read| text_of(read, "record") == record));

    // Who has no grant gets nothing, and leaves nothing.
    let buyer = town.account("buyer");
    let refused = town.read(record, "buyer").await.unwrap_err();
    assert!(refused.contains("GRANT_UNKNOWN"), "{refused}");
    assert_eq!(town.reads_at(0, buyer).await.len(), 0);

    // With a grant of another class nothing is read either.
    town.grant("odometer").await;
    let refused = town.read(record, "buyer").await.unwrap_err();
    assert!(refused.contains("GRANT_UNKNOWN"), "{refused}");
    town.grant("trip").await;
    assert_eq!(town.read(record, "buyer").await.unwrap(), CANARY);
    town.wait_for_reads(buyer, 3).await;
    let access = town.access().await;
    let grants = access.get("grants").and_then(Value::as_array).unwrap();
    assert_eq!(grants.len(), 2);

    // What was given is taken back.
    let (vehicle, reader) = (town.vehicle.id.to_string(), buyer.to_string());
    let arguments = ["disallow", &vehicle, &reader, "--class", "trip"];
    town.done(&arguments, "owner").await;
    let refused = town.read(record, "buyer").await.unwrap_err();
    assert!(refused.contains("GRANT_UNKNOWN"), "{refused}");

    // One of four may be gone.
    town.committee.kill(3).await;
    assert_eq!(town.read(record, "owner").await.unwrap(), CANARY);
    town.wait_for_reads(owner, reads.len() + 3).await;
}

#[tokio::test]
async fn l17_colluding_custodians_release_nothing_that_reads() {
    let town = Town::start().await;
    let sealed = Sealed::put(&town, CANARY).await;

    // Two of four open what they keep and ask nobody; their units are not needed for that.
    let mut reader = town.reader(&sealed);
    for number in 1..=2 {
        let folder = town.committee.folder().join(format!("unit-{number}"));
        let custodian = read_key(&folder.join("custodian.key")).unwrap();
        let path = sealed.path(&folder, "shares");
        let kept = KeptShares::from_bytes(&fs::read(path).unwrap()).unwrap();
        let share = kept.shares().first().unwrap();
        let released = share.release(&custodian, reader.request()).unwrap();
        let account = custodian.verifying_key().into();
        reader.take(account, share.deal.clone(), &released).unwrap();
    }
    let refused = reader.open(&sealed.payload).unwrap_err();
    assert_eq!(refused, ReadError::TooFew { held: 2, needed: 3 });
    // With an honest third one it can be read, and the owner sees that.
    assert_eq!(town.reads_at(2, town.account("owner")).await.len(), 0);
    let released = town.release(2, &reader).await.unwrap();
    take(&mut reader, released);
    assert_eq!(reader.open(&sealed.payload).unwrap().as_slice(), CANARY);
    assert_eq!(town.reads_at(2, town.account("owner")).await.len(), 1);
    // The same wish again is answered, with the receipt that is there.
    town.release(2, &reader).await.unwrap();
    assert_eq!(town.reads_at(2, town.account("owner")).await.len(), 1);
}

#[tokio::test]
async fn l16_what_is_erased_is_in_no_file_of_any_unit_that_serves() {
    let mut town = Town::start().await;
    let sealed = Sealed::put(&town, CANARY).await;
    let kept = Sealed::put(&town, b"another record, which stays").await;
    let mut reader = town.reader(&sealed);
    for unit in 0..4 {
        let released = town.release(unit, &reader).await.unwrap();
        take(&mut reader, released);
    }
    assert_eq!(reader.open(&sealed.payload).unwrap().as_slice(), CANARY);
    let canaries = sealed.canaries(&town, &reader);
    // The search finds what is there: sealed bytes at three units, a sealed share at each.
    let found = search(town.committee.folder(), &canaries);
    assert_eq!(
        found.iter().filter(|it| it.contains("payload")).count(),
        3,
        "{found:?}"
    );
    assert_eq!(
        found.iter().filter(|it| it.contains("share")).count(),
        4,
        "{found:?}"
    );
    assert_eq!(found.len(), 7, "nothing in plain: {found:?}");

    // One unit's disk is put aside as it is, and another one is down.
    town.committee.kill(1).await;
    let backup = TempDir::new().unwrap();
    let disk = town.folder(1).join("data");
    copy(&disk, backup.path());
    town.committee.restart(1).await;
    town.committee.kill(3).await;

    town.erase(sealed.name).await;
    town.wait_for_destruction(sealed.name, 3).await;
    for unit in 0..3 {
        let found = search(&town.folder(unit), &canaries);
        assert_eq!(found, Vec::<String>::new());
        let refused = town.release(unit, &reader).await.unwrap_err();
        assert_eq!(reason(&refused), "RECORD_ERASED", "{refused}");
    }
    assert!(
        !search(&town.folder(3), &canaries).is_empty(),
        "it was down"
    );

    // The one that was down destroys before it serves, and says so.
    town.committee.restart(3).await;
    town.wait_until_serving(3, &kept).await;
    assert_eq!(search(&town.folder(3), &canaries), Vec::<String>::new());
    town.wait_for_destruction(sealed.name, 4).await;

    // So does the one whose whole disk is put back to what it was, the ledger with it.
    town.committee.kill(1).await;
    fs::remove_dir_all(&disk).unwrap();
    copy(backup.path(), &disk);
    assert!(
        !search(&town.folder(1), &canaries).is_empty(),
        "they are back"
    );
    town.committee.restart(1).await;
    town.wait_until_serving(1, &kept).await;
    assert_eq!(
        search(town.committee.folder(), &canaries),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn what_the_ledger_does_not_name_is_not_kept() {
    let town = Town::start().await;
    let sealed = Sealed::make(&town, CANARY);
    let other = Sealed::make(&town, CANARY);
    let custodians = town.custodians().await;
    let deal = |dealer| {
        sealed
            .record
            .deal(town.chain(), &custodians, &town.key(dealer))
    };
    let good = deal("owner").unwrap();
    let attached = town.attach_record(&sealed).await;
    let mut vault = town.vault_client(0).await;
    let account = custodians.first().unwrap();
    let mut shares = good.shares.iter();
    let (_, share) = shares.find(|(custodian, _)| custodian == account).unwrap();
    let (_, foreign) = shares.next().or(good.shares.first()).unwrap();

    let payload = |transaction: &str, sealed: &Sealed| PutPayloadRequest {
        transaction_id: transaction.to_owned(),
        payload: sealed.payload.clone().into(),
    };
    let put = |dealt: &Dealt, share: &[u8]| PutShareRequest {
        transaction_id: attached.clone(),
        deal: dealt.deal.to_bytes().into(),
        share: share.to_vec().into(),
    };
    // Another transaction, other bytes, another dealer, another custodian's share, another record's deal.
    let granted = town.grant("wear").await;
    let refused = vault.put_payload(payload(&granted, &sealed)).await;
    assert_eq!(reason(&refused.unwrap_err()), "NOT_ATTACHED");
    let refused = vault.put_payload(payload(&attached, &other)).await;
    assert_eq!(reason(&refused.unwrap_err()), "PAYLOAD_DIFFERS");
    let refused = vault.put_share(put(&deal("buyer").unwrap(), share)).await;
    assert_eq!(reason(&refused.unwrap_err()), "DEALER_UNKNOWN");
    let refused = vault.put_share(put(&good, foreign)).await;
    assert_eq!(reason(&refused.unwrap_err()), "SHARE_REFUSED");
    let of_other = other
        .record
        .deal(town.chain(), &custodians, &town.key("owner"));
    let refused = vault.put_share(put(&of_other.unwrap(), share)).await;
    assert_eq!(reason(&refused.unwrap_err()), "SHARE_REFUSED");
    let mut cut = put(&good, share);
    cut.deal = cut.deal.slice(..40);
    assert_eq!(
        reason(&vault.put_share(cut).await.unwrap_err()),
        "DEAL_REFUSED"
    );
    let told = vault
        .get_vault(GetVaultRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (told.records, told.bytes),
        (0, 0),
        "nothing of that is kept"
    );

    vault.put_share(put(&good, share)).await.unwrap();
    vault
        .put_payload(payload(&attached, &sealed))
        .await
        .unwrap();
}

#[tokio::test]
async fn whoever_may_not_read_gets_nothing_and_decides_nothing() {
    let town = Town::start().await;
    let sealed = Sealed::put(&town, CANARY).await;
    let mut vault = town.vault_client(0).await;
    let asked = |name, time| Reader::new(town.chain(), sealed.name, &town.key(name), time);
    let buyer = asked("buyer", now());
    let reading = buyer.request().to_bytes().into();
    let refused = vault.get_payload(GetPayloadRequest { reading }).await;
    assert_eq!(reason(&refused.unwrap_err()), "GRANT_UNKNOWN");
    let refused = town.release(0, &buyer).await.unwrap_err();
    assert_eq!(reason(&refused), "GRANT_UNKNOWN");
    assert_eq!(town.reads_at(0, town.account("buyer")).await.len(), 0);
    let stale = asked("owner", now().saturating_sub(SignedReading::AGE_MAX * 2));
    let refused = town.release(0, &stale).await.unwrap_err();
    assert_eq!(reason(&refused), "READING_REFUSED");

    // Of this one no custodian has a share, so that none leaves a receipt.
    let other = Sealed::make(&town, CANARY);
    town.attach_record(&other).await;
    let refused = town.release(0, &town.reader(&other)).await.unwrap_err();
    assert_eq!(reason(&refused), "SHARE_UNKNOWN");
    assert_eq!(town.reads_at(0, town.account("owner")).await.len(), 0);

    // Only the owner says which deal stays.
    let owner = asked("owner", now());
    let released = town.release(0, &owner).await.unwrap();
    let deal = SignedDeal::from_bytes(&released.shares.first().unwrap().deal).unwrap();
    let settlement = |key| SignedSettlement::sign(&deal.deal, &town.key(key)).to_bytes();
    let request = SettleSharesRequest {
        settlement: settlement("buyer").into(),
    };
    let refused = vault.settle_shares(request).await;
    assert_eq!(reason(&refused.unwrap_err()), "DEALER_UNKNOWN");
    let request = SettleSharesRequest {
        settlement: settlement("owner").into(),
    };
    assert!(vault.settle_shares(request).await.unwrap().get_ref().kept);
}

#[tokio::test]
async fn a_record_is_dealt_anew_and_the_shares_from_before_are_destroyed() {
    let mut town = Town::start().await;
    let sealed = Sealed::put(&town, CANARY).await;
    let name = sealed.name.to_string();
    let before: Vec<_> = (0..4)
        .map(|unit| fs::read(sealed.path(&town.folder(unit), "shares")).unwrap())
        .collect();

    let dealt = town.run(&["reshare", &name], "owner").await;
    assert!(dealt.status.success(), "{dealt:?}");
    let told: Value = serde_json::from_slice(&dealt.stdout).unwrap();
    let count = |field| told.get(field).and_then(Value::as_u64);
    assert_eq!(count("deal"), Some(1));
    assert_eq!(count("settled"), Some(4));

    // What ends each file is the sealed share, of which no file has that from before.
    let old: Vec<_> = before
        .iter()
        .map(|bytes| {
            (
                String::from("old"),
                bytes.get(bytes.len() - 64..).unwrap().to_vec(),
            )
        })
        .collect();
    assert_eq!(search(town.committee.folder(), &old), Vec::<String>::new());
    // It is still read, with one custodian gone; and nobody else deals it anew.
    town.committee.kill(0).await;
    let refused = town.run(&["reshare", &name, "--wait", "5s"], "buyer").await;
    assert!(!refused.status.success());
    let mut reader = town.reader(&sealed);
    for unit in 1..4 {
        let released = town.release(unit, &reader).await.unwrap();
        take(&mut reader, released);
    }
    assert_eq!(reader.open(&sealed.payload).unwrap().as_slice(), CANARY);
}

#[tokio::test]
async fn o9_daemons_leave_no_core_dumps() {
    let unit = Alone::start().await.process;
    let limits = fs::read_to_string(format!("/proc/{}/limits", unit.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let fields: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!(fields, ["Max", "core", "file", "size", "0", "0", "bytes"]);
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

const CANARY: &[u8] = b"canary: at 17:04 the driver left the clinic for the lawyer's office";
