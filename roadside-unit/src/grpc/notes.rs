use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{Note, NoteHead, NoteKey, NoteKeyKind},
    time::{Instant, Timestamp},
};

/// The notes that were offered to witnesses or came back from them.
///
/// They are kept in memory only: witnesses come again within seconds.
pub(super) struct Notes {
    unit_key: SigningKey,
    witnesses: Vec<NoteKey>,
    shards: Mutex<BTreeMap<ShardId, BTreeMap<u64, Collected>>>,
}

/// A note of so many headers, and who signed it.
#[derive(Clone)]
struct Collected {
    head: NoteHead,
    note: Note,
    since: Instant,
}

impl Notes {
    pub(super) fn new(unit_key: SigningKey, witnesses: Vec<NoteKey>) -> Self {
        Self {
            unit_key,
            witnesses,
            shards: Mutex::default(),
        }
    }

    /// The note that is offered just now.
    pub(super) fn offered(&self, shard: ShardId, now: Instant) -> Option<(NoteHead, Note)> {
        let shards = self.lock();
        let (_, newest) = shards.get(&shard)?.last_key_value()?;
        let is_fresh = now.since(newest.since) < OFFER_INTERVAL;
        is_fresh.then(|| (newest.head, newest.note.clone()))
    }

    /// Offers another one, with the unit's signature.
    pub(super) fn offer(&self, head: NoteHead, now: (Instant, Timestamp)) -> Option<Note> {
        let note = self.signed(head, now.1)?;
        let mut shards = self.lock();
        let collected = keep(shards.entry(head.shard).or_default(), head, note, now.0);
        Some(collected.note.clone())
    }

    /// Takes over the cosignatures of known witnesses; returns whether there was one.
    ///
    /// The note may have come by way of another unit. It is offered from here on too, so it gets this
    /// unit's signature as well.
    pub(super) fn collect(&self, head: NoteHead, note: &Note, now: (Instant, Timestamp)) -> bool {
        let known = self.witnesses.iter().filter(|key| note.is_signed_by(key));
        let known: Vec<_> = known.collect();
        let Some(own) = self.signed(head, now.1) else {
            return false;
        };
        if known.is_empty() {
            return false;
        }
        let mut shards = self.lock();
        let collected = keep(shards.entry(head.shard).or_default(), head, own, now.0);
        let mut taken = false;
        for key in known {
            taken |= collected.note.adopt(note, key);
        }
        taken
    }

    /// A note of these headers with the unit's own signature.
    fn signed(&self, head: NoteHead, time: Timestamp) -> Option<Note> {
        let mut note = head.to_note().ok()?;
        let public = self.unit_key.verifying_key();
        let key = NoteKey::new(&head.origin(), NoteKeyKind::Text, public).ok()?;
        note.sign(&self.unit_key, &key, time);
        Some(note)
    }

    /// What most witnesses signed; of several, the newest.
    pub(super) fn cosigned(&self, shard: ShardId) -> Option<(NoteHead, Note)> {
        let shards = self.lock();
        let collected = shards.get(&shard)?.values();
        let (_, best) = collected
            .map(|it| (self.count(&it.note), it))
            .filter(|(count, _)| *count > 0)
            .max_by_key(|(count, it)| (*count, it.head.headers.count))?;
        Some((best.head, best.note.clone()))
    }

    /// How many known witnesses signed a note.
    fn count(&self, note: &Note) -> usize {
        let names: Vec<&str> = note.names().collect();
        // Only good ones are ever taken over.
        let known = self.witnesses.iter().map(NoteKey::name);
        known.filter(|name| names.contains(name)).count()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, BTreeMap<u64, Collected>>> {
        // Every change is one call that leaves it whole.
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The note of these headers, which is `note` if there was none; the oldest makes room.
fn keep(
    notes: &mut BTreeMap<u64, Collected>,
    head: NoteHead,
    note: Note,
    since: Instant,
) -> &mut Collected {
    let count = head.headers.count;
    if !notes.contains_key(&count) && notes.len() >= KEPT_MAX {
        notes.pop_first();
    }
    notes
        .entry(count)
        .or_insert(Collected { head, note, since })
}

/// How long a note is offered, so that several witnesses sign the same.
const OFFER_INTERVAL: Duration = Duration::from_secs(10);
/// How many notes of a shard are kept.
const KEPT_MAX: usize = 8;
