mod bad_input;
mod commonroad;
mod labelled;
mod lanelets;
mod messages;
mod sumo;
mod table;

use super::{ImportError, Imported, Options, import};
use crate::{
    geo::{LocalFrame, Offset},
    message::Telemetry,
    replay::{Content, Drive},
};

/// Imports text that must be readable to its end.
fn whole(text: &str) -> Drive {
    let imported = read(text.as_bytes()).unwrap();
    assert_eq!(imported.cut, None);
    imported.drive
}

fn read(bytes: &[u8]) -> Result<Imported, ImportError> {
    import("a recording", bytes, &Options::default())
}

fn state(drive: &Drive, index: usize) -> &Telemetry {
    let Content::State(telemetry) = &drive.records[index].content else {
        panic!("not a state: {:?}", drive.records[index])
    };
    telemetry
}

fn names(drive: &Drive) -> Vec<&str> {
    drive
        .vehicles
        .iter()
        .map(|vehicle| vehicle.name.as_str())
        .collect()
}

/// How far a state lies from the place of recordings without one.
fn from_origin(telemetry: &Telemetry) -> Offset {
    LocalFrame::at(super::place::origin()).offset(telemetry.position)
}

/// A position is exact to half a step of 1e-7° each way, which is below 6 mm.
fn assert_near(offset: Offset, east_m: f64, north_m: f64) {
    let apart = (offset.east_m - east_m).hypot(offset.north_m - north_m);
    assert!(
        apart < 0.01,
        "{offset:?} is {apart} m from {east_m}, {north_m}"
    );
}

fn noted(drive: &Drive, words: &str) -> bool {
    drive.notes.iter().any(|note| note.contains(words))
}

const EPOCH_UNIX_MS: u64 = 1_767_225_600_000;
