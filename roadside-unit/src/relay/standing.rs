use std::{collections::BTreeMap, net::SocketAddr};

use wayside::{
    id::StationId,
    pipeline::{NotReady, Station},
    relay::Load,
    time::{Now, Timestamp},
};

use super::{Relay, unit::Lacks};

/// How the unit relays at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// What keeps it from relaying or signing; nothing, if empty.
    pub(crate) problems: Vec<&'static str>,
    /// Where vehicles connect.
    pub(crate) address: Option<SocketAddr>,
    /// Its name on the road.
    pub(crate) station: Option<StationId>,
    /// How much it takes on; `None` while it does not relay.
    pub(crate) load: Option<Load>,
    /// Vehicles that said hello.
    pub(crate) vehicles: usize,
    /// Other units that said hello.
    pub(crate) units: usize,
    /// Hazards that it keeps for those who come.
    pub(crate) hazards: usize,
    /// Hazards that the operator has it tell.
    pub(crate) own_hazards: usize,
    /// Changes of those that are not on disk.
    pub(crate) unwritten: u64,
    /// Messages handed on, by kind.
    pub(crate) relayed: BTreeMap<&'static str, u64>,
    /// Messages left out for want of room, by reason.
    pub(crate) shed: BTreeMap<&'static str, u64>,
    /// Messages refused, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// The next entry of the list of revoked tickets.
    pub(crate) list_next: u64,
    /// As of when that list is known.
    pub(crate) list_as_of: Option<Timestamp>,
    /// Operators whose units it believes.
    pub(crate) operators: usize,
}

impl Relay {
    /// How it stands now.
    pub(crate) async fn standing(&self) -> Standing {
        let now = self.0.clock.now().timestamp;
        let (lacks, address, certificate_until) = {
            let state = self.lock();
            let address = state.station.as_ref().map(|running| running.address);
            (state.lacks, address, state.certificate.valid_until())
        };
        let told = self.call(of_station).await;
        let mut standing = told.unwrap_or_else(|_| Standing {
            problems: vec![lacks.name()],
            ..Standing::default()
        });
        if certificate_until <= now {
            standing.problems.push("certificate_over");
        }
        standing.address = address;
        standing.own_hazards = self.0.roadworks.lock().await.len();
        standing.unwritten = self.0.store.unwritten();
        standing.operators = self.0.ledger.operators().keys.len();
        standing
    }

    /// Until when its operator's certificate lets vehicles believe it.
    pub(crate) fn certificate_until(&self) -> Timestamp {
        self.lock().certificate.valid_until()
    }
}

impl Lacks {
    fn name(self) -> &'static str {
        match self {
            Self::Domain => "trust_domain",
            Self::Port => "port",
            Self::Stopped => "stopped",
        }
    }
}

fn of_station(station: &mut Station, now: Now) -> Standing {
    let readiness = station.readiness(now);
    let greeted = station.peers().filter(|(_, station)| station.is_some());
    let is_unit = |(peer, _)| station.peer_is_unit(peer) == Some(true);
    let (units, vehicles): (Vec<bool>, Vec<bool>) = greeted.map(is_unit).partition(|it| *it);
    let counters = station.counters();
    let relayed = counters.relayed.iter();
    let problems = readiness.not_ready.iter().copied();
    Standing {
        problems: problems.map(NotReady::name).collect(),
        station: station.station(),
        load: Some(station.load()),
        vehicles: vehicles.len(),
        units: units.len(),
        hazards: station.hazards_kept(),
        relayed: relayed.map(|(kind, count)| (kind.name(), *count)).collect(),
        shed: counters.shed.clone(),
        refused: counters.refused.clone(),
        list_next: readiness.revocations_next,
        list_as_of: readiness.revocations_as_of,
        ..Standing::default()
    }
}
