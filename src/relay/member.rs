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
    pub(super) place: Option<Place>,
    /// When `place` was so, by the member's own telemetry.
    pub(super) measured: Timestamp,
    pub(super) cell: Option<Cell>,
    pub(super) entries: Entries,
    /// Where it stands, if it is a unit and said so.
    pub(super) unit: Option<UnitPlace>,
    pub(super) signers: Signers,
    pub(super) tickets: Bucket,
    /// Kept hazards that it was told, or brought, each by its version.
    pub(super) told: BTreeMap<Key, u64>,
    /// Kept hazards that it is still to be told, each in its version; a newer one is told otherwise.
    pub(super) pending: VecDeque<(Key, u64)>,
    pub(super) hazards: Bucket,
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
        let per_ticket = Duration::from_secs(1) / config.tickets_per_s.get();
        let tickets_depth = per_ticket * config.tickets_burst.get();
        Self {
            station: joined.station,
            is_unit: joined.is_unit,
            remote: joined.remote,
            interest: Interest::default(),
            place: None,
            measured: Timestamp::EPOCH,
            cell: None,
            entries: Entries::default(),
            unit: None,
            signers: Signers::default(),
            tickets: Bucket::new(per_ticket, tickets_depth, now),
            told: BTreeMap::new(),
            pending: VecDeque::new(),
            hazards: Bucket::new(HAZARD_INTERVAL, HAZARD_INTERVAL * HAZARD_BURST, now),
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
/// After so many metres hazards are looked for again.
const STEP_M: f64 = 50.0;
/// After a turn of so many hundredths of a degree too.
const TURN_CENTIDEG: u16 = 3_000;
