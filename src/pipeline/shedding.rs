use std::time::Duration;

use super::{Event, Station, counters::count};
use crate::{
    id::PeerId,
    link::DropReason,
    message::MessageType,
    relay::{Load, ShedReason},
    security::{Envelope, Refusal, VerifiedMessage},
    time::Now,
};

impl Station {
    /// How much there is to do, compared with what can be done.
    pub fn load(&self) -> Load {
        self.roadside.load.load()
    }

    /// Whether a message is dropped unverified, because there is too much to do; counts it if so.
    pub(super) fn sheds(
        &mut self,
        peer: PeerId,
        kind: Option<MessageType>,
        bytes: &[u8],
        now: Now,
    ) -> bool {
        let load = &self.roadside.load;
        match kind {
            Some(MessageType::Telemetry) if load.sheds_telemetry(false) => {
                self.note_shed(ShedReason::HazardsOnly);
                true
            }
            Some(MessageType::Telemetry) if load.sheds_telemetry(true) => {
                let is_far = self.is_far(bytes);
                if is_far {
                    self.note_shed(ShedReason::Far);
                }
                is_far
            }
            Some(MessageType::Hazard) if load.sheds_hazards_of_offenders(now.instant) => {
                let offender = self.peers.get(peer);
                let is_offender = offender.is_some_and(|peer| peer.offences > 0);
                if is_offender {
                    count(&mut self.counters.shed, OFFENDER);
                }
                is_offender
            }
            Some(MessageType::Telemetry | MessageType::Hazard) | None => false,
        }
    }

    /// Notes what a verification cost that a peer caused.
    pub(super) fn note_verified(
        &mut self,
        kind: Option<MessageType>,
        result: &Result<VerifiedMessage, Refusal>,
        now: Now,
    ) {
        let is_verified = match result {
            Ok(_) => true,
            Err(refusal) => refusal.is_after_signature(),
        };
        match kind {
            Some(MessageType::Telemetry) if is_verified => {
                self.roadside.load.handle_telemetry(now.instant);
                self.raise_load();
            }
            Some(MessageType::Hazard) if is_verified => {
                self.roadside.load.handle_hazard(now.instant);
            }
            Some(MessageType::Telemetry | MessageType::Hazard) | None => {}
        }
    }

    /// Looks whether anybody is there, and tells once a second what was dropped to those it was for.
    pub(super) fn check_load(&mut self, now: Now) {
        let is_alone = self.peers().all(|(_, station)| station.is_none());
        self.roadside.load.handle_peers(is_alone, now.instant);
        self.raise_load();
        if now.instant < self.roadside.next_losses {
            return;
        }
        self.roadside.next_losses = now.instant + LOSSES_INTERVAL;
        let shed = std::mem::take(&mut self.roadside.shed);
        let Some(relay) = &mut self.roadside.relay else {
            return;
        };
        for (reason, count) in shed {
            match reason {
                // Nobody wanted it.
                ShedReason::Far => {}
                ShedReason::HazardsOnly
                | ShedReason::QueueFull
                | ShedReason::Expired
                | ShedReason::TicketWaits
                | ShedReason::Unknown => relay.note_shed_of_all(reason, count),
            }
        }
        for (id, peer) in self.peers.iter() {
            let dropped = &peer.link.counters().telemetry.dropped;
            let of = |reason| dropped.get(&reason).copied().unwrap_or(0);
            let lost = (of(DropReason::QueueFull), of(DropReason::Expired));
            let told = self.roadside.lost.insert(id, lost).unwrap_or_default();
            if lost.0 > told.0 {
                relay.note_shed(id, ShedReason::QueueFull, lost.0 - told.0);
            }
            if lost.1 > told.1 {
                relay.note_shed(id, ShedReason::Expired, lost.1 - told.1);
            }
        }
    }

    /// Whether telemetry is of somebody who was far from everybody it is for, as he last said.
    fn is_far(&mut self, bytes: &[u8]) -> bool {
        let track = Envelope::station_of(bytes).and_then(|station| self.world.track(station));
        let Some(position) = track.map(|track| track.latest().position) else {
            return false;
        };
        if let Some(relay) = &mut self.roadside.relay {
            return !relay.is_heard(position);
        }
        let far_m = f64::from(self.config.load.far_m);
        self.own
            .as_ref()
            .is_some_and(|(own, _)| own.telemetry.position.distance_m(position) > far_m)
    }

    fn note_shed(&mut self, reason: ShedReason) {
        count(&mut self.counters.shed, reason.name());
        *self.roadside.shed.entry(reason).or_default() += 1;
    }

    fn raise_load(&mut self) {
        while let Some(load) = self.roadside.load.poll_change() {
            self.raise(Event::LoadChanged(load));
        }
    }
}

const LOSSES_INTERVAL: Duration = Duration::from_secs(1);
const OFFENDER: &str = "offender";
