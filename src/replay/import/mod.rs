//! Recordings of other makers, turned into drives.
//!
//! The format is found in the content; the name is only quoted. Each importer reads as far as the
//! recording makes sense: a recording that is cut gives what came before the cut and says where
//! it was. Values that are out of range or "unavailable" are left out one by one, and counted in
//! the notes of the drive.

mod error;

pub use error::ImportError;

use super::{Cut, Drive};

/// What the caller knows about a recording beyond its bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// Which column of a CSV holds what, as `time=t_s,vehicle=id,...`; see [`import`].
    pub columns: Option<String>,
    /// The terms under which the recording may be passed on.
    pub licence: Option<String>,
}

/// A recording as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What was read.
    pub drive: Drive,
    /// Where reading ended, unless that was the recording's end.
    pub cut: Option<Cut>,
}
