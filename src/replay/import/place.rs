use crate::{
    geo::{LocalFrame, Offset, Position},
    time::Timestamp,
    units::{Heading, Length},
};

/// Where recordings in metres without a place lie: 48° north, 11° east.
pub(super) fn origin() -> Position {
    Position::from_e7(ORIGIN_LATITUDE_E7, ORIGIN_LONGITUDE_E7).expect("both in range")
}

/// The time `seconds` after the fixed epoch, to the millisecond; `None` where that is no time.
pub(super) fn after_epoch(seconds: f64) -> Option<Timestamp> {
    let ms = (seconds * 1_000.0).round();
    if ms.abs() > OFFSET_MAX_MS {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded above; NaN becomes 0 and is refused below"
    )]
    let offset_ms = ms as i64;
    (!ms.is_nan())
        .then(|| EPOCH_UNIX_MS.checked_add_signed(offset_ms))
        .flatten()
        .and_then(Timestamp::from_unix_ms)
}

/// The position that lies some metres from the frame's origin; `None` too far away for a plane.
pub(super) fn in_plane(frame: &LocalFrame, east_m: f64, north_m: f64) -> Option<Position> {
    let offset = Offset { east_m, north_m };
    (offset.length_m() <= PLANE_RADIUS_M)
        .then(|| frame.position(offset))
        .flatten()
}

/// An angle in degrees clockwise from north as a heading; `None` for more than ten turns, which no
/// recorder means.
pub(super) fn turned(deg: f64) -> Option<Heading> {
    (deg.abs() <= ANGLE_MAX_DEG)
        .then(|| Heading::from_deg_wrapped(deg))
        .flatten()
}

/// The middle of the front side of a box whose centre is `centre`.
pub(super) fn front_of(centre: Position, facing: Heading, length: Length) -> Option<Position> {
    LocalFrame::at(centre).position(Offset::along(facing, length.m() / 2.0))
}

/// 2026-01-01T00:00:00Z: time 0 of recordings that have no date.
pub(super) const EPOCH_UNIX_MS: u64 = 1_767_225_600_000;
const ORIGIN_LATITUDE_E7: i32 = 480_000_000;
const ORIGIN_LONGITUDE_E7: i32 = 110_000_000;
/// Ten years; longer recordings are a mistake in the unit.
const OFFSET_MAX_MS: f64 = 3.156e11;
const ANGLE_MAX_DEG: f64 = 3_600.0;
const PLANE_RADIUS_M: f64 = 100_000.0;
