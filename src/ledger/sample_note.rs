//! What a unit shows witnesses of [`sample_chain`](super::sample_chain), and what they sign.

use super::{
    CosignedCheckpoint, CosignedHead, HistoryLog, Note, NoteHead, NoteKey, NoteKeyKind, ShownHead,
    sample::key,
    sample_chain::{Shard, checkpoint},
};
use crate::time::Timestamp;

/// All headers of a shard up to a height.
fn log(shard: &Shard, height: u64) -> HistoryLog {
    let mut log = HistoryLog::default();
    (0..=height).for_each(|it| log.append(shard.block(it).header.digest()));
    log
}

/// What a unit shows at a height to a witness that has signed so many headers.
pub(crate) fn show(shard: &Shard, height: u64, signed: u64) -> (NoteHead, ShownHead) {
    let log = log(shard, height);
    let head = NoteHead {
        chain: shard.genesis.chain(),
        shard: shard.id,
        headers: log.root(height + 1).unwrap(),
    };
    let shown = ShownHead {
        newest: shard.finalized(height),
        path: log.path(height, height + 1).unwrap(),
        consistency: log.consistency(signed, height + 1).unwrap_or_default(),
    };
    (head, shown)
}

/// The witness of a number.
pub(crate) fn note_key(number: u8) -> NoteKey {
    let name = format!("witness-{number}");
    NoteKey::new(&name, NoteKeyKind::Cosignature, key(number).verifying_key()).unwrap()
}

fn cosign(head: &NoteHead, numbers: &[u8]) -> Note {
    let mut note = head.to_note().unwrap();
    let now = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    for number in numbers {
        note.sign(&key(*number), &note_key(*number), now);
    }
    note
}

/// The newest headers of both shards, cosigned by some witnesses.
pub(crate) fn cosigned(shards: &[&Shard], numbers: &[u8]) -> CosignedCheckpoint {
    let heads = shards.iter().map(|shard| {
        let (head, shown) = show(shard, shard.height(), 0);
        CosignedHead {
            note: cosign(&head, numbers).to_string(),
            path: shown.path,
        }
    });
    CosignedCheckpoint {
        checkpoint: checkpoint(shards, &[]),
        heads: heads.collect(),
    }
}
