use std::time::Duration;

use thiserror::Error;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};
use wayside::{
    id::VehicleId,
    ledger::{Bundle, BundleError, Point, Report, Trunk},
    rpc::ledger::v1::{GetHistoryRequest, GetHistoryResponse, Position},
    transport::door::{CallError, Client, DoorRefusal},
};

use super::{
    Records,
    calls::ask_at_length,
    courier::{by_turn, connect, random_below},
    witness::{positions, second_opinion},
};
use crate::checkpoint::Standing;

/// A vehicle's history, every proof of it verified.
#[derive(Clone, Debug)]
pub struct VerifiedHistory {
    /// What it proves.
    pub report: Report,
    /// Who else vouches for the past that it shows.
    pub standing: Standing,
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
    ///
    /// A unit that refuses, lies or does not answer is passed over for the next one of the list.
    pub async fn history(&self, vehicle: VehicleId) -> Result<VerifiedHistory, HistoryError> {
        let mut worst = HistoryError::Unreachable("no unit is configured".to_owned());
        let end = Instant::now() + HISTORY_MAX;
        for unit in by_turn(self, random_below(u64::MAX)) {
            match self.history_from(vehicle, &unit).await {
                Ok(history) => return Ok(history),
                Err(error) if error.weight() >= worst.weight() => worst = error,
                Err(_) => {}
            }
            if Instant::now() >= end {
                break;
            }
        }
        Err(worst)
    }

    async fn history_from(
        &self,
        vehicle: VehicleId,
        unit: &str,
    ) -> Result<VerifiedHistory, HistoryError> {
        let client = connect(self, unit)
            .await
            .map_err(HistoryError::Unreachable)?;
        self.note_reach(Ok(()));
        let fetched = timeout(FETCH_MAX, self.fetch(&client, vehicle)).await;
        let served_by = client.operator();
        client.close().await;
        let late = |_| HistoryError::Unreachable(format!("{unit}: the unit took too long"));
        let bytes = fetched.map_err(late)??;
        let (history, blocks) = self.verify(vehicle, bytes, served_by).await?;
        if history.standing.problem.is_none() {
            return Ok(history);
        }
        // Without a second opinion it is told as what it is: consistent, but not anchored.
        let asked = timeout(OPINION_MAX, second_opinion(self, &blocks, served_by)).await;
        if asked != Ok(true) {
            return Ok(history);
        }
        let (history, _) = self.verify(vehicle, history.bundle, served_by).await?;
        Ok(history)
    }

    async fn fetch(&self, client: &Client, vehicle: VehicleId) -> Result<Vec<u8>, HistoryError> {
        // The way to the headers that are remembered, by which the history is anchored.
        let earlier = self.with_keeper(|keeper| positions(&keeper.points()));
        let request = |earlier: Vec<Position>| GetHistoryRequest {
            vehicle_id: vehicle.to_string(),
            earlier,
        };
        let bundle = |answer: GetHistoryResponse| Vec::from(answer.bundle);
        let asked = request(earlier);
        let answer = ask_at_length(client, "GetHistory", &asked).await;
        let answer = match answer {
            // A unit that is a block behind what is remembered cannot know the way there.
            Err(CallError::Refused(refusal))
                if refusal.code == INVALID_ARGUMENT && !asked.earlier.is_empty() =>
            {
                ask_at_length(client, "GetHistory", &request(Vec::new())).await
            }
            answered @ (Ok(_) | Err(_)) => answered,
        };
        match answer {
            Ok(answer) => Ok(bundle(answer)),
            Err(CallError::Refused(refusal)) => Err(refusal.into()),
            Err(error) => Err(HistoryError::Unreachable(error.to_string())),
        }
    }

    /// Verifies a history against the genesis and all that is remembered; returns it with its newest
    /// blocks.
    async fn verify(
        &self,
        vehicle: VehicleId,
        bytes: Vec<u8>,
        served_by: usize,
    ) -> Result<(VerifiedHistory, Vec<Point>), HistoryError> {
        let records = self.clone();
        let verified = spawn_blocking(move || {
            let bundle = Bundle::from_bytes(&bytes)?;
            let now = records.now().timestamp;
            let verified = records.with_keeper(|keeper| keeper.verify(&bundle, served_by, now));
            let (report, standing) = verified?;
            if report.vehicle != vehicle {
                return Err(HistoryError::OtherVehicle);
            }
            let newest = bundle
                .governance
                .iter()
                .chain([&bundle.home])
                .map(Trunk::tip);
            let newest = newest.collect();
            let history = VerifiedHistory {
                report,
                standing,
                bundle: bytes,
            };
            Ok((history, newest))
        });
        verified
            .await
            .unwrap_or_else(|error| Err(HistoryError::Unreachable(error.to_string())))
    }
}

impl HistoryError {
    /// What says more is heavier: that somebody lied is worth more than that somebody was away.
    fn weight(&self) -> u8 {
        match self {
            Self::Unreachable(_) => 0,
            Self::Refused(_) => 1,
            Self::False(_) | Self::OtherVehicle => 2,
        }
    }
}

/// After so long no further unit is asked.
const HISTORY_MAX: Duration = Duration::from_secs(60);
/// How long one unit may take for a history before the next one is asked.
const FETCH_MAX: Duration = Duration::from_secs(15);
/// How long a second opinion may take.
const OPINION_MAX: Duration = Duration::from_secs(10);
/// The number of `google.rpc.Code` for a request that cannot be answered as it stands.
const INVALID_ARGUMENT: u8 = 3;
