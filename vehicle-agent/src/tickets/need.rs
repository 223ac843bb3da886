use std::{collections::BTreeSet, time::Duration};

use wayside::{
    security::{Slot, SlotClock},
    time::Timestamp,
};

use super::TicketsConfig;

/// Which slots an issuer gives tickets for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Horizon {
    /// Where slots begin and end.
    pub slots: SlotClock,
    /// The first slot that tickets are given for at all.
    pub origin: Slot,
    /// How many slots after the present one tickets are given for.
    pub preload_slots: u32,
}

/// Which slots a vehicle needs tickets for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Need {
    horizon: Horizon,
    /// Tickets are asked for once one within this is missing,
    low: Duration,
    /// and then all up to here.
    ahead: Duration,
}

impl Need {
    /// What a vehicle needs that drives, or is parked.
    pub fn new(config: &TicketsConfig, horizon: Horizon, is_driving: bool) -> Self {
        let (low, ahead) = if is_driving {
            (config.low, config.ahead)
        } else {
            (config.reserve / 2, config.reserve)
        };
        Self {
            horizon,
            low: low.min(ahead),
            ahead,
        }
    }

    /// Whether there are so few that more have to be asked for.
    ///
    /// `known` are the slots of tickets that are there, on their way, or not to be had.
    pub fn is_low(&self, known: &BTreeSet<Slot>, now: Timestamp) -> bool {
        self.until(self.low, now).any(|slot| !known.contains(&slot))
    }

    /// The slots to ask for then, the earliest first.
    pub fn missing(&self, known: &BTreeSet<Slot>, now: Timestamp) -> Vec<Slot> {
        let slots = self.until(self.ahead, now);
        slots.filter(|slot| !known.contains(slot)).collect()
    }

    /// The slots from the present one to the one in which `now + ahead` lies.
    fn until(&self, ahead: Duration, now: Timestamp) -> impl Iterator<Item = Slot> {
        let Horizon {
            slots,
            origin,
            preload_slots,
        } = self.horizon;
        let present = slots.slot_at(now).number();
        let last = slots.slot_at(now.saturating_add(ahead)).number();
        let last = last.min(present.saturating_add(preload_slots));
        (present.max(origin.number())..=last).map(Slot::from_number)
    }
}
