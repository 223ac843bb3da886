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
//! Only if the operators have agreed that all of them begin again without their votes, nobody is asked.
//!
//! It goes on listening while it runs. If others see votes by its key in views in which it has not
//! voted yet, a second process has the key, and it falls silent.
//!
//! Views count anew in every epoch, so each has a journal and a note of its own. Whoever comes to an
//! epoch that enough of the others have left does not vote in it at all.
//!
//! What this cannot see is that only the last vote was lost, in a view of which the journal has an
//! earlier one, that the one member who saw a vote is gone, or that a disk was put back while all
//! others began again too. Such a unit may contradict itself, and counts among the fewer than a third
//! that may do anything.

use std::{sync::Arc, time::Duration};

use commonware_storage::metadata::{self, Metadata};
use commonware_utils::sequence::U64;
use tracing::{error, info, warn};

use crate::{
    runtime::Runtime,
    session::Session,
    shard::{Shard, Standing},
    storage::Stores,
};

/// Opens the gate for an epoch's votes when that is safe, and keeps the note ahead of the view.
pub(crate) struct Fence<E: Runtime> {
    runtime: E,
    shard: Arc<Shard>,
    session: Arc<Session>,
    note: Metadata<E, U64, u64>,
    /// The newest view of which the journal knows; `None` if it is gone or never was.
    journal: Option<u64>,
    /// The last view in which the unit must not vote.
    silent_through: u64,
    /// Where it is noted that all units begin again without their votes, if it is.
    agreement: Option<String>,
    /// Whether it was when this process began: then others may know votes of before.
    has_agreed: bool,
}

impl<E: Runtime> Fence<E> {
    /// Reads the note and sees whether the epoch's journal is there. Has to come before consensus
    /// opens its journal.
    pub(crate) async fn open(
        runtime: E,
        shard: Arc<Shard>,
        session: Arc<Session>,
        stores: &Stores,
    ) -> Self {
        let (epoch, journal) = (session.epoch(), stores.journal(session.epoch()));
        let blobs = runtime.scan(&journal).await.unwrap_or_default();
        let agreed = runtime.scan(&stores.agreement()).await;
        let agreed = agreed.is_ok_and(|it| !it.is_empty());
        let config = metadata::Config {
            partition: stores.fence(),
            codec_config: (),
        };
        let note = Metadata::init(runtime.child("note"), config).await;
        let mut note: Metadata<E, U64, u64> = note.expect("the note of votes can be read");
        let decided = note.get(&silent(epoch));
        let is_decided = decided.is_some_and(|view| *view != UNDECIDED);
        let newest = newest_view(&blobs).filter(|_| is_decided);
        if let Some(newest) = newest {
            // A quorum voted in the view before it. Whether anybody else did in this one, is not
            // known: if all were to be silent for it, all that restart at once would be.
            session.votes.lock().since = newest.saturating_sub(1);
        } else {
            // Consensus is about to begin a new journal, which must not pass for the old one.
            let written = note.put_sync(silent(epoch), UNDECIDED).await;
            note = written.expect("the note of votes can be written");
            begin_journal(&runtime, &journal).await;
        }
        Self {
            runtime,
            shard,
            session,
            note,
            journal: newest,
            silent_through: u64::MAX,
            agreement: agreed.then(|| stores.agreement()),
            has_agreed: agreed,
        }
    }

    /// Whether there is a journal of votes from before.
    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Waits until it is known from which view on the unit may vote, and lets it. Consensus has to
    /// begin after that: what it may not say at first, it later takes for said and in its journal.
    pub(crate) async fn settle(mut self) -> Self {
        let epoch = self.session.epoch();
        self.silent_through = match self.agreement {
            Some(_) => 0,
            None => self.decide().await,
        };
        let silent_through = self.silent_through;
        self = self.write(silent(epoch), silent_through).await;
        let ahead = silent_through.saturating_add(VIEWS_AHEAD);
        if self.reserved() < ahead {
            self = self.write(reserved(epoch), ahead).await;
        }
        if let Some(agreement) = self.agreement.take() {
            // It is good for one beginning, which must not be taken for another one later.
            let removed = self.runtime.remove(&agreement, None).await;
            removed.expect("the note of an agreement can be removed");
            warn!(shard = %self.shard.id, epoch, "begins again without its votes, as agreed");
        }
        self.session.gate.silence_through(silent_through);
        if silent_through > 0 {
            info!(shard = %self.shard.id, epoch, silent_through, "does not vote for a while");
        }
        self
    }

    /// Keeps the note ahead of the view, and listens for votes that are not this unit's, until the
    /// runtime stops.
    pub(crate) async fn run(mut self) {
        let epoch = self.session.epoch();
        loop {
            let seen = self.seen(|standing, me| standing.votes.of(me));
            let voted = self.session.gate.voted().max(self.journal.unwrap_or(0));
            let minds_twins = self.shard.minds_twins && !self.has_agreed;
            if minds_twins && seen > voted.max(self.silent_through) {
                error!(
                    shard = %self.shard.id, epoch, seen, voted,
                    "others saw votes by this unit's key that it did not give: a second process may have the \
                     key, so this one falls silent"
                );
                self.silent_through = seen.saturating_add(VIEWS_UNKNOWN);
                let silent_through = self.silent_through;
                self.session.gate.silence_through(silent_through);
                self = self.write(silent(epoch), silent_through).await;
            }
            let reserved_through = self.reserved();
            self.session.gate.reserve_through(reserved_through);
            let view = self.session.view() + 1;
            if view > self.silent_through && reserved_through < view + VIEWS_AHEAD / 2 {
                self = self.write(reserved(epoch), view + VIEWS_AHEAD).await;
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

    fn reserved(&self) -> u64 {
        let reserved = self.note.get(&reserved(self.session.epoch()));
        reserved.copied().unwrap_or(0)
    }

    /// The last view in which the unit must not vote.
    async fn decide(&self) -> u64 {
        let epoch = self.session.epoch();
        let Some(seen) = self.ask().await else {
            return NEVER;
        };
        let noted = self.note.get(&silent(epoch));
        let noted = noted.copied().filter(|view| *view != UNDECIDED);
        let noted = noted.unwrap_or(0);
        match (self.journal, self.note.get(&reserved(epoch))) {
            (Some(newest), _) if seen <= newest || !self.shard.minds_twins => noted,
            (Some(newest), _) => {
                warn!(
                    shard = %self.shard.id, epoch, seen, newest,
                    "the journal of votes is an old one"
                );
                noted.max(seen.saturating_add(VIEWS_UNKNOWN))
            }
            (None, Some(reserved)) => {
                warn!(shard = %self.shard.id, epoch, reserved, "the journal of votes is gone");
                seen.max(*reserved)
            }
            (None, None) if seen == 0 => 0,
            (None, None) => seen.saturating_add(VIEWS_UNKNOWN),
        }
    }

    /// Asks the others; the newest view in which the unit may have voted, as far as they know, or
    /// `None` if enough of them have left the epoch.
    async fn ask(&self) -> Option<u64> {
        let epoch = self.session.epoch();
        loop {
            let standings = self.shard.standings();
            if standings.len() >= self.session.company() {
                let left = standings.iter().filter(|it| it.epoch > epoch);
                if left.count() > self.session.liars() {
                    return None;
                }
                if self.journal.is_none() {
                    // What the others voted until now was not seen here.
                    let present = standings.iter().filter(|it| it.epoch == epoch);
                    let view = present.map(|it| it.view).max();
                    self.session.votes.lock().since = view.unwrap_or(0);
                }
                // Whoever has a journal needs nobody to vouch for what it did not vote: after a power
                // failure of all, nobody could, and those behind by some views would all be silent.
                let is_trusted = self.journal.is_some();
                let missed = |it: &Standing| if is_trusted { 0 } else { it.votes.since };
                return Some(self.seen(|it, me| it.votes.of(me).max(missed(it))));
            }
            self.runtime.sleep(CHECK_INTERVAL).await;
        }
    }

    /// The greatest of what those say of this unit who are in the epoch; those who are not in it yet
    /// saw no vote of it.
    fn seen(&self, says: impl Fn(&Standing, usize) -> u64) -> u64 {
        let Some(me) = self.session.member.map(usize::from) else {
            return 0;
        };
        let standings = self.shard.standings();
        let present = standings
            .iter()
            .filter(|it| it.epoch == self.session.epoch());
        present.map(|it| says(it, me)).max().unwrap_or(0)
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

/// Where the last view of an epoch stands in which the unit may have voted.
fn reserved(epoch: u64) -> U64 {
    U64::new(epoch.wrapping_mul(2))
}

/// Where the last view of an epoch stands in which it stays silent, or [`UNDECIDED`].
fn silent(epoch: u64) -> U64 {
    U64::new(epoch.wrapping_mul(2).wrapping_add(1))
}

/// Silent for the whole epoch.
const NEVER: u64 = u64::MAX - 1;

/// It is not known yet how long to stay silent.
const UNDECIDED: u64 = u64::MAX;

/// The note is this many views ahead when it is written, and at least half as many at any time.
const VIEWS_AHEAD: u64 = 256;

/// What a unit may have voted beyond the newest view in which others saw it vote: it is at most one
/// view ahead of the votes of a quorum, of which the others may have missed the newest.
const VIEWS_UNKNOWN: u64 = 8;

/// Views pass some ten milliseconds after each other at the fastest.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
