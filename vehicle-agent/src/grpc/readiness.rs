use std::{sync::Arc, time::Duration};

use tokio::{select, sync::watch, time::interval};
use tonic::server::NamedService;
use tonic_health::{ServingStatus, server::HealthReporter};
use wayside::{
    pipeline::{NotReady, Station},
    relay::Load,
    rpc::{
        self,
        agent::v1::{
            EnrolmentStanding, LoadState, Lost, OwnRevocation, Readiness, Reason, Roadside,
            RoadsideUnit, TicketSupply,
        },
        record::v1::record_service_server::RecordServiceServer,
    },
    time::{Now, Timestamp},
};

use super::{records::RecordDoor, server::Inner};
use crate::{outbox::Level, roadside::RoadsideState, speaking::SpeakingState, trust::Enrolled};

/// Whether the agent works, now.
pub(super) fn readiness(agent: &Inner) -> Readiness {
    let draining = *agent.draining.borrow();
    let mut readiness = agent
        .handle
        .call(|station, now| of_station(station, draining, now));
    if let Some(speaking) = &agent.speaking {
        let next_change = agent
            .handle
            .call(|station, now| station.next_ticket_change(now));
        add_supply(&mut readiness, &speaking.state(), next_change);
    }
    if let Some(roadside) = &agent.roadside {
        let now = agent.handle.clock().now();
        readiness.roadside = Some(to_wire_roadside(&roadside.state(), now));
    }
    if let Some(records) = &agent.records {
        let state = records.state();
        match state.level {
            Level::Room => {}
            Level::NearlyFull => readiness.reasons.push(Reason::OutboxNearlyFull.into()),
            Level::Full => readiness.reasons.push(Reason::OutboxFull.into()),
        }
        readiness.undelivered_since = state.undelivered_since.map(rpc::to_wire_time);
    }
    readiness
}

/// Keeps what subscribers and the health service are told up to date, until the agent stops.
pub(super) async fn keep_up(agent: Arc<Inner>, health: HealthReporter) {
    let mut turns = agent.hub.turns();
    let mut draining = agent.draining.subscribe();
    let mut ticks = interval(LOOK_INTERVAL);
    loop {
        let readiness = readiness(&agent);
        agent.metrics.set_subscriber_lag(agent.hub.lag());
        report(&agent, &health, &readiness).await;
        let stopping = readiness.draining;
        agent.readiness.send_if_modified(|told| {
            let news = !same(told, &readiness);
            *told = readiness;
            news
        });
        if stopping {
            return;
        }
        select! {
            _ = ticks.tick() => {}
            turned = turns.changed() => if turned.is_err() {
                return;
            },
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }
}

/// Whether two readings say the same but for numbers that drift.
fn same(a: &Readiness, b: &Readiness) -> bool {
    let still = |readiness: &Readiness| Readiness {
        clock_error: None,
        list_age: None,
        stack_silent_since: None,
        undelivered_since: None,
        ticket_supply: readiness.ticket_supply.as_ref().map(|supply| TicketSupply {
            problem_at: None,
            problem_message: String::new(),
            issuing_as_of: None,
            ..supply.clone()
        }),
        roadside: readiness.roadside.as_ref().map(|roadside| Roadside {
            units: roadside.units.iter().map(without_distance).collect(),
            lost: Vec::new(),
            ..roadside.clone()
        }),
        ..readiness.clone()
    };
    still(a) == still(b)
}

fn without_distance(unit: &RoadsideUnit) -> RoadsideUnit {
    RoadsideUnit {
        distance_m: None,
        since: None,
        ..unit.clone()
    }
}

fn to_wire_roadside(state: &RoadsideState, now: Now) -> Roadside {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let units = state.units.iter().map(|unit| RoadsideUnit {
        address: unit.address.to_string(),
        station_id: unit.station.map(|it| it.to_string()).unwrap_or_default(),
        connected: unit.station.is_some(),
        since: Some(rpc::to_wire_time(
            now.timestamp.saturating_sub(now.instant.since(unit.since)),
        )),
        distance_m: unit.distance_m,
    });
    let lost = state.lost.iter().map(|(reason, count)| Lost {
        reason: reason.name().to_owned(),
        count: *count,
    });
    Roadside {
        units: units.collect(),
        units_known: number(state.units_known),
        neighbours: number(state.neighbours),
        neighbours_connected: number(state.neighbours_connected),
        lost: lost.collect(),
    }
}

fn to_wire_load(load: Load) -> LoadState {
    match load {
        Load::Normal => LoadState::Normal,
        Load::SheddingFar => LoadState::SheddingFar,
        Load::HazardsOnly => LoadState::HazardsOnly,
        Load::Isolated => LoadState::Isolated,
    }
}

/// Says how the vehicle comes by its tickets, and why not.
fn add_supply(readiness: &mut Readiness, state: &SpeakingState, next_change: Option<Timestamp>) {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let (standing, suspended_until) = match state.enrolled {
        Enrolled::Unknown => (EnrolmentStanding::Unspecified, None),
        Enrolled::No => (EnrolmentStanding::NotEnrolled, None),
        Enrolled::Active => (EnrolmentStanding::Active, None),
        Enrolled::Suspended(until) => (EnrolmentStanding::Suspended, Some(until)),
        Enrolled::Revoked => (EnrolmentStanding::Revoked, None),
    };
    match state.enrolled {
        Enrolled::Suspended(_) => readiness.reasons.push(Reason::EnrolmentSuspended.into()),
        Enrolled::Revoked => readiness.reasons.push(Reason::EnrolmentRevoked.into()),
        Enrolled::Unknown | Enrolled::No | Enrolled::Active => {}
    }
    let problem = state.preload.problem.as_ref();
    if problem.is_some() && state.preload.is_low {
        readiness.reasons.push(Reason::TicketsNotComing.into());
    }
    // Without anybody who issues tickets, nobody revokes them either.
    if readiness.list_stale && state.issuing_as_of.is_some() {
        readiness.reasons.push(Reason::ListStale.into());
    }
    readiness.ticket_supply = Some(TicketSupply {
        requests: number(state.preload.requests),
        tickets_asked_for: number(state.preload.slots),
        next_change: next_change.map(rpc::to_wire_time),
        problem: problem.map_or_else(String::new, |(problem, _)| problem.name().to_owned()),
        problem_message: problem.map_or_else(String::new, |(problem, _)| problem.to_string()),
        problem_at: problem.map(|(_, at)| rpc::to_wire_time(*at)),
        standing: standing.into(),
        suspended_until: suspended_until.map(rpc::to_wire_time),
        issuing_as_of: state.issuing_as_of.map(rpc::to_wire_time),
    });
}

async fn report(agent: &Inner, health: &HealthReporter, readiness: &Readiness) {
    let silent = readiness.reasons.contains(&Reason::OwnStateSilent.into());
    let is_full = readiness.reasons.contains(&Reason::OutboxFull.into());
    let status = |serving| {
        if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    };
    let speaks = status(readiness.can_sign && !readiness.draining);
    let listens = status(!readiness.draining);
    let whole = status(readiness.can_sign && !silent && !readiness.draining);
    health.set_service_status("", whole).await;
    for (service, sends) in agent.services() {
        let status = if sends {
            speaks
        } else if service == RECORDS && is_full {
            // What the vehicle says on the road does not depend on it.
            ServingStatus::NotServing
        } else {
            listens
        };
        health.set_service_status(service, status).await;
    }
}

fn of_station(station: &Station, draining: bool, now: Now) -> Readiness {
    let readiness = station.readiness(now);
    let mut reasons: Vec<i32> = Vec::new();
    if draining {
        reasons.push(Reason::Draining.into());
    }
    for cause in &readiness.not_ready {
        let reason = match cause {
            NotReady::NoTicket => Reason::NoValidTicket,
            NotReady::Revoked { .. } => Reason::Revoked,
            NotReady::ClockDoubted(_) => Reason::ClockDoubted,
            NotReady::ReservationPending => Reason::SequencesNotReserved,
        };
        reasons.push(reason.into());
    }
    if readiness.stack_silent_for.is_some() {
        reasons.push(Reason::OwnStateSilent.into());
    }
    if station.own_state().is_none() {
        reasons.push(Reason::NoOwnState.into());
    }
    if readiness.tickets_left <= FEW_TICKETS {
        reasons.push(Reason::FewTickets.into());
    }
    let list_age = readiness.revocations_as_of;
    let list_age = list_age.map(|as_of| now.timestamp.since(as_of));
    let age_max = station.config().verifier.revocation_age_max;
    let own_revocation = readiness.not_ready.iter().find_map(|cause| match cause {
        NotReady::Revoked { number, until } => Some(OwnRevocation {
            entry: *number,
            until: Some(rpc::to_wire_time(*until)),
        }),
        NotReady::NoTicket | NotReady::ClockDoubted(_) | NotReady::ReservationPending => None,
    });
    Readiness {
        can_sign: readiness.can_sign(),
        reasons,
        station_id: station
            .station()
            .map(|id| id.to_string())
            .unwrap_or_default(),
        tickets_left: u32::try_from(readiness.tickets_left).unwrap_or(u32::MAX),
        tickets_until: readiness.tickets_until.map(rpc::to_wire_time),
        ticket_until: station
            .identity(now)
            .map(|identity| rpc::to_wire_time(identity.valid_until)),
        clock_error: readiness.clock_error_ms.map(rpc::to_wire_duration_ms),
        list_age: list_age.map(rpc::to_wire_duration),
        list_next: readiness.revocations_next,
        list_stale: list_age.is_none_or(|age| age > age_max),
        own_revocation,
        ticket_supply: None,
        peers: u32::try_from(readiness.peers).unwrap_or(u32::MAX),
        stack_silent_since: readiness
            .stack_silent_for
            .map(|silent| rpc::to_wire_time(now.timestamp.saturating_sub(silent))),
        draining,
        undelivered_since: None,
        load: to_wire_load(readiness.load).into(),
        roadside: None,
    }
}

/// A channel that holds the readiness.
pub(super) fn unknown() -> watch::Sender<Readiness> {
    watch::Sender::new(Readiness::default())
}

/// The service that takes records.
const RECORDS: &str = RecordServiceServer::<RecordDoor>::NAME;
/// How often is looked at what no event tells: peers, tickets running out.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// The one in use and nothing after it.
const FEW_TICKETS: usize = 1;
