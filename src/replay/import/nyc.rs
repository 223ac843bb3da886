use serde_json::Value;

use super::{
    assembly::{Assembly, Read},
    bsm::{self, RawBsm},
    json::{Next, Values, number, text},
    place::{after_epoch, in_plane, origin},
    unpack::offset,
};
use crate::{
    geo::LocalFrame,
    replay::{Cut, Label},
};

/// Where the list of messages begins, if this is an event file of the New York pilot.
pub(super) fn list_start(content: &str) -> Option<usize> {
    let key = content.find(LIST_KEY)?;
    let after = key + LIST_KEY.len();
    content
        .get(after..)
        .and_then(|rest| rest.find('['))
        .map(|bracket| after + bracket + 1)
}

/// Reads an event of the New York connected vehicle pilot.
///
/// Places are metres from an undisclosed point and times are seconds from the warning; messages
/// are those of SAE J2735 with converted units (`NYC CVPD` data processing notes).
pub(super) fn read(content: &str, list_start: usize) -> Read {
    let mut assembly = Assembly::default();
    assembly.note_epoch();
    assembly.note("places are hidden: X_m and Y_m taken as east and north of 48° N 11° E");
    assembly.note("heights count from a hidden level: left out");
    bsm::note_reference_point(&mut assembly);
    label_warning(&mut assembly, content);
    let frame = LocalFrame::at(origin());
    let mut values = Values::new(content, list_start);
    loop {
        if values.array_ends() {
            return (assembly, None);
        }
        let at = offset(values.at());
        match values.next() {
            Next::Value(record) => {
                if let Err(why) = add(&mut assembly, &frame, &record) {
                    return (assembly, Some(Cut { at, why }));
                }
            }
            Next::Unreadable => {
                let why = "what follows is not JSON".to_owned();
                return (assembly, Some(Cut { at, why }));
            }
            Next::Cut(cut) => return (assembly, Some(cut)),
            Next::End => {
                let why = "the list of messages does not end".to_owned();
                return (assembly, Some(Cut { at, why }));
            }
        }
    }
}

/// Time 0 is when the host vehicle warned its driver.
fn label_warning(assembly: &mut Assembly, content: &str) {
    let header = content
        .find(HEADER_KEY)
        .map(|key| key + HEADER_KEY.len())
        .and_then(|after| content.get(after..))
        .map(|rest| rest.trim_start_matches([' ', ':', '\n', '\r', '\t']));
    let Some(Next::Value(header)) = header.map(|rest| Values::new(rest, 0).next()) else {
        return;
    };
    let (Some(kind), Some(from)) = (text(&header, "/eventType"), after_epoch(0.0)) else {
        return;
    };
    let vehicle = text(&header, "/hostVehID").map(|host| assembly.vehicle(&host));
    assembly.label(Label {
        from,
        until: None,
        vehicle,
        name: format!("warning {kind}"),
        cause: None,
        position: None,
    });
}

fn add(assembly: &mut Assembly, frame: &LocalFrame, record: &Value) -> Result<(), String> {
    let Some(core) = record.pointer("/bsmRecord/bsmMsg/coreData") else {
        assembly.leave_out("records that are no basic safety message");
        return Ok(());
    };
    let Some(name) = text(core, "/id") else {
        assembly.leave_out("messages without an id");
        return Ok(());
    };
    let time = assembly.take("T_s", Some(number(core, "/T_s")), |time| {
        time.and_then(after_epoch)
    });
    let Some(time) = time else { return Ok(()) };
    let place = number(core, "/X_m").zip(number(core, "/Y_m"));
    let raw = RawBsm {
        position: assembly.take("X_m, Y_m", place, |(x, y)| in_plane(frame, x, y)),
        altitude_m: None,
        speed_m_per_s: number(core, "/speed_mps"),
        heading_deg: number(core, "/heading_deg"),
        longitudinal_m_per_s2: number(core, "/accelSet/long_mpss"),
        lateral_m_per_s2: number(core, "/accelSet/lat_mpss"),
        yaw_deg_per_s: number(core, "/accelSet/yaw_dps"),
        semi_major_m: number(core, "/accuracy/semiMajor").map(|steps| steps * AXIS_STEP_M),
        semi_minor_m: number(core, "/accuracy/semiMinor").map(|steps| steps * AXIS_STEP_M),
        orientation_deg: number(core, "/accuracy/orientation").map(|steps| steps * TURN_STEP_DEG),
    };
    let parts = record.pointer("/bsmRecord/bsmMsg/partII");
    match bsm::telemetry(assembly, raw, core, parts) {
        Some(telemetry) => assembly.add(&name, time, telemetry),
        None => Ok(()),
    }
}

const HEADER_KEY: &str = "\"eventHeader\"";
const LIST_KEY: &str = "\"bsmList\"";
/// SAE J2735, `SemiMajorAxisAccuracy`.
pub(super) const AXIS_STEP_M: f64 = 0.05;
/// SAE J2735, `SemiMajorAxisOrientation`: 65 535 steps to a full turn.
pub(super) const TURN_STEP_DEG: f64 = 360.0 / 65_535.0;
