use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use wayside::id::{ActionId, StationId};

use crate::relay::store::{Name, Store};

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (store, writing, kept) = Store::open(folder.path()).unwrap();
    assert_eq!(kept, []);
    store.put(heard(1), Some(b"first".to_vec()));
    store.put(heard(2), Some(b"second".to_vec()));
    store.put(negated(1), Some(b"is over".to_vec()));
    store.put(heard(1), Some(b"newer".to_vec()));
    let change = store.put(own("a.b:c_1"), Some(b"own".to_vec()));
    assert!(store.is_written(change).await);
    store.put(heard(2), None);
    writing.close();

    let (_, _, kept) = Store::open(folder.path()).unwrap();

    assert_eq!(
        kept,
        [
            (heard(1), b"newer".to_vec()),
            (negated(1), b"is over".to_vec()),
            (own("a.b:c_1"), b"own".to_vec())
        ]
    );
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_removed() {
    let folder = TempDir::new().unwrap();
    let name = "heard-0000000000000001-00007.hazard";
    fs::write(folder.path().join(format!("{name}.next")), b"ha").unwrap();
    fs::write(folder.path().join("README"), b"no hazard").unwrap();
    fs::write(folder.path().join("heard-1-1.hazard"), b"no name").unwrap();

    let (_, writing, kept) = Store::open(folder.path()).unwrap();
    writing.close();

    assert_eq!(kept, []);
    let mut left: Vec<_> = names(folder.path());
    left.sort();
    assert_eq!(left, ["README", "heard-1-1.hazard"]);
}

#[tokio::test]
async fn a_disk_that_refuses_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let hazards = folder.path().join("hazards");
    let (store, writing, _) = Store::open(&hazards).unwrap();
    fs::remove_dir(&hazards).unwrap();
    fs::write(&hazards, b"in the way").unwrap();

    let change = store.put(heard(1), Some(b"first".to_vec()));

    assert!(!store.is_written(change).await);
    assert!(store.is_failing());
    assert_eq!(store.unwritten(), 1);
    let newer = store.put(heard(1), Some(b"newer".to_vec()));
    assert_eq!(store.unwritten(), 1, "the newest alone");

    fs::remove_file(&hazards).unwrap();
    fs::create_dir(&hazards).unwrap();
    let written = tokio::time::timeout(PATIENCE, async {
        while !store.is_written(newer).await {
            tokio::task::yield_now().await;
        }
    });
    written.await.unwrap();
    assert_eq!(store.unwritten(), 0);
    writing.close();
    let (_, _, kept) = Store::open(&hazards).unwrap();
    assert_eq!(kept, [(heard(1), b"newer".to_vec())]);
}

fn heard(sequence: u16) -> Name {
    Name::Heard {
        action: ActionId {
            station: StationId::from_bytes([7; 8]),
            sequence,
        },
        negated_by: None,
    }
}

fn negated(sequence: u16) -> Name {
    let Name::Heard { action, .. } = heard(sequence) else {
        unreachable!();
    };
    Name::Heard {
        action,
        negated_by: Some(StationId::from_bytes([9; 8])),
    }
}

fn own(name: &str) -> Name {
    Name::Own(name.to_owned())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

const PATIENCE: Duration = Duration::from_secs(30);
