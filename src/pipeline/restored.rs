use bytes::Bytes;

use super::{OwnHazard, Station};
use crate::{
    message::{Hazard, Message},
    security::Envelope,
    time::{Now, Timestamp},
};

impl Station {
    /// Takes up an own hazard by the envelope of its last report, which was kept over a restart: it is
    /// told again to each new peer, and can be updated and cancelled.
    ///
    /// `None` if that is no report of an open event, if it no longer holds, or if it was signed with a
    /// ticket that this station does not hold any more.
    pub fn restore_own_hazard(&mut self, bytes: Bytes, now: Now) -> Option<Hazard> {
        let envelope = Envelope::parse(bytes).ok()?;
        if !self.signer.has_signed(&envelope) {
            return None;
        }
        let hazard = hazard_of(&envelope)?;
        let is_open = hazard.termination.is_none() && hazard.expires() > now.timestamp;
        // The key that may update it comes with the ticket that it is named after.
        if !is_open || self.signer.ticket_of(hazard.action.station).is_none() {
            return None;
        }
        self.hazards.insert(OwnHazard {
            hazard: hazard.clone(),
            bytes: envelope.bytes().clone(),
            signer: envelope.station(),
        });
        self.check_emergency(now);
        Some(hazard)
    }

    /// Takes in a trusted time that was read at `now`, where no driving stack tells its own.
    pub fn handle_time_reference(&mut self, reference: Timestamp, now: Now) {
        self.clock.handle_reference(reference, now);
        self.check_clock(now);
    }
}

/// The hazard that an envelope speaks of, whoever signed it; `None` if it is none.
pub fn hazard_in(bytes: Bytes) -> Option<Hazard> {
    hazard_of(&Envelope::parse(bytes).ok()?)
}

fn hazard_of(envelope: &Envelope) -> Option<Hazard> {
    let message = Message::decode(envelope.kind(), envelope.payload());
    match message.ok()? {
        Message::Hazard(statement) => Some(statement.hazard),
        Message::Telemetry(_) => None,
    }
}
