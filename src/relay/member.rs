use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use super::{
    Config, Interest, Joined, Neighbour, ShedReason, UnitPlace,
    bucket::Bucket,
    index::Entries,
    reach::{Place, concerns},
    signers::Signers,
    store::Key,
};
use crate::{
    geo::{Cell, Position},
    id::StationId,
    message::Hazard,
    time::{Instant, Timestamp},
    units::Heading,
};

/// One connection of a unit, and what its other end wants and has.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) station: StationId,
    pub(super) is_unit: bool,
    pub(super) remote: Option<SocketAddr>,
    pub(super) interest: Interest,
    /// Whether it said that.
    pub(super) has_interest: bool,
    pub(super) place: Option<Place>,
    /// When `place` was so, by the member's own telemetry.
    pub(super) measured: Timestamp,
    pub(super) cell: Option<Cell>,
    pub(super) entries: Entries,
    /// Where it stands, if it is a unit and said so.
    pub(super) unit: Option<UnitPlace>,
    pub(super) signers: Signers,
    tickets: Bucket,
    /// Of these, those that go with hazards: few at a time, since a hazard may overtake its ticket,
    /// and waits for it at the receiver, which lets so many wait.
    unit_tickets: Bucket,
    /// Kept hazards that it was told, or brought, each by its version.
    pub(super) told: BTreeMap<Key, u64>,
    /// Hazards that came while it took no more, each in its version; a newer one is told otherwise.
    pub(super) urgent: VecDeque<(Key, u64)>,
    /// Kept hazards that it is still to be told after those.
    pub(super) pending: VecDeque<(Key, u64)>,
    /// Whether it will be looked at for what is pending.
    pub(super) is_queued: bool,
    hazards: Bucket,
    /// Where it was when hazards were last looked for.
    pub(super) looked_at: Option<(Position, Option<Heading>)>,
    pub(super) introduced: BTreeSet<Neighbour>,
    pub(super) sheds: BTreeMap<ShedReason, u64>,
}

/// What somebody said, for the question who else is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) signer: StationId,
    /// The station that it came from, by whichever connection.
    pub(super) from: Option<StationId>,
    /// Whether other units are told too.
    pub(super) goes_to_units: bool,
}

impl Member {
    pub(super) fn new(joined: &Joined, config: &Config, now: Instant) -> Self {
        // Another unit takes more, since it passes on to many.
        let times = if joined.is_unit { UNIT_TIMES } else { 1 };
        let per_ticket = Duration::from_secs(1) / config.tickets_per_s.get() / times;
        let tickets_burst = config.tickets_burst.get();
        let tickets_burst = tickets_burst.saturating_mul(times.min(UNIT_TICKETS_TIMES));
        let unit_tickets_burst = UNIT_TICKETS_BURST * times.min(UNIT_TICKETS_TIMES);
        let unit_tickets_burst = unit_tickets_burst.min(tickets_burst);
        let per_hazard = HAZARD_INTERVAL / times;
        Self {
            station: joined.station,
            is_unit: joined.is_unit,
            remote: joined.remote,
            interest: Interest::default(),
            has_interest: false,
            place: None,
            measured: Timestamp::EPOCH,
            cell: None,
            entries: Entries::default(),
            unit: None,
            signers: Signers::default(),
            tickets: Bucket::new(per_ticket, per_ticket * tickets_burst, now),
            unit_tickets: Bucket::new(per_ticket, per_ticket * unit_tickets_burst, now),
            told: BTreeMap::new(),
            urgent: VecDeque::new(),
            pending: VecDeque::new(),
            is_queued: false,
            hazards: Bucket::new(per_hazard, per_hazard * HAZARD_BURST * times, now),
            looked_at: None,
            introduced: BTreeSet::new(),
            sheds: BTreeMap::new(),
        }
    }

    /// Whether it is told telemetry from `position`, as far as its areas go.
    pub(super) fn wants_telemetry(&self, said: &Said, position: Position) -> bool {
        self.may_hear(said)
            && self.interest.telemetry
            && self.interest.holds(self.place.as_ref(), position)
            && self.interest.heard.binary_search(&said.signer).is_err()
    }

    /// Whether it is told of a hazard.
    pub(super) fn wants_hazard(&self, said: &Said, hazard: &Hazard) -> bool {
        self.may_hear(said) && self.interest.wants(hazard.cause) && self.is_concerned(hazard)
    }

    /// Whether telemetry of a signer may go to it, whose message brings the ticket or not; `None` if it
    /// must wait for that, else whether the ticket is handed over first. Once it goes it counts.
    pub(super) fn grant_telemetry(
        &mut self,
        signer: StationId,
        brings_ticket: bool,
        signers_max: usize,
        now: Instant,
    ) -> Option<bool> {
        if brings_ticket {
            self.signers.note_shown(signer, signers_max);
            return Some(false);
        }
        if self.signers.has_ticket(signer) {
            return Some(false);
        }
        let was_shown = self.signers.was_shown(signer);
        let kept_back = if was_shown {
            KEPT_FOR_UNSHOWN_PERCENT
        } else {
            KEPT_FOR_HAZARDS_PERCENT
        };
        let hands = self.tickets.left_percent(now) > kept_back && self.tickets.take(now);
        if hands {
            self.signers.note_ticket(signer, signers_max);
        }
        (hands || was_shown).then_some(hands)
    }

    /// What it is to be told of hazards: at once, or after that.
    pub(super) fn queue(&mut self, is_urgent: bool) -> &mut VecDeque<(Key, u64)> {
        if is_urgent {
            &mut self.urgent
        } else {
            &mut self.pending
        }
    }

    /// Whether it takes a hazard at all now.
    pub(super) fn affords_hazard(&self, now: Instant) -> bool {
        self.hazards.affords(now)
    }

    /// Whether a hazard of a signer, that brings the signer's ticket or not, may go to it now: it takes
    /// only so many, of one signer and of all, and so many tickets. `None` if it must wait, else whether
    /// the ticket is handed over first. Once it goes it counts.
    pub(super) fn grant_hazard(
        &mut self,
        signer: StationId,
        brings_ticket: bool,
        signers_max: usize,
        now: Instant,
    ) -> Option<bool> {
        let needs_ticket = !brings_ticket && !self.signers.has_ticket(signer);
        let has_ticket = self.unit_tickets.affords(now) && self.tickets.affords(now);
        if needs_ticket && !has_ticket
            || !self.signers.affords_hazard(signer, now)
            || !self.hazards.take(now)
        {
            return None;
        }
        self.signers.note_hazard(signer, now, signers_max);
        if needs_ticket {
            self.unit_tickets.take(now);
            self.tickets.take(now);
            self.signers.note_ticket(signer, signers_max);
        }
        Some(needs_ticket)
    }

    /// Notes why something was not told to it.
    pub(super) fn note_shed(&mut self, reason: ShedReason, count: u64) {
        *self.sheds.entry(reason).or_default() += count;
    }

    /// Where others may call it.
    pub(super) fn neighbour(&self) -> Option<Neighbour> {
        let (remote, port) = (self.remote?, self.interest.listen_port?);
        (!self.is_unit).then(|| Neighbour {
            station: self.station,
            address: SocketAddr::new(remote.ip().to_canonical(), port),
        })
    }

    /// Whether it moved or turned so far that other hazards may concern it.
    pub(super) fn must_look(&self, place: &Place) -> bool {
        let Some((position, heading)) = self.looked_at else {
            return true;
        };
        let turned = match (heading, place.heading) {
            (Some(before), Some(after)) => before.difference_centideg(after) > TURN_CENTIDEG,
            (before, after) => before.is_some() != after.is_some(),
        };
        turned || place.frame.offset(position).length_m() > STEP_M
    }

    fn may_hear(&self, said: &Said) -> bool {
        self.station != said.signer
            && Some(self.station) != said.from
            && (said.goes_to_units || !self.is_unit)
    }

    fn is_concerned(&self, hazard: &Hazard) -> bool {
        let place = self.place.as_ref();
        if self.interest.holds(place, hazard.position) {
            return true;
        }
        if !self.is_unit {
            return place.is_some_and(|place| concerns(hazard, place));
        }
        // A unit cares for what reaches into its areas.
        let radius_m = f64::from(hazard.relevance_radius.m());
        let mut circles = self.interest.areas.iter().filter_map(|it| it.circle(place));
        circles.any(|(centre, own_m)| centre.distance_m(hazard.position) <= own_m + radius_m)
    }
}

/// Kept hazards are told at this pace, below what a receiver takes from one connection for ever.
const HAZARD_INTERVAL: Duration = Duration::from_millis(25);
/// So many at once to somebody who comes.
const HAZARD_BURST: u32 = 128;
/// So many tickets at once with hazards.
const UNIT_TICKETS_BURST: u32 = 8;
/// So many times more than a vehicle a unit is told.
const UNIT_TIMES: u32 = 8;
/// So many times more tickets at once; a connection carries only so many frames at a time.
const UNIT_TICKETS_TIMES: u32 = 4;
/// Of a hundred tickets at once, those that telemetry leaves to hazards.
const KEPT_FOR_HAZARDS_PERCENT: u128 = 25;
/// Those left besides by telemetry whose ticket has probably arrived already.
const KEPT_FOR_UNSHOWN_PERCENT: u128 = 50;
/// After so many metres hazards are looked for again.
const STEP_M: f64 = 50.0;
/// After a turn of so many hundredths of a degree too.
const TURN_CENTIDEG: u16 = 3_000;
