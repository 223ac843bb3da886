use std::sync::Arc;

use crate::{
    id::{ActionId, StationId},
    message::{Hazard, HazardStatement, Telemetry},
    plausibility::{Judged, Verdict},
    risk::{HardBrakes, Risk, Subject, Viewer},
    security::Verified,
    time::{Now, Timestamp},
};

/// A station in the picture: its newest telemetry, with the signed bytes, times and verdict.
#[derive(Debug)]
pub struct Object {
    pub(super) judged: Judged<Telemetry>,
    pub(super) hops: u8,
    pub(super) brakes: HardBrakes,
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

    /// How dangerous it is at a moment to the vehicle that sees it then; `None` where too little is
    /// known of its motion, and where it is too far away.
    pub fn risk(&self, viewer: &Viewer<'_>, at: Timestamp) -> Option<Risk> {
        let generated = self.verified().generated();
        let other = Subject::of(self.telemetry(), generated).at(at)?;
        let braked = self.brakes.last(at);
        viewer.assess(&other, braked.map(|braked| at.since(braked)))
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
    /// The report that the own vehicle's sensors bore out last.
    pub(super) sensed: Option<Arc<Judged<HazardStatement>>>,
    /// Other reports of the same event.
    pub(super) merged: Vec<ActionId>,
    /// The one of all these that was heard first.
    pub(super) leading: ActionId,
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

    /// How many independent sources say so: vehicles with tickets of one slot, roadside units, and the
    /// own vehicle's sensors. Reports under one [`ActionId`] come from one vehicle, whatever its ticket
    /// is by now, and count once.
    pub fn sources(&self) -> u32 {
        self.sources
    }

    /// Whether the own vehicle's sensors agree: they bore out this report, or an earlier one of the same
    /// thing in the same place. An update that moves on has to be borne out again.
    pub fn is_sensed(&self) -> bool {
        self.sensed.is_some()
    }

    /// Other reports of the same event, as far as they are believed; in the order of their names.
    pub fn merged(&self) -> &[ActionId] {
        &self.merged
    }

    /// Which of all the reports of the event was heard first: the one to show, where one is to stand
    /// for all.
    pub fn leading(&self) -> ActionId {
        self.leading
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
