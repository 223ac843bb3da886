use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use anyhow::Context as _;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};
use wayside::{
    message::{Cause, Telemetry},
    rpc::{
        from_wire_time,
        hazard::v1::{self as hazard, hazard_service_client::HazardServiceClient},
        telemetry::v1::{
            Outcome, PublishRequest, PublishResponse,
            telemetry_service_client::TelemetryServiceClient,
        },
        to_wire_time,
        types::v1::{self as types, Object},
        world::v1::{
            SubscribeRequest, SubscribeResponse, subscribe_response::Event as WorldEvent,
            world_service_client::WorldServiceClient,
        },
    },
    transport::Clock,
};

use super::picture::{Event, Heard, What};

/// One vehicle's driving stack, as its agent sees it: publishes states, and is told of the others.
pub(super) struct Stack {
    /// Its index in the cast.
    pub(super) vehicle: usize,
    /// Its agent's address for gRPC.
    pub(super) agent: String,
    /// What it publishes, by the time since the start of the play.
    pub(super) states: Vec<(Duration, Telemetry)>,
    /// When the demo began.
    pub(super) begun: Instant,
    /// When the play begins.
    pub(super) play: Instant,
    /// Who wants to know what it is told.
    pub(super) events: mpsc::Sender<Event>,
}

impl Stack {
    /// Serves until it is dropped; connects again whenever the agent is gone, as a stack must.
    pub(super) async fn run(self) {
        loop {
            if let Ok(channel) = connect(&self.agent).await {
                self.tell(What::Connected).await;
                // Whatever ended it, the next attempt shows whether it lasts.
                self.serve(channel).await.ok();
                self.tell(What::Parted).await;
            }
            sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn serve(&self, channel: Channel) -> anyhow::Result<()> {
        // What became of each state comes back under its sequence.
        let measured: Mutex<BTreeMap<u64, u64>> = Mutex::default();
        let (requests, published) = mpsc::channel(1);
        let mut client = TelemetryServiceClient::new(channel.clone());
        let answers = async {
            let answers = client.publish(ReceiverStream::new(published)).await?;
            self.take_answers(answers.into_inner(), &measured).await
        };
        let world = async {
            let mut client = WorldServiceClient::new(channel);
            let world = client.subscribe(SubscribeRequest::default()).await?;
            self.take_world(world.into_inner()).await
        };
        tokio::try_join!(self.publish(&requests, &measured), answers, world)?;
        Ok(())
    }

    /// Publishes each state when the drive's time has come, as measured now.
    async fn publish(
        &self,
        requests: &mpsc::Sender<PublishRequest>,
        measured: &Mutex<BTreeMap<u64, u64>>,
    ) -> anyhow::Result<()> {
        let clock = Clock::system();
        let played = self.play.elapsed();
        let due = self.states.iter().filter(|(time, _)| *time >= played);
        for (sequence, (time, state)) in (1..).zip(due) {
            sleep_until(self.play + *time).await;
            let now = clock.now().timestamp;
            if let Ok(mut measured) = measured.lock() {
                measured.insert(sequence, now.unix_ms());
                measured.retain(|other, _| *other + ANSWERS_AWAITED_MAX > sequence);
            }
            let measured_ms = now.unix_ms();
            self.tell(What::Published { measured_ms }).await;
            let request = PublishRequest {
                sequence,
                measured_at: Some(to_wire_time(now)),
                state: Some(state.into()),
                ..PublishRequest::default()
            };
            requests.send(request).await.context("no agent")?;
        }
        // The play is over; the agent shall not take this for a stack that hangs up.
        std::future::pending().await
    }

    async fn take_answers(
        &self,
        mut answers: Streaming<PublishResponse>,
        measured: &Mutex<BTreeMap<u64, u64>>,
    ) -> anyhow::Result<()> {
        let mut name = String::new();
        while let Some(answer) = answers.message().await? {
            if !answer.station_id.is_empty() && answer.station_id != name {
                name.clone_from(&answer.station_id);
                let station = answer.station_id.clone();
                self.tell(What::Named { station }).await;
            }
            if answer.last_outcome() == Outcome::Sent {
                let sent = measured.lock().ok();
                let sent = sent.and_then(|sent| sent.get(&answer.last_sequence).copied());
                if let Some(measured_ms) = sent {
                    self.tell(What::Sent { measured_ms }).await;
                }
            }
            for rejection in answer.rejected {
                let reason = rejection.reason;
                self.tell(What::Rejected { reason }).await;
            }
        }
        anyhow::bail!("the agent ended the stream")
    }

    async fn take_world(&self, mut world: Streaming<SubscribeResponse>) -> anyhow::Result<()> {
        while let Some(response) = world.message().await? {
            let what = match response.event {
                Some(WorldEvent::Object(object)) => heard(object),
                Some(WorldEvent::ObjectRemoved(removed)) => Some(What::Forgotten {
                    station: removed.station_id,
                }),
                Some(WorldEvent::Hazard(hazard)) => hazard.action_id.map(|action| What::Hazard {
                    station: action.station_id,
                }),
                Some(WorldEvent::Gap(gap)) => Some(What::Missed {
                    events: gap.dropped,
                }),
                Some(
                    WorldEvent::HazardRemoved(_)
                    | WorldEvent::SnapshotEnd(_)
                    | WorldEvent::Heartbeat(_),
                )
                | None => None,
            };
            if let Some(what) = what {
                self.tell(what).await;
            }
        }
        anyhow::bail!("the agent ended the stream")
    }

    async fn tell(&self, what: What) {
        let event = Event {
            vehicle: self.vehicle,
            at: self.begun.elapsed(),
            what,
        };
        // Nobody wants to know any more at the end of the demo.
        self.events.send(event).await.ok();
    }
}

/// Reports a hazard at the own vehicle's position, through its agent.
pub(super) async fn report(agent: &str, cause: Cause) -> anyhow::Result<()> {
    let mut client = HazardServiceClient::new(connect(agent).await?);
    let event = hazard::Event {
        cause: Some(types::Cause {
            code: Some(cause.code().into()),
            sub_code: cause.sub_code().into(),
            ..types::Cause::default()
        }),
        ..hazard::Event::default()
    };
    let request = hazard::ReportRequest {
        event: Some(event),
        ..hazard::ReportRequest::default()
    };
    client.report(request).await?;
    Ok(())
}

async fn connect(agent: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(agent.to_owned())?;
    Ok(endpoint.connect_timeout(CONNECT_MAX).connect().await?)
}

fn heard(object: Object) -> Option<What> {
    let generated = object.times?.generated_at;
    let generated = from_wire_time(generated, "generated_at").ok().flatten()?;
    Some(What::Heard(Heard {
        station: object.station_id,
        measured_ms: generated.unix_ms(),
        sequence: object.signed?.sequence,
    }))
}

/// Answers come within milliseconds; states of whom none came are forgotten.
const ANSWERS_AWAITED_MAX: u64 = 64;
const CONNECT_MAX: Duration = Duration::from_secs(2);
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
