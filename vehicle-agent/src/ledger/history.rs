use thiserror::Error;
use tokio::task::spawn_blocking;
use wayside::{
    id::VehicleId,
    ledger::{Bundle, BundleError, Report},
    rpc::ledger::v1::{GetHistoryRequest, GetHistoryResponse, Position},
    transport::door::{CallError, DoorRefusal},
};

use super::{Records, calls::ask, courier::reach};

/// A vehicle's history, every proof of it verified.
#[derive(Clone, Debug)]
pub struct VerifiedHistory {
    /// What it proves.
    pub report: Report,
    /// The bundle that proves it.
    pub bundle: Vec<u8>,
}

/// Why there is no verified history.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// No unit is in reach, or the one that was went away.
    #[error("no unit answered: {0}")]
    Unreachable(String),
    /// The unit refused.
    #[error(transparent)]
    Refused(#[from] DoorRefusal),
    /// What the unit gave is false.
    #[error("the history does not verify: {0}")]
    False(#[from] BundleError),
    /// It is of another vehicle.
    #[error("the unit gave the history of another vehicle")]
    OtherVehicle,
}

impl Records {
    /// Fetches a vehicle's history from a unit and returns it only if all of it verifies.
    pub async fn history(&self, vehicle: VehicleId) -> Result<VerifiedHistory, HistoryError> {
        let turn = self.now().timestamp.unix_ms();
        let Some(client) = reach(self, turn).await else {
            let failure = self.state().failure.unwrap_or_default();
            return Err(HistoryError::Unreachable(failure));
        };
        let anchors = self.identity().anchors.iter().map(|point| Position {
            shard_id: point.shard.0.into(),
            height: point.height,
        });
        let request = GetHistoryRequest {
            vehicle_id: vehicle.to_string(),
            // The way to the checkpoint's headers, by which the history is anchored.
            earlier: anchors.collect(),
        };
        let answer = ask::<_, GetHistoryResponse>(&client, "GetHistory", &request).await;
        client.close().await;
        let bundle = match answer {
            Ok(answer) => Vec::from(answer.bundle),
            Err(CallError::Refused(refusal)) => return Err(refusal.into()),
            Err(error) => return Err(HistoryError::Unreachable(error.to_string())),
        };
        let records = self.clone();
        let verified = spawn_blocking(move || records.verify_history(vehicle, bundle));
        verified
            .await
            .unwrap_or_else(|error| Err(HistoryError::Unreachable(error.to_string())))
    }

    /// Verifies a history against the genesis, and against the checkpoint if there is one.
    fn verify_history(
        &self,
        vehicle: VehicleId,
        bytes: Vec<u8>,
    ) -> Result<VerifiedHistory, HistoryError> {
        let identity = self.identity();
        let bundle = Bundle::from_bytes(&bytes)?;
        let report = bundle.verify(&identity.genesis, identity.checkpoint.as_ref())?;
        if report.vehicle != vehicle {
            return Err(HistoryError::OtherVehicle);
        }
        Ok(VerifiedHistory {
            report,
            bundle: bytes,
        })
    }
}
