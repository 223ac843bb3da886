use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    Evidence, STRETCHES,
    proof::are_stretches,
    stretch::{Said, contradicted, follows},
};
use crate::{
    id::StationId,
    message::Telemetry,
    plausibility::Judged,
    security::{Equivocation, Ticket, Verified},
    time::Timestamp,
};

/// Gathers evidence of what a station hears.
///
/// Give it every message that was judged, in the order in which they came, and every equivocation; then
/// drain [`Self::poll_evidence`]. It keeps the bytes of those only that contradicted themselves of late,
/// and gives evidence against each ticket once.
#[derive(Debug, Default)]
pub struct Keeper {
    cases: BTreeMap<StationId, Case>,
    /// Against whom evidence was given.
    given: BTreeSet<StationId>,
    ready: VecDeque<Evidence>,
}

/// What is kept of one station.
#[derive(Debug)]
struct Case {
    ticket: Ticket,
    /// Those that contradict themselves.
    stretches: Vec<Vec<Said>>,
    /// The next one.
    open: Vec<Said>,
    open_bytes: usize,
    /// How far apart messages are kept at least.
    spacing: Duration,
    /// Stretches in a row that may be true.
    fruitless: u8,
    latest: Timestamp,
}

impl Keeper {
    /// Takes in a message and what was found of it.
    pub fn handle_judged(&mut self, judged: &Judged<Telemetry>) {
        let verified = judged.verified();
        let station = verified.station();
        if !self.cases.contains_key(&station) {
            let findings = judged.verdict().findings();
            let is_accused = findings.iter().any(|finding| finding.check.is_proof());
            if !is_accused || self.given.contains(&station) || verified.ticket().is_unit() {
                return;
            }
            self.make_room();
            self.cases.insert(station, Case::new(verified));
        }
        let Some(case) = self.cases.get_mut(&station) else {
            return;
        };
        case.add(verified);
        if case.fruitless >= FRUITLESS_MAX {
            self.cases.remove(&station);
        } else if case.stretches.len() == STRETCHES {
            let evidence = Evidence::of_stretches(&case.ticket, &case.stretches);
            self.cases.remove(&station);
            self.give(station, evidence);
        }
    }

    /// Takes in that a station signed two messages with one sequence.
    pub fn handle_equivocation(&mut self, found: &Equivocation) {
        let station = found.ticket.station();
        if !found.ticket.is_unit() && !self.given.contains(&station) {
            self.give(station, Evidence::of_equivocation(found));
        }
    }

    /// The next evidence.
    pub fn poll_evidence(&mut self) -> Option<Evidence> {
        self.ready.pop_front()
    }

    /// Whether nobody contradicted itself of late.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.cases.is_empty()
    }

    fn give(&mut self, station: StationId, evidence: Option<Evidence>) {
        let Some(evidence) = evidence else {
            return;
        };
        self.cases.remove(&station);
        // They change with the slot, so whoever is forgotten hardly speaks any more.
        if self.given.len() >= GIVEN_MAX {
            self.given.clear();
        }
        self.given.insert(station);
        self.ready.push_back(evidence);
        if self.ready.len() > READY_MAX {
            self.ready.pop_front();
        }
    }

    /// Forgets who was heard least recently, if there is no room for one more.
    fn make_room(&mut self) {
        let oldest = self.cases.iter().min_by_key(|(_, case)| case.latest);
        let oldest = oldest.map(|(station, _)| *station);
        if let Some(oldest) = oldest.filter(|_| self.cases.len() >= CASES_MAX) {
            self.cases.remove(&oldest);
        }
    }
}

impl Case {
    fn new(verified: &Verified<Telemetry>) -> Self {
        Self {
            ticket: verified.ticket().ticket().clone(),
            stretches: Vec::new(),
            open: Vec::new(),
            open_bytes: 0,
            spacing: SPACING_MIN,
            fruitless: 0,
            latest: verified.generated(),
        }
    }

    fn add(&mut self, verified: &Verified<Telemetry>) {
        let said = Said {
            telemetry: verified.message().clone(),
            generated: verified.generated(),
            sequence: verified.sequence(),
            bytes: verified.bytes().clone(),
        };
        let last = self.stretches.last().and_then(|stretch| stretch.last());
        let before = self.open.last().or(last);
        let is_due = before.is_none_or(|before| {
            said.sequence > before.sequence
                && said.generated > before.generated
                && said.generated.since(before.generated) >= self.spacing
        });
        if !is_due {
            return;
        }
        self.latest = said.generated;
        let is_whole = self.open.last().is_none_or(|before| {
            said.generated.since(before.generated) <= GAP_MAX && follows(before, &said)
        });
        if !is_whole {
            self.begin();
        }
        self.open_bytes += said.bytes.len();
        self.open.push(said);
        if self.open.len() >= STRETCH_LEN || self.open_bytes >= STRETCH_BYTES {
            self.close();
        }
    }

    /// Keeps the open stretch if it convicts its sender; otherwise messages further apart may.
    fn close(&mut self) {
        if contradicted(self.ticket.station(), &self.open).is_none() {
            self.fruitless += 1;
            self.spacing = (2 * self.spacing).min(SPACING_MAX);
            return self.begin();
        }
        self.fruitless = 0;
        self.stretches.push(std::mem::take(&mut self.open));
        self.begin();
        if self.stretches.len() == STRETCHES && !are_stretches(&self.stretches) {
            self.stretches.remove(0);
        }
    }

    fn begin(&mut self) {
        self.open.clear();
        self.open_bytes = 0;
    }
}

/// Stations of which messages are kept; beyond, the one heard least recently is forgotten. With up to
/// 4 KiB each.
const CASES_MAX: usize = 64;
/// Stations of which is remembered that evidence was given.
const GIVEN_MAX: usize = 1_024;
/// Evidence that waits to be taken; beyond, the oldest is dropped.
const READY_MAX: usize = 16;
/// So many stretches in a row that may be true say that nothing is wrong any more.
const FRUITLESS_MAX: u8 = 4;
/// Three such stretches fit the bytes that evidence may have.
const STRETCH_LEN: usize = 9;
const STRETCH_BYTES: usize = 1_150;
/// Nine messages of a station that speaks often last three seconds.
const SPACING_MIN: Duration = Duration::from_millis(400);
/// Errors that grow slowly show in a quarter of a minute.
const SPACING_MAX: Duration = Duration::from_millis(1_600);
/// The checks judge nothing across a longer silence.
const GAP_MAX: Duration = Duration::from_millis(2_400);
