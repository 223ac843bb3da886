use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{id::StationId, time::Instant};

/// What one peer has of others: whose tickets, whose telemetry when last, and how many hazards.
/// Bounded: at the bound the signer known longest is forgotten, whose ticket is then handed over once
/// more.
#[derive(Debug, Default)]
pub(super) struct Signers {
    known: BTreeMap<StationId, Known>,
    order: VecDeque<StationId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    has_ticket: bool,
    /// A message went to the peer that brings the ticket; it may have been lost.
    was_shown: bool,
    told: Option<Instant>,
    /// When the peer takes as many hazards of the signer as ever.
    hazards_full_at: Instant,
}

impl Signers {
    /// Whether the peer was handed this station's ticket.
    pub(super) fn has_ticket(&self, station: StationId) -> bool {
        let known = self.known.get(&station);
        known.is_some_and(|known| known.has_ticket)
    }

    /// Whether the peer was sent a message that brings this station's ticket, or handed that.
    pub(super) fn was_shown(&self, station: StationId) -> bool {
        let known = self.known.get(&station);
        known.is_some_and(|known| known.has_ticket || known.was_shown)
    }

    /// Whether the peer takes one more hazard of this station.
    pub(super) fn affords_hazard(&self, station: StationId, now: Instant) -> bool {
        let known = self.known.get(&station).copied().unwrap_or_default();
        known.after_hazard(now).since(now) <= HAZARD_INTERVAL * HAZARD_BURST
    }

    /// Whether so long passed since the station's last telemetry.
    pub(super) fn is_due(&self, station: StationId, interval: Duration, now: Instant) -> bool {
        let told = self.known.get(&station).and_then(|known| known.told);
        told.is_none_or(|told| now.since(told) >= interval)
    }

    pub(super) fn note_ticket(&mut self, station: StationId, len_max: usize) {
        self.entry(station, len_max, |known| known.has_ticket = true);
    }

    pub(super) fn note_shown(&mut self, station: StationId, len_max: usize) {
        self.entry(station, len_max, |known| known.was_shown = true);
    }

    pub(super) fn note_hazard(&mut self, station: StationId, now: Instant, len_max: usize) {
        self.entry(station, len_max, |known| {
            known.hazards_full_at = known.after_hazard(now);
        });
    }

    pub(super) fn note_told(&mut self, station: StationId, now: Instant, len_max: usize) {
        self.entry(station, len_max, |known| known.told = Some(now));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn entry(&mut self, station: StationId, len_max: usize, note: impl FnOnce(&mut Known)) {
        let order = &mut self.order;
        let known = self.known.entry(station).or_insert_with(|| {
            order.push_back(station);
            Known::default()
        });
        note(known);
        if self.order.len() > len_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Known {
    fn after_hazard(&self, now: Instant) -> Instant {
        self.hazards_full_at.max(now) + HAZARD_INTERVAL
    }
}

/// Hazards of one signer go to one peer at this pace, below what a receiver verifies of one signer for
/// ever: what it refuses as too many, it would never hear of.
const HAZARD_INTERVAL: Duration = Duration::from_millis(125);
/// So many at once, after a rest.
const HAZARD_BURST: u32 = 16;
