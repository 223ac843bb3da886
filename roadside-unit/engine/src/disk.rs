use std::{
    fs::{self, DirEntry},
    path::Path,
};

use wayside::id::ShardId;

use crate::storage::Stores;

/// How many bytes everything takes on disk that was stored of a shard below a [`Config`]'s `storage`;
/// files that vanish meanwhile count nothing.
///
/// [`Config`]: crate::Config
pub fn stored_bytes(storage: &Path, shard: ShardId) -> u64 {
    let begins = Stores::new("", shard).name("");
    let members = entries(storage).flat_map(|member| entries(&member.path().join(ENGINE_FOLDER)));
    let stores = members.filter(|store| {
        let name = store.file_name();
        name.to_str().is_some_and(|name| name.starts_with(&begins))
    });
    stores.map(|store| size(&store)).sum()
}

/// The height of the newest snapshot of a shard below a [`Config`]'s `storage`, and its size in bytes.
///
/// [`Config`]: crate::Config
pub fn newest_snapshot(storage: &Path, shard: ShardId) -> Option<(u64, u64)> {
    let name = Stores::new("", shard).snapshots();
    let members = entries(storage).map(|member| member.path().join(ENGINE_FOLDER).join(&name));
    let files = members.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let snapshots = files.filter_map(|file| {
        let height = u64::from_str_radix(file.file_name().to_str()?, 16).ok()?;
        Some((height, size(&file)))
    });
    snapshots.max()
}

fn size(entry: &DirEntry) -> u64 {
    match entry.metadata() {
        Ok(found) if found.is_dir() => entries(&entry.path()).map(|entry| size(&entry)).sum(),
        Ok(found) => found.len(),
        Err(_) => 0,
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// Where a member's stores are in its folder.
pub(crate) const ENGINE_FOLDER: &str = "engine";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shards_own_stores_count() {
        let folder = tempfile::TempDir::new().unwrap();
        for (store, length) in [("s1-blocks", 3), ("s1-votes/deep", 4), ("s10-blocks", 50)] {
            let path = folder.path().join("member/engine").join(store);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("blob"), vec![0; length]).unwrap();
        }

        assert_eq!(stored_bytes(folder.path(), ShardId(1)), 7);
        assert_eq!(stored_bytes(folder.path(), ShardId(10)), 50);
        assert_eq!(stored_bytes(&folder.path().join("none"), ShardId(1)), 0);
    }
}
