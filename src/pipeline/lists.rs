use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::{Station, counters::count};
use crate::{
    id::PeerId,
    ledger::{
        Applied, ApplyError, Committees, RevocationList, RevocationUpdate, RevocationUpdateError,
        VerifiedRevocations,
    },
    link::{ControlFrame, ListNews},
    security::RevocationNews,
    time::{Now, Timestamp},
};

/// The revocation list as this station follows it, and whose votes prove it.
#[derive(Default)]
pub(super) struct Lists {
    list: RevocationList,
    committees: Option<Committees>,
    /// What peers were told last.
    told: Option<ListNews>,
}

/// Why an update of the revocation list was not taken.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ListError {
    /// Nobody said yet whose votes count.
    #[error("no committee of the ledger is known")]
    NoCommittees,
    /// It does not prove itself.
    #[error(transparent)]
    Update(#[from] RevocationUpdateError),
    /// It does not follow what is known.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl ListError {
    /// Its name in metrics and reports.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCommittees => "no_committees",
            Self::Update(error) if error.is_of_unknown_epoch() => "unknown_epoch",
            Self::Update(_) => "not_proven",
            Self::Apply(ApplyError::Older { .. }) => "older",
            Self::Apply(ApplyError::Gap { .. }) => "gap",
            Self::Apply(ApplyError::Forked) => "forked",
        }
    }
}

impl Lists {
    /// What others are told. Of the list's age only five minutes: what few know to the second would
    /// tie the names of one who tells it under both.
    fn news(&self) -> Option<ListNews> {
        Some(ListNews {
            next: self.list.next(),
            as_of: rounded(self.list.time()?),
        })
    }

    /// Whether somebody who knows this much knows more than we do, by enough to ask for it.
    fn is_worth(&self, news: ListNews) -> bool {
        if self.committees.is_none() {
            return false;
        }
        self.news()
            .is_none_or(|own| news.next > own.next || rounded(news.as_of) > own.as_of)
    }
}

impl Station {
    /// Takes in whose votes prove the ledger's states. Without, no list is asked for or believed.
    pub fn handle_committees(&mut self, committees: Committees) {
        self.lists.committees = Some(committees);
    }

    /// Takes an update of the revocation list from whoever has one, checks its proof, and goes on as
    /// in [`Self::handle_revocations`]; peers are told.
    pub fn handle_revocation_update(
        &mut self,
        bytes: &[u8],
        now: Now,
    ) -> Result<Applied, ListError> {
        let committees = self.lists.committees.as_ref();
        let committees = committees.ok_or(ListError::NoCommittees)?;
        let verified = RevocationUpdate::from_bytes(bytes)?.verify(committees)?;
        Ok(self.handle_verified_revocations(verified, now)?)
    }

    /// The same for an update whose proof was checked elsewhere, which takes long.
    pub fn handle_verified_revocations(
        &mut self,
        verified: VerifiedRevocations,
        now: Now,
    ) -> Result<Applied, ApplyError> {
        let (next, as_of) = (verified.next(), verified.time());
        let applied = self.lists.list.apply(verified)?;
        let news = news(&self.lists.list, &applied, next, as_of);
        self.handle_revocations(&news, now);
        self.tell_peers();
        Ok(applied)
    }

    /// The revocation list as far as it is known: to be kept on disk, and taken in again after a
    /// restart, by its [`RevocationList::update`].
    pub fn revocation_list(&self) -> &RevocationList {
        &self.lists.list
    }

    /// Most bytes that a control stream of this peer may bring now.
    pub fn control_len_max(&self, peer: PeerId) -> usize {
        self.peers
            .get(peer)
            .map_or(0, |peer| peer.link.control_len_max())
    }

    /// Says how much of the list we know to somebody who just came.
    pub(super) fn tell_list(&mut self, peer: PeerId) {
        if let (Some(news), Some(touched)) = (self.lists.news(), self.peers.touch(peer)) {
            touched.link.queue_control(&ControlFrame::ListNews(news));
        }
    }

    pub(super) fn handle_list_news(&mut self, peer: PeerId, news: ListNews, now: Now) {
        if let Some(touched) = self.peers.touch(peer) {
            touched.list = Some(news);
        }
        self.ask_for_list(peer, now);
    }

    /// Asks a peer for what it said that it has, if that is still more than we know.
    pub(super) fn ask_for_list(&mut self, peer: PeerId, now: Now) {
        let have = self.lists.list.next();
        let Some(touched) = self.peers.touch(peer) else {
            return;
        };
        if touched.list.is_some_and(|news| self.lists.is_worth(news)) {
            touched.link.request_list(have, now);
        }
    }

    pub(super) fn answer_list(&mut self, peer: PeerId, have: u64) {
        let update = self.lists.list.update(have);
        if let (Some(update), Some(touched)) = (update, self.peers.touch(peer)) {
            touched.link.queue_list_update(update.to_bytes().into());
        }
    }

    pub(super) fn handle_peer_list(&mut self, peer: PeerId, update: &Bytes, now: Now) {
        let Err(error) = self.handle_revocation_update(update, now) else {
            return;
        };
        count(&mut self.counters.lists_refused, error.reason());
        let is_offence = match &error {
            ListError::Update(error) => !error.is_of_unknown_epoch(),
            ListError::NoCommittees | ListError::Apply(_) => false,
        };
        if is_offence {
            self.note_offence(peer, now);
        }
    }

    /// Tells everybody what is new, at once, or else now and then that it is still so.
    fn tell_peers(&mut self) {
        let Some(news) = self.lists.news() else {
            return;
        };
        let is_new = self
            .lists
            .told
            .is_none_or(|told| news.next > told.next || news.as_of > told.as_of);
        if is_new {
            self.lists.told = Some(news);
            self.peers
                .for_each(|link| link.queue_control(&ControlFrame::ListNews(news)));
        }
    }
}

/// What the verifier needs of an update that was applied.
fn news(list: &RevocationList, applied: &Applied, next: u64, as_of: Timestamp) -> RevocationNews {
    let entries = match applied {
        Applied::Confirmed => Vec::new(),
        Applied::Changed { revoked, lifted } => {
            let fresh = revoked.first().copied().unwrap_or(u64::MAX);
            let live = list.live().filter(|(number, _)| *number >= fresh);
            live.map(|(number, series)| (number, Some(series)))
                .chain(lifted.iter().map(|number| (*number, None)))
                .collect()
        }
    };
    RevocationNews {
        next,
        as_of,
        entries,
    }
}

fn rounded(at: Timestamp) -> Timestamp {
    let rest = u128::from(at.unix_ms()) % AGE_WORTH.as_millis();
    at.saturating_sub(Duration::from_millis(u64::try_from(rest).unwrap_or(0)))
}

/// So much younger a list is worth asking for, and telling of, although it says the same.
const AGE_WORTH: Duration = Duration::from_secs(300);
