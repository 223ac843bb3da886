//! Keeps a unit from contradicting votes that it has forgotten.
//!
//! Consensus never votes twice in one view because it writes each vote into a journal first. If
//! that journal is lost, what then? Beside it, in a store of its own, stands a view up to which
//! this unit may have voted, always some views ahead of where it votes. A unit that finds the note
//! but not the journal stays silent until that view has passed.
//!
//! And members tell each other in which view they last saw each one vote. Before it votes, a unit
//! hears what enough of the others say for a quorum with it:
//! - That it voted after its journal ends. Then its disk was put back as it was earlier, or its end
//!   was damaged, and it stays silent until some views after that.
//! - That it voted, but here is neither note nor journal. Then it was wiped, and does the same.
//! - That nobody ever saw it vote. Then it is new, and may.
//!
//! It goes on listening while it runs. If others see votes by its key in views in which it has not
//! voted yet, a second process has the key, and it falls silent.
//!
//! What this cannot see is that only the last vote was lost, in a view of which the journal has an
//! earlier one, or that the one member who saw a vote is gone. Such a unit may contradict itself,
//! and counts among the fewer than a third that may do anything.

use std::{sync::Arc, time::Duration};

use commonware_storage::metadata::{self, Metadata};
use commonware_utils::sequence::U64;
use tracing::{error, info, warn};

use crate::{runtime::Runtime, shard::Shard, storage::Stores};

/// Opens the gate for votes when that is safe, and keeps the note ahead of the view.
pub(crate) struct Fence<E: Runtime> {
    runtime: E,
    shard: Arc<Shard>,
    note: Metadata<E, U64, u64>,
    /// The newest view of which the journal knows; `None` if it is gone or never was.
    journal: Option<u64>,
    /// The last view in which the unit must not vote.
    silent_through: u64,
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
        let journal = newest_view(&blobs).filter(|_| is_decided);
        if let Some(newest) = journal {
            // A quorum voted in the view before it. Whether anybody else did in this one, is not
            // known: if all were to be silent for it, all that restart at once would be.
            shard.votes.lock().since = newest.saturating_sub(1);
        } else {
            // Consensus is about to begin a new journal, which must not pass for the old one.
            let written = note.put_sync(SILENT, UNDECIDED).await;
            note = written.expect("the note of votes can be written");
            begin_journal(&runtime, &stores.journal()).await;
        }
        Self {
            runtime,
            shard,
            note,
            journal,
            silent_through: u64::MAX,
        }
    }

    /// Waits until it is known from which view on the unit may vote, and lets it. Consensus has to
    /// begin after that: what it may not say at first, it later takes for said and in its journal.
    pub(crate) async fn settle(mut self) -> Self {
        self.silent_through = self.decide().await;
        let silent_through = self.silent_through;
        self = self.write(SILENT, silent_through).await;
        let reserved = self.note.get(&RESERVED).copied().unwrap_or(0);
        if reserved < silent_through + VIEWS_AHEAD {
            self = self.write(RESERVED, silent_through + VIEWS_AHEAD).await;
        }
        self.shard.gate.silence_through(silent_through);
        if silent_through > 0 {
            info!(shard = %self.shard.id, silent_through, "does not vote for a while");
        }
        self
    }

    /// Keeps the note ahead of the view, and listens for votes that are not this unit's, until the
    /// runtime stops.
    pub(crate) async fn run(mut self) {
        loop {
            let seen = self.shard.peers.lock().saw_me();
            let voted = self.shard.gate.voted().max(self.journal.unwrap_or(0));
            if self.shard.minds_twins && seen > voted.max(self.silent_through) {
                error!(
                    shard = %self.shard.id, seen, voted,
                    "others saw votes by this unit's key that it did not give: a second process may have the \
                     key, so this one falls silent"
                );
                self.silent_through = seen + VIEWS_UNKNOWN;
                let silent_through = self.silent_through;
                self.shard.gate.silence_through(silent_through);
                self = self.write(SILENT, silent_through).await;
            }
            let reserved = self.note.get(&RESERVED).copied().unwrap_or(0);
            self.shard.gate.reserve_through(reserved);
            let view = self.shard.view() + 1;
            if view > self.silent_through && reserved < view + VIEWS_AHEAD / 2 {
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
        let seen = self.ask().await;
        let noted = self.note.get(&SILENT).filter(|view| **view != UNDECIDED);
        let noted = noted.copied().unwrap_or(0);
        match (self.journal, self.note.get(&RESERVED)) {
            (Some(newest), _) if seen <= newest || !self.shard.minds_twins => noted,
            (Some(newest), _) => {
                warn!(shard = %self.shard.id, seen, newest, "the journal of votes is an old one");
                noted.max(seen + VIEWS_UNKNOWN)
            }
            (None, Some(reserved)) => {
                warn!(shard = %self.shard.id, reserved, "the journal of votes is gone");
                seen.max(*reserved)
            }
            (None, None) if seen == 0 => 0,
            (None, None) => seen + VIEWS_UNKNOWN,
        }
    }

    /// Asks the others; the newest view in which the unit may have voted, as far as they know.
    async fn ask(&self) -> u64 {
        let committee = self.shard.genesis.committee();
        loop {
            let (heard, seen, view) = {
                let peers = self.shard.peers.lock();
                (peers.heard(), peers.may_have_seen_me(), peers.view())
            };
            if heard + 1 >= committee.quorum() {
                if self.journal.is_none() {
                    // What the others voted until now was not seen here.
                    self.shard.votes.lock().since = view;
                }
                return seen;
            }
            self.runtime.sleep(CHECK_INTERVAL).await;
        }
    }
}

/// The newest view of a journal, whose files have the names of views.
fn newest_view(blobs: &[Vec<u8>]) -> Option<u64> {
    let views = blobs
        .iter()
        .filter_map(|name| name.as_slice().try_into().ok());
    views.map(u64::from_be_bytes).max()
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

/// What a unit may have voted beyond the newest view in which others saw it vote: it is at most one
/// view ahead of the votes of a quorum, of which the others may have missed the newest.
const VIEWS_UNKNOWN: u64 = 8;

/// Views pass some ten milliseconds after each other at the fastest.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
