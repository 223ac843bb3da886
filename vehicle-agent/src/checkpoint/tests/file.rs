use std::{fs, time::Duration};

use tempfile::TempDir;

use super::past::{HOME, Past};
use crate::checkpoint::{CheckpointConfig, CheckpointFile, CheckpointFileError, Keeper, Kept};

#[test]
fn what_was_written_is_read_and_a_later_one_takes_its_place() {
    let folder = TempDir::new().unwrap();
    let file = CheckpointFile::of(folder.path());
    assert!(file.read().unwrap().is_none());
    for blocks in [1, 2] {
        let kept = kept(blocks);
        file.write(&kept).unwrap();
        assert_eq!(file.read().unwrap(), Some(kept));
    }
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing else is left behind");
}

#[test]
fn any_damage_is_seen_and_the_file_can_be_put_aside() {
    let folder = TempDir::new().unwrap();
    let file = CheckpointFile::of(folder.path());
    file.write(&kept(1)).unwrap();
    let whole = fs::read(file.path()).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        for bytes in [&damaged, &whole[..at].to_vec()] {
            fs::write(file.path(), bytes).unwrap();
            let refused = file.read();
            assert!(
                matches!(refused, Err(CheckpointFileError::Damaged(_))),
                "byte {at}: {refused:?}"
            );
        }
    }
    let aside = file.set_aside().unwrap();
    assert!(aside.exists());
    assert!(file.read().unwrap().is_none());
}

fn kept(blocks: u32) -> Kept {
    let mut past = Past::of(10);
    (0..blocks).for_each(|_| past.grow(Duration::from_secs(60), 1));
    let config = CheckpointConfig::default();
    let mut keeper = Keeper::new(past.genesis.clone(), HOME, config, None);
    keeper
        .handle_answer(1, &past.bytes(&[]), past.now())
        .unwrap();
    keeper.kept().cloned().unwrap()
}
