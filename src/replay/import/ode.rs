use serde_json::Value;

use super::{
    assembly::{Assembly, Read},
    bsm::{self, RawBsm},
    date,
    json::{Next, Values, number, text},
    nyc::{AXIS_STEP_M, TURN_STEP_DEG},
    place::after_epoch,
    unpack::offset,
};
use crate::{geo::Position, replay::Cut, time::Timestamp};

/// Reads basic safety messages as the Operational Data Environment of US DOT writes them: one
/// JSON object each, in SI units (schema 3 to 6) or in the steps of SAE J2735 (schema 1 and 9).
pub(super) fn read(content: &str) -> Read {
    let mut import = Import {
        assembly: Assembly::default(),
        last: after_epoch(0.0),
        dateless: 0,
        foreign_zone: 0,
    };
    bsm::note_reference_point(&mut import.assembly);
    let mut values = Values::new(content, 0);
    let cut = loop {
        let at = offset(values.at());
        match values.next() {
            Next::Value(record) => {
                if let Err(why) = import.record(&record) {
                    break Some(Cut { at, why });
                }
            }
            Next::Unreadable => import.assembly.leave_out("lines that are not JSON"),
            Next::Cut(cut) => break Some(cut),
            Next::End => break None,
        }
    };
    import.note_times();
    (import.assembly, cut)
}

struct Import {
    assembly: Assembly,
    /// The last time seen; times without a date are taken near to it.
    last: Option<Timestamp>,
    dateless: u64,
    foreign_zone: u64,
}

impl Import {
    fn record(&mut self, record: &Value) -> Result<(), String> {
        let message = MESSAGES
            .into_iter()
            .find_map(|pointer| record.pointer(pointer))
            .and_then(|message| Some((message, message.get("coreData")?)));
        let Some((message, core)) = message else {
            self.assembly
                .leave_out("records that are no basic safety message");
            return Ok(());
        };
        let Some(name) = text(core, "/id") else {
            self.assembly.leave_out("messages without an id");
            return Ok(());
        };
        let Some(time) = self.time(record, core) else {
            self.assembly.leave_out("messages without a time");
            return Ok(());
        };
        self.last = Some(time);
        let raw = if core.get("lat").is_some() {
            in_steps(&mut self.assembly, core)
        } else {
            in_units(&mut self.assembly, core)
        };
        match bsm::telemetry(&mut self.assembly, raw, core, message.get("partII")) {
            Some(telemetry) => self.assembly.add(&name, time, telemetry),
            None => Ok(()),
        }
    }

    /// The log's time says the minute, `secMark` the millisecond in it (SAE J2735, `DSecond`).
    fn time(&mut self, record: &Value, core: &Value) -> Option<Timestamp> {
        let logged = ["/metadata/recordGeneratedAt", "/metadata/odeReceivedAt"]
            .into_iter()
            .find_map(|pointer| date::parse(&text(record, pointer)?));
        let near = match logged {
            Some((time, universal)) => {
                self.foreign_zone += u64::from(!universal);
                time
            }
            None => {
                self.dateless += 1;
                self.last?
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole by its definition and below 60 000 by the filter"
        )]
        let mark_ms = number(core, "/secMark")
            .filter(|mark| (0.0..60_000.0).contains(mark))
            .map(|mark| mark as u64);
        match mark_ms {
            Some(mark_ms) => nearest(near, mark_ms),
            None => logged.map(|(time, _)| time),
        }
    }

    fn note_times(&mut self) {
        if self.dateless > 0 {
            self.assembly.note(format!(
                "{} messages have no date: their secMark is taken as the time after \
                 2026-01-01T00:00:00Z, or after the message before",
                self.dateless
            ));
        }
        if self.foreign_zone > 0 {
            self.assembly.note(format!(
                "{} times name a zone other than Z: taken as coordinated universal time",
                self.foreign_zone
            ));
        }
    }
}

/// The time nearest to `near` whose millisecond in the minute is `mark_ms`.
fn nearest(near: Timestamp, mark_ms: u64) -> Option<Timestamp> {
    let minute = near.unix_ms() / MINUTE_MS * MINUTE_MS;
    let middle = minute + mark_ms;
    let distance = |candidate: &u64| candidate.abs_diff(near.unix_ms());
    [middle.saturating_sub(MINUTE_MS), middle, middle + MINUTE_MS]
        .into_iter()
        .min_by_key(distance)
        .and_then(Timestamp::from_unix_ms)
}

fn in_units(assembly: &mut Assembly, core: &Value) -> RawBsm {
    let place = number(core, "/position/latitude").zip(number(core, "/position/longitude"));
    RawBsm {
        position: assembly.take("position", place, |(latitude, longitude)| {
            Position::from_deg(latitude, longitude)
        }),
        altitude_m: number(core, "/position/elevation"),
        speed_m_per_s: number(core, "/speed"),
        heading_deg: number(core, "/heading"),
        longitudinal_m_per_s2: number(core, "/accelSet/accelLong"),
        lateral_m_per_s2: number(core, "/accelSet/accelLat"),
        yaw_deg_per_s: number(core, "/accelSet/accelYaw"),
        semi_major_m: number(core, "/accuracy/semiMajor"),
        semi_minor_m: number(core, "/accuracy/semiMinor"),
        orientation_deg: number(core, "/accuracy/orientation"),
    }
}

fn in_steps(assembly: &mut Assembly, core: &Value) -> RawBsm {
    let place = number(core, "/lat").zip(number(core, "/long"));
    let steps = |pointer: &str, step: f64| number(core, pointer).map(|count| count * step);
    RawBsm {
        position: assembly.take("position", place, |(latitude, longitude)| {
            Position::from_deg(latitude * PLACE_STEP_DEG, longitude * PLACE_STEP_DEG)
        }),
        altitude_m: steps("/elev", 0.1),
        speed_m_per_s: steps("/speed", 0.02),
        heading_deg: steps("/heading", 0.0125),
        longitudinal_m_per_s2: steps("/accelSet/long", 0.01),
        lateral_m_per_s2: steps("/accelSet/lat", 0.01),
        yaw_deg_per_s: steps("/accelSet/yaw", 0.01),
        semi_major_m: steps("/accuracy/semiMajor", AXIS_STEP_M),
        semi_minor_m: steps("/accuracy/semiMinor", AXIS_STEP_M),
        orientation_deg: steps("/accuracy/orientation", TURN_STEP_DEG),
    }
}

/// Where the schemas keep the message; the last is the message alone.
const MESSAGES: [&str; 5] = [
    "/payload/data/MessageFrame/value/BasicSafetyMessage",
    "/payload/data/value/BasicSafetyMessage",
    "/payload/data",
    "/BasicSafetyMessage",
    "",
];
const MINUTE_MS: u64 = 60_000;
const PLACE_STEP_DEG: f64 = 1e-7;
