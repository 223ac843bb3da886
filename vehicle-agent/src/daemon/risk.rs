use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tracing::info;
use wayside::{
    replay::{ImportError, import_lanes},
    risk::Assessor,
};

use crate::config::RiskConfig;

/// Why a map of lanes cannot be used.
#[derive(Debug, Error)]
pub enum LanesError {
    /// The file cannot be read.
    #[error("cannot read the map {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It is none that anybody could unpack.
    #[error("cannot read the map {}", .0.display())]
    Import(PathBuf, #[source] ImportError),
    /// It ends in the middle, or is damaged.
    #[error("the map {} is not complete: {}", .0.display(), .1)]
    Cut(PathBuf, String),
    /// No lane is in it.
    #[error("the map {} has no lanes", .0.display())]
    Empty(PathBuf),
    /// It does not say where on earth it is.
    #[error("the map {} names no place: gpsLatitude and gpsLongitude are missing", .0.display())]
    NoPlace(PathBuf),
}

/// Reads the map, if one is given.
pub(super) fn open(config: &RiskConfig) -> Result<Assessor, LanesError> {
    let lanes = config.map.as_deref().map(read).transpose()?;
    Ok(Assessor::new(config.response, lanes.map(Arc::new)))
}

fn read(path: &Path) -> Result<wayside::lanes::LaneMap, LanesError> {
    let bytes = fs::read(path).map_err(|error| LanesError::Read(path.into(), error))?;
    let imported = import_lanes(&path.to_string_lossy(), &bytes)
        .map_err(|error| LanesError::Import(path.into(), error))?;
    if let Some(cut) = imported.cut {
        return Err(LanesError::Cut(path.into(), cut.to_string()));
    }
    let map = imported.map;
    if map.lanes_len() == 0 {
        return Err(LanesError::Empty(path.into()));
    }
    if !imported.is_placed {
        return Err(LanesError::NoPlace(path.into()));
    }
    info!(
        lanes = map.lanes_len(),
        left_out = map.left_out(),
        "knows the lanes of a map"
    );
    Ok(map)
}
