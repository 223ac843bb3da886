use tokio::sync::{broadcast, watch};
use wayside::{
    geo::Position,
    message::Telemetry,
    pipeline,
    risk::Subject,
    time::{Instant, Timestamp},
    world::WorldEvent,
};

use crate::trip::TripSample;

/// Passes what happens on the road from the driver to every subscriber; clones are the same hub.
///
/// The driver calls it with the station's mutex held, so nothing here waits: a subscriber that is
/// too slow to take events even into its own feed is told that it lost some.
#[derive(Clone, Debug)]
pub struct Hub {
    events: broadcast::Sender<WorldEvent>,
    own: watch::Sender<Option<OwnSighting>>,
    turns: watch::Sender<u64>,
    measured: broadcast::Sender<TripSample>,
}

/// The own vehicle, as its driving stack last told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnSighting {
    pub(super) position: Position,
    /// How it moves.
    pub(super) motion: Subject,
    pub(crate) told: Instant,
}

impl Hub {
    /// A hub without subscribers.
    pub fn new() -> Self {
        Self {
            events: broadcast::Sender::new(EVENTS_MAX),
            own: watch::Sender::new(None),
            turns: watch::Sender::new(0),
            measured: broadcast::Sender::new(MEASURED_MAX),
        }
    }

    /// Takes one event of the station.
    pub fn handle_event(&self, event: &pipeline::Event) {
        match event {
            pipeline::Event::World(change) => {
                // Without subscribers there is nobody to tell.
                let _ = self.events.send(change.clone());
            }
            pipeline::Event::StackResumed
            | pipeline::Event::StackSilent(_)
            | pipeline::Event::TicketChanged
            | pipeline::Event::OwnRevoked { .. }
            | pipeline::Event::OwnReinstated
            | pipeline::Event::ListAdvanced { .. }
            | pipeline::Event::LoadChanged(_)
            | pipeline::Event::Reserve(_) => self.turns.send_modify(|turns| *turns += 1),
            pipeline::Event::Delivered(_)
            | pipeline::Event::Disconnect { .. }
            | pipeline::Event::Accused { .. }
            | pipeline::Event::Equivocation(_)
            | pipeline::Event::HazardForgotten { .. }
            | pipeline::Event::HazardKept { .. }
            | pipeline::Event::Introduced { .. }
            | pipeline::Event::PeerRevoked { .. }
            | pipeline::Event::Published { .. }
            | pipeline::Event::Received { .. }
            | pipeline::Event::Refused { .. }
            | pipeline::Event::Rotate { .. }
            | pipeline::Event::Shed { .. }
            | pipeline::Event::UnitsTold { .. } => {}
        }
    }

    /// Every change of the world from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<WorldEvent> {
        self.events.subscribe()
    }

    /// How many changes the slowest subscriber has yet to take.
    pub(super) fn lag(&self) -> usize {
        self.events.len()
    }

    /// Notes where the own vehicle was at a moment, and how it moved.
    pub fn handle_own_motion(&self, telemetry: &Telemetry, measured: Timestamp, now: Instant) {
        self.own.send_replace(Some(OwnSighting {
            position: telemetry.position,
            motion: Subject::of(telemetry, measured),
            told: now,
        }));
    }

    /// Notes what the own vehicle measured.
    pub(super) fn handle_measured(&self, sample: TripSample) {
        // Without a listener nobody records trips.
        let _ = self.measured.send(sample);
    }

    /// What the own vehicle measures from now on.
    pub(crate) fn measured(&self) -> broadcast::Receiver<TripSample> {
        self.measured.subscribe()
    }

    /// Where the own vehicle is, from now on.
    pub(crate) fn own(&self) -> watch::Receiver<Option<OwnSighting>> {
        self.own.subscribe()
    }

    /// Told whenever the readiness may have changed.
    pub(crate) fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

/// States of the own vehicle that a slow recorder of trips may be behind.
const MEASURED_MAX: usize = 64;
/// Changes kept for the slowest task; at the bound it is told how many it lost.
const EVENTS_MAX: usize = 4_096;
