use super::{judge::LATCH_MS, motion::between_ms};
use crate::{id::StationId, time::Timestamp};

/// In whose places a station was of late.
///
/// Of two that say that they are in one place, one lies, and nobody can tell which: an honest car
/// that stands is not wrong because a liar places itself there, nor one that drives through a car
/// that is not there. Only one that was in the places of several is. Four liars in league, each with
/// a ticket of its own, can so have an honest car doubted by those who hear them all; it convicts
/// nobody, as evidence holds nobody against others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Overlaps {
    /// In whose place it is, and for how many messages in a row.
    now: Option<(StationId, u8)>,
    others: [Option<StationId>; OTHERS_MAX],
    last: Option<Timestamp>,
}

impl Overlaps {
    /// The same after a message that was in a station's place, or in nobody's.
    pub(super) fn after(&self, other: Option<StationId>, at: Timestamp) -> Self {
        let mut overlaps = *self;
        if self
            .last
            .is_some_and(|last| between_ms(last, at) > LATCH_MS)
        {
            overlaps = Self::default();
        }
        let Some(other) = other else {
            overlaps.now = None;
            return overlaps;
        };
        let before = self.now.filter(|(before, _)| *before == other);
        let length = before.map_or(0, |(_, length)| length).saturating_add(1);
        overlaps.now = Some((other, length));
        if length >= RUN_MIN {
            overlaps.last = Some(at);
            overlaps.add(other);
        }
        overlaps
    }

    fn add(&mut self, other: StationId) {
        if !self.others.contains(&Some(other))
            && let Some(free) = self.others.iter_mut().find(|it| it.is_none())
        {
            *free = Some(other);
        }
    }

    /// Whether it is in a place that is another's for long enough.
    pub(super) fn is_on(&self) -> bool {
        self.now.is_some_and(|(_, length)| length >= RUN_MIN)
    }

    /// In how many others' places it was.
    pub(super) fn others_len(&self) -> usize {
        self.others.iter().flatten().count()
    }
}

/// Beyond, more do not matter.
const OTHERS_MAX: usize = 4;
/// So many messages in a row are no accident of the satellites.
const RUN_MIN: u8 = 3;
