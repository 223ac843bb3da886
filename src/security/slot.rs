use std::time::Duration;

use crate::time::Timestamp;

/// A period of time that a ticket is made for, counted from the Unix epoch in slot lengths.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot(u32);

/// Where a trust domain's slots begin and end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotClock {
    length_s: u32,
}

impl Slot {
    /// The slot with this number.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// Its number, as it stands in tickets.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The slot after this one; the last one has none.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl SlotClock {
    /// Returns the clock of slots of `length_s` seconds, or `None` outside 1 s to a day.
    pub fn from_length_s(length_s: u32) -> Option<Self> {
        (1..=LENGTH_MAX_S)
            .contains(&length_s)
            .then_some(Self { length_s })
    }

    /// How long a slot is, in seconds.
    pub fn length_s(self) -> u32 {
        self.length_s
    }

    /// How long a slot is.
    pub fn length(self) -> Duration {
        Duration::from_secs(self.length_s.into())
    }

    /// The slot that `at` lies in.
    pub fn slot_at(self, at: Timestamp) -> Slot {
        Slot(u32::try_from(at.unix_s() / u64::from(self.length_s)).unwrap_or(u32::MAX))
    }

    /// The first moment of a slot.
    pub fn start(self, slot: Slot) -> Timestamp {
        let seconds = u64::from(slot.0) * u64::from(self.length_s);
        Timestamp::EPOCH.saturating_add(Duration::from_secs(seconds))
    }

    /// The first moment after a slot.
    pub fn end(self, slot: Slot) -> Timestamp {
        self.start(slot).saturating_add(self.length())
    }

    /// The first moment at which a slot's ticket counts: a tenth of a slot early, for clocks that
    /// differ.
    pub fn valid_from(self, slot: Slot) -> Timestamp {
        self.start(slot).saturating_sub(self.length() / 10)
    }

    /// The last moment at which a slot's ticket counts: a fifth of a slot late, so that nobody has
    /// to change in the middle of a dangerous situation.
    pub fn valid_until(self, slot: Slot) -> Timestamp {
        self.end(slot).saturating_add(self.length() / 5)
    }
}

/// Five minutes, the slot length of a real road.
impl Default for SlotClock {
    fn default() -> Self {
        Self {
            length_s: LENGTH_DEFAULT_S,
        }
    }
}

const LENGTH_DEFAULT_S: u32 = 300;
const LENGTH_MAX_S: u32 = 86_400;
