use crate::{
    geo::{LocalFrame, Position},
    id::StationId,
    message::Telemetry,
    units::{Heading, Speed},
};

/// A road user near the own vehicle, as it last said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Who.
    pub station: StationId,
    /// Where.
    pub position: Position,
    /// Which way it goes.
    pub heading: Heading,
    /// How fast.
    pub speed: Speed,
}

/// A neighbour as the own vehicle sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) station: StationId,
    /// From front to front, in the own direction.
    pub(super) ahead_m: f64,
    /// To the right of that.
    pub(super) right_m: f64,
    /// How far its direction differs from the own one, 0 to 18 000.
    pub(super) turn_centideg: u16,
    pub(super) speed_mm_per_s: u32,
}

/// The own vehicle and everybody near it, at one moment.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) seen: Vec<Seen>,
}

impl Neighbour {
    /// What a message says; `None` where that is too little.
    pub fn of(station: StationId, telemetry: &Telemetry) -> Option<Self> {
        Some(Self {
            station,
            position: telemetry.position,
            heading: telemetry.heading?,
            speed: telemetry.speed?,
        })
    }
}

impl Look {
    /// Sees the neighbours from the own vehicle; `None` if nobody knows which way that goes.
    pub(super) fn around(own: &Telemetry, neighbours: &[Neighbour]) -> Option<Self> {
        let heading = own.heading?;
        let (sin, cos) = heading.deg().to_radians().sin_cos();
        let frame = LocalFrame::at(own.position);
        let see = |it: &Neighbour| {
            let offset = frame.offset(it.position);
            Seen {
                station: it.station,
                ahead_m: offset.east_m * sin + offset.north_m * cos,
                right_m: offset.east_m * cos - offset.north_m * sin,
                turn_centideg: heading.difference_centideg(it.heading),
                speed_mm_per_s: it.speed.mm_per_s(),
            }
        };
        Some(Self {
            seen: neighbours.iter().map(see).collect(),
        })
    }
}

impl Seen {
    /// Whether it goes the own way.
    pub(super) fn is_along(&self) -> bool {
        self.turn_centideg <= ALONG_MAX_CENTIDEG
    }

    /// Whether it goes the own way on the same carriageway.
    pub(super) fn is_on_carriageway(&self) -> bool {
        self.is_along() && self.right_m.abs() <= CARRIAGEWAY_M
    }

    /// Whether it goes across the own way.
    pub(super) fn is_across(&self) -> bool {
        (ALONG_MAX_CENTIDEG..AGAINST_MIN_CENTIDEG).contains(&self.turn_centideg)
    }

    /// Whether it comes.
    pub(super) fn is_against(&self) -> bool {
        self.turn_centideg > STRAIGHT_AGAINST_MIN_CENTIDEG
    }

    /// Whether it is in the own lane, as far as that goes straight on.
    pub(super) fn is_in_lane(&self) -> bool {
        self.right_m.abs() < LANE_HALF_M
    }
}

/// Half the width of a lane, and a little for positions that are wrong.
pub(super) const LANE_HALF_M: f64 = 2.0;
/// To either side.
const CARRIAGEWAY_M: f64 = 12.0;
const ALONG_MAX_CENTIDEG: u16 = 4_500;
const AGAINST_MIN_CENTIDEG: u16 = 13_500;
/// Who is turned by more than 150° drives against the lane.
const STRAIGHT_AGAINST_MIN_CENTIDEG: u16 = 15_000;
