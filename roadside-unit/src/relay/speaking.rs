use bytes::Bytes;
use thiserror::Error;
use tracing::{debug, info};
use wayside::{
    id::ActionId,
    pipeline::{HazardReport, PublishError, Station},
    security::SignError,
    time::{Now, Timestamp},
};

use super::{
    Relay, RelayError,
    roadworks::{Due, Event, KeptTold, Told},
    store::Name,
};

/// What became of a hazard that the operator wants told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Published {
    /// Its name on the road.
    pub(crate) action: ActionId,
    /// It was told before with the same content.
    pub(crate) is_repeated: bool,
    /// It is on disk.
    pub(crate) is_kept: bool,
}

/// Why a hazard of the operator's is not told.
#[derive(Clone, Debug, Error, PartialEq)]
pub(crate) enum SpeakError {
    /// There is no station to sign it.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The station does not sign it.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The name stands for another hazard.
    #[error("the name stands for another hazard, which can be updated or cancelled")]
    Reused,
    /// No hazard has the name.
    #[error("the unit tells of no hazard of that name")]
    Unknown,
}

/// How a hazard was told.
type Said = (Event, Bytes);

impl Relay {
    /// Tells vehicles of a hazard from now on; `report` has a position.
    pub(crate) async fn publish(
        &self,
        name: &str,
        report: HazardReport,
        until: Option<Timestamp>,
    ) -> Result<Published, SpeakError> {
        let mut roadworks = self.0.roadworks.lock().await;
        let told = Told {
            report,
            until,
            event: None,
        };
        if let Some(before) = roadworks.get(name) {
            let is_same = (&before.report, before.until) == (&told.report, told.until);
            return match before.event {
                Some(event) if is_same => Ok(Published {
                    action: event.action,
                    is_repeated: true,
                    is_kept: !self.0.store.is_failing(),
                }),
                Some(_) => Err(SpeakError::Reused),
                None if !is_same => Err(SpeakError::Reused),
                None => Err(RelayError::Starting.into()),
            };
        }
        let said = self.tell(&told).await?;
        let action = said.0.action;
        let change = self.keep(name, &told, &said);
        roadworks.insert(name.to_owned(), told.after(&said));
        drop(roadworks);
        info!("the operator has a hazard told");
        Ok(Published {
            action,
            is_repeated: false,
            is_kept: self.0.store.is_written(change).await,
        })
    }

    /// Says something else of a hazard; whether that is on disk.
    pub(crate) async fn update(
        &self,
        name: &str,
        report: HazardReport,
        until: Option<Timestamp>,
    ) -> Result<bool, SpeakError> {
        let mut roadworks = self.0.roadworks.lock().await;
        let before = roadworks.get(name).ok_or(SpeakError::Unknown)?;
        let told = Told {
            report: HazardReport {
                position: report.position.or(before.report.position),
                ..report
            },
            until,
            event: before.event,
        };
        let said = self.tell_again(&told).await?;
        let change = self.keep(name, &told, &said);
        roadworks.insert(name.to_owned(), told.after(&said));
        drop(roadworks);
        Ok(self.0.store.is_written(change).await)
    }

    /// Tells vehicles that a hazard is over; whether that is on disk.
    pub(crate) async fn cancel(&self, name: &str) -> Result<bool, SpeakError> {
        let mut roadworks = self.0.roadworks.lock().await;
        let before = roadworks.get(name).ok_or(SpeakError::Unknown)?;
        if let Some(event) = before.event {
            self.end(event.action).await?;
        }
        roadworks.remove(name);
        drop(roadworks);
        info!("the operator has a hazard ended");
        let change = self.0.store.put(Name::Own(name.to_owned()), None);
        Ok(self.0.store.is_written(change).await)
    }

    /// Tells again what has to be, and forgets what is over.
    pub(super) async fn renew_hazards(&self) {
        let mut roadworks = self.0.roadworks.lock().await;
        let now = self.0.clock.now().timestamp;
        let Ok(own) = self.call(|station, _| station.station()).await else {
            return;
        };
        for (name, due) in roadworks.due(now, own) {
            let Some(told) = roadworks.get(&name).cloned() else {
                continue;
            };
            let said = match due {
                Due::Forget => {
                    roadworks.remove(&name);
                    self.0.store.put(Name::Own(name), None);
                    continue;
                }
                Due::Renew(_) => self.tell_again(&told).await,
                Due::Replace(former) => self.replace(&told, former).await,
            };
            match said {
                Ok(said) => {
                    self.keep(&name, &told, &said);
                    roadworks.insert(name, told.after(&said));
                }
                // It is tried again each second; what keeps the station from signing, it says itself.
                Err(problem) => debug!(%problem, "cannot tell a hazard again"),
            }
        }
    }

    /// Takes up what the operator had told before this start. What its station no longer knows is told
    /// anew, as soon as it can sign.
    pub(super) async fn restore_own(&self, own: Vec<(String, Vec<u8>)>) {
        let mut roadworks = self.0.roadworks.lock().await;
        for (name, value) in own {
            let Some(kept) = KeptTold::from_bytes(&value) else {
                debug!("passed over what is no hazard");
                continue;
            };
            let envelope = Bytes::from(kept.envelope.clone());
            let restored = self.call(move |station, now| {
                let hazard = station.restore_own_hazard(envelope.clone(), now);
                let is_own = hazard.is_some();
                Some((
                    hazard.or_else(|| wayside::pipeline::hazard_in(envelope))?,
                    is_own,
                ))
            });
            if let Ok(Some((hazard, is_own))) = restored.await {
                roadworks.insert(name, kept.to_told(&hazard, is_own));
            }
        }
    }

    /// Whose hazard of the operator's an event is, with when it is over.
    pub(crate) async fn own_hazards(&self) -> Vec<(ActionId, String, Option<Timestamp>)> {
        let roadworks = self.0.roadworks.lock().await;
        roadworks.events().collect()
    }

    /// Tells a hazard as a new event.
    async fn tell(&self, told: &Told) -> Result<Said, SpeakError> {
        let told = told.clone();
        let said = self.call(move |station, now| {
            let report = told.report_at(now.timestamp, latest(station, now));
            let action = station.report_hazard(report, now)?;
            said(station, action)
        });
        Ok(said.await??)
    }

    /// Tells a hazard again under its name on the road; as a new event, if that is not of the present
    /// ticket, or cannot be updated.
    async fn tell_again(&self, told: &Told) -> Result<Said, SpeakError> {
        let Some(event) = told.event else {
            return self.tell(told).await;
        };
        let again = told.clone();
        let said = self.call(move |station: &mut Station, now: Now| {
            let own = station.station();
            if own.is_some_and(|own| own != event.action.station) {
                return Ok(None);
            }
            let report = again.report_at(now.timestamp, latest(station, now));
            station.update_hazard(event.action, &report, now)?;
            said(station, event.action).map(Some)
        });
        match said.await? {
            Ok(Some(said)) => Ok(said),
            Ok(None) => self.replace(told, Some(event.action)).await,
            Err(PublishError::HazardUnknown(_) | PublishError::Sign(SignError::NotOurs(_))) => {
                self.tell(told).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells a hazard under a new name, and then ends the former event.
    async fn replace(&self, told: &Told, former: Option<ActionId>) -> Result<Said, SpeakError> {
        let said = self.tell(told).await?;
        if let Some(former) = former
            && let Err(problem) = self.end(former).await
        {
            // It ends by itself, within its validity.
            debug!(%problem, "cannot end an event that another one replaced");
        }
        Ok(said)
    }

    async fn end(&self, action: ActionId) -> Result<(), SpeakError> {
        let ended = self.call(move |station, now| station.cancel_hazard(action, now));
        match ended.await? {
            // Nobody holds to it any more.
            Ok(()) | Err(PublishError::HazardUnknown(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has it written what was told.
    fn keep(&self, name: &str, told: &Told, said: &Said) -> u64 {
        let value = told.clone().after(said).to_bytes(&said.1);
        let name = Name::Own(name.to_owned());
        self.0.store.put(name, Some(value))
    }
}

impl Told {
    /// The same once it was told.
    fn after(self, said: &Said) -> Self {
        Self {
            event: Some(said.0),
            ..self
        }
    }
}

/// Until when a report may hold that is told now: its event makes way for another one with the next
/// ticket, and whoever comes later is told of the end of each event that would hold still.
fn latest(station: &Station, now: Now) -> Timestamp {
    let slots = station.domain().slots();
    let present = slots.slot_at(now.timestamp);
    slots.valid_until(present.next().unwrap_or(present))
}

/// How an open event stands.
fn said(station: &Station, action: ActionId) -> Result<Said, PublishError> {
    let mut own = station.own_hazards();
    let own = own.find(|own| own.hazard.action == action);
    let own = own.ok_or(PublishError::HazardUnknown(action))?;
    let event = Event {
        action,
        told: own.hazard.detected,
        expires: own.hazard.expires(),
    };
    Ok((event, own.bytes.clone()))
}
