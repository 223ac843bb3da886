use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::{
    SequenceJournal, SequenceJournalError,
    journal::{FILE_NAME, MAGIC},
};
use crate::{
    id::StationId,
    security::{RESERVATION_LEN, Reservation},
};

#[test]
fn what_was_appended_is_read_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (mut journal, empty) = SequenceJournal::open(folder.path()).unwrap();
    assert_eq!(empty, []);
    for until in [1_024, 2_048] {
        journal.append(&reservation(1, until)).unwrap();
    }
    journal.append(&reservation(2, 1_024)).unwrap();
    drop(journal);

    let (_, read) = SequenceJournal::open(folder.path()).unwrap();

    assert_eq!(read, [reservation(1, 2_048), reservation(2, 1_024)]);
}

#[test]
fn killed_at_every_byte_of_an_append_nothing_confirmed_is_lost() {
    let whole = [
        MAGIC,
        &reservation(1, 1_024).to_bytes(),
        &reservation(1, 2_048).to_bytes(),
    ]
    .concat();
    let confirmed = MAGIC.len() + RESERVATION_LEN;
    for cut in confirmed..=whole.len() {
        let folder = TempDir::new().unwrap();
        fs::write(file(&folder), &whole[..cut]).unwrap();

        let (_, read) = SequenceJournal::open(folder.path()).unwrap();

        let until = if cut == whole.len() { 2_048 } else { 1_024 };
        assert_eq!(read, [reservation(1, until)], "cut at {cut}");
    }
}

#[test]
fn appending_after_a_torn_record_is_readable() {
    let folder = TempDir::new().unwrap();
    let torn = [MAGIC, &reservation(1, 1_024).to_bytes(), &[1, 2, 3]].concat();
    fs::write(file(&folder), torn).unwrap();

    let (mut journal, _) = SequenceJournal::open(folder.path()).unwrap();
    journal.append(&reservation(2, 1_024)).unwrap();
    drop(journal);

    let (_, read) = SequenceJournal::open(folder.path()).unwrap();
    assert_eq!(read, [reservation(1, 1_024), reservation(2, 1_024)]);
}

#[test]
fn a_last_record_of_zeros_was_never_confirmed() {
    let folder = TempDir::new().unwrap();
    let bytes = [
        MAGIC,
        &reservation(1, 1_024).to_bytes(),
        &[0; RESERVATION_LEN],
    ]
    .concat();
    fs::write(file(&folder), bytes).unwrap();

    let (_, read) = SequenceJournal::open(folder.path()).unwrap();

    assert_eq!(read, [reservation(1, 1_024)]);
}

#[test]
fn any_flipped_bit_is_noticed() {
    let whole = [
        MAGIC,
        &reservation(1, 1_024).to_bytes(),
        &reservation(2, 1_024).to_bytes(),
    ]
    .concat();
    for bit in 0..whole.len() * 8 {
        let folder = TempDir::new().unwrap();
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(file(&folder), flipped).unwrap();

        let opened = SequenceJournal::open(folder.path());

        assert!(
            matches!(opened, Err(SequenceJournalError::Corrupt { .. })),
            "bit {bit}"
        );
    }
}

#[test]
fn a_damaged_journal_is_put_aside() {
    let folder = TempDir::new().unwrap();
    fs::write(file(&folder), b"nonsense").unwrap();
    assert!(SequenceJournal::open(folder.path()).is_err());

    let given_up = reservation(1, u32::MAX);
    drop(SequenceJournal::replace_corrupt(folder.path(), &[given_up]).unwrap());

    let (_, read) = SequenceJournal::open(folder.path()).unwrap();
    assert_eq!(read, [given_up]);
    assert!(file(&folder).with_extension("damaged").exists());
}

#[test]
fn two_agents_never_share_a_folder() {
    let folder = TempDir::new().unwrap();
    let (journal, _) = SequenceJournal::open(folder.path()).unwrap();
    assert!(matches!(
        SequenceJournal::open(folder.path()),
        Err(SequenceJournalError::Locked(_))
    ));
    drop(journal);
    assert!(SequenceJournal::open(folder.path()).is_ok());
}

fn reservation(station: u8, until: u32) -> Reservation {
    Reservation {
        station: StationId::from_bytes([station; 8]),
        telemetry_until: until,
        hazard_until: until,
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join(FILE_NAME)
}
