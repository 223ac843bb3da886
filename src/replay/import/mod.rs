//! Recordings of other makers, turned into drives.
//!
//! The format is found in the content; the name is only quoted. Each importer reads as far as the
//! recording makes sense: a recording that is cut gives what came before the cut and says where
//! it was. Values that are out of range or "unavailable" are left out one by one, and counted in
//! the notes of the drive.

mod assembly;
mod bsm;
mod columns;
mod commonroad;
mod date;
mod detect;
mod error;
mod json;
mod labelled;
mod labels;
mod lanelets;
mod nyc;
mod ode;
mod place;
mod sumo;
mod table;
mod unpack;
mod xml;

pub use error::ImportError;
pub use labelled::{LabelledMessage, LabelledTraffic, import_labelled};
pub use lanelets::{ImportedLanes, import_lanes};

#[cfg(test)]
mod tests;

use super::{Cut, Drive, mcap};
use assembly::Source;
use detect::Format;

/// What the caller knows about a recording beyond its bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// Which column of a CSV holds what: `time=t_s,vehicle=id,latitude=lat,longitude=lon,...`.
    ///
    /// Quantities are `time`, `unix_time`, `vehicle`, `latitude`, `longitude`, `east`, `north`,
    /// `altitude`, `heading` (clockwise from north), `orientation` (counter-clockwise from east),
    /// `speed`, `velocity_east`, `velocity_north`, `acceleration`, `yaw_rate`, `length`, `width`,
    /// `brake`, `hazard`, `type` and `label`. A unit may stand at the end of the quantity
    /// (`speed_km_per_h=v`) or of the column's name (`time=t_ms`). `position=centre` says that
    /// positions are not of the front.
    pub columns: Option<String>,
    /// What is known to be true besides: JSON with a list `events`, whose members have `time_s` (in
    /// the recording's own time) and `kind`, and may have `vehicle`, `until_s`, `cause_code`,
    /// `sub_cause_code`, `lat` and `lon`. An event about a vehicle that the recording does not
    /// have is left out and counted in the notes.
    pub labels: Option<String>,
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

/// Reads a recording in any supported format, packed with gzip or not.
///
/// `name` is where it comes from, for messages and for the drive's provenance.
pub fn import(name: &str, bytes: &[u8], options: &Options) -> Result<Imported, ImportError> {
    let (content, packing) = unpack::unpack(name, bytes, unpack::UNPACKED_LEN_MAX)?;
    if content.is_empty() && packing.is_none() {
        return Err(ImportError::Empty {
            name: name.to_owned(),
        });
    }
    if content.starts_with(mcap::MAGIC) {
        return read_mcap(&content, options);
    }
    let format = detect::detect(name, &content, packing.as_ref(), options)?;
    let (text, skipped, encoding) = unpack::text(&content);
    let (mut assembly, cut) = match format {
        Format::Sumo => sumo::read(text),
        Format::CommonRoad => commonroad::read(text),
        Format::Nyc(list_start) => nyc::read(text, list_start),
        Format::Ode => ode::read(text),
        Format::Table => table::read(text, options.columns.as_deref())?,
    };
    let cut = cut.map(|cut| Cut {
        at: cut.at + unpack::offset(skipped),
        ..cut
    });
    let cut = explain(cut, encoding.or(packing));
    if let Some(labels) = &options.labels {
        labels::add(&mut assembly, labels)?;
    }
    let source = Source {
        name,
        bytes,
        options,
    };
    let drive = assembly.finish(format.name(), cut.as_ref(), source)?;
    Ok(with_cut_noted(Imported { drive, cut }))
}

/// A drive that is written again must still say that something is missing.
fn with_cut_noted(mut imported: Imported) -> Imported {
    if let Some(cut) = &imported.cut {
        let note = format!("the source is not complete: {cut}");
        imported.drive.notes.push(note);
    }
    imported
}

/// A drive of ours has its columns and labels already.
fn read_mcap(content: &[u8], options: &Options) -> Result<Imported, ImportError> {
    if options.columns.is_some() || options.labels.is_some() {
        return Err(ImportError::Columns(
            "an MCAP recording takes neither a column map nor labels".to_owned(),
        ));
    }
    let mut imported = mcap::read(content)?;
    if options.licence.is_some() {
        let provenance = &mut imported.drive.provenance;
        provenance.licence.clone_from(&options.licence);
    }
    Ok(with_cut_noted(imported))
}

/// Joins where reading ended to the deeper reason for it.
fn explain(cut: Option<Cut>, deeper: Option<Cut>) -> Option<Cut> {
    match (cut, deeper) {
        (Some(cut), Some(deeper)) => Some(Cut {
            at: cut.at,
            why: format!("{}: {}", cut.why, deeper.why),
        }),
        (cut, deeper) => cut.or(deeper),
    }
}
