use std::{collections::BTreeSet, time::Duration};

use thiserror::Error;

use super::{KnownHazard, Object};
use crate::{
    geo::{Area, Position},
    id::StationId,
    message::InformationQuality,
};

/// What one subscriber wants, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedConfig {
    /// What of the picture it wants.
    pub filter: Filter,
    /// Most changes of stations that wait for it, at most [`BUFFER_LEN_MAX`]. 0 keeps the latest of
    /// each station only, and drops nothing but what is out of date.
    pub buffer: usize,
    /// What happens when the buffer is full.
    pub overflow: Overflow,
    /// Least time between two changes of one station. The latest is kept and delivered when it is
    /// over; removals and hazards never wait.
    pub min_interval: Duration,
    /// After this long without anything else, a heartbeat; `None` sends none.
    pub heartbeat_interval: Option<Duration>,
}

/// Which part of the picture a subscriber wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Where.
    pub area: AreaFilter,
    /// Whether it wants stations.
    pub telemetry: bool,
    /// Which hazards it wants; `None` is none.
    pub hazards: Option<HazardFilter>,
    /// Only what these stations say; `None` is everybody.
    pub only: Option<BTreeSet<StationId>>,
    /// Not what these stations say.
    pub excluded: BTreeSet<StationId>,
}

/// The part of the road that a subscriber wants.
#[derive(Clone, Debug, PartialEq)]
pub enum AreaFilter {
    /// All of it.
    Everywhere,
    /// A place that does not move.
    Fixed(Area),
    /// A circle around the own vehicle, which moves with it. Until the own position is known it is
    /// everywhere: better too much than a hazard missed.
    AroundOwn {
        /// The circle's radius.
        radius_m: u32,
    },
}

/// Which hazards a subscriber wants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HazardFilter {
    /// At least this quality of the reporter's knowledge.
    pub quality_min: InformationQuality,
    /// Only these cause codes of ETSI TS 102 894-2; `None` is all.
    pub causes: Option<BTreeSet<u8>>,
}

/// What happens when a subscriber's buffer is full. Hazards have a buffer of their own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overflow {
    /// The oldest change goes, and the subscriber is told of the gap.
    #[default]
    DropOldest,
    /// The newest change goes, and the subscriber is told of the gap; of hazards the oldest.
    DropNewest,
    /// The feed ends after what waits.
    Close,
}

/// Why a feed cannot be as asked for.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FeedError {
    /// A longer buffer than one subscriber may have.
    #[error("a buffer of {0} changes is longer than {BUFFER_LEN_MAX}")]
    BufferTooLong(usize),
    /// Heartbeats without a pause between them.
    #[error("the heartbeat interval is zero")]
    HeartbeatZero,
}

impl Default for FeedConfig {
    /// Everything, as it comes, with a buffer of 256 and a heartbeat each second.
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            buffer: 256,
            overflow: Overflow::DropOldest,
            min_interval: Duration::ZERO,
            heartbeat_interval: Some(Duration::from_secs(1)),
        }
    }
}

impl FeedConfig {
    pub(super) fn check(&self) -> Result<(), FeedError> {
        if self.buffer > BUFFER_LEN_MAX {
            return Err(FeedError::BufferTooLong(self.buffer));
        }
        if self.heartbeat_interval == Some(Duration::ZERO) {
            return Err(FeedError::HeartbeatZero);
        }
        Ok(())
    }
}

impl Default for Filter {
    /// Everything.
    fn default() -> Self {
        Self {
            area: AreaFilter::Everywhere,
            telemetry: true,
            hazards: Some(HazardFilter::default()),
            only: None,
            excluded: BTreeSet::new(),
        }
    }
}

impl Filter {
    /// Whether a station is wanted, wherever it is.
    pub(super) fn wants_object(&self, object: &Object) -> bool {
        self.telemetry && self.wants_from(object.station())
    }

    /// Whether a hazard is wanted, wherever it is.
    pub(super) fn wants_hazard(&self, known: &KnownHazard) -> bool {
        let hazard = known.hazard();
        self.wants_from(known.verified().station())
            && self.hazards.as_ref().is_some_and(|wanted| {
                hazard.quality >= wanted.quality_min
                    && wanted
                        .causes
                        .as_ref()
                        .is_none_or(|causes| causes.contains(&hazard.cause.code()))
            })
    }

    /// Whether a place lies in the area, with the own vehicle at `own`.
    pub(super) fn covers(&self, position: Position, own: Option<Position>) -> bool {
        match &self.area {
            AreaFilter::Everywhere => true,
            AreaFilter::Fixed(area) => area.contains(position),
            AreaFilter::AroundOwn { radius_m } => {
                own.is_none_or(|own| own.distance_m(position) <= f64::from(*radius_m))
            }
        }
    }

    fn wants_from(&self, station: StationId) -> bool {
        !self.excluded.contains(&station)
            && self
                .only
                .as_ref()
                .is_none_or(|only| only.contains(&station))
    }
}

/// Longest buffer that a subscriber may ask for.
pub const BUFFER_LEN_MAX: usize = 1_000;
