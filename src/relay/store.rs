use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{Config, MOVING_REACH_MAX_M};
use crate::{
    geo::{CoarseCell, Position},
    id::{ActionId, StationId},
    message::{Hazard, HazardStatement, Termination},
    security::{AdmittedTicket, Holder, Verified},
    time::Timestamp,
};

/// Names a kept report: the newest of an event's own, or what one station says against it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) action: ActionId,
    pub(super) negated_by: Option<StationId>,
}

/// A report as it came.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) hazard: Hazard,
    pub(super) bytes: Bytes,
    pub(super) ticket: Arc<AdmittedTicket>,
    /// Over how many hops it came.
    pub(super) hops: u8,
    /// Grows with each report that is kept.
    pub(super) version: u64,
    /// Who brought the event, for the bound.
    brought_by: Holder,
    /// Whether the station that the event is named after used its key itself; before, anybody could
    /// have named an event after it.
    is_confirmed: bool,
}

/// The newest report of each event that holds, and what negates it, each until its validity ends.
///
/// Bounded, and per signer too: nobody's flood of events pushes out those of others. What this unit says
/// itself is bounded by whoever has it said.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Who this unit is.
    pub(super) own: Option<Holder>,
    kept: BTreeMap<Key, Kept>,
    by_cell: BTreeMap<CoarseCell, BTreeSet<Key>>,
    /// Those with a relevance beyond [`NEAR_M`], which are looked at from everywhere.
    far: BTreeSet<Key>,
    deadlines: BTreeSet<(Timestamp, Key)>,
    counts: BTreeMap<Holder, usize>,
    version: u64,
    forgotten: Vec<Key>,
}

impl Key {
    pub(super) fn of(hazard: &Hazard, signer: StationId) -> Self {
        let negates = hazard.termination == Some(Termination::Negation);
        Self {
            action: hazard.action,
            negated_by: negates.then_some(signer),
        }
    }
}

impl Store {
    pub(super) fn get(&self, key: Key) -> Option<&Kept> {
        self.kept.get(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Kept)> {
        self.kept.iter().map(|(key, kept)| (*key, kept))
    }

    /// Those that may concern somebody at `position`, by their own relevance or by an area that moves
    /// with him.
    pub(super) fn near(&self, position: Position) -> Vec<Key> {
        let cells = CoarseCell::within(position, NEAR_M).unwrap_or_default();
        let near = cells.iter().filter_map(|cell| self.by_cell.get(cell));
        near.flatten().chain(&self.far).copied().collect()
    }

    /// Takes a report; returns its name if it is kept, and `None` if it is not newer than what is
    /// kept of its event, or by somebody else.
    pub(super) fn insert(
        &mut self,
        verified: &Verified<HazardStatement>,
        hops: u8,
        config: &Config,
    ) -> Option<Key> {
        let hazard = &verified.message().hazard;
        let signer = verified.station();
        let key = Key::of(hazard, signer);
        let is_named_after = signer == hazard.action.station;
        let holder = verified.ticket().holder();
        let (brought_by, is_confirmed) = match self.kept.get(&key) {
            None => (holder, is_named_after),
            Some(before) if before.hazard.update_key == hazard.update_key => {
                if hazard.update <= before.hazard.update {
                    return None;
                }
                (before.brought_by, before.is_confirmed || is_named_after)
            }
            Some(before) if is_named_after && !before.is_confirmed => (holder, true),
            Some(_) => return None,
        };
        let is_new = !self.kept.contains_key(&key);
        if is_new && key.negated_by.is_some() && !self.has_room_to_negate(hazard.action) {
            return None;
        }
        self.take(key);
        self.make_room(brought_by, config);
        self.version += 1;
        let kept = Kept {
            hazard: hazard.clone(),
            bytes: verified.bytes().clone(),
            ticket: Arc::clone(verified.ticket()),
            hops,
            version: self.version,
            brought_by,
            is_confirmed,
        };
        self.put(key, kept);
        Some(key)
    }

    /// Forgets what no longer holds.
    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        while let Some((expires, key)) = self.deadlines.first().copied()
            && expires <= now
        {
            self.forget(key);
        }
    }

    /// Forgets all that a station signed or brought.
    pub(super) fn forget_signer(&mut self, station: StationId) {
        let theirs: Vec<_> = self
            .iter()
            .filter(|(_, kept)| {
                kept.brought_by == Holder::Vehicle(station) || kept.ticket.station() == station
            })
            .map(|(key, _)| key)
            .collect();
        for key in theirs {
            self.forget(key);
        }
    }

    /// What was forgotten since this was last asked.
    pub(super) fn take_forgotten(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.forgotten)
    }

    /// What is said against an event is worth keeping, also before the event itself is heard of, but
    /// only so often.
    fn has_room_to_negate(&self, action: ActionId) -> bool {
        let event = Key {
            action,
            negated_by: None,
        };
        let all = self.kept.range(event..).map(|(key, _)| *key);
        let of_event = all.take_while(|key| key.action == action);
        let negations = of_event.filter(|key| key.negated_by.is_some()).count();
        negations < NEGATIONS_MAX
    }

    /// Forgets the oldest of the same signer, or of whoever brought most, where a bound is reached; what
    /// is over goes before what holds.
    fn make_room(&mut self, brought_by: Holder, config: &Config) {
        // More than one only after the bounds were lowered.
        while let Some(from) = self.over_bound(brought_by, config) {
            let oldest = self
                .iter()
                .filter(|(_, kept)| kept.brought_by == from)
                .min_by_key(|(_, kept)| (kept.hazard.termination.is_none(), kept.version))
                .map(|(key, _)| key);
            let Some(oldest) = oldest else {
                return;
            };
            self.forget(oldest);
        }
    }

    /// Whose oldest must go before another of this one is kept.
    fn over_bound(&self, brought_by: Holder, config: &Config) -> Option<Holder> {
        if Some(brought_by) == self.own {
            return None;
        }
        let count_of = |holder: &Holder| self.counts.get(holder).copied().unwrap_or(0);
        let own = self.own.as_ref().map_or(0, count_of);
        let count_max = match brought_by {
            Holder::Vehicle(_) => config.signer_hazards_max,
            Holder::Unit(_) => config.unit_hazards_max,
        };
        if count_of(&brought_by) >= count_max.get() {
            Some(brought_by)
        } else if self.kept.len() - own >= config.hazards_max.get() {
            let others = self.counts.iter().filter(|(it, _)| Some(**it) != self.own);
            let most = others.max_by_key(|(_, count)| **count);
            most.map(|(holder, _)| *holder)
        } else {
            None
        }
    }

    fn put(&mut self, key: Key, kept: Kept) {
        if f64::from(kept.hazard.relevance_radius.m()) > NEAR_M {
            self.far.insert(key);
        } else {
            let cell = CoarseCell::at(kept.hazard.position);
            self.by_cell.entry(cell).or_default().insert(key);
        }
        self.deadlines.insert((kept.hazard.expires(), key));
        *self.counts.entry(kept.brought_by).or_default() += 1;
        self.kept.insert(key, kept);
    }

    fn forget(&mut self, key: Key) {
        self.take(key);
        self.forgotten.push(key);
    }

    fn take(&mut self, key: Key) {
        let Some(kept) = self.kept.remove(&key) else {
            return;
        };
        self.deadlines.remove(&(kept.hazard.expires(), key));
        self.far.remove(&key);
        let cell = CoarseCell::at(kept.hazard.position);
        if let Some(keys) = self.by_cell.get_mut(&cell) {
            keys.remove(&key);
            if keys.is_empty() {
                self.by_cell.remove(&cell);
            }
        }
        if let Some(count) = self.counts.get_mut(&kept.brought_by) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&kept.brought_by);
            }
        }
    }
}

/// How far away an event may be that is looked for by its place.
const NEAR_M: f64 = MOVING_REACH_MAX_M as f64;
/// Stations whose negations of one event are kept.
const NEGATIONS_MAX: usize = 4;
