use crate::{
    geo::Position,
    id::StationId,
    message::StationType,
    plausibility::{Check, Verdict},
    security::Slot,
    time::Timestamp,
    units::Speed,
    world::Object,
};

/// One vehicle at one moment, as it was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// Who.
    pub station: StationId,
    /// The slot of its ticket: of one slot each vehicle has one.
    pub slot: Slot,
    /// Where.
    pub position: Position,
    /// How fast, as it says.
    pub speed: Option<Speed>,
    /// When, by its clock.
    pub generated: Timestamp,
    /// How far it is believed.
    pub trust: Trust,
}

/// How far a sighting is believed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trust {
    /// A check found it out, so that its positions may be wrong, too.
    None,
    /// A check found out its speed or acceleration: where it was may still be true.
    PositionsOnly,
    /// There was nothing to hold it against.
    Half,
    /// It was checked.
    Full,
}

impl Sighting {
    /// What an object says; `None` for whatever is no vehicle on the road.
    pub fn of(object: &Object) -> Option<Self> {
        let (telemetry, verified) = (object.telemetry(), object.verified());
        let is_vehicle = !matches!(
            telemetry.station_type,
            Some(
                StationType::PEDESTRIAN
                    | StationType::CYCLIST
                    | StationType::TRAM
                    | StationType::ROADSIDE_UNIT
            )
        );
        (is_vehicle && !verified.ticket().is_unit()).then(|| Self {
            station: verified.station(),
            slot: verified.ticket().ticket().slot(),
            position: telemetry.position,
            speed: telemetry.speed,
            generated: verified.generated(),
            trust: match object.verdict() {
                Verdict::NotJudged => Trust::Half,
                Verdict::Plausible => Trust::Full,
                Verdict::Implausible(found) => {
                    let left = found.iter().map(|it| Trust::after(it.check));
                    left.min().unwrap_or(Trust::None)
                }
            },
        })
    }
}

impl Trust {
    /// What is left of it once a check found something out.
    fn after(check: Check) -> Self {
        match check {
            Check::PositionJump
            | Check::HeadingDisplacement
            | Check::SideDrift
            | Check::Freshness
            | Check::Rate
            | Check::DuplicateContent
            | Check::HazardDistance => Self::None,
            Check::SpeedDisplacement
            | Check::AccelerationSpeed
            | Check::SpeedBias
            // A wrong speed shows so in bends, too; and who drives a few metres aside is as fast.
            | Check::PlacedAside
            | Check::AccelerationBias
            | Check::AccelerationShare
            | Check::ReverseSpeed
            | Check::Latch => Self::PositionsOnly,
            // Of two in one place, one may say so only to have the other set aside.
            Check::Overlap => Self::Half,
        }
    }
}
