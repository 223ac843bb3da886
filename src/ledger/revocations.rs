use std::collections::BTreeSet;

use thiserror::Error;

use super::{
    Peaks, RevocationEntry, RevocationHead, RevocationUpdate, StateEntryProof, VerifiedRevocations,
};
use crate::{security::RevokedSeries, time::Timestamp};

/// The list of revoked tickets, as a car, or whoever else checks tickets, follows it.
///
/// It takes updates from anybody and goes forward only. Whatever it has, it can hand on, with the same
/// proof.
#[derive(Clone, Debug, Default)]
pub struct RevocationList {
    /// How far the list goes, and the proof; `None` before the first update.
    newest: Option<(RevocationHead, StateEntryProof)>,
    /// The entries that still mean anything, from the head's first one on.
    entries: Vec<RevocationEntry>,
    /// The numbers of those that were lifted.
    lifted: BTreeSet<u64>,
}

/// What an update brought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Applied {
    /// Nothing but that the list is still the same.
    Confirmed,
    /// New entries: the numbers of series that are revoked now, and of those that are not any more.
    Changed {
        /// Which were revoked.
        revoked: Vec<u64>,
        /// Which were lifted.
        lifted: Vec<u64>,
    },
}

/// Why an update changes nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ApplyError {
    /// Not newer than what is known.
    #[error("the list as of {update} is not newer than the one as of {known}")]
    Older {
        /// When the update was so.
        update: Timestamp,
        /// When the list was so.
        known: Timestamp,
    },
    /// Entries between those that are known and those of the update are missing; ask for the update from
    /// [`RevocationList::next`] on.
    #[error("begins with entry {from}, but entry {next} comes next")]
    Gap {
        /// The first entry of the update.
        from: u64,
        /// The next entry that is not known.
        next: u64,
    },
    /// The committee made two lists final that contradict each other: the ledger is forked.
    #[error("the list contradicts the one that is known")]
    Forked,
}

impl RevocationList {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the next entry that it has not; ask for updates from here on.
    pub fn next(&self) -> u64 {
        self.newest.as_ref().map_or(0, |(head, _)| head.next)
    }

    /// When the list was so; `None` before the first update.
    pub fn time(&self) -> Option<Timestamp> {
        let (_, proof) = self.newest.as_ref()?;
        Some(proof.finalized.header.time)
    }

    /// The series of tickets that do not count, by the numbers of their entries; some are over.
    pub fn live(&self) -> impl Iterator<Item = (u64, RevokedSeries)> {
        let entries = (self.first()..).zip(&self.entries);
        let live = entries.filter(|(number, _)| !self.lifted.contains(number));
        live.filter_map(|(number, entry)| Some((number, entry.series()?)))
    }

    /// What a receiver with the first `have` entries has not, with its proof, to hand on and to keep;
    /// `None` before the first update.
    pub fn update(&self, have: u64) -> Option<RevocationUpdate> {
        let (head, proof) = self.newest.as_ref()?;
        let proof = proof.clone();
        Some(RevocationUpdate::since(proof, head, &self.entries, have))
    }

    /// Takes an update, or says why it is none; nothing has changed then.
    pub fn apply(&mut self, verified: VerifiedRevocations) -> Result<Applied, ApplyError> {
        let head = verified.head().clone();
        let next = self.next();
        self.require_newer(&verified)?;
        let is_whole = verified.from() == head.first;
        if verified.from() > next && !is_whole {
            return Err(ApplyError::Gap {
                from: verified.from(),
                next,
            });
        }
        if verified.from() <= next && !self.agrees(&verified) {
            return Err(ApplyError::Forked);
        }
        // What the update does not repeat is known, unless it is over.
        let known = (self.first()..verified.from()).zip(self.entries.iter().copied());
        let told = verified.entries().map(|(number, entry)| (number, *entry));
        let all: Vec<_> = known
            .chain(told)
            .filter(|(number, _)| *number >= head.first)
            .collect();
        let is_new = |number: &u64| *number >= next;
        let fresh = all.iter().filter(|(number, _)| is_new(number));
        let (mut revoked, mut lifted) = (Vec::new(), Vec::new());
        for (number, entry) in fresh {
            match entry {
                RevocationEntry::Revoke { .. } => revoked.push(*number),
                RevocationEntry::Lift { number } => lifted.push(*number),
            }
        }
        self.lifted.extend(&lifted);
        self.lifted = self.lifted.split_off(&head.first);
        revoked.retain(|number| !self.lifted.contains(number));
        self.entries = all.into_iter().map(|(_, entry)| entry).collect();
        let is_same = head.next == next;
        self.newest = Some((head, verified.update().head.clone()));
        Ok(if is_same {
            Applied::Confirmed
        } else {
            Applied::Changed { revoked, lifted }
        })
    }

    fn first(&self) -> u64 {
        self.newest.as_ref().map_or(0, |(head, _)| head.first)
    }

    fn require_newer(&self, verified: &VerifiedRevocations) -> Result<(), ApplyError> {
        let Some((head, proof)) = &self.newest else {
            return Ok(());
        };
        let known = &proof.finalized.header;
        if verified.height() > known.height && verified.next() < head.next {
            return Err(ApplyError::Forked);
        }
        let is_newer = verified.height() > known.height;
        is_newer.then_some(()).ok_or(ApplyError::Older {
            update: verified.time(),
            known: known.time,
        })
    }

    /// Whether the entries that are known and those of an update are of one list: the tops over the ones
    /// that both have are the same.
    fn agrees(&self, verified: &VerifiedRevocations) -> bool {
        let known = match &self.newest {
            Some((head, _)) => head.peaks.clone(),
            None => Peaks::default(),
        };
        let mut told = verified.update().before.clone();
        let repeated = verified
            .entries()
            .take_while(|(number, _)| *number < known.count());
        repeated.for_each(|(_, entry)| told.append(entry.leaf()));
        told == known
    }
}
