use std::sync::Arc;

use crate::{
    id::{ActionId, StationId},
    message::{Hazard, HazardStatement, Telemetry},
    plausibility::{Judged, Verdict},
    security::Verified,
    time::Now,
};

/// A station in the picture: its newest telemetry, with the signed bytes, times and verdict.
#[derive(Debug)]
pub struct Object {
    pub(super) judged: Judged<Telemetry>,
    pub(super) hops: u8,
}

impl Object {
    /// The station, as its ticket names it.
    pub fn station(&self) -> StationId {
        self.judged.verified().station()
    }

    /// What it says.
    pub fn telemetry(&self) -> &Telemetry {
        self.judged.verified().message()
    }

    /// Whether it can be true.
    pub fn verdict(&self) -> &Verdict {
        self.judged.verdict()
    }

    /// The signed bytes, the ticket, the sequence, and when it was generated and received.
    pub fn verified(&self) -> &Verified<Telemetry> {
        self.judged.verified()
    }

    /// How many stations passed it on, as the last of them said; 0 when heard directly.
    pub fn hops(&self) -> u8 {
        self.hops
    }
}

/// A hazard in the picture: its newest report, and what others say about it.
#[derive(Clone, Debug)]
pub struct KnownHazard {
    pub(super) report: Arc<Judged<HazardStatement>>,
    pub(super) hops: u8,
    pub(super) first_heard: Now,
    pub(super) level: Level,
    pub(super) sources: u32,
    pub(super) negations: u32,
}

impl KnownHazard {
    /// Which event.
    pub fn action(&self) -> ActionId {
        self.hazard().action
    }

    /// What its newest report says.
    pub fn hazard(&self) -> &Hazard {
        &self.report.verified().message().hazard
    }

    /// Whether its newest report can be true.
    pub fn verdict(&self) -> &Verdict {
        self.report.verdict()
    }

    /// The signed bytes, the ticket, the sequence, and when it was generated and received.
    pub fn verified(&self) -> &Verified<HazardStatement> {
        self.report.verified()
    }

    /// How many stations passed its newest report on, as the last of them said; 0 when heard directly.
    pub fn hops(&self) -> u8 {
        self.hops
    }

    /// When this station first heard of the event.
    pub fn first_heard(&self) -> Now {
        self.first_heard
    }

    /// How far a driving stack may rely on it.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How many independent sources report the event. Reports under one [`ActionId`] come from one
    /// vehicle, whatever its ticket is by now, and count once.
    pub fn sources(&self) -> u32 {
        self.sources
    }

    /// How many stations said that they see no such danger.
    pub fn negations(&self) -> u32 {
        self.negations
    }
}

/// How far a driving stack may rely on a hazard. Never the sole trigger for braking.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// One source says so.
    Inform,
    /// A second, independent source agrees.
    Act,
}
