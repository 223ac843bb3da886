use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use wayside::{
    evidence::{Evidence, Testimony},
    id::{ShardId, StationId},
    ledger::{
        AccusedStation, Action, BelieveWitnesses, ReportMisbehaviour, StateView as _, Testify,
    },
    pipeline::Accusation,
    security::Ticket,
    time::{Instant, Recent, RecentBounds},
};

use super::{
    offices::Offices,
    out::{About, View},
};

/// What stands against stations that the operator has yet to bring to the ledger, until the ledger has it
/// from anybody or takes it no more; and whether the operator believes what others testify.
pub(super) struct Accusations {
    proofs: BTreeMap<StationId, Open<Evidence>>,
    /// By accused and witness.
    testimonies: BTreeMap<(StationId, StationId), Open<Testimony>>,
    /// Whom the operator's own unit found to be untrue. To have one of them forgotten before its time
    /// takes as many others as are kept, each a ticket whose holder lies to that unit; the operator
    /// is then silent about that one, and suspends nobody for it.
    seen: Recent<StationId>,
}

/// Something that is not on the ledger yet.
struct Open<T> {
    content: T,
    /// When the operator heard of it.
    since: Instant,
}

impl Accusations {
    pub(super) fn new() -> Self {
        Self {
            proofs: BTreeMap::new(),
            testimonies: BTreeMap::new(),
            seen: Recent::new(RecentBounds {
                len_max: SEEN_MAX,
                age_max: REPORT_AGE_MAX,
            }),
        }
    }

    /// Takes in what was verified. Beyond the bound, what comes to be said is dropped, and of what was
    /// seen the oldest is.
    pub(super) fn handle_accusation(
        &mut self,
        (station, accusation): (StationId, &Accusation),
        since: Instant,
    ) {
        match accusation {
            Accusation::Seen => {
                self.seen.note(station, since);
            }
            Accusation::Proof(bytes) => self.handle_evidence(bytes, since),
            Accusation::Testimony(bytes) => self.handle_testimony(bytes, since),
        }
    }

    fn handle_evidence(&mut self, bytes: &Bytes, since: Instant) {
        let Ok(content) = Evidence::from_bytes(bytes) else {
            return;
        };
        if self.proofs.len() < OPEN_MAX {
            let station = content.ticket().station();
            let open = Open { content, since };
            self.proofs.entry(station).or_insert(open);
        }
    }

    fn handle_testimony(&mut self, bytes: &Bytes, since: Instant) {
        let Ok(content) = Testimony::from_bytes(bytes) else {
            return;
        };
        if self.testimonies.len() < OPEN_MAX {
            let both = (content.accused().station(), content.witness().station());
            let open = Open { content, since };
            self.testimonies.entry(both).or_insert(open);
        }
    }

    /// Says what the ledger does not know yet, once more where it was lost.
    pub(super) fn poll(&mut self, offices: &mut Offices, view: &View<'_>) {
        self.forget(view);
        for (station, open) in &self.proofs {
            if open.is_due(*station, offices, view) {
                let evidence = open.content.to_bytes().to_vec();
                let action = Action::from(ReportMisbehaviour { evidence });
                let about = About::Accusation(*station);
                offices.say(ShardId::GOVERNANCE, action, about);
            }
        }
        for ((accused, witness), open) in &self.testimonies {
            if open.is_due(*witness, offices, view) {
                let testimony = open.content.to_bytes().to_vec();
                let action = Action::from(Testify { testimony });
                let about = About::Testimony(*accused, *witness);
                offices.say(ShardId::GOVERNANCE, action, about);
            }
        }
        self.believe(offices, view);
    }

    /// Believes three witnesses where the operator's own unit saw as much: witnesses alone can be cars
    /// that do not exist.
    fn believe(&self, offices: &mut Offices, view: &View<'_>) {
        let cases = view.state.cases().into_iter().flat_map(|cases| &cases.0);
        let own = offices.seat.operator;
        for case in cases.filter(|case| case.is_ripe() && !case.believed_by.contains(&own)) {
            let accused = case.accused;
            let station = StationId::from_bytes(*accused.as_bytes());
            if self.seen.contains(&station) {
                let action = Action::from(BelieveWitnesses { accused });
                offices.say(ShardId::GOVERNANCE, action, About::Belief(station));
            }
        }
    }

    /// Forgets what the ledger has, or takes no more.
    fn forget(&mut self, view: &View<'_>) {
        let slots = view.issuing.policy.slots();
        let now = view.now.timestamp;
        let is_open = |accused: &Ticket| {
            let is_accused = view.state.accusation(AccusedStation::from(accused));
            let end = slots.valid_until(accused.slot());
            is_accused.is_none() && now <= end.saturating_add(REPORT_AGE_MAX)
        };
        self.seen.forget(view.now.instant);
        self.proofs.retain(|_, open| is_open(open.content.ticket()));
        self.testimonies.retain(|_, open| {
            let (accused, witness) = (open.content.accused(), open.content.witness());
            let witness = AccusedStation::from(witness);
            let mut cases = view.state.cases().into_iter().flat_map(|cases| &cases.0);
            let case = cases.find(|case| case.accused == AccusedStation::from(accused));
            let has_testified =
                case.is_some_and(|it| it.witnesses.iter().any(|it| it.station == witness));
            is_open(accused) && !has_testified
        });
    }
}

impl<T> Open<T> {
    /// Whether it is this operator's turn: not all bring the same at once.
    fn is_due(&self, by: StationId, offices: &Offices, view: &View<'_>) -> bool {
        let operators = view.facts.operators();
        let own = offices.seat.operator;
        let place = operators.iter().position(|it| *it == own).unwrap_or(0);
        let [first, ..] = *by.as_bytes();
        let place = (place + usize::from(first)) % operators.len().max(1);
        let turn = TURN * u32::try_from(place).unwrap_or(0);
        view.now.instant.since(self.since) >= turn
    }
}

/// Stations that the operator's own unit found to be untrue; beyond, it forgets which it found so
/// longest ago.
pub(super) const SEEN_MAX: usize = 4_096;
/// How much later each further operator brings the same.
const TURN: Duration = Duration::from_secs(3);
/// Proofs that wait to be brought, and testimonies.
const OPEN_MAX: usize = 256;
/// How long after a ticket's slot the ledger takes accusations against its holder.
const REPORT_AGE_MAX: Duration = Duration::from_secs(3_600);
