use std::fmt;

use h3o::{CellIndex, LatLng, Resolution};

use super::Position;

/// A cell of the H3 grid at resolution 9: a hexagon of about 0.1 km², edges of about 200 m.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Cell(CellIndex);

/// A cell of the H3 grid at resolution 7 or coarser: a hexagon of about 5 km² or more, which says in
/// which quarter of a town something was, and not at which house.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CoarseCell(CellIndex);

impl Cell {
    /// The cell that holds `position`.
    pub fn at(position: Position) -> Self {
        let point = LatLng::new(position.latitude_deg(), position.longitude_deg())
            .expect("a position is finite");
        Self(point.to_cell(Resolution::Nine))
    }

    /// Returns the cell with this H3 index, or `None` if it is none of resolution 9.
    pub fn from_h3(index: u64) -> Option<Self> {
        CellIndex::try_from(index)
            .ok()
            .filter(|cell| cell.resolution() == Resolution::Nine)
            .map(Self)
    }

    /// The H3 index.
    pub fn h3(self) -> u64 {
        self.0.into()
    }

    /// How large it is, in square metres: about 0.1 km², and nowhere above 0.2.
    pub fn area_m2(self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cell of resolution 9 is between 0 and 0.2 km²; saturates"
        )]
        let area_m2 = self.0.area_m2().round() as u32;
        area_m2
    }

    /// Every cell with a point within `radius_m` of `centre`, and some beyond; the same for every
    /// `centre` in one cell.
    ///
    /// Returns `None` above [`Self::RADIUS_MAX_M`]: who asks for more should look at everything.
    pub fn within(centre: Position, radius_m: f64) -> Option<Vec<Self>> {
        if !(0.0..=Self::RADIUS_MAX_M).contains(&radius_m) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 41 by the condition"
        )]
        let rings = (radius_m / RING_MIN_M).ceil() as u32 + 1;
        let cells: Vec<CellIndex> = Self::at(centre).0.grid_disk(rings);
        Some(cells.into_iter().map(Self).collect())
    }

    /// The largest radius that [`Self::within`] lists: about 5 000 cells.
    pub const RADIUS_MAX_M: f64 = 10_000.0;
}

impl CoarseCell {
    /// The cell that holds `position`.
    pub fn at(position: Position) -> Self {
        let point = LatLng::new(position.latitude_deg(), position.longitude_deg())
            .expect("a position is finite");
        Self(point.to_cell(Resolution::Seven))
    }

    /// Every cell of resolution 7 with a point within `radius_m` of `centre`, and some beyond; the
    /// same for every `centre` in one cell.
    ///
    /// Returns `None` above [`Self::RADIUS_MAX_M`]: who asks for more should look at everything.
    pub fn within(centre: Position, radius_m: f64) -> Option<Vec<Self>> {
        if !(0.0..=Self::RADIUS_MAX_M).contains(&radius_m) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 13 by the condition"
        )]
        let rings = (radius_m / COARSE_RING_MIN_M).ceil() as u32 + 1;
        let cells: Vec<CellIndex> = Self::at(centre).0.grid_disk(rings);
        Some(cells.into_iter().map(Self).collect())
    }

    /// The largest radius that [`Self::within`] lists: about 550 cells.
    pub const RADIUS_MAX_M: f64 = 20_000.0;

    /// Returns the cell with this H3 index, or `None` if it is none of resolution 7 or coarser.
    pub fn from_h3(index: u64) -> Option<Self> {
        CellIndex::try_from(index)
            .ok()
            .filter(|cell| cell.resolution() <= Resolution::Seven)
            .map(Self)
    }

    /// The H3 index.
    pub fn h3(self) -> u64 {
        self.0.into()
    }
}

impl fmt::Debug for CoarseCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What each ring of cells adds at least: the smallest cells of resolution 9 lie 250 m apart.
const RING_MIN_M: f64 = 250.0;
/// The same at resolution 7, two steps of a factor of the square root of seven coarser.
const COARSE_RING_MIN_M: f64 = 7.0 * RING_MIN_M;
