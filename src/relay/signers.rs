use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{id::StationId, time::Instant};

/// What one peer has of others: whose tickets, and whose telemetry when last. Bounded: at the bound
/// the signer known longest is forgotten, whose ticket is then handed over once more.
#[derive(Debug, Default)]
pub(super) struct Signers {
    known: BTreeMap<StationId, Known>,
    order: VecDeque<StationId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    has_ticket: bool,
    told: Option<Instant>,
}

impl Signers {
    /// Whether the peer was handed this station's ticket.
    pub(super) fn has_ticket(&self, station: StationId) -> bool {
        let known = self.known.get(&station);
        known.is_some_and(|known| known.has_ticket)
    }

    /// Whether so long passed since the station's last telemetry.
    pub(super) fn is_due(&self, station: StationId, interval: Duration, now: Instant) -> bool {
        let told = self.known.get(&station).and_then(|known| known.told);
        told.is_none_or(|told| now.since(told) >= interval)
    }

    pub(super) fn note_ticket(&mut self, station: StationId, len_max: usize) {
        self.entry(station, len_max, |known| known.has_ticket = true);
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
