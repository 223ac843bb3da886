use crate::{
    id::PeerId,
    link::Transmit,
    pipeline::{Event, Station},
    security::Reservation,
    time::{Instant, Now, Timestamp},
};

/// One station with its inbox, its outbox, its disk and its clock's error.
pub(super) struct Node {
    station: Station,
    /// How far its universal time is ahead of the true one.
    pub(super) clock_error_ms: i64,
    /// What survives a crash.
    pub(super) disk: Vec<Reservation>,
    pub(super) inbox: Vec<(PeerId, Transmit)>,
    pub(super) outbox: Vec<(PeerId, Transmit)>,
    pub(super) events: Vec<(Instant, Event)>,
    /// Connections that the station wants closed.
    pub(super) closing: Vec<PeerId>,
    /// Whether its connections must be made anew with another ticket.
    pub(super) is_rotating: bool,
}

impl Node {
    pub(super) fn new(station: Station) -> Self {
        Self {
            station,
            clock_error_ms: 0,
            disk: Vec::new(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            events: Vec::new(),
            closing: Vec::new(),
            is_rotating: false,
        }
    }

    pub(super) fn station(&self) -> &Station {
        &self.station
    }

    pub(super) fn station_mut(&mut self) -> &mut Station {
        &mut self.station
    }

    /// Puts another station on the same disk.
    pub(super) fn replace(&mut self, station: Station) {
        self.station = station;
        self.inbox.clear();
        self.outbox.clear();
    }

    /// This station's reading of the clocks.
    pub(super) fn now(&self, now: Now) -> Now {
        let unix_ms = now
            .timestamp
            .unix_ms()
            .saturating_add_signed(self.clock_error_ms);
        Now {
            instant: now.instant,
            timestamp: Timestamp::from_unix_ms(unix_ms).unwrap_or(now.timestamp),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.station.poll_timeout()
    }

    /// Whether there is something in the inbox, or a timer has passed.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.inbox.is_empty() || self.poll_timeout().is_some_and(|due| due <= now)
    }

    /// Takes everything in the inbox and every timer that has passed.
    pub(super) fn run(&mut self, now: Now) {
        let own = self.now(now);
        for (peer, frame) in std::mem::take(&mut self.inbox) {
            match frame {
                Transmit::Datagram(bytes) => self.station.handle_datagram(peer, bytes, own),
                Transmit::HazardStream(bytes) => {
                    self.station.handle_hazard_stream(peer, bytes, own);
                }
                Transmit::Control(bytes) => self.station.handle_control(peer, &bytes, own),
            }
            self.drain(now);
        }
        if self
            .station
            .poll_timeout()
            .is_some_and(|due| due <= now.instant)
        {
            self.station.handle_timeout(own);
            self.drain(now);
        }
    }

    /// Empties the station's queues; its disk is instantaneous.
    pub(super) fn drain(&mut self, now: Now) {
        let own = self.now(now);
        while let Some(event) = self.station.poll_event() {
            if let Event::Reserve(reservation) = &event {
                self.disk.push(*reservation);
                self.station.handle_reserved(*reservation);
            }
            if let Event::Disconnect { peer, .. } = &event {
                self.closing.push(*peer);
            }
            self.is_rotating |= matches!(event, Event::TicketChanged);
            self.events.push((now.instant, event));
        }
        while let Some(transmit) = self.station.poll_transmit(own) {
            self.outbox.push(transmit);
        }
    }
}
