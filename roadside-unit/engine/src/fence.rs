//! Keeps a unit from contradicting votes that it has forgotten.
//!
//! Consensus never votes twice in one view because it writes each vote into a journal first. If
//! that journal is lost, what then? Beside it, in a store of its own, stands a view up to which
//! this unit may have voted, always some views ahead of where it votes. A unit that finds the note
//! but not the journal stays silent until that view has passed. One that finds neither is new, or
//! was wiped: it asks the others where they are, and if they are past the beginning it stays silent
//! until some views later.
//!
//! What this cannot see is a disk put back as it was earlier, with note and journal: nothing on it
//! says that it is old. An operator who restores a validator from an image has to remove its
//! journal. Nor can it see that the end of the journal was damaged after it was written: that looks
//! like a write torn by a power failure, whose votes nobody has heard. Such a unit may contradict
//! the votes it lost, and counts among the fewer than a third that may do anything.

use std::{sync::Arc, time::Duration};

use commonware_storage::metadata::{self, Metadata};
use commonware_utils::sequence::U64;
use tracing::{info, warn};

use crate::{runtime::Runtime, shard::Shard, storage::Stores};

/// Opens the gate for votes when that is safe, and keeps the note ahead of the view.
pub(crate) struct Fence<E: Runtime> {
    runtime: E,
    shard: Arc<Shard>,
    note: Metadata<E, U64, u64>,
    has_journal: bool,
}

impl<E: Runtime> Fence<E> {
    /// Reads the note and sees whether the journal is there. Has to come before consensus opens its
    /// journal.
    pub(crate) async fn open(runtime: E, shard: Arc<Shard>, stores: &Stores) -> Self {
        let blobs = runtime.scan(&stores.journal()).await.unwrap_or_default();
        let config = metadata::Config {
            partition: stores.name("fence"),
            codec_config: (),
        };
        let note = Metadata::init(runtime.child("note"), config).await;
        let mut note: Metadata<E, U64, u64> = note.expect("the note of votes can be read");
        let is_decided = note.get(&SILENT).is_some_and(|view| *view != UNDECIDED);
        let has_journal = !blobs.is_empty() && is_decided;
        if !has_journal {
            // Consensus is about to begin a new journal, which must not pass for the old one.
            let written = note.put_sync(SILENT, UNDECIDED).await;
            note = written.expect("the note of votes can be written");
            begin_journal(&runtime, &stores.journal()).await;
        }
        Self {
            runtime,
            shard,
            note,
            has_journal,
        }
    }

    /// Opens the gate when that is safe, then keeps the note ahead of the view until the runtime
    /// stops.
    pub(crate) async fn run(mut self) {
        let silent_through = self.decide().await;
        self = self.write(SILENT, silent_through).await;
        self.shard.gate.silence_through(silent_through);
        if silent_through > 0 {
            info!(shard = %self.shard.id, silent_through, "does not vote for a while");
        }
        loop {
            let reserved = self.note.get(&RESERVED).copied().unwrap_or(0);
            self.shard.gate.reserve_through(reserved);
            let view = self.shard.view() + 1;
            if view > silent_through && reserved < view + VIEWS_AHEAD / 2 {
                self = self.write(RESERVED, view + VIEWS_AHEAD).await;
            } else {
                self.runtime.sleep(CHECK_INTERVAL).await;
            }
        }
    }

    async fn write(mut self, key: U64, view: u64) -> Self {
        let written = self.note.put_sync(key, view).await;
        self.note = written.expect("the note of votes can be written");
        self
    }

    /// The last view in which the unit must not vote.
    async fn decide(&self) -> u64 {
        let silent = self.note.get(&SILENT).copied();
        if self.has_journal {
            return silent.unwrap_or(0);
        }
        match self.note.get(&RESERVED) {
            Some(reserved) => {
                warn!(shard = %self.shard.id, reserved, "the journal of votes is gone");
                *reserved
            }
            None => self.ask().await,
        }
    }

    /// Asks the others where they are; the view through which to stay silent.
    async fn ask(&self) -> u64 {
        let committee = self.shard.genesis.committee();
        loop {
            let (heard, view) = {
                let peers = self.shard.peers.lock();
                (peers.heard(), peers.view())
            };
            if heard + 1 >= committee.quorum() {
                return if view == 0 { 0 } else { view + VIEWS_UNKNOWN };
            }
            self.runtime.sleep(CHECK_INTERVAL).await;
        }
    }
}

/// Makes sure that there is a journal before anything is noted as voted for. Consensus begins one with
/// its first vote only; a unit that ended before would pass for one that lost its journal, and with too
/// many of these a committee could never begin.
///
/// Consensus must not have begun: nobody can open what somebody else has open.
async fn begin_journal<E: Runtime>(runtime: &E, journal: &str) {
    let before_all_views = 0_u64.to_be_bytes();
    let begun = runtime.open(journal, &before_all_views).await;
    begun.expect("the journal of votes can be written");
}

/// The last view in which the unit may have voted.
const RESERVED: U64 = U64::new(0);

/// The last view in which it stays silent, or [`UNDECIDED`].
const SILENT: U64 = U64::new(1);

/// It is not known yet how long to stay silent.
const UNDECIDED: u64 = u64::MAX;

/// The note is this many views ahead when it is written, and at least half as many at any time.
const VIEWS_AHEAD: u64 = 256;

/// What a wiped unit may have voted beyond the newest view that a quorum knows of: a member is at
/// most one view ahead of the votes of a quorum, and the rest is for what a quorum may have missed.
const VIEWS_UNKNOWN: u64 = 32;

/// Views pass some ten milliseconds after each other at the fastest.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
