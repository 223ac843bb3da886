use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{KnownHazard, Object};
use crate::id::{ActionId, StationId};

/// A change of the picture.
#[derive(Clone, Debug)]
pub enum WorldEvent {
    /// A station appeared, or told something newer.
    ObjectChanged(Arc<Object>),
    /// A station is no longer in the picture.
    ObjectRemoved {
        /// Which.
        station: StationId,
        /// Why.
        reason: Removal,
    },
    /// A hazard appeared, was updated, or was negated by a station.
    HazardChanged(Arc<KnownHazard>),
    /// A hazard is over, or no longer in the picture.
    HazardRemoved {
        /// Which.
        action: ActionId,
        /// Why.
        reason: Removal,
    },
}

/// Why something left the picture, or one subscriber's view of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Removal {
    /// The station sent nothing for [`Config::telemetry_age_max`](super::Config).
    Silent,
    /// The hazard's validity ended.
    Expired,
    /// Whoever reported the hazard says that it is over.
    Cancelled,
    /// The oldest, forgotten for a newer one: as many as the whole picture may hold.
    WorldFull,
    /// The oldest, forgotten for a newer one: as many as one cell may hold.
    CellFull,
    /// The oldest, forgotten for a newer one: as many hazards as one station may bring.
    SignerFull,
    /// The ticket of whoever said it no longer counts.
    Revoked,
    /// It left the area of the subscriber's filter, or the area left it.
    LeftArea,
    /// The hazard's update no longer passes the subscriber's filter.
    FilteredOut,
}

impl Removal {
    /// Its name in metrics and on the wire to clients.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::WorldFull => "world_full",
            Self::CellFull => "cell_full",
            Self::SignerFull => "signer_full",
            Self::Revoked => "revoked",
            Self::LeftArea => "left_area",
            Self::FilteredOut => "filtered_out",
        }
    }
}

/// What became of a message that the world was given.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Observed {
    /// A station or hazard that was not in the picture.
    Added,
    /// Newer than what the picture held, and now in it.
    Updated,
    /// A hazard that the picture holds was cancelled and is gone.
    Cancelled,
    /// A negation, noted beside the hazard it speaks of.
    Negated,
    /// The same update of a hazard once more.
    Repeated,
    /// Older than what the picture holds, or than the end of the event; not taken.
    Outdated,
    /// A hazard whose validity is over; not taken.
    Expired,
    /// An update or cancellation by somebody who does not hold the event's key; not taken.
    Foreign,
    /// A negation or cancellation of an event that is not in the picture. A cancellation is
    /// remembered, so that a report that comes later than its end is not believed.
    Unmatched,
}

impl Observed {
    /// Whether the message changed the picture.
    pub fn is_taken(self) -> bool {
        match self {
            Self::Added | Self::Updated | Self::Cancelled | Self::Negated => true,
            Self::Repeated | Self::Outdated | Self::Expired | Self::Foreign | Self::Unmatched => {
                false
            }
        }
    }

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Cancelled => "cancelled",
            Self::Negated => "negated",
            Self::Repeated => "repeated",
            Self::Outdated => "outdated",
            Self::Expired => "expired",
            Self::Foreign => "foreign",
            Self::Unmatched => "unmatched",
        }
    }
}

/// Changes that wait to be polled, and how many of each kind there were.
///
/// Nobody need poll: at the bound the oldest change is lost and counted.
#[derive(Debug)]
pub(super) struct Changes {
    waiting: VecDeque<WorldEvent>,
    len_max: usize,
    pub(super) removed: BTreeMap<Removal, u64>,
    pub(super) lost: u64,
}

impl Changes {
    pub(super) fn new(len_max: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            len_max,
            removed: BTreeMap::new(),
            lost: 0,
        }
    }

    pub(super) fn push(&mut self, event: WorldEvent) {
        match &event {
            WorldEvent::ObjectRemoved { reason, .. } | WorldEvent::HazardRemoved { reason, .. } => {
                *self.removed.entry(*reason).or_default() += 1;
            }
            WorldEvent::ObjectChanged(_) | WorldEvent::HazardChanged(_) => {}
        }
        if self.waiting.len() >= self.len_max {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<WorldEvent> {
        self.waiting.pop_front()
    }
}
