//! Driving stacks of real agents.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Channel, Endpoint};
use wayside::{
    rpc::{
        from_wire_time,
        telemetry::v1::{PublishRequest, telemetry_service_client::TelemetryServiceClient},
        to_wire_time,
        types::v1::Object,
        world::v1::{
            SubscribeRequest, subscribe_response::Event, world_service_client::WorldServiceClient,
        },
    },
    time::Timestamp,
    transport::Clock,
};

use super::{folder::PUBLISHER, part::Part};
use crate::bench::{
    stage::{Log, Stage},
    station::name_of,
    traffic::Traffic,
};

/// Tells the agent where its vehicle is.
pub(super) async fn publish(part: &Part) -> anyhow::Result<Stage> {
    let traffic = Traffic::since(part.start_unix_ms)?;
    let clock = Clock::system();
    let wallet = traffic.named_wallet(PUBLISHER);
    let own = wallet.credential_at(clock.now().timestamp);
    let own = name_of(own.context("a ticket")?.station());
    let mut client = TelemetryServiceClient::new(connect(&part.socket).await?);
    let (states, published) = mpsc::unbounded_channel();
    let answers = client.publish(UnboundedReceiverStream::new(published));
    let mut answers = answers.await?.into_inner();
    tokio::spawn(async move { while let Ok(Some(_)) = answers.message().await {} });
    let log = Log::default();
    let sent = log.clone();
    let mut sequence = 0;
    let mut measured = Timestamp::from_unix_ms(part.start_unix_ms).context("a moment")?;
    let publish = move |_: usize| {
        // Two states of one moment would be one too many.
        let next = measured.saturating_add(Duration::from_millis(1));
        measured = next.max(clock.now().timestamp);
        let Some(telemetry) = traffic.telemetry(0, measured) else {
            return;
        };
        sequence += 1;
        sent.note(own, measured.unix_ms());
        let _ = states.send(PublishRequest {
            sequence,
            measured_at: Some(to_wire_time(measured)),
            state: Some((&telemetry).into()),
            ..PublishRequest::default()
        });
    };
    Ok(Stage {
        publish: Some(Box::new(publish)),
        ..Stage::of(log)
    })
}

/// Is told of everybody whom the agent hears.
pub(super) async fn subscribe(part: &Part) -> anyhow::Result<Stage> {
    let mut client = WorldServiceClient::new(connect(&part.socket).await?);
    let world = client.subscribe(SubscribeRequest::default()).await?;
    let mut world = world.into_inner();
    let log = Log::default();
    let heard = log.clone();
    tokio::spawn(async move {
        while let Ok(Some(told)) = world.message().await {
            if let Some(Event::Object(object)) = told.event
                && let Some((who, which)) = names(&object)
            {
                heard.note(who, which);
            }
        }
    });
    Ok(Stage::of(log))
}

/// Connects to a unix socket.
pub(super) async fn connect(socket: &Path) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display()))?;
    Ok(endpoint.connect().await?)
}

fn names(object: &Object) -> Option<(u64, u64)> {
    let who = u64::from_str_radix(&object.station_id, 16).ok()?;
    let generated = object.times.as_ref()?.generated_at;
    let generated = from_wire_time(generated, "generated_at").ok().flatten()?;
    Some((who, generated.unix_ms()))
}
