use std::{collections::BTreeMap, sync::Arc};

use super::{
    Config, KnownHazard, Object, Sighted, Snapshot,
    event::{Changes, Observed, Removal, WorldEvent},
    hazards::Hazards,
    objects::{Entry, Objects},
};
use crate::{
    geo::Area,
    id::{ActionId, StationId},
    message::{HazardStatement, Telemetry},
    plausibility::{Judged, Record, Surroundings},
    time::{Instant, Now, Timestamp},
    track::{Estimate, Track},
};

/// Everything this station knows of the road around it.
///
/// Give it every judged message by `observe` or `observe_hazard`, and the time by `handle_timeout`
/// once `poll_timeout` has passed. `poll_event` tells what changed; who does not poll loses the
/// oldest changes, which is counted, and can still ask for the picture itself.
#[derive(Debug)]
pub struct World {
    config: Config,
    objects: Objects,
    hazards: Hazards,
    changes: Changes,
    telemetry_observed: BTreeMap<Observed, u64>,
    hazards_observed: BTreeMap<Observed, u64>,
}

/// A station, and where it probably is at the time asked for.
#[derive(Clone, Debug)]
pub struct Extrapolated {
    /// What it last said.
    pub object: Arc<Object>,
    /// Where it is, how sure that is, and how old what it rests on.
    pub estimate: Estimate,
}

/// What the world took, refused and forgot since it began.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Telemetry, by what became of it.
    pub telemetry: BTreeMap<Observed, u64>,
    /// Hazard statements, by what became of them.
    pub hazards: BTreeMap<Observed, u64>,
    /// Stations and hazards that left the picture, by reason.
    pub removed: BTreeMap<Removal, u64>,
    /// Changes that nobody polled in time.
    pub events_lost: u64,
}

impl World {
    /// An empty picture.
    pub fn new(config: Config) -> Self {
        // Forgetting everything at once fits, so that who drains after each call loses nothing.
        let changes_max = config
            .stations_max
            .get()
            .saturating_add(config.hazards_max.get())
            .saturating_add(CHANGES_SPARE);
        Self {
            config,
            objects: Objects::default(),
            hazards: Hazards::default(),
            changes: Changes::new(changes_max),
            telemetry_observed: BTreeMap::new(),
            hazards_observed: BTreeMap::new(),
        }
    }

    /// Takes a station's telemetry, which so many others passed on, unless it is older than what the
    /// picture holds.
    pub fn observe(&mut self, judged: Judged<Telemetry>, hops: u8, now: Now) -> Observed {
        let observed = self
            .objects
            .observe((judged, hops), now, &self.config, &mut self.changes);
        *self.telemetry_observed.entry(observed).or_default() += 1;
        observed
    }

    /// Takes a report of a hazard, of its end, or of its absence, which so many stations passed on.
    pub fn observe_hazard(
        &mut self,
        judged: Judged<HazardStatement>,
        hops: u8,
        now: Now,
    ) -> Observed {
        let observed = self
            .hazards
            .observe((judged, hops), now, &self.config, &mut self.changes);
        *self.hazards_observed.entry(observed).or_default() += 1;
        observed
    }

    /// Notes that the own vehicle's driving stack sees the danger that others report; returns whether
    /// any such event is known.
    pub fn corroborate(&mut self, action: ActionId) -> bool {
        self.hazards.corroborate(action, &mut self.changes)
    }

    /// Notes what the own vehicle's sensors see, which bears out hazards near it; returns how many.
    pub fn sight(&mut self, sighted: &[Sighted]) -> usize {
        self.hazards.sight(sighted, &mut self.changes)
    }

    /// Forgets what a station said that is not to be believed any more: itself, and the hazards that
    /// it reported last or first.
    pub fn forget_signer(&mut self, station: StationId, reason: Removal) {
        self.objects
            .remove(Some(station), reason, &mut self.changes);
        self.hazards
            .forget_signer(station, reason, &mut self.changes);
    }

    /// Forgets what is too old.
    pub fn handle_timeout(&mut self, now: Now) {
        let age_max = self.config.telemetry_age_max;
        self.objects.forget(now.instant, age_max, &mut self.changes);
        self.hazards.forget(now.instant, &mut self.changes);
    }

    /// When to call [`Self::handle_timeout`]; `None` while there is nothing to forget.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let silent = self
            .objects
            .oldest()
            .map(|heard| heard + self.config.telemetry_age_max);
        silent.into_iter().chain(self.hazards.deadline()).min()
    }

    /// The next change.
    pub fn poll_event(&mut self) -> Option<WorldEvent> {
        self.changes.pop()
    }

    /// One station.
    pub fn object(&self, station: StationId) -> Option<&Arc<Object>> {
        self.objects.get(station).map(|entry| &entry.object)
    }

    /// One station over time, for estimates.
    pub fn track(&self, station: StationId) -> Option<&Track> {
        self.record(station).map(Record::track)
    }

    /// What `plausibility` remembers of one station.
    pub fn record(&self, station: StationId) -> Option<&Record> {
        self.objects.get(station).map(|entry| &entry.record)
    }

    /// What stations said last, for `plausibility`.
    pub fn surroundings(&self) -> &Surroundings {
        self.objects.surroundings()
    }

    /// All stations, in the order of their ids.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.iter().map(|entry| &entry.object)
    }

    /// How many stations are in the picture.
    pub fn objects_len(&self) -> usize {
        self.objects.len()
    }

    /// The stations whose last position lies in an area, in the order of their ids.
    pub fn objects_in(&self, area: &Area) -> Vec<&Arc<Object>> {
        let found = self.objects.within(area);
        found.into_iter().map(|entry| &entry.object).collect()
    }

    /// One hazard.
    pub fn hazard(&self, action: ActionId) -> Option<&Arc<KnownHazard>> {
        self.hazards.get(action)
    }

    /// All hazards that hold, in the order of their ids.
    pub fn hazards(&self) -> impl Iterator<Item = &Arc<KnownHazard>> {
        self.hazards.iter()
    }

    /// How many hazards hold.
    pub fn hazards_len(&self) -> usize {
        self.hazards.len()
    }

    /// The hazards that lie in an area, in the order of their ids.
    pub fn hazards_in(&self, area: &Area) -> Vec<&Arc<KnownHazard>> {
        let inside = |known: &&Arc<KnownHazard>| area.contains(known.hazard().position);
        self.hazards.iter().filter(inside).collect()
    }

    /// The stations as they probably are at a moment, those in the area *then* if one is given, in
    /// the order of their ids.
    ///
    /// Stations forgotten by now are not in it, nor those first heard long after `at`.
    pub fn world_at(&self, at: Timestamp, area: Option<&Area>) -> Vec<Extrapolated> {
        let inside = |estimate: &Estimate| area.is_none_or(|area| area.contains(estimate.position));
        let extrapolate = |entry: &Entry| {
            let estimate = entry.record.track().estimate(at).filter(inside)?;
            Some(Extrapolated {
                object: entry.object.clone(),
                estimate,
            })
        };
        self.objects.iter().filter_map(extrapolate).collect()
    }

    /// All of the picture, for a new [`Feed`](super::Feed).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            objects: self.objects().cloned().collect(),
            hazards: self.hazards().cloned().collect(),
        }
    }

    /// What was taken, refused and forgotten so far.
    pub fn counters(&self) -> Counters {
        Counters {
            telemetry: self.telemetry_observed.clone(),
            hazards: self.hazards_observed.clone(),
            removed: self.changes.removed.clone(),
            events_lost: self.changes.lost,
        }
    }
}

/// One message makes at most three changes: what it displaces in the world and in its cell, and
/// itself.
const CHANGES_SPARE: usize = 3;
