use std::{collections::BTreeMap, time::Duration};

use wayside::{id::GroupId, time::Instant};

/// The makings of keys that cannot come to an end as they are, since a member posted what cannot be.
///
/// Each is given up after a while, in which the same parts might still be understood: a part that did not
/// open may do once this unit's keys are read again.
#[derive(Default)]
pub(super) struct Stuck(BTreeMap<GroupId, (u32, Instant)>);

impl Stuck {
    /// Takes in that a group's making of this number came to nothing; whether that is news.
    pub(super) fn note(&mut self, group: GroupId, ceremony: u32, now: Instant) -> bool {
        let known = self.0.get(&group).is_some_and(|it| it.0 == ceremony);
        if !known {
            self.0.insert(group, (ceremony, now));
        }
        !known
    }

    /// Takes in that it goes on after all.
    pub(super) fn clear(&mut self, group: GroupId) {
        self.0.remove(&group);
    }

    /// Whether to give it up, and begin with the next one.
    pub(super) fn is_over(&self, group: GroupId, ceremony: u32, now: Instant) -> bool {
        let since = self.0.get(&group).filter(|it| it.0 == ceremony);
        since.is_some_and(|(_, since)| now.since(*since) >= STUCK_MAX)
    }
}

/// Long enough for members not to overtake each other, and short beside the life of a key.
const STUCK_MAX: Duration = Duration::from_secs(120);
