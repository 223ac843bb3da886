use super::Position;
use crate::units::Heading;

/// A plane that touches the ellipsoid at an origin, with east and north in metres.
///
/// Uses the ellipsoid's two radii of curvature at the origin, so that short distances are true in
/// both directions.
#[derive(Clone, Copy, Debug)]
pub struct LocalFrame {
    origin: Position,
    m_per_deg_north: f64,
    m_per_deg_east: f64,
}

/// A displacement in a [`LocalFrame`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offset {
    /// Metres east of the origin.
    pub east_m: f64,
    /// Metres north of the origin.
    pub north_m: f64,
}

impl LocalFrame {
    /// The frame whose origin is `origin`.
    pub fn at(origin: Position) -> Self {
        let latitude = origin.latitude_deg().to_radians();
        let curvature = 1.0 - ECCENTRICITY_SQUARED * latitude.sin().powi(2);
        let radius_east_m = SEMI_MAJOR_AXIS_M / curvature.sqrt();
        let radius_north_m = radius_east_m * (1.0 - ECCENTRICITY_SQUARED) / curvature;
        Self {
            origin,
            m_per_deg_north: radius_north_m.to_radians(),
            m_per_deg_east: (radius_east_m * latitude.cos()).to_radians(),
        }
    }

    /// The frame's origin.
    pub fn origin(&self) -> Position {
        self.origin
    }

    /// The way from the origin to `position`, the short way round the globe.
    pub fn offset(&self, position: Position) -> Offset {
        let east_deg = position.longitude_deg() - self.origin.longitude_deg();
        let east_deg = if east_deg > 180.0 {
            east_deg - 360.0
        } else if east_deg < -180.0 {
            east_deg + 360.0
        } else {
            east_deg
        };
        Offset {
            east_m: east_deg * self.m_per_deg_east,
            north_m: (position.latitude_deg() - self.origin.latitude_deg()) * self.m_per_deg_north,
        }
    }

    /// The position at `offset` from the origin, or `None` where it leaves the globe's ranges or
    /// the offset is not finite.
    pub fn position(&self, offset: Offset) -> Option<Position> {
        let longitude_deg = self.origin.longitude_deg() + offset.east_m / self.m_per_deg_east;
        let longitude_deg = if longitude_deg > 180.0 {
            longitude_deg - 360.0
        } else if longitude_deg < -180.0 {
            longitude_deg + 360.0
        } else {
            longitude_deg
        };
        let latitude_deg = self.origin.latitude_deg() + offset.north_m / self.m_per_deg_north;
        Position::from_deg(latitude_deg, longitude_deg)
    }
}

impl Offset {
    /// The displacement of `distance_m` metres along `heading`.
    pub fn along(heading: Heading, distance_m: f64) -> Self {
        let radians = heading.deg().to_radians();
        Self {
            east_m: distance_m * radians.sin(),
            north_m: distance_m * radians.cos(),
        }
    }

    /// Its length in metres.
    pub fn length_m(self) -> f64 {
        self.east_m.hypot(self.north_m)
    }

    /// Its direction, or `None` for the zero offset or one that is not finite.
    pub fn heading(self) -> Option<Heading> {
        (self.length_m() > 0.0)
            .then(|| Heading::from_deg_wrapped(self.east_m.atan2(self.north_m).to_degrees()))
            .flatten()
    }
}

const SEMI_MAJOR_AXIS_M: f64 = 6_378_137.0;
const ECCENTRICITY_SQUARED: f64 = 6.694_379_990_14e-3;
