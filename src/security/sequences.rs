use super::{reservation::Reservation, signer::SignError};
use crate::{id::StationId, message::MessageType};

/// The sequences of one ticket: one run of numbers for each kind of message.
#[derive(Debug)]
pub(super) struct Sequences {
    station: StationId,
    telemetry: Run,
    hazard: Run,
}

/// A run of numbers of which those below `confirmed` are written down.
///
/// Always `next <= confirmed <= wanted`.
#[derive(Debug)]
struct Run {
    next: u32,
    confirmed: u32,
    wanted: u32,
    block: u32,
}

impl Sequences {
    /// Goes on after the reservation in the journal, if there is one.
    pub(super) fn after(journal: Option<&Reservation>, station: StationId) -> Self {
        let (telemetry, hazard) = journal.map_or((0, 0), |reservation| {
            (reservation.telemetry_until, reservation.hazard_until)
        });
        Self {
            station,
            telemetry: Run::from(telemetry, TELEMETRY_BLOCK),
            hazard: Run::from(hazard, HAZARD_BLOCK),
        }
    }

    /// Uses up the next sequence.
    pub(super) fn take(&mut self, kind: MessageType) -> Result<u32, SignError> {
        self.check(kind)?;
        let run = match kind {
            MessageType::Telemetry => &mut self.telemetry,
            MessageType::Hazard => &mut self.hazard,
        };
        let sequence = run.next;
        run.next += 1;
        // Two messages with one sequence would convict this station of lying.
        assert!(sequence < run.confirmed, "a used sequence is written down");
        Ok(sequence)
    }

    /// Why no sequence can be used now, if so.
    pub(super) fn check(&self, kind: MessageType) -> Result<(), SignError> {
        let run = match kind {
            MessageType::Telemetry => &self.telemetry,
            MessageType::Hazard => &self.hazard,
        };
        if run.next < run.confirmed {
            Ok(())
        } else if run.next == u32::MAX {
            Err(SignError::SequencesExhausted)
        } else {
            Err(SignError::ReservationPending)
        }
    }

    /// Raises the next reservation if half of a block is used and none is on its way.
    pub(super) fn want(&mut self) -> Option<Reservation> {
        let raised = [self.telemetry.raise(), self.hazard.raise()];
        raised.contains(&true).then(|| self.wanted())
    }

    /// Below this nothing may be used by whoever goes on after these: it is used, or may be.
    pub(super) fn wanted(&self) -> Reservation {
        Reservation {
            station: self.station,
            telemetry_until: self.telemetry.wanted,
            hazard_until: self.hazard.wanted,
        }
    }

    /// Takes in what was written down, never beyond what was wanted.
    pub(super) fn confirm(&mut self, reservation: Reservation) {
        self.telemetry.confirm(reservation.telemetry_until);
        self.hazard.confirm(reservation.hazard_until);
    }
}

impl Run {
    fn from(next: u32, block: u32) -> Self {
        Self {
            next,
            confirmed: next,
            wanted: next,
            block,
        }
    }

    fn raise(&mut self) -> bool {
        let low = self.wanted - self.next <= self.block / 2 && self.wanted < u32::MAX;
        if low {
            self.wanted = self.wanted.saturating_add(self.block);
        }
        low
    }

    fn confirm(&mut self, until: u32) {
        self.confirmed = self.confirmed.max(until.min(self.wanted));
    }
}

/// At ten messages a second, a hundred seconds.
const TELEMETRY_BLOCK: u32 = 1_024;
/// Small, since a restart skips what is left of it and events are numbered to 65 535.
const HAZARD_BLOCK: u32 = 32;
