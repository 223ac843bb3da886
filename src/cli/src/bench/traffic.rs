//! A hundred cars that say all they know ten times a second.

use std::time::Duration;

use anyhow::Context as _;
use wayside::{
    geo::{LocalFrame, Offset, Position},
    message::{
        AccelerationControl, DriveDirection, ExteriorLights, PositionAccuracy, StationType,
        Telemetry,
    },
    security::{SlotClock, Wallet},
    sim::{Cast, Seed},
    time::Timestamp,
    units::{Acceleration, Altitude, Heading, HeadingAccuracy, Length, Speed, YawRate},
};

/// How many cars.
pub(super) const CARS: usize = 100;
/// How often each speaks.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);

/// The cars, and the trust domain that they are of.
pub(super) struct Traffic {
    pub(super) cast: Cast,
    start: Timestamp,
    lanes: Vec<LocalFrame>,
}

impl Traffic {
    /// Cars that drive side by side from `start` on; the same for the same start.
    pub(super) fn new(start: Timestamp) -> anyhow::Result<Self> {
        let lane = |car: usize| Offset {
            east_m: 0.0,
            north_m: car as f64 * LANE_GAP_M,
        };
        Self::placed(start, (0..CARS).map(lane))
    }

    /// Cars that drive from these places on, from [`origin`].
    pub(super) fn placed(
        start: Timestamp,
        places: impl Iterator<Item = Offset>,
    ) -> anyhow::Result<Self> {
        let slots = SlotClock::from_length_s(SLOT_S).context("slots have a length")?;
        let margin = slots.length();
        let (first, last) = (start.saturating_sub(margin), start.saturating_add(margin));
        let origin = LocalFrame::at(origin()?);
        let lanes = places.map(|place| Some(LocalFrame::at(origin.position(place)?)));
        Ok(Self {
            cast: Cast::new(Seed(7), slots, first, last),
            start,
            lanes: lanes.collect::<Option<_>>().context("places in Bologna")?,
        })
    }

    /// The same, by the moment in Unix milliseconds.
    pub(super) fn since(start_unix_ms: u64) -> anyhow::Result<Self> {
        Self::new(Timestamp::from_unix_ms(start_unix_ms).context("a moment in range")?)
    }

    /// How many cars have a place.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The tickets of a car.
    pub(super) fn wallet(&self, car: usize) -> Wallet {
        self.named_wallet(&format!("car {car}"))
    }

    /// The tickets of somebody else.
    pub(super) fn named_wallet(&self, name: &str) -> Wallet {
        self.cast.wallet(name, wayside::security::Class::Car)
    }

    /// What a car says at a moment: every field, at a steady speed to the east.
    pub(super) fn telemetry(&self, car: usize, at: Timestamp) -> Option<Telemetry> {
        let heading = Heading::from_deg(90.0)?;
        let driven_m = at.since(self.start).as_secs_f64() * SPEED_M_PER_S;
        let position = self
            .lanes
            .get(car)?
            .position(Offset::along(heading, driven_m))?;
        let [semi_major, semi_minor] = [Length::from_m(0.5)?, Length::from_m(0.3)?];
        Some(Telemetry {
            position,
            position_accuracy: PositionAccuracy::new(semi_major, semi_minor, heading),
            altitude: Altitude::from_m(54.2),
            altitude_accuracy: Length::from_m(1.0),
            heading: Some(heading),
            heading_accuracy: HeadingAccuracy::from_deg(1.0),
            speed: Speed::from_m_per_s(SPEED_M_PER_S),
            speed_accuracy: Speed::from_m_per_s(0.3),
            drive_direction: Some(DriveDirection::Forward),
            longitudinal_acceleration: Acceleration::from_m_per_s2(0.1),
            lateral_acceleration: Acceleration::from_m_per_s2(-0.1),
            vertical_acceleration: Acceleration::from_m_per_s2(0.2),
            yaw_rate: YawRate::from_deg_per_s(0.1),
            length: Length::from_m(4.5),
            width: Length::from_m(1.8),
            station_type: Some(StationType::PASSENGER_CAR),
            exterior_lights: Some(ExteriorLights(1)),
            acceleration_control: Some(AccelerationControl(AccelerationControl::GAS_PEDAL)),
        })
    }
}

/// Where the first car starts.
pub(super) fn origin() -> anyhow::Result<Position> {
    Position::from_deg(44.49, 11.32).context("a place in Bologna")
}

const SPEED_M_PER_S: f64 = 15.0;
const LANE_GAP_M: f64 = 4.0;
const SLOT_S: u32 = 3_600;
