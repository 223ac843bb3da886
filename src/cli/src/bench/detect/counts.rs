use serde::Serialize;
use wayside::sim::Falsity;

use super::score::Score;

/// The same by each notion of what a lie is.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts<T> {
    /// Every message of an attack, from its start, as published data sets count.
    pub(super) as_published: T,
    /// Messages that say other than the sender's sensors.
    #[serde(flatten)]
    pub(super) changed: T,
    /// Messages that say other than the truth by more than noise explains.
    pub(super) beyond_noise: T,
}

/// The same of both detectors.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Both<T> {
    pub(super) wayside: T,
    pub(super) catch: T,
}

impl<T> Counts<T> {
    pub(super) fn of(one: impl Fn(Falsity) -> T) -> Self {
        Self {
            as_published: one(Falsity::OfAttack),
            changed: one(Falsity::Changed),
            beyond_noise: one(Falsity::BeyondNoise),
        }
    }

    pub(super) fn by(&self, lie: Falsity) -> &T {
        match lie {
            Falsity::None | Falsity::OfAttack => &self.as_published,
            Falsity::Changed => &self.changed,
            Falsity::BeyondNoise => &self.beyond_noise,
        }
    }
}

impl Counts<[Score; 2]> {
    pub(super) fn add(&mut self, other: &Self) {
        for (sums, more) in [
            (&mut self.as_published, &other.as_published),
            (&mut self.changed, &other.changed),
            (&mut self.beyond_noise, &other.beyond_noise),
        ] {
            for (sum, more) in sums.iter_mut().zip(more) {
                sum.add(more);
            }
        }
    }
}
