use std::time::Duration;

use crate::{geo::Position, time::Timestamp};

/// What the vehicle's chassis says, which is never sent to others; `None` is not known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Signals {
    /// The gear is in park.
    pub gear_in_park: Option<bool>,
    /// The parking brake is on.
    pub parking_brake_on: Option<bool>,
    /// A door is open.
    pub door_open: Option<bool>,
    /// The brakes are kept from locking, now.
    pub antilock_active: Option<bool>,
    /// The vehicle is kept from skidding, now.
    pub stability_active: Option<bool>,
    /// The wheels are kept from spinning, now.
    pub traction_active: Option<bool>,
    /// An airbag went off.
    pub airbag_deployed: Option<bool>,
}

impl Signals {
    /// Whether the wheels have lost their grip.
    pub(super) fn skids(&self) -> bool {
        [
            self.antilock_active,
            self.stability_active,
            self.traction_active,
        ]
        .contains(&Some(true))
    }
}

/// Where the wheels lost their grip last.
///
/// One skid is one place: the vehicle drives on, and the place stays slippery behind it.
#[derive(Debug, Default)]
pub(super) struct Skid {
    was_on: bool,
    last: Option<(Timestamp, Position)>,
}

impl Skid {
    /// Takes the next state; returns whether the road is found slippery here and now.
    pub(super) fn observe(
        &mut self,
        (measured, position): (Timestamp, Position),
        signals: &Signals,
        is_braking_hard: bool,
    ) -> bool {
        let is_on = signals.skids();
        let was_on = std::mem::replace(&mut self.was_on, is_on);
        let begins = is_on && !was_on;
        // In an emergency brake the brakes are kept from locking on any road.
        if !begins || is_braking_hard {
            return false;
        }
        let is_told = self.last.is_some_and(|(at, place)| {
            measured.since(at) < SAME_FOR && place.distance_m(position) < SAME_WITHIN_M
        });
        if is_told {
            return false;
        }
        self.last = Some((measured, position));
        true
    }
}

/// A second skid so near and so soon is the same slippery place.
const SAME_WITHIN_M: f64 = 100.0;
const SAME_FOR: Duration = Duration::from_secs(60);
