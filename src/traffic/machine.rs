use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{Config, Interval, Sighting, cell::Tally, visit::Visit};
use crate::{
    geo::Cell,
    id::StationId,
    time::{Now, Timestamp},
};

/// Measures the traffic that one unit hears.
///
/// Give it every sighting by `handle_sighting`, and the time by `handle_timeout` about once a second;
/// `poll_interval` gives each interval once, soon after its end, also where nothing is told of any cell.
#[derive(Debug)]
pub struct Traffic {
    config: Config,
    visits: BTreeMap<StationId, Visit>,
    /// Of intervals that are not over, by their number since 1970.
    open: BTreeMap<u64, BTreeMap<Cell, Tally>>,
    /// The first interval that is not over.
    first: Option<u64>,
    closed: VecDeque<Interval>,
}

impl Traffic {
    /// Nothing heard yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            visits: BTreeMap::new(),
            open: BTreeMap::new(),
            first: None,
            closed: VecDeque::new(),
        }
    }

    /// Takes what was heard of a vehicle.
    pub fn handle_sighting(&mut self, sighting: &Sighting, now: Now) {
        self.first.get_or_insert(self.number(now.timestamp));
        let Some(visit) = self.visits.get_mut(&sighting.station) else {
            self.make_room();
            self.visits.insert(sighting.station, Visit::new(sighting));
            return;
        };
        let Some(stretch) = visit.go_on(sighting) else {
            return;
        };
        let number = self.number(stretch.from);
        let present = self.number(now.timestamp);
        // What comes too late, or from a clock that is ahead, belongs to no interval that is open.
        if self.first.is_some_and(|first| number < first) || number > present + 1 {
            return;
        }
        let cells = self.open.entry(number).or_default();
        if cells.len() >= self.config.cells_max.get() && !cells.contains_key(&stretch.cell) {
            return;
        }
        let tally = cells.entry(stretch.cell).or_default();
        tally.add((sighting.station, sighting.slot), &stretch);
    }

    /// Ends intervals that are over, and forgets who is silent.
    pub fn handle_timeout(&mut self, now: Now) {
        let heard_after = now.timestamp.saturating_sub(FORGET_AFTER);
        self.visits.retain(|_, visit| visit.heard() > heard_after);
        let present = self.number(now.timestamp.saturating_sub(GRACE));
        let Some(first) = self.first else {
            return;
        };
        if present < first {
            // The clock was set back: what was taken for now was not.
            if first - present > CLOCK_AHEAD_MAX {
                self.first = Some(present);
                self.open.clear();
            }
            return;
        }
        // After a long pause only what anybody would still ask for is worth an interval.
        for number in first.max(present.saturating_sub(CLOSED_MAX))..present {
            let cells = self.open.remove(&number).unwrap_or_default();
            self.close(number, &cells);
        }
        self.open = self.open.split_off(&present);
        self.first = Some(present);
    }

    /// The next interval that is over.
    pub fn poll_interval(&mut self) -> Option<Interval> {
        self.closed.pop_front()
    }

    fn close(&mut self, number: u64, cells: &BTreeMap<Cell, Tally>) {
        let interval_ms = self.config.interval_ms();
        let at = |number: u64| {
            Timestamp::from_unix_ms(number.saturating_mul(interval_ms)).unwrap_or_default()
        };
        let told = cells
            .iter()
            .filter_map(|(cell, tally)| tally.close(*cell, interval_ms));
        self.closed.push_back(Interval {
            from: at(number),
            until: at(number + 1),
            cells: told.collect(),
        });
        if self.closed.len() > HISTORY_LEN {
            self.closed.pop_front();
        }
    }

    /// Forgets whoever was heard least lately, if as many are followed as may be.
    fn make_room(&mut self) {
        if self.visits.len() < self.config.stations_max.get() {
            return;
        }
        let least = self.visits.iter().min_by_key(|(_, visit)| visit.heard());
        if let Some(station) = least.map(|(station, _)| *station) {
            self.visits.remove(&station);
        }
    }

    /// How many stations are followed, and how many cells are open.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        let cells = self.open.values().map(BTreeMap::len).sum();
        (self.visits.len(), cells)
    }

    fn number(&self, at: Timestamp) -> u64 {
        at.unix_ms() / self.config.interval_ms()
    }
}

/// How long after its end an interval takes what was on its way.
const GRACE: Duration = Duration::from_secs(5);
/// A station that is silent for so long has gone.
const FORGET_AFTER: Duration = Duration::from_secs(5);
/// After a pause, most intervals that are still closed one by one.
const CLOSED_MAX: u64 = 60;
/// Intervals that wait for somebody who does not ask; the oldest is lost then.
const HISTORY_LEN: usize = 60;
/// A clock that was ahead by more intervals starts over.
const CLOCK_AHEAD_MAX: u64 = 2;
