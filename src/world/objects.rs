use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Config, Object,
    event::{Changes, Observed, Removal, WorldEvent},
};
use crate::{
    geo::{Area, Cell},
    id::StationId,
    message::Telemetry,
    plausibility::{Claim, Judged, Record, Surroundings},
    risk::HardBrakes,
    time::{Instant, Now},
};

/// Every station heard of late, found by name, by place and by age.
#[derive(Debug, Default)]
pub(super) struct Objects {
    entries: BTreeMap<StationId, Entry>,
    /// Stations by cell, in each the one unheard for longest first.
    cells: BTreeMap<Cell, BTreeSet<(Instant, StationId)>>,
    by_age: BTreeSet<(Instant, StationId)>,
    surroundings: Surroundings,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) object: Arc<Object>,
    pub(super) record: Record,
    brakes: HardBrakes,
    cell: Cell,
    heard: Instant,
}

impl Objects {
    pub(super) fn observe(
        &mut self,
        (judged, hops): (Judged<Telemetry>, u8),
        now: Now,
        config: &Config,
        changes: &mut Changes,
    ) -> Observed {
        let verified = judged.verified();
        let (station, claim) = (verified.station(), Claim::of(verified));
        let cell = Cell::at(verified.message().position);
        let before = match self.entries.get_mut(&station) {
            Some(entry) => {
                if !entry.record.observe(&claim, judged.judgement()) {
                    return Observed::Outdated;
                }
                Some((entry.cell, entry.heard))
            }
            None => None,
        };
        match before {
            Some((old_cell, heard)) => self.unlink(station, old_cell, heard),
            None if self.entries.len() >= config.stations_max.get() => {
                let oldest = self.by_age.first().map(|(_, oldest)| *oldest);
                self.remove(oldest, Removal::WorldFull, changes);
            }
            None => {}
        }
        if before.is_none_or(|(old_cell, _)| old_cell != cell) {
            let crowd = self.cells.get(&cell);
            if crowd.is_some_and(|crowd| crowd.len() >= config.cell_stations_max.get()) {
                let oldest = crowd.and_then(BTreeSet::first).map(|(_, oldest)| *oldest);
                self.remove(oldest, Removal::CellFull, changes);
            }
        }
        self.by_age.insert((now.instant, station));
        let crowd = self.cells.entry(cell).or_default();
        crowd.insert((now.instant, station));
        self.surroundings.observe(&claim);
        let first = before
            .is_none()
            .then(|| Record::new(&claim, judged.judgement()));
        let mut brakes = self
            .entries
            .get(&station)
            .map(|entry| entry.brakes)
            .unwrap_or_default();
        brakes.observe(verified.message(), verified.generated());
        let object = Arc::new(Object {
            judged,
            hops,
            brakes,
        });
        changes.push(WorldEvent::ObjectChanged(object.clone()));
        if let Some(record) = first {
            let entry = Entry {
                object,
                record,
                brakes,
                cell,
                heard: now.instant,
            };
            self.entries.insert(station, entry);
            return Observed::Added;
        }
        if let Some(entry) = self.entries.get_mut(&station) {
            entry.object = object;
            entry.brakes = brakes;
            entry.cell = cell;
            entry.heard = now.instant;
        }
        Observed::Updated
    }

    /// Forgets those that have been silent for `age_max`.
    pub(super) fn forget(&mut self, now: Instant, age_max: Duration, changes: &mut Changes) {
        while let Some((heard, station)) = self.by_age.first().copied()
            && heard + age_max <= now
        {
            self.remove(Some(station), Removal::Silent, changes);
        }
    }

    /// When the one unheard for longest was heard.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.by_age.first().map(|(heard, _)| *heard)
    }

    pub(super) fn get(&self, station: StationId) -> Option<&Entry> {
        self.entries.get(&station)
    }

    pub(super) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Those in an area, in the order of their ids.
    pub(super) fn within(&self, area: &Area) -> Vec<&Entry> {
        let cells = area
            .circle()
            .and_then(|(centre, radius_m)| Cell::within(centre, radius_m))
            .filter(|cells| cells.len() < self.entries.len());
        let inside = |entry: &&Entry| area.contains(entry.object.telemetry().position);
        let Some(cells) = cells else {
            return self.iter().filter(inside).collect();
        };
        let mut found: Vec<&Entry> = cells
            .iter()
            .filter_map(|cell| self.cells.get(cell))
            .flatten()
            .filter_map(|(_, station)| self.entries.get(station))
            .filter(inside)
            .collect();
        found.sort_unstable_by_key(|entry| entry.object.station());
        found
    }

    pub(super) fn remove(
        &mut self,
        station: Option<StationId>,
        reason: Removal,
        changes: &mut Changes,
    ) {
        let Some((station, entry)) =
            station.and_then(|station| Some((station, self.entries.remove(&station)?)))
        else {
            return;
        };
        self.unlink(station, entry.cell, entry.heard);
        self.surroundings.forget(station, &entry.record);
        changes.push(WorldEvent::ObjectRemoved { station, reason });
    }

    fn unlink(&mut self, station: StationId, cell: Cell, heard: Instant) {
        self.by_age.remove(&(heard, station));
        if let Some(crowd) = self.cells.get_mut(&cell) {
            crowd.remove(&(heard, station));
            if crowd.is_empty() {
                self.cells.remove(&cell);
            }
        }
    }
}
