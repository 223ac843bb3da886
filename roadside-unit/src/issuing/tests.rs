use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wayside::{
    id::{ChainId, GroupId},
    ledger::{Enrolment, EnrolmentStatus, EnrolmentVoice, OrderKind},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    JournalError,
    journal::{Journal, Past},
    mark_restored,
    orders::{follows, tightens},
};

#[test]
fn what_was_promised_is_there_again_in_order() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    let mut journal = Journal::open(&path, chain()).unwrap();
    journal.append(&records(&["one", "two"]), &[]).unwrap();
    let secret = (b"name".to_vec(), Zeroizing::new(b"secret".to_vec()));
    journal.append(&[], std::slice::from_ref(&secret)).unwrap();
    journal.append(&records(&["three"]), &[]).unwrap();
    drop(journal);

    let mut journal = Journal::open(&path, chain()).unwrap();

    assert_eq!(journal.read().unwrap(), records(&["one", "two", "three"]));
    assert_eq!(journal.secrets().unwrap(), std::slice::from_ref(&secret));
    journal.replace(&records(&["three"])).unwrap();
    journal.append(&records(&["four"]), &[]).unwrap();
    assert_eq!(journal.read().unwrap(), records(&["three", "four"]));
    assert_eq!(journal.secrets().unwrap(), [secret]);
}

#[test]
fn nobody_else_may_read_the_journal_and_no_other_ledger_uses_it() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    drop(Journal::open(&path, chain()).unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = Journal::open(&path, ChainId::from_bytes([8; 32]));
    assert!(matches!(other.err(), Some(JournalError::ForeignChain(_))));
}

#[test]
fn a_record_that_the_disk_changed_is_named_and_not_believed() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    let mut journal = Journal::open(&path, chain()).unwrap();
    let marked = "a record that is long enough to be found again";
    journal.append(&records(&["before", marked]), &[]).unwrap();
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    let places = bytes.windows(marked.len()).enumerate();
    let places: Vec<_> = places
        .filter(|(_, found)| *found == marked.as_bytes())
        .map(|(place, _)| u64::try_from(place).unwrap())
        .collect();
    assert!(!places.is_empty());
    let disk = OpenOptions::new().write(true).open(&path).unwrap();
    for place in places {
        disk.write_all_at(b"x", place).unwrap();
    }

    // The database may notice it first, and then refuses all of the file.
    match Journal::open(&path, chain()).map(|journal| journal.read()) {
        Ok(Err(JournalError::Damaged(1))) | Err(JournalError::Unusable { .. }) => {}
        other => panic!("{:?}", other.map(|read| read.map(|it| it.len()))),
    }
}

#[test]
fn o8_a_journal_that_began_anew_or_was_put_back_says_so_until_that_is_settled() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("issuing/journal.redb");
    mark_restored(folder.path(), chain()).unwrap();
    let mut journal = Journal::open(&path, chain()).unwrap();
    assert_eq!(journal.past().unwrap(), Past::Restored);
    journal.settle(&records(&["floor"])).unwrap();
    drop(journal);
    let journal = Journal::open(&path, chain()).unwrap();
    assert_eq!(journal.past().unwrap(), Past::Known);
    assert_eq!(journal.read().unwrap(), records(&["floor"]));

    let fresh = TempDir::new().unwrap();
    let mut journal = Journal::open(&file(fresh.path()), chain()).unwrap();
    journal.append(&records(&["early"]), &[]).unwrap();
    drop(journal);
    let journal = Journal::open(&file(fresh.path()), chain()).unwrap();
    assert_eq!(journal.past().unwrap(), Past::New);
}

#[test]
fn a_stronger_order_replaces_what_a_weaker_one_left_and_none_loosens() {
    let until = |unix_s| EnrolmentStatus::Suspended { until: at(unix_s) };
    let now = at(10);
    assert!(tightens(until(20), EnrolmentStatus::Revoked, now));
    assert!(tightens(EnrolmentStatus::Active, until(20), now));
    assert!(tightens(until(20), until(30), now));
    assert!(!tightens(until(30), until(20), now));
    assert!(!tightens(EnrolmentStatus::Active, until(10), now));
    assert!(!tightens(EnrolmentStatus::Revoked, until(20), now));
    assert!(!tightens(
        EnrolmentStatus::Revoked,
        EnrolmentStatus::Revoked,
        now
    ));
}

#[test]
fn a_lifted_order_gives_back_only_what_it_took() {
    let agreed = at(1_000);
    let revoked = Enrolment {
        group: GroupId(1),
        status: EnrolmentStatus::Revoked,
        by: EnrolmentVoice::Operator,
        since: at(1_060),
        first_slot: 0,
        generation: 0,
    };
    assert!(follows(&revoked, OrderKind::Revoke, agreed));
    let before = Enrolment {
        since: at(999),
        ..revoked
    };
    assert!(!follows(&before, OrderKind::Revoke, agreed));
    let later = Enrolment {
        since: at(90_000),
        ..revoked
    };
    assert!(!follows(&later, OrderKind::Revoke, agreed));
    let owner = Enrolment {
        by: EnrolmentVoice::Owner,
        ..revoked
    };
    assert!(!follows(&owner, OrderKind::Revoke, agreed));
    let until = at(2_000);
    assert!(!follows(&revoked, OrderKind::Suspend { until }, agreed));
}

fn at(unix_s: u64) -> Timestamp {
    Timestamp::from_unix_ms(unix_s * 1_000).unwrap()
}

fn records(texts: &[&str]) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = texts.iter().map(|text| text.as_bytes().to_vec());
    bytes.map(Zeroizing::new).collect()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("journal.redb")
}

fn chain() -> ChainId {
    ChainId::from_bytes([7; 32])
}
