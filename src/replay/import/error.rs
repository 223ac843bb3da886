use thiserror::Error;

use super::Cut;

/// Why nothing could be imported.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ImportError {
    /// There is nothing in it.
    #[error("{name} is empty")]
    Empty {
        /// The recording's name.
        name: String,
    },
    /// None of the formats that this version reads.
    #[error("{name} is {seen}, which is no supported recording; supported are {SUPPORTED}")]
    UnknownFormat {
        /// The recording's name.
        name: String,
        /// What it looks like.
        seen: String,
    },
    /// It unpacks to more than is read at once; split it.
    #[error("{name} unpacks to more than {limit} bytes")]
    TooLarge {
        /// The recording's name.
        name: String,
        /// Most bytes.
        limit: u64,
    },
    /// The column map, or the table's own header, does not say what is needed.
    #[error("{0}")]
    Columns(String),
    /// The list of labels cannot be used.
    #[error("list of labels: {0}")]
    Labels(String),
    /// It is cut or damaged before its first record.
    #[error("no vehicle state could be read from {format}; {cut}")]
    Damaged {
        /// The format it begins as.
        format: &'static str,
        /// Where reading ended.
        cut: Cut,
    },
    /// Read to its end without finding a single vehicle.
    #[error("{format} holds no vehicle state{}", tail(.notes))]
    NoVehicles {
        /// The format.
        format: &'static str,
        /// What was found and left out.
        notes: Vec<String>,
    },
    /// An MCAP file of another profile.
    #[error("MCAP with profile {profile:?}, version {version:?}; this reads \"wayside\" version 1")]
    ForeignMcap {
        /// The profile in its header.
        profile: String,
        /// The version in its metadata, if there is any.
        version: String,
    },
}

fn tail(notes: &[String]) -> String {
    if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join("; "))
    }
}

const SUPPORTED: &str = "SUMO FCD XML, CommonRoad XML (2018b, 2020a), NYC pilot event JSON, \
    ODE BSM JSON, CSV with a column map, all of them also packed with gzip, and MCAP with the \
    wayside profile";
