use borsh::{BorshDeserialize, BorshSerialize};

use super::{BundleError, trunk::Verified};
use crate::{
    id::VehicleId,
    ledger::{
        Header, HistoryHead, Key, List, Path, State, StateProof, Value, Vehicle,
        tree::snapshot_leaf,
    },
};

/// What the state holds of a vehicle, and with that where its history ends.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum Head {
    /// Under the newest header's `state_root`: as of that block.
    State {
        /// The vehicle.
        vehicle: Box<Vehicle>,
        /// The way to the root.
        proof: StateProof,
    },
    /// Under a header's `snapshot_root`: as of the block before that.
    Snapshot {
        /// The header's height.
        height: u64,
        /// The vehicle.
        vehicle: Box<Vehicle>,
        /// The path to the root.
        path: Path,
    },
}

/// By which of a header's roots a history was seen to be complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Completeness {
    /// By the root of the state after the block.
    State,
    /// By the root of the snapshot of the state before the block.
    Snapshot,
}

/// A head that the headers of its shard bind.
pub(super) struct Proven<'a> {
    pub(super) vehicle: &'a Vehicle,
    pub(super) header: &'a Header,
    pub(super) completeness: Completeness,
}

impl Head {
    /// What a state holds of a vehicle; `None` if there is no such vehicle.
    pub fn of_state(state: &State, id: VehicleId) -> Option<Self> {
        let key = Key::Vehicle(id);
        let Some(Value::Vehicle(vehicle)) = state.get(&key) else {
            return None;
        };
        Some(Self::State {
            vehicle: vehicle.clone(),
            proof: state.prove(&key),
        })
    }

    /// What the snapshot of a state holds of a vehicle, where the header at `height` has its root;
    /// `None` if there is no such vehicle.
    ///
    /// Goes through the whole state.
    pub fn of_snapshot(state: &State, height: u64, id: VehicleId) -> Option<Self> {
        let key = Key::Vehicle(id);
        let Some(Value::Vehicle(vehicle)) = state.get(&key) else {
            return None;
        };
        let vehicle = vehicle.clone();
        let leaf = snapshot_leaf(&key, &Value::Vehicle(vehicle.clone()));
        let leaves: Vec<_> = state.leaf_digests().collect();
        let index = leaves.iter().position(|other| *other == leaf)?;
        Some(Self::Snapshot {
            height,
            vehicle,
            path: List::Snapshot.path(&leaves, index)?,
        })
    }

    /// Where the history that it is the head of ends.
    pub fn history(&self) -> HistoryHead {
        match self {
            Self::State { vehicle, .. } | Self::Snapshot { vehicle, .. } => vehicle.history,
        }
    }

    pub(super) fn verify<'a>(
        &'a self,
        id: VehicleId,
        home: &Verified<'a>,
    ) -> Result<Proven<'a>, BundleError> {
        let key = Key::Vehicle(id);
        match self {
            Self::State { vehicle, proof } => {
                let header = home.newest();
                let value = Value::Vehicle(vehicle.clone());
                proof.verify(header.state_root, &key, Some(&value))?;
                Ok(Proven {
                    vehicle,
                    header,
                    completeness: Completeness::State,
                })
            }
            Self::Snapshot {
                height,
                vehicle,
                path,
            } => {
                let header = home.header(*height);
                let header = header.ok_or(BundleError::NoHeader(*height))?;
                let root = header.snapshot_root;
                let root = root.ok_or(BundleError::NoSnapshot(*height))?;
                let leaf = snapshot_leaf(&key, &Value::Vehicle(vehicle.clone()));
                path.verify(List::Snapshot, leaf, root)
                    .map_err(BundleError::Snapshot)?;
                Ok(Proven {
                    vehicle,
                    header,
                    completeness: Completeness::Snapshot,
                })
            }
        }
    }
}
