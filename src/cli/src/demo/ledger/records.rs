use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use tokio::time::timeout;
use tonic::transport::Endpoint;
use wayside::rpc::record::v1::{
    OdometerReading, Progress, Record, RecordState, SubmitRequest, WatchRequest, WearKind,
    WearReading, record::Body, record_service_client::RecordServiceClient, watch_response::Event,
};

/// Lets a vehicle's agent record the wear of a brake pad and the odometer, and waits until the
/// agent has verified the proof that both are on the ledger; returns how many they were.
pub(super) async fn record_wear(agent: &str, part_tag: String) -> anyhow::Result<usize> {
    let endpoint = Endpoint::from_shared(agent.to_owned())?;
    let channel = endpoint.connect_timeout(CONNECT_MAX).connect().await?;
    let mut client = RecordServiceClient::new(channel);
    let wear = WearReading {
        kind: WearKind::BrakePad.into(),
        wheel: Some(0),
        part_tag,
        thickness_um: Some(11_400),
        odometer_km: Some(ODOMETER_KM),
        temperature_decidegree_c: Some(1_830),
    };
    let odometer = OdometerReading {
        odometer_km: Some(ODOMETER_KM + 1),
    };
    // The outbox sends in this order, and the odometer never goes down.
    let bodies = [Body::Wear(wear), Body::Odometer(odometer)];
    let mut waited: BTreeMap<u64, &str> = BTreeMap::new();
    for (name, body) in ["demo-wear", "demo-odometer"].into_iter().zip(bodies) {
        let request = SubmitRequest {
            request_id: name.to_owned(),
            record: Some(Record {
                at: None,
                body: Some(body),
            }),
        };
        let taken = client.submit(request).await?.into_inner();
        let state = taken.state.context("an agent without an answer")?;
        waited.insert(state.record_id, name);
    }
    let count = waited.len();
    let mut events = client.watch(WatchRequest {}).await?.into_inner();
    let done = async {
        while !waited.is_empty() {
            let event = events.message().await?.context("the agent hung up")?.event;
            if let Some(Event::State(state)) = event
                && waited.contains_key(&state.record_id)
                && is_done(&state)?
            {
                waited.remove(&state.record_id);
            }
        }
        Ok(count)
    };
    timeout(DONE_MAX, done)
        .await
        .unwrap_or_else(|_| bail!("not on the ledger within {DONE_MAX:?}"))
}

fn is_done(state: &RecordState) -> anyhow::Result<bool> {
    match state.progress() {
        Progress::Applied => Ok(true),
        Progress::Refused => bail!("{} was refused: {}", state.request_id, state.rule),
        Progress::Queued | Progress::Sending | Progress::Unspecified => Ok(false),
    }
}

const CONNECT_MAX: Duration = Duration::from_secs(2);
const DONE_MAX: Duration = Duration::from_secs(15);
/// What the vehicles' odometers show; a year old, they may show it.
pub(super) const ODOMETER_KM: u32 = 18_250;
