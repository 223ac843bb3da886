use super::{
    Event, HazardReport, OwnHazard, PublishError, Station,
    counters::count,
    hazards::{cancelled, negated, queue_until, updated},
};
use crate::{
    id::ActionId,
    message::{Hazard, HazardStatement, Message, MessageType, Telemetry},
    security::Signed,
    time::{Now, Timestamp},
};

/// Where the own vehicle is, as its driving stack knows.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnState {
    /// What to tell others.
    pub telemetry: Telemetry,
    /// When it was so, by the stack's clock.
    pub measured: Timestamp,
}

/// What became of an own state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Published {
    /// It was signed and queued to every peer.
    Sent,
    /// It is too like the one before to be worth sending.
    Held,
}

impl Station {
    /// Takes the own vehicle's state from its driving stack, at 10 Hz or more.
    pub fn handle_state(&mut self, state: OwnState, now: Now) -> Result<Published, PublishError> {
        self.counters.states += 1;
        self.check_if_due(now);
        let result = self.publish_state(state, now);
        if let Err(error) = &result {
            self.count_unpublished(error.reason());
        }
        result
    }

    /// Tells everybody of a danger. It is told again to each new peer while it holds.
    ///
    /// What the station found by itself before becomes the driving stack's to update and to cancel.
    pub fn report_hazard(
        &mut self,
        report: HazardReport,
        now: Now,
    ) -> Result<ActionId, PublishError> {
        if let Some(action) = self.take_over(&report) {
            return self.update_hazard(action, &report, now).map(|()| action);
        }
        self.report(&report, now)
    }

    /// Tells everybody of a danger that nobody here told of before.
    pub(super) fn report(
        &mut self,
        report: &HazardReport,
        now: Now,
    ) -> Result<ActionId, PublishError> {
        let result = self.open_hazard(report, now);
        if let Err(error) = &result {
            self.count_unpublished(error.reason());
        }
        result
    }

    /// Replaces the report of an own hazard.
    pub fn update_hazard(
        &mut self,
        action: ActionId,
        report: &HazardReport,
        now: Now,
    ) -> Result<(), PublishError> {
        let before = self.own_hazard(action)?;
        let hazard = updated(&before, report, now.timestamp);
        self.publish_update(hazard, now)
    }

    /// Tells everybody that an own hazard is over.
    pub fn cancel_hazard(&mut self, action: ActionId, now: Now) -> Result<(), PublishError> {
        let before = self.own_hazard(action)?;
        self.publish_update(cancelled(&before, now.timestamp), now)
    }

    /// Tells everybody that another station's hazard is over, as this one saw. New peers are told, too,
    /// while it would hold and the ticket is in use.
    pub fn negate_hazard(&mut self, action: ActionId, now: Now) -> Result<(), PublishError> {
        let seen = self
            .world
            .hazard(action)
            .ok_or(PublishError::HazardUnknown(action))?;
        let statement = HazardStatement::unsigned(negated(seen.hazard(), now.timestamp));
        let hazard = statement.hazard.clone();
        let message = Message::Hazard(statement);
        let signed = self.sign(&message, now.timestamp, now)?;
        let own = OwnHazard {
            hazard: hazard.clone(),
            bytes: signed.bytes.clone(),
            signer: signed.station,
        };
        self.hazards
            .insert_negation(own, self.config.own_hazards_max);
        self.send_hazard(&hazard, signed, now);
        Ok(())
    }

    fn publish_state(&mut self, state: OwnState, now: Now) -> Result<Published, PublishError> {
        self.note_stack(&state, now);
        if let Some(error) = self.clock.doubt(now) {
            return Err(PublishError::ClockDoubted(error));
        }
        if let Some((before, _)) = &self.own
            && state.measured <= before.measured
        {
            return Err(PublishError::NotNewer);
        }
        let ahead = state.measured.since(now.timestamp);
        if ahead > self.config.verifier.future_max {
            return Err(PublishError::Future(ahead));
        }
        let age = now.timestamp.since(state.measured);
        if age > self.config.state_age_max {
            return Err(PublishError::Stale(age));
        }
        let measured = state.measured;
        let (state, _) = self.own.insert((state, now.instant));
        let telemetry = state.telemetry.clone();
        // Whoever brakes hard is seen under one name.
        self.check_emergency(now);
        self.check_ticket(now);
        self.watch_self(now);
        let due = self.generation.is_due(&telemetry, now.instant);
        let message = due.then_some(Message::Telemetry(telemetry));
        let Some(message) = message else {
            return Ok(Published::Held);
        };
        let signed = self.sign(&message, measured, now)?;
        if let Message::Telemetry(telemetry) = &message {
            self.generation.handle_sent(telemetry, now.instant);
        }
        self.send_telemetry(signed, measured, now);
        Ok(Published::Sent)
    }

    /// The stack lives, and its clock is a reference for ours.
    fn note_stack(&mut self, state: &OwnState, now: Now) {
        if std::mem::take(&mut self.stack_silent) {
            self.raise(Event::StackResumed);
        }
        let ahead = i128::from(state.measured.unix_ms()) - i128::from(now.timestamp.unix_ms());
        self.clock_error_ms = Some(i64::try_from(ahead).unwrap_or(i64::MAX));
        self.clock.handle_reference(state.measured, now);
        self.check_clock(now);
    }

    fn send_telemetry(&mut self, signed: Signed, generated: Timestamp, now: Now) {
        let expires = now.instant + self.config.verifier.telemetry_age_max;
        let is_heard = self.peers.for_each_as(signed.station, |link| {
            link.queue_telemetry(signed.station, (signed.bytes.clone(), 0), expires, now);
        });
        self.unheard = (!is_heard).then(|| (signed.clone(), expires));
        self.note_published(signed, MessageType::Telemetry, generated);
    }

    fn open_hazard(&mut self, report: &HazardReport, now: Now) -> Result<ActionId, PublishError> {
        if !self.hazards.make_room(self.config.own_hazards_max) {
            return Err(PublishError::HazardsFull(self.config.own_hazards_max));
        }
        let own = self.own.as_ref().map(|(state, _)| &state.telemetry);
        let place = match (report.position, own) {
            (Some(position), _) => (position, report.heading),
            (None, Some(own)) => (own.position, report.heading.or(own.heading)),
            (None, None) => return Err(PublishError::NoPosition),
        };
        let (action, update_key) = self.signer.new_hazard(now)?;
        let hazard = Hazard {
            action,
            update: 0,
            cause: report.cause,
            detected: now.timestamp,
            position: place.0,
            altitude: report.altitude,
            heading: place.1,
            speed: report.speed,
            relevance_radius: report.relevance_radius,
            relevance_direction: report.relevance_direction,
            validity: report.validity,
            termination: None,
            quality: report.quality,
            update_key: Some(update_key),
        };
        let message = Message::Hazard(HazardStatement::unsigned(hazard.clone()));
        let signed = self.sign(&message, now.timestamp, now)?;
        self.keep_hazard(hazard, signed, now);
        Ok(action)
    }

    fn own_hazard(&self, action: ActionId) -> Result<Hazard, PublishError> {
        self.hazards
            .get(action)
            .map(|own| own.hazard.clone())
            .ok_or(PublishError::HazardUnknown(action))
    }

    fn publish_update(&mut self, hazard: Hazard, now: Now) -> Result<(), PublishError> {
        let signed = self.signer.sign_update(hazard.clone(), now.timestamp, now);
        self.raise_reservations();
        let signed = signed.inspect_err(|error| self.count_unpublished(error.reason()))?;
        self.keep_hazard(hazard, signed, now);
        Ok(())
    }

    fn keep_hazard(&mut self, hazard: Hazard, signed: Signed, now: Now) {
        self.hazards.insert(OwnHazard {
            hazard: hazard.clone(),
            bytes: signed.bytes.clone(),
            signer: signed.station,
        });
        self.check_emergency(now);
        self.send_hazard(&hazard, signed, now);
        if hazard.termination.is_none() {
            self.agree_with_own(&hazard);
        }
    }

    fn send_hazard(&mut self, hazard: &Hazard, signed: Signed, now: Now) {
        if !self.pass_on_own_hazard(&signed, now) {
            let expires = queue_until(hazard.expires(), now);
            self.peers.for_each_as(signed.station, |link| {
                link.queue_hazard(signed.bytes.clone(), 0, expires);
            });
        }
        self.note_published(signed, MessageType::Hazard, now.timestamp);
    }

    fn sign(
        &mut self,
        message: &Message,
        generated: Timestamp,
        now: Now,
    ) -> Result<Signed, PublishError> {
        let signed = self.signer.sign(message, generated, now);
        self.raise_reservations();
        Ok(signed?)
    }

    fn note_published(&mut self, signed: Signed, kind: MessageType, generated: Timestamp) {
        count(&mut self.counters.published, kind);
        self.raise(Event::Published {
            station: signed.station,
            kind,
            generated,
            bytes: signed.bytes,
        });
    }
}
