use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;
use wayside::security::Slot;

use super::bench::Bench;
use crate::tickets::{RequestStore, TicketRequest};

#[test]
fn requests_are_read_back_until_they_are_forgotten() {
    let folder = TempDir::new().unwrap();
    let opened = RequestStore::open(folder.path()).unwrap();
    let (one, two) = requests();
    opened.store.keep(&one).unwrap();
    opened.store.keep(&two).unwrap();
    opened.store.keep(&one).unwrap();
    let torn = folder.path().join("ticket-requests/00.next");
    fs::write(&torn, b"WSTICKR1").unwrap();

    let read = RequestStore::open(folder.path()).unwrap();
    assert!(!torn.exists());
    let mut tokens: Vec<_> = read.requests.iter().map(|it| it.token).collect();
    tokens.sort();
    assert_eq!(tokens, [one.token, two.token]);
    let same = read.requests.iter().find(|it| it.token == one.token);
    assert_eq!(same.unwrap().secrets(), one.secrets());
    assert!(same.unwrap().slots().eq(one.slots()));

    opened.store.forget(one.token).unwrap();
    opened.store.forget(one.token).unwrap();
    let left = RequestStore::open(folder.path()).unwrap().requests;
    assert_eq!(left.len(), 1);
}

#[test]
fn nobody_else_reads_a_request() {
    let folder = TempDir::new().unwrap();
    let store = RequestStore::open(folder.path()).unwrap().store;
    store.keep(&requests().0).unwrap();
    for file in fs::read_dir(folder.path().join("ticket-requests")).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_damaged_request_is_put_aside_and_costs_no_other() {
    let folder = TempDir::new().unwrap();
    let store = RequestStore::open(folder.path()).unwrap().store;
    let (one, two) = requests();
    store.keep(&one).unwrap();
    store.keep(&two).unwrap();
    let files = fs::read_dir(folder.path().join("ticket-requests")).unwrap();
    let first = files.map(|it| it.unwrap().path()).min().unwrap();
    let mut bytes = fs::read(&first).unwrap();
    bytes[20] ^= 1;
    fs::write(&first, bytes).unwrap();

    let opened = RequestStore::open(folder.path()).unwrap();
    assert_eq!(opened.requests.len(), 1);
    assert_eq!(opened.damaged.len(), 1);
    let again = RequestStore::open(folder.path()).unwrap();
    assert_eq!((again.requests.len(), again.damaged.len()), (1, 0));
}

fn requests() -> (TicketRequest, TicketRequest) {
    let mut bench = Bench::new();
    let slots = [Slot::from_number(5), Slot::from_number(6)];
    (bench.request(&slots), bench.request(&slots))
}
