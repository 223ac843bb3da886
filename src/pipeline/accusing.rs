use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;

use super::{Accusation, Event, Station, counters::count};
use crate::{
    evidence::{Evidence, Keeper, Testimony},
    id::{PeerId, StationId},
    message::Telemetry,
    plausibility::Judged,
    relay::Notice,
    security::Equivocation,
    time::{Instant, Now, Recent, RecentBounds},
};

/// A station's part in having liars suspended: a car gathers evidence and hands it to units; a unit
/// proves what it gathers and is given, tells its edge, and hands it on.
#[derive(Debug)]
pub(super) struct Accusing {
    keeper: Keeper,
    /// What there is for units, oldest first.
    untold: VecDeque<Untold>,
    /// Whom a unit has told its edge of.
    accused: Recent<StationId>,
    /// Against whom this station spoke.
    testified: Recent<StationId>,
    /// Whose testimony against whom a unit has told its edge of.
    heard: Recent<(StationId, StationId)>,
    /// How much a unit was given by whom, under each ticket. Who gives on is not forgotten; to be so, it
    /// would have to wait until as many others gave something as are remembered, each of whom needs a
    /// ticket of its own and with that may give as much.
    given: Recent<StationId, u32>,
}

/// What is on its way to units.
#[derive(Debug)]
struct Untold {
    notice: Notice,
    /// To which it went.
    told: BTreeSet<StationId>,
    until: Instant,
}

impl Station {
    /// Keeps what a message shows of its sender.
    pub(super) fn keep_evidence(&mut self, judged: &Judged<Telemetry>) {
        self.accusing.keeper.handle_judged(judged);
    }

    /// Hands on what was found since.
    pub(super) fn hand_on_evidence(&mut self, now: Now) {
        while let Some(evidence) = self.accusing.keeper.poll_evidence() {
            if self.roadside.relay.is_some() {
                self.accuse(&evidence, now);
            } else {
                self.tell_units(Notice::Evidence(evidence.to_bytes()), now);
            }
        }
    }

    /// Speaks against a station whose words are not true by what others say, once for each ticket; a
    /// unit notes that it saw as much.
    pub(super) fn testify(&mut self, judged: &Judged<Telemetry>, now: Now) {
        let mut findings = judged.verdict().findings().iter();
        let found = findings.find(|finding| Testimony::can_be_about(finding.check));
        let (Some(found), Some(own)) = (found, self.signer.current(now)) else {
            return;
        };
        let verified = judged.verified();
        let (station, accused) = (verified.station(), verified.ticket());
        if accused.is_unit() || self.accusing.testified.contains(&station) {
            return;
        }
        if self.roadside.relay.is_some() {
            remember(&mut self.accusing.testified, station, now);
            return self.raise(Event::Accused {
                station,
                reason: found.check.name(),
                accusation: Accusation::Seen,
            });
        }
        if accused.ticket().slot() != own.ticket().slot() {
            return;
        }
        let witness = (own.ticket(), own.key());
        let testimony = Testimony::new(witness, accused.ticket(), found.check, verified.bytes());
        if let Some(testimony) = testimony {
            remember(&mut self.accusing.testified, station, now);
            self.tell_units(Notice::Testimony(testimony.to_bytes()), now);
        }
    }

    /// Hands something to the units that are connected, and to the next ones.
    fn tell_units(&mut self, notice: Notice, now: Now) {
        self.accusing.untold.push_back(Untold {
            notice,
            told: BTreeSet::new(),
            until: now.instant + UNTOLD_FOR,
        });
        if self.accusing.untold.len() > UNTOLD_MAX {
            self.accusing.untold.pop_front();
        }
        let peers: Vec<_> = self.peers.iter().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.tell_evidence(peer, now);
        }
    }

    /// Takes in that a proof of equivocation was found.
    pub(super) fn keep_equivocation(&mut self, found: &Equivocation) {
        self.accusing.keeper.handle_equivocation(found);
    }

    /// Tells a unit what it was not told yet.
    pub(super) fn tell_evidence(&mut self, peer: PeerId, now: Now) {
        if self.accusing.untold.is_empty() || self.peer_is_unit(peer) != Some(true) {
            return;
        }
        let Some(unit) = self.peers.get(peer).and_then(|peer| peer.station()) else {
            return;
        };
        let mut notices = Vec::new();
        self.accusing.untold.retain_mut(|untold| {
            if untold.told.insert(unit) {
                notices.push(untold.notice.clone());
            }
            untold.told.len() < TOLD_MAX && now.instant < untold.until
        });
        for notice in notices {
            self.queue_notice(peer, &notice);
        }
    }

    /// Takes evidence that a peer gives this unit.
    pub(super) fn handle_evidence(&mut self, peer: PeerId, bytes: &Bytes, now: Now) {
        let Some(reporter) = self.peers.get(peer).and_then(|peer| peer.station()) else {
            return;
        };
        // A unit hands on what others gave it.
        if self.peer_is_unit(peer) != Some(true) && !self.accusing.may_give(reporter, now) {
            return count(&mut self.counters.not_taken, OVER_QUOTA);
        }
        let Ok(evidence) = Evidence::from_bytes(bytes) else {
            count(&mut self.counters.refused, EVIDENCE);
            return self.note_offence(peer, now);
        };
        let is_known = self.accusing.accused.contains(&evidence.ticket().station())
            || self
                .verifier
                .revocation_of(evidence.ticket(), now)
                .is_some();
        if is_known {
            return count(&mut self.counters.not_taken, KNOWN);
        }
        if !self.accuse(&evidence, now) {
            count(&mut self.counters.refused, EVIDENCE);
            self.note_offence(peer, now);
        }
    }

    /// Takes what a vehicle says against another, by way of a peer.
    pub(super) fn handle_testimony(&mut self, peer: PeerId, bytes: &Bytes, now: Now) {
        let Some(reporter) = self.peers.get(peer).and_then(|peer| peer.station()) else {
            return;
        };
        if self.peer_is_unit(peer) != Some(true) && !self.accusing.may_give(reporter, now) {
            return count(&mut self.counters.not_taken, OVER_QUOTA);
        }
        let domain = self.verifier.domain();
        let testimony = Testimony::from_bytes(bytes).ok().filter(|it| {
            let tickets = (domain.admit(it.witness()), domain.admit(it.accused()));
            matches!(tickets, (Ok(witness), Ok(accused)) if it.verify(&witness, &accused).is_ok())
        });
        let Some(testimony) = testimony else {
            count(&mut self.counters.refused, EVIDENCE);
            return self.note_offence(peer, now);
        };
        let is_revoked = [testimony.witness(), testimony.accused()]
            .into_iter()
            .any(|ticket| self.verifier.revocation_of(ticket, now).is_some());
        let station = testimony.accused().station();
        let both = (testimony.witness().station(), station);
        if is_revoked || self.accusing.heard.contains(&both) {
            return count(&mut self.counters.not_taken, KNOWN);
        }
        remember(&mut self.accusing.heard, both, now);
        self.tell_units(Notice::Testimony(bytes.clone()), now);
        self.raise(Event::Accused {
            station,
            reason: testimony.check().name(),
            accusation: Accusation::Testimony(bytes.clone()),
        });
    }

    /// Tells the edge, and the units around, of evidence that proves a lie; whether it does.
    ///
    /// No single operator can keep to itself what a car gave its unit.
    fn accuse(&mut self, evidence: &Evidence, now: Now) -> bool {
        let domain = self.verifier.domain();
        let ticket = domain.admit(evidence.ticket());
        let Some(lie) = ticket.ok().and_then(|it| evidence.prove(&it).ok()) else {
            return false;
        };
        let station = evidence.ticket().station();
        if remember(&mut self.accusing.accused, station, now) {
            self.counters.accused += 1;
            let bytes = evidence.to_bytes();
            self.tell_units(Notice::Evidence(bytes.clone()), now);
            self.raise(Event::Accused {
                station,
                reason: lie.name(),
                accusation: Accusation::Proof(bytes),
            });
        }
        true
    }
}

impl Accusing {
    pub(super) fn new() -> Self {
        Self {
            keeper: Keeper::default(),
            untold: VecDeque::new(),
            accused: remembering(REMEMBERED_MAX),
            testified: remembering(REMEMBERED_MAX),
            heard: remembering(REMEMBERED_MAX),
            given: remembering(REPORTERS_MAX),
        }
    }

    /// Counts evidence of a ticket's holder, and says whether it may give so much.
    pub(super) fn may_give(&mut self, reporter: StationId, now: Now) -> bool {
        let given = self.given.note(reporter, now.instant);
        *given = given.saturating_add(1);
        *given <= GIVEN_MAX
    }
}

/// Remembers one more; whether it is new.
fn remember<T: Copy + Ord>(known: &mut Recent<T>, one: T, now: Now) -> bool {
    let is_new = !known.contains(&one);
    known.note(one, now.instant);
    is_new
}

fn remembering<K: Copy + Ord, V: Default>(len_max: usize) -> Recent<K, V> {
    Recent::new(RecentBounds {
        len_max,
        age_max: REMEMBERED_FOR,
    })
}

/// What waits for a unit; beyond, the oldest is forgotten.
const UNTOLD_MAX: usize = 16;
/// How long it waits: the ledger takes none that is much older.
const UNTOLD_FOR: Duration = Duration::from_secs(1_800);
/// To so many units it goes, since one of them may not hand it in.
const TOLD_MAX: usize = 3;
/// How much a unit takes of one ticket's holder, proven or not.
pub(super) const GIVEN_MAX: u32 = 10;
/// Holders of which a unit remembers how much they gave; beyond, it forgets who gave longest ago.
pub(super) const REPORTERS_MAX: usize = 8_192;
/// Stations of which it is remembered that they were accused, and witnesses; beyond, what was so
/// longest ago is forgotten, and may come again.
const REMEMBERED_MAX: usize = 8_192;
/// How long anything of a ticket is remembered: a day and a fifth, for which the longest one counts.
const REMEMBERED_FOR: Duration = Duration::from_secs(103_680);
const EVIDENCE: &str = "evidence";
const OVER_QUOTA: &str = "evidence_over_quota";
const KNOWN: &str = "evidence_known";
