//! Recorded drives: from the formats of others, and in our own.
//!
//! A [`Drive`] is what several vehicles said in the course of time, as values in range. Recordings
//! name things differently, measure them at another point of the vehicle, write "unavailable" as a
//! number, and end in the middle; all of that is settled here, once, so that whoever replays a
//! drive sees vehicles and times only. Nothing is made up to fill a gap: what a recording does not
//! say is absent, and what the importer had to assume stands in [`Drive::notes`].
//!
//! Bytes come in and values go out; files are for the callers. Playing a drive is left to `sim`
//! and to the daemons.

mod drive;
pub mod import;
pub mod mcap;

pub use drive::{Content, Cut, Drive, Label, Provenance, Record, VehicleInfo};
pub use import::{
    ImportError, Imported, ImportedLanes, LabelledMessage, LabelledTraffic, Options, import,
    import_labelled, import_lanes,
};
