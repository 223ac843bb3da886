use super::{Interest, InterestArea};
use crate::{
    geo::{Area, LocalFrame, Offset, Position},
    message::{Cause, Hazard, RelevanceDirection},
    units::Heading,
};

/// Where a peer is, as it last said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) heading: Option<Heading>,
    pub(super) frame: LocalFrame,
}

impl Place {
    pub(super) fn new(position: Position, heading: Option<Heading>) -> Self {
        Self {
            position,
            heading,
            frame: LocalFrame::at(position),
        }
    }
}

impl Interest {
    /// A unit's interest: everything within its own circle.
    pub(super) fn of_unit(position: Position, radius_m: u32) -> Self {
        Self {
            areas: vec![InterestArea::Fixed(Area::Circle {
                centre: position,
                radius_m,
            })],
            telemetry: true,
            hazards: true,
            place: Some(position),
            ..Self::default()
        }
    }

    /// Whether a point lies in one of the areas of somebody at `place`.
    pub(super) fn holds(&self, place: Option<&Place>, point: Position) -> bool {
        self.areas.iter().any(|area| area.holds(place, point))
    }

    /// Whether hazards of this kind are wanted.
    pub(super) fn wants(&self, cause: Cause) -> bool {
        self.hazards && (self.causes.is_empty() || self.causes.contains(&cause.code()))
    }
}

/// Whether a hazard is about the way of somebody at `place`: within its relevance, and, where both
/// directions are known, on the way that it speaks of.
pub(super) fn concerns(hazard: &Hazard, place: &Place) -> bool {
    let offset = place.frame.offset(hazard.position);
    if offset.length_m() > f64::from(hazard.relevance_radius.m()) {
        return false;
    }
    let (Some(direction), Some(of_event), Some(own)) =
        (hazard.relevance_direction, hazard.heading, place.heading)
    else {
        return true;
    };
    let is_along = of_event.difference_centideg(own) <= QUARTER_TURN_CENTIDEG;
    let way = Offset::along(of_event, 1.0);
    let to_event_m = offset.east_m * way.east_m + offset.north_m * way.north_m;
    match direction {
        RelevanceDirection::Upstream => is_along && to_event_m >= -BESIDE_M,
        RelevanceDirection::Downstream => is_along && to_event_m <= BESIDE_M,
        RelevanceDirection::Opposite => !is_along,
    }
}

impl InterestArea {
    fn holds(&self, place: Option<&Place>, point: Position) -> bool {
        match (self, place) {
            (Self::Fixed(area), _) => area.contains(point),
            (Self::Around { radius_m }, Some(place)) => {
                place.frame.offset(point).length_m() <= f64::from(*radius_m)
            }
            (
                Self::Ahead {
                    length_m,
                    half_width_m,
                },
                Some(place),
            ) => {
                let (length_m, half_width_m) = (f64::from(*length_m), f64::from(*half_width_m));
                let offset = place.frame.offset(point);
                let Some(heading) = place.heading else {
                    return offset.length_m() <= length_m.hypot(half_width_m);
                };
                let ahead = Offset::along(heading, 1.0);
                let along_m = offset.east_m * ahead.east_m + offset.north_m * ahead.north_m;
                let aside_m = offset.east_m * ahead.north_m - offset.north_m * ahead.east_m;
                (0.0..=length_m).contains(&along_m) && aside_m.abs() <= half_width_m
            }
            (Self::Around { .. } | Self::Ahead { .. }, None) => false,
        }
    }

    /// A circle that holds the whole area of somebody at `place`, whatever the heading: its middle,
    /// and its radius in metres.
    pub(super) fn circle(&self, place: Option<&Place>) -> Option<(Position, f64)> {
        match self {
            Self::Around { radius_m } => Some((place?.position, f64::from(*radius_m))),
            Self::Ahead {
                length_m,
                half_width_m,
            } => {
                let reach_m = f64::from(*length_m).hypot(f64::from(*half_width_m));
                Some((place?.position, reach_m))
            }
            Self::Fixed(area) => area.bounds(),
        }
    }
}

const QUARTER_TURN_CENTIDEG: u16 = 9_000;
/// Somebody beside an event may be before or behind it.
const BESIDE_M: f64 = 50.0;
