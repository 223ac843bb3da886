use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use crate::{
    id::VehicleId,
    ledger::{AttachRecord, RecordCommitment},
};

/// A record of a vehicle; the same commitment under another vehicle is another record.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RecordName {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The commitment to its text.
    pub record: RecordCommitment,
}

/// The text is no record's name.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a vehicle's id, `_` and 64 hexadecimal digits")]
pub struct RecordNameError;

impl RecordName {
    /// The record that was attached.
    pub fn of(attached: &AttachRecord) -> Self {
        Self {
            vehicle: attached.vehicle,
            record: attached.record,
        }
    }
}

impl FromStr for RecordName {
    type Err = RecordNameError;

    fn from_str(text: &str) -> Result<Self, RecordNameError> {
        let (vehicle, record) = text.split_once('_').ok_or(RecordNameError)?;
        Ok(Self {
            vehicle: vehicle.parse().map_err(|_| RecordNameError)?,
            record: record.parse().map_err(|_| RecordNameError)?,
        })
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.vehicle, self.record)
    }
}
