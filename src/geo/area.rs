use thiserror::Error;

use super::Position;

/// A part of the earth's surface that a client or a hazard speaks of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Area {
    /// All points within a distance of a centre.
    Circle {
        /// The middle.
        centre: Position,
        /// The distance, in metres.
        radius_m: u32,
    },
    /// All points between two parallels and two meridians; crosses the 180° meridian where west
    /// is greater than east.
    Box {
        /// The corner with the smallest latitude.
        south_west: Position,
        /// The corner with the greatest latitude.
        north_east: Position,
    },
    /// The inside of a ring of straight lines (in latitude and longitude).
    Polygon(Ring),
}

/// The corners of a polygon, in order, the last joined to the first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ring {
    vertices: Vec<Position>,
}

/// Why an area was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum AreaError {
    /// The southern edge lies north of the northern one.
    #[error("the box's south lies north of its north")]
    Inverted,
    /// A polygon has 3 to [`VERTICES_MAX`] corners.
    #[error("a polygon has 3 to {VERTICES_MAX} corners, not {0}")]
    Vertices(usize),
    /// Two neighbouring corners lie more than 180° apart; cut the polygon at the meridian.
    #[error("the polygon crosses the 180° meridian")]
    CrossesMeridian,
}

impl Area {
    /// The box between two corners.
    pub fn from_corners(south_west: Position, north_east: Position) -> Result<Self, AreaError> {
        if south_west.latitude_e7() > north_east.latitude_e7() {
            return Err(AreaError::Inverted);
        }
        Ok(Self::Box {
            south_west,
            north_east,
        })
    }

    /// The polygon with these corners.
    pub fn from_vertices(vertices: Vec<Position>) -> Result<Self, AreaError> {
        if !(3..=VERTICES_MAX).contains(&vertices.len()) {
            return Err(AreaError::Vertices(vertices.len()));
        }
        let longitudes = || vertices.iter().map(|vertex| vertex.longitude_e7());
        let west = longitudes().min().unwrap_or(0);
        let east = longitudes().max().unwrap_or(0);
        if i64::from(east) - i64::from(west) > HALF_TURN_E7 {
            return Err(AreaError::CrossesMeridian);
        }
        Ok(Self::Polygon(Ring { vertices }))
    }

    /// Whether `position` lies inside; the border of a polygon belongs to either side.
    pub fn contains(&self, position: Position) -> bool {
        match self {
            Self::Circle { centre, radius_m } => {
                centre.distance_m(position) <= f64::from(*radius_m)
            }
            Self::Box {
                south_west,
                north_east,
            } => {
                let (west, east) = (south_west.longitude_e7(), north_east.longitude_e7());
                let longitude = position.longitude_e7();
                let between = if west <= east {
                    (west..=east).contains(&longitude)
                } else {
                    longitude >= west || longitude <= east
                };
                between
                    && (south_west.latitude_e7()..=north_east.latitude_e7())
                        .contains(&position.latitude_e7())
            }
            Self::Polygon(ring) => ring.contains(position),
        }
    }

    /// A centre and a radius in metres of a circle that holds the whole area, where that is small
    /// enough to be worth an index; `None` for boxes and polygons, which are tested directly.
    pub fn circle(&self) -> Option<(Position, f64)> {
        match self {
            Self::Circle { centre, radius_m } => Some((*centre, f64::from(*radius_m))),
            Self::Box { .. } | Self::Polygon(_) => None,
        }
    }

    /// The middle of the area's bounds, and a radius in metres around it that reaches all of it: true
    /// to 0.1 % up to 10 km, and only known to be more beyond.
    ///
    /// `None` for a ring without corners, which no constructor makes.
    pub fn bounds(&self) -> Option<(Position, f64)> {
        match self {
            Self::Circle { centre, radius_m } => Some((*centre, f64::from(*radius_m))),
            Self::Box {
                south_west,
                north_east,
            } => {
                let west = i64::from(south_west.longitude_e7());
                let east = i64::from(north_east.longitude_e7());
                // A box that crosses the meridian goes on to the east of it.
                let east = if east < west {
                    east + FULL_TURN_E7
                } else {
                    east
                };
                let middle = (west + east) / 2;
                let middle = if middle > HALF_TURN_E7 {
                    middle - FULL_TURN_E7
                } else {
                    middle
                };
                let south = i64::from(south_west.latitude_e7());
                let north = i64::from(north_east.latitude_e7());
                let centre = from_wide((south + north) / 2, middle)?;
                reaching(centre, [*south_west, *north_east].into_iter())
            }
            Self::Polygon(ring) => {
                let latitudes = || ring.vertices.iter().map(|it| i64::from(it.latitude_e7()));
                let longitudes = || ring.vertices.iter().map(|it| i64::from(it.longitude_e7()));
                let centre = from_wide(
                    (latitudes().min()? + latitudes().max()?) / 2,
                    (longitudes().min()? + longitudes().max()?) / 2,
                )?;
                reaching(centre, ring.vertices.iter().copied())
            }
        }
    }
}

fn from_wide(latitude_e7: i64, longitude_e7: i64) -> Option<Position> {
    Position::from_e7(latitude_e7.try_into().ok()?, longitude_e7.try_into().ok()?)
}

/// The distance from `centre` that reaches every one of `points`.
fn reaching(centre: Position, points: impl Iterator<Item = Position>) -> Option<(Position, f64)> {
    points
        .map(|point| centre.distance_m(point))
        .reduce(f64::max)
        .map(|radius_m| (centre, radius_m))
}

impl Ring {
    /// Its corners, in order.
    pub fn vertices(&self) -> &[Position] {
        &self.vertices
    }

    /// Counts the edges that a ray to the east crosses, in exact integers.
    fn contains(&self, point: Position) -> bool {
        let next = self.vertices.iter().cycle().skip(1);
        let crossings = self
            .vertices
            .iter()
            .zip(next)
            .filter(|(a, b)| crosses_east_of(**a, **b, point))
            .count();
        crossings % 2 == 1
    }
}

fn crosses_east_of(a: Position, b: Position, point: Position) -> bool {
    let (a_north, b_north) = (i128::from(a.latitude_e7()), i128::from(b.latitude_e7()));
    let (a_east, b_east) = (i128::from(a.longitude_e7()), i128::from(b.longitude_e7()));
    let (north, east) = (
        i128::from(point.latitude_e7()),
        i128::from(point.longitude_e7()),
    );
    if (a_north > north) == (b_north > north) {
        return false;
    }
    // The edge meets the ray's parallel at a_east + (north - a_north) * run / rise.
    let rise = b_north - a_north;
    let excess = (north - a_north) * (b_east - a_east) - (east - a_east) * rise;
    if rise > 0 { excess > 0 } else { excess < 0 }
}

/// Most corners of a polygon.
pub const VERTICES_MAX: usize = 64;

const HALF_TURN_E7: i64 = 1_800_000_000;
const FULL_TURN_E7: i64 = 2 * HALF_TURN_E7;
