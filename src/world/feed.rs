use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    FeedConfig, FeedError, GapReason, KnownHazard, Object, Overflow, Removal, WorldEvent,
    queue::{Overflowed, Popped, Queue, QueueConfig},
};
use crate::{
    geo::Position,
    id::{ActionId, StationId},
    time::{Instant, Now},
};

/// One subscriber's view of the picture: what holds at first, then what changes.
///
/// Give it every change by `handle_event` and, if its area moves with the own vehicle, each own
/// position. Call `poll_event` until it returns `None`, then again once `poll_timeout` has passed
/// or something was given to it. Hazards wait in a queue of their own and go first, so that no
/// amount of telemetry delays or displaces one. Whatever had to be dropped is told in its place.
#[derive(Debug)]
pub struct Feed {
    config: FeedConfig,
    own_position: Option<Position>,
    snapshot: Option<Pending>,
    /// Stations that the subscriber knows, or will once the queues are empty.
    told: BTreeMap<StationId, Told>,
    /// Hazards that it wants, wherever they are, and whether it knows them.
    watched: BTreeMap<ActionId, Watched>,
    /// The latest of stations whose interval is not over.
    held: BTreeMap<StationId, Held>,
    held_due: BTreeSet<(Instant, StationId)>,
    objects: Queue<StationId, FeedEvent>,
    hazards: Queue<ActionId, FeedEvent>,
    next_sequence: u64,
    last_delivery: Instant,
    ending: Ending,
}

/// All of a picture at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Every station.
    pub objects: Vec<Arc<Object>>,
    /// Every hazard.
    pub hazards: Vec<Arc<KnownHazard>>,
}

/// What a subscriber gets, with its place.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Counts the deliveries of one feed from 1, those that were dropped included.
    pub sequence: u64,
    /// What it is.
    pub event: FeedEvent,
}

/// What a subscriber is told.
#[derive(Clone, Debug)]
pub enum FeedEvent {
    /// A station, as it is now.
    Object(Arc<Object>),
    /// A station is gone, or left the area.
    ObjectRemoved {
        /// Which.
        station: StationId,
        /// Why.
        reason: Removal,
    },
    /// A hazard, as it is now.
    Hazard(Arc<KnownHazard>),
    /// A hazard is over, or left the area.
    HazardRemoved {
        /// Which.
        action: ActionId,
        /// Why.
        reason: Removal,
    },
    /// The picture is complete as of now; what follows are changes.
    SnapshotEnd {
        /// How many stations it held.
        objects: u32,
        /// How many hazards it held.
        hazards: u32,
    },
    /// Some changes were dropped here. Stations and hazards may be gone without a word: what was
    /// not heard of for long should be asked for.
    Gap {
        /// How many.
        dropped: u64,
        /// The sequence that the first of them would have had.
        first_sequence: u64,
        /// Why.
        reason: GapReason,
    },
    /// Nothing else happened for the heartbeat interval.
    Heartbeat,
    /// The buffer was full and the subscriber asked for an end rather than a gap; nothing follows.
    Closed,
}

#[derive(Debug)]
struct Pending {
    objects: BTreeMap<StationId, Arc<Object>>,
    hazards: BTreeMap<ActionId, Arc<KnownHazard>>,
    objects_sent: u32,
    hazards_sent: u32,
}

#[derive(Debug)]
struct Told {
    released: Instant,
    position: Position,
}

#[derive(Debug)]
struct Watched {
    known: Arc<KnownHazard>,
    told: bool,
}

#[derive(Debug)]
struct Held {
    due: Instant,
    object: Arc<Object>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Open,
    /// Delivers what waits, then closes.
    Overflowed,
    Closed,
}

impl Feed {
    /// A feed that begins with `snapshot`; give it every change after that.
    pub fn new(
        config: FeedConfig,
        snapshot: &Snapshot,
        own_position: Option<Position>,
        now: Now,
    ) -> Result<Self, FeedError> {
        config.check()?;
        let objects = Queue::new(QueueConfig {
            len_max: match config.buffer {
                0 => LATEST_LEN_MAX,
                asked => asked,
            },
            latest_only: config.buffer == 0,
            overflow: config.overflow,
        });
        let hazards = Queue::new(QueueConfig {
            len_max: HAZARDS_LEN_MAX,
            latest_only: true,
            overflow: match config.overflow {
                Overflow::DropOldest | Overflow::DropNewest => Overflow::DropOldest,
                Overflow::Close => Overflow::Close,
            },
        });
        let mut feed = Self {
            config,
            own_position,
            snapshot: None,
            told: BTreeMap::new(),
            watched: BTreeMap::new(),
            held: BTreeMap::new(),
            held_due: BTreeSet::new(),
            objects,
            hazards,
            next_sequence: 1,
            last_delivery: now.instant,
            ending: Ending::Open,
        };
        feed.snapshot = Some(feed.take_snapshot(snapshot, now));
        Ok(feed)
    }

    /// Takes a change of the picture.
    pub fn handle_event(&mut self, event: &WorldEvent, now: Now) {
        if self.ending != Ending::Open {
            return;
        }
        let taken = match event {
            WorldEvent::ObjectChanged(object) => self.change_object(object, now),
            WorldEvent::ObjectRemoved { station, reason } => self.remove_object(*station, *reason),
            WorldEvent::HazardChanged(known) => self.change_hazard(known),
            WorldEvent::HazardRemoved { action, reason } => self.remove_hazard(*action, *reason),
        };
        self.note(taken);
    }

    /// Moves the area of a filter that is a circle around the own vehicle.
    pub fn handle_own_position(&mut self, position: Position) {
        self.own_position = Some(position);
        if self.ending != Ending::Open {
            return;
        }
        let outside: Vec<StationId> = self
            .told
            .iter()
            .filter(|(_, told)| !self.covers(told.position))
            .map(|(station, _)| *station)
            .collect();
        for station in outside {
            let taken = self.remove_object(station, Removal::LeftArea);
            self.note(taken);
        }
        let crossed: Vec<Arc<KnownHazard>> = self
            .watched
            .values()
            .filter(|watched| watched.told != self.covers(watched.known.hazard().position))
            .map(|watched| watched.known.clone())
            .collect();
        for known in crossed {
            let taken = self.change_hazard(&known);
            self.note(taken);
        }
    }

    /// Notes that changes were lost before they could be given to this feed.
    pub fn handle_lost(&mut self, changes: u64) {
        self.objects.push_gap(changes, GapReason::Overload);
    }

    /// The next thing to tell the subscriber.
    pub fn poll_event(&mut self, now: Now) -> Option<Delivery> {
        if self.ending == Ending::Closed {
            return None;
        }
        self.release_due(now);
        let next = self
            .hazards
            .pop()
            .or_else(|| self.next_of_snapshot().map(Popped::Change))
            .or_else(|| self.objects.pop());
        let event = match next {
            Some(Popped::Change(event)) => event,
            Some(Popped::Gap { dropped, reason }) => {
                let first_sequence = self.next_sequence;
                self.next_sequence += dropped;
                FeedEvent::Gap {
                    dropped,
                    first_sequence,
                    reason,
                }
            }
            None => self.idle(now)?,
        };
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.last_delivery = now.instant;
        Some(Delivery { sequence, event })
    }

    /// When to call [`Self::poll_event`] again if nothing is given to the feed before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ending == Ending::Closed {
            return None;
        }
        let heartbeat = self
            .config
            .heartbeat_interval
            .map(|interval| self.last_delivery + interval);
        let held = self.held_due.first().map(|(due, _)| *due);
        heartbeat.into_iter().chain(held).min()
    }

    /// Whether nothing will ever come out of it again.
    pub fn is_closed(&self) -> bool {
        self.ending == Ending::Closed
    }

    fn take_snapshot(&mut self, snapshot: &Snapshot, now: Now) -> Pending {
        let wanted = |object: &&Arc<Object>| {
            self.config.filter.wants_object(object) && self.covers(object.telemetry().position)
        };
        let objects: BTreeMap<StationId, Arc<Object>> = snapshot
            .objects
            .iter()
            .filter(wanted)
            .map(|object| (object.station(), object.clone()))
            .collect();
        for (station, object) in &objects {
            let told = Told {
                released: now.instant,
                position: object.telemetry().position,
            };
            self.told.insert(*station, told);
        }
        let mut hazards = BTreeMap::new();
        for known in &snapshot.hazards {
            if !self.config.filter.wants_hazard(known) {
                continue;
            }
            let told = self.covers(known.hazard().position);
            if told {
                hazards.insert(known.action(), known.clone());
            }
            let known = known.clone();
            self.watched.insert(known.action(), Watched { known, told });
        }
        Pending {
            objects,
            hazards,
            objects_sent: 0,
            hazards_sent: 0,
        }
    }

    /// The rest of the snapshot, hazards first, then its end.
    fn next_of_snapshot(&mut self) -> Option<FeedEvent> {
        let pending = self.snapshot.as_mut()?;
        if let Some((_, known)) = pending.hazards.pop_first() {
            pending.hazards_sent += 1;
            return Some(FeedEvent::Hazard(known));
        }
        if let Some((_, object)) = pending.objects.pop_first() {
            pending.objects_sent += 1;
            return Some(FeedEvent::Object(object));
        }
        let (objects, hazards) = (pending.objects_sent, pending.hazards_sent);
        self.snapshot = None;
        Some(FeedEvent::SnapshotEnd { objects, hazards })
    }

    /// What there is to say when nothing waits.
    fn idle(&mut self, now: Now) -> Option<FeedEvent> {
        if self.ending == Ending::Overflowed {
            self.ending = Ending::Closed;
            return Some(FeedEvent::Closed);
        }
        let interval = self.config.heartbeat_interval?;
        (self.last_delivery + interval <= now.instant).then_some(FeedEvent::Heartbeat)
    }

    fn change_object(&mut self, object: &Arc<Object>, now: Now) -> Result<(), Overflowed> {
        if !self.config.filter.wants_object(object) {
            return Ok(());
        }
        let (station, position) = (object.station(), object.telemetry().position);
        if !self.covers(position) {
            return self.remove_object(station, Removal::LeftArea);
        }
        let Some(told) = self.told.get_mut(&station) else {
            return self.release(object.clone(), now);
        };
        told.position = position;
        let due = told.released + self.config.min_interval;
        let pending = self.snapshot.as_mut();
        if let Some(waiting) = pending.and_then(|pending| pending.objects.get_mut(&station)) {
            *waiting = object.clone();
            return Ok(());
        }
        if due <= now.instant {
            self.let_go(station);
            return self.release(object.clone(), now);
        }
        let object = object.clone();
        self.held.insert(station, Held { due, object });
        self.held_due.insert((due, station));
        Ok(())
    }

    /// Queues what was held and whose interval is over.
    fn release_due(&mut self, now: Now) {
        while let Some((due, station)) = self.held_due.first().copied()
            && due <= now.instant
        {
            let Some(held) = self.let_go(station) else {
                return;
            };
            let taken = self.release(held.object, now);
            self.note(taken);
        }
    }

    fn release(&mut self, object: Arc<Object>, now: Now) -> Result<(), Overflowed> {
        let station = object.station();
        let told = Told {
            released: now.instant,
            position: object.telemetry().position,
        };
        self.told.insert(station, told);
        self.objects.push(station, FeedEvent::Object(object))
    }

    fn remove_object(&mut self, station: StationId, reason: Removal) -> Result<(), Overflowed> {
        if self.told.remove(&station).is_none() {
            return Ok(());
        }
        self.let_go(station);
        let pending = self.snapshot.as_mut();
        if pending.is_some_and(|pending| pending.objects.remove(&station).is_some()) {
            return Ok(());
        }
        let event = FeedEvent::ObjectRemoved { station, reason };
        self.objects.push(station, event)
    }

    fn let_go(&mut self, station: StationId) -> Option<Held> {
        let held = self.held.remove(&station)?;
        self.held_due.remove(&(held.due, station));
        Some(held)
    }

    fn change_hazard(&mut self, known: &Arc<KnownHazard>) -> Result<(), Overflowed> {
        let action = known.action();
        if !self.config.filter.wants_hazard(known) {
            return self.remove_hazard(action, Removal::FilteredOut);
        }
        let inside = self.covers(known.hazard().position);
        let watched = Watched {
            known: known.clone(),
            told: inside,
        };
        let before = self.watched.insert(action, watched);
        if !inside {
            return match before {
                Some(before) if before.told => self.withdraw(action, Removal::LeftArea),
                Some(_) | None => Ok(()),
            };
        }
        let pending = self.snapshot.as_mut();
        if let Some(waiting) = pending.and_then(|pending| pending.hazards.get_mut(&action)) {
            *waiting = known.clone();
            return Ok(());
        }
        self.hazards.push(action, FeedEvent::Hazard(known.clone()))
    }

    fn remove_hazard(&mut self, action: ActionId, reason: Removal) -> Result<(), Overflowed> {
        match self.watched.remove(&action) {
            Some(watched) if watched.told => self.withdraw(action, reason),
            Some(_) | None => Ok(()),
        }
    }

    fn withdraw(&mut self, action: ActionId, reason: Removal) -> Result<(), Overflowed> {
        let pending = self.snapshot.as_mut();
        if pending.is_some_and(|pending| pending.hazards.remove(&action).is_some()) {
            return Ok(());
        }
        let event = FeedEvent::HazardRemoved { action, reason };
        self.hazards.push(action, event)
    }

    fn covers(&self, position: Position) -> bool {
        self.config.filter.covers(position, self.own_position)
    }

    fn note(&mut self, taken: Result<(), Overflowed>) {
        if taken == Err(Overflowed) {
            self.ending = Ending::Overflowed;
        }
    }
}

/// Most stations of which the latest waits where no buffer was asked for.
const LATEST_LEN_MAX: usize = 8_192;
/// Most hazards that wait; the oldest goes, which is told.
const HAZARDS_LEN_MAX: usize = 1_024;
