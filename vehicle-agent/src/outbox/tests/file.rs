use std::fs;

use tempfile::TempDir;
use wayside::time::Timestamp;

use super::road::submission;
use crate::outbox::{
    Batch, JournalRecord, OutboxFile, RecordId,
    file::{FILE_NAME, MAGIC, frame},
};

#[test]
fn what_was_written_is_read_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut opened = OutboxFile::open(folder.path()).unwrap();
    assert_eq!(opened.records, []);
    opened.file.write(&append(&[1, 2])).unwrap();
    opened.file.write(&append(&[3])).unwrap();
    drop(opened);
    let mut opened = OutboxFile::open(folder.path()).unwrap();
    assert_eq!(opened.records, [record(1), record(2), record(3)]);
    opened.file.write(&Batch::Replace(lines(&[3]))).unwrap();
    opened.file.write(&append(&[4])).unwrap();
    drop(opened);
    let opened = OutboxFile::open(folder.path()).unwrap();
    assert_eq!(opened.records, [record(3), record(4)]);
    assert_eq!(opened.damaged, 0);
}

#[test]
fn killed_at_every_byte_of_a_write_nothing_confirmed_is_lost() {
    let confirmed = [MAGIC, &frame(&lines(&[1]))].concat();
    let whole = [&confirmed[..], &frame(&lines(&[2]))].concat();
    for cut in confirmed.len()..=whole.len() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(FILE_NAME), &whole[..cut]).unwrap();
        let mut opened = OutboxFile::open(folder.path()).unwrap();
        let expected = [record(1), record(2)];
        let expected = &expected[..if cut == whole.len() { 2 } else { 1 }];
        assert_eq!(opened.records, expected, "cut at {cut}");
        assert_eq!(opened.damaged, 0);
        // What is written next stands behind what was kept.
        opened.file.write(&append(&[3])).unwrap();
        let opened = OutboxFile::open(folder.path()).unwrap();
        assert_eq!(opened.records, [expected, &[record(3)]].concat());
    }
}

#[test]
fn zeros_at_the_end_were_never_confirmed() {
    let folder = TempDir::new().unwrap();
    let bytes = [MAGIC, &frame(&lines(&[1])), &[0; 4_096]].concat();
    fs::write(folder.path().join(FILE_NAME), bytes).unwrap();
    let opened = OutboxFile::open(folder.path()).unwrap();
    assert_eq!((opened.records, opened.damaged), (vec![record(1)], 0));
}

#[test]
fn a_damaged_line_costs_itself_alone_and_is_kept_aside() {
    let first = MAGIC.len() + frame(&lines(&[1])).len();
    let whole = [MAGIC, &frame(&lines(&[1, 2, 3]))].concat();
    let second = first..first + frame(&lines(&[2])).len();
    for at in second.step_by(3) {
        let folder = TempDir::new().unwrap();
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(folder.path().join(FILE_NAME), &damaged).unwrap();
        let opened = OutboxFile::open(folder.path()).unwrap();
        assert_eq!(opened.records, [record(1), record(3)], "damaged at {at}");
        assert_eq!(opened.damaged, 1);
        let aside = folder.path().join(FILE_NAME).with_extension("damaged");
        assert_eq!(fs::read(aside).unwrap(), damaged);
        drop(opened);
        let opened = OutboxFile::open(folder.path()).unwrap();
        assert_eq!((opened.records.len(), opened.damaged), (2, 0));
    }
}

#[test]
fn a_file_of_nonsense_is_kept_aside() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(FILE_NAME), b"nonsense").unwrap();
    let mut opened = OutboxFile::open(folder.path()).unwrap();
    assert_eq!((opened.records.len(), opened.damaged), (0, 1));
    opened.file.write(&append(&[1])).unwrap();
    drop(opened);
    let opened = OutboxFile::open(folder.path()).unwrap();
    assert_eq!(opened.records, [record(1)]);
}

#[test]
fn others_cannot_read_the_journal() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    OutboxFile::open(folder.path()).unwrap();
    let file = fs::metadata(folder.path().join(FILE_NAME)).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

fn append(ids: &[u64]) -> Batch {
    Batch::Append(lines(ids))
}

fn lines(ids: &[u64]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| record(*id).to_bytes()).collect()
}

fn record(id: u64) -> JournalRecord {
    let submission = submission(100);
    JournalRecord::Taken {
        id: RecordId(id),
        name: submission.name,
        taken: Timestamp::from_unix_ms(1_790_000_000_000).unwrap(),
        content: submission.content,
        salt: submission.salt,
        action: submission.action,
    }
}
