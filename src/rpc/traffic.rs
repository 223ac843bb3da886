use prost::Message as _;

use super::road::v1 as road;
use crate::{
    time::Timestamp,
    traffic::{CellTraffic, Interval},
};

/// The bytes of what a unit says of one interval, which it signs
/// ([`Context::TrafficReport`](crate::crypto::Context::TrafficReport)).
pub fn traffic_report(interval: &Interval) -> Vec<u8> {
    let report = road::TrafficReport {
        from_unix_ms: Timestamp::unix_ms(interval.from),
        until_unix_ms: Timestamp::unix_ms(interval.until),
        cells: interval.cells.iter().map(to_wire_cell).collect(),
    };
    report.encode_to_vec()
}

/// What a unit said, of the bytes that it signed.
pub fn parse_traffic_report(bytes: &[u8]) -> Option<road::TrafficReport> {
    road::TrafficReport::decode(bytes).ok()
}

fn to_wire_cell(cell: &CellTraffic) -> road::CellTraffic {
    road::CellTraffic {
        cell: cell.cell.h3(),
        reporters: cell.reporters,
        set_aside: cell.set_aside,
        speed_mm_per_s: cell.speed.mm_per_s(),
        speed_median_mm_per_s: cell.speed_median.mm_per_s(),
        speed_deviation_mm_per_s: cell.speed_deviation.mm_per_s(),
        present_milli: cell.present_milli,
        density_milli_per_km2: cell.density_milli_per_km2,
        travel_time_ms: cell
            .travel_time
            .map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
    }
}
