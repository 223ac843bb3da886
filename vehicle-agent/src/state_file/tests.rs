use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;

use super::{StateFileError, read, remove, set_aside, write};

const MAGIC: &[u8; 8] = b"WSTEST01";

#[test]
fn what_is_written_is_read_and_by_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    assert!(read(&path, MAGIC).unwrap().is_none());
    write(&path, MAGIC, b"one").unwrap();
    write(&path, MAGIC, b"two").unwrap();
    assert_eq!(read(&path, MAGIC).unwrap().unwrap().as_slice(), b"two");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    remove(&path).unwrap();
    remove(&path).unwrap();
    assert!(read(&path, MAGIC).unwrap().is_none());
}

#[test]
fn what_was_changed_or_is_of_another_kind_is_damaged() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    write(&path, MAGIC, b"value").unwrap();
    let whole = fs::read(&path).unwrap();
    assert!(matches!(
        read(&path, b"WSTEST02"),
        Err(StateFileError::Damaged(_))
    ));
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(
            read(&path, MAGIC),
            Err(StateFileError::Damaged(_))
        ));
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(matches!(
            read(&path, MAGIC),
            Err(StateFileError::Damaged(_))
        ));
    }
    let aside = set_aside(&path).unwrap();
    assert!(aside.ends_with("file.refused"));
    assert!(read(&path, MAGIC).unwrap().is_none());
}

#[test]
fn a_crash_before_the_end_leaves_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    write(&path, MAGIC, b"before").unwrap();
    fs::write(path.with_extension("next"), b"half").unwrap();
    assert_eq!(read(&path, MAGIC).unwrap().unwrap().as_slice(), b"before");
    write(&path, MAGIC, b"after").unwrap();
    assert_eq!(read(&path, MAGIC).unwrap().unwrap().as_slice(), b"after");
}
