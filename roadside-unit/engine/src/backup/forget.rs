use std::{path::Path, sync::Arc, thread};

use commonware_runtime::{Blob as _, Error, Runner as _, tokio as runtime};
use wayside::ledger::{AccountKey, Genesis};

use crate::{
    StartError,
    disk::ENGINE_FOLDER,
    runtime::Runtime,
    start::{folder, lock},
    storage::Stores,
};

/// Removes what the unit with this key noted of its votes below `storage`, its journals and how far
/// they reach, and lets it vote at its next start without asking the others what they saw.
///
/// A unit that has forgotten its votes while others remember them has to stay silent until these are
/// past. If so many forgot that the others cannot wait for them, all of a committee forget together,
/// and each begins with its newest final block. Whoever still runs meanwhile may have votes that
/// contradict the new ones, so nobody may.
pub fn forget_votes(
    storage: &Path,
    genesis: &Arc<Genesis>,
    key: AccountKey,
) -> Result<(), StartError> {
    let folder = folder(storage, genesis, key)?;
    let lock = lock(&folder)?;
    let path = folder.join(ENGINE_FOLDER);
    let config = runtime::Config::new().with_storage_directory(&path);
    let (genesis, thread) = (Arc::clone(genesis), thread::Builder::new());
    let thread = thread.name("forget".to_owned()).spawn(move || {
        runtime::Runner::new(config).start(|runtime| async move {
            for shard in &genesis.shards {
                forget(&runtime, &Stores::new("", shard.id)).await?;
            }
            Ok::<_, Error>(())
        })
    });
    let forgot = thread.map_err(StartError::Thread)?.join();
    drop(lock);
    let source = std::io::Error::other("the notes of votes cannot be removed");
    match forgot {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(StartError::Storage { path, source }),
    }
}

/// The same for one shard's stores.
pub(crate) async fn forget(runtime: &impl Runtime, stores: &Stores) -> Result<(), Error> {
    // Those of earlier epochs are mostly gone, and what epoch it is, is not known here.
    for epoch in 0..EPOCHS_MAX {
        let _ = runtime.remove(&stores.journal(epoch), None).await;
    }
    // It may never have voted.
    let _ = runtime.remove(&stores.fence(), None).await;
    let (blob, _) = runtime.open(&stores.agreement(), AGREED).await?;
    blob.sync().await
}

/// Names the note that the operators have agreed.
const AGREED: &[u8] = b"agreed";

/// A ledger has far fewer committees.
const EPOCHS_MAX: u64 = 4_096;
