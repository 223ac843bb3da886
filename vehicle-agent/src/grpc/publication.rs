use std::sync::Arc;

use tokio::{select, sync::watch};
use tonic::{Status, Streaming};
use wayside::{
    id::StationId,
    rpc::{
        FieldError, FieldProblem,
        telemetry::v1::{Outcome, PublishRequest, PublishResponse},
    },
};

use super::{
    refusal::stopping,
    server::Inner,
    state::{Told, publish},
};
use wayside::serve::{Admission, Inlet};

/// One client's stream of own states, and what it is yet to be told of them.
pub(super) struct Publication {
    agent: Arc<Inner>,
    admission: Admission,
    draining: watch::Receiver<bool>,
    last_sequence: Option<u64>,
    pending: Option<PublishResponse>,
    station: Option<(StationId, String)>,
}

/// What the stream does next.
enum Step {
    Request(Box<PublishRequest>),
    /// A response can be sent.
    Room,
    /// The client has sent its last state.
    Finished,
    ClientGone,
    Stopping,
}

impl Publication {
    pub(super) fn new(agent: Arc<Inner>, admission: Admission) -> Self {
        let draining = agent.draining.subscribe();
        Self {
            agent,
            admission,
            draining,
            last_sequence: None,
            pending: None,
            station: None,
        }
    }

    /// Takes states until the client ends, and answers all of them.
    pub(super) async fn run(
        mut self,
        mut requests: Streaming<PublishRequest>,
        inlet: Inlet<PublishResponse>,
    ) {
        let end = loop {
            match self.step(&mut requests, &inlet).await {
                Step::Request(request) => {
                    if let Err(status) = self.handle(&request) {
                        break Some(status);
                    }
                }
                Step::Room => {
                    // There was room, and only this task sends.
                    if let Some(response) = self.pending.take()
                        && inlet.items.try_send(response).is_err()
                    {
                        return;
                    }
                }
                Step::Finished => break None,
                Step::ClientGone => return,
                Step::Stopping => break Some(stopping()),
            }
        };
        if let Some(response) = self.pending.take()
            && inlet.items.send(response).await.is_err()
        {
            return;
        }
        if let Some(status) = end {
            inlet.fail(status);
        }
    }

    async fn step(
        &mut self,
        requests: &mut Streaming<PublishRequest>,
        inlet: &Inlet<PublishResponse>,
    ) -> Step {
        // A client that reads no answers is not listened to either, once enough is to be said.
        let full = self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.rejected.len() >= REJECTED_MAX);
        select! {
            biased;
            _ = self.draining.wait_for(|draining| *draining) => Step::Stopping,
            permit = inlet.items.reserve(), if self.pending.is_some() => match permit {
                Ok(_) => Step::Room,
                Err(_) => Step::ClientGone,
            },
            request = requests.message(), if !full => match request {
                Ok(Some(request)) => Step::Request(Box::new(request)),
                Ok(None) => Step::Finished,
                Err(_) => Step::ClientGone,
            },
        }
    }

    fn handle(&mut self, request: &PublishRequest) -> Result<(), Status> {
        self.admission.take()?;
        let sequence = request.sequence;
        if self.last_sequence.is_some_and(|last| sequence <= last) {
            let problem = FieldProblem::OutOfRange("above the one before");
            return Err(FieldError::new("sequence", problem).into());
        }
        self.last_sequence = Some(sequence);
        let published = publish(
            &self.agent,
            &Told {
                state: request.state.as_ref(),
                measured: request.measured_at.as_ref(),
                ignition_off: request.ignition_off,
                odometer_m: request.odometer_m,
                signals: request.signals.as_ref(),
            },
        );
        let pending = self.pending.get_or_insert_default();
        pending.last_sequence = sequence;
        match published {
            Ok((outcome, station)) => {
                match outcome {
                    Outcome::Sent => pending.sent += 1,
                    Outcome::NotDue | Outcome::Unspecified => pending.held += 1,
                }
                pending.last_outcome = outcome.into();
                pending.station_id = name(&mut self.station, station);
            }
            Err(refusal) => pending.rejected.push(refusal.into_rejection(sequence)),
        }
        Ok(())
    }
}

/// The station's name, written out again only when it changes.
fn name(known: &mut Option<(StationId, String)>, station: Option<StationId>) -> String {
    let Some(station) = station else {
        return String::new();
    };
    match known {
        Some((before, name)) if *before == station => name.clone(),
        Some(_) | None => {
            let name = station.to_string();
            *known = Some((station, name.clone()));
            name
        }
    }
}

/// Rejections that wait for a client to read them; at the bound its next states wait too.
const REJECTED_MAX: usize = 256;
