use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use wayside::{
    link::{Class, DropReason as LinkDrop},
    pipeline::{NotReady, Readiness},
    relay::Load,
    telemetry::{DropReason, Metrics, OutboxFill, RoadsideStanding, TicketSupply},
    time::Timestamp,
    transport::Handle,
};

use super::Parts;
use crate::{roadside::RoadsideState, speaking::SpeakingState};

/// Shows once a second what the station does not report by itself.
pub(super) async fn watch(
    handle: Handle,
    metrics: Arc<Metrics>,
    (certificate_end, parts): (Option<Timestamp>, Parts),
) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (readiness, links, connected, now) = handle.call(|station, now| {
            let connected = station.peers().count();
            (
                station.readiness(now),
                station.link_counters(),
                connected,
                now,
            )
        });
        show(&metrics, &readiness, now.timestamp);
        metrics.set_peers("connected", connected);
        if let Some(records) = &parts.records {
            let state = records.state();
            metrics.set_outbox(OutboxFill {
                records: state.waiting,
                records_max: records.config().outbox.waiting_max.get(),
                bytes: state.waiting_bytes,
                bytes_max: records.config().outbox.waiting_bytes_max.get(),
                oldest_age: state.oldest_age,
                undelivered: state
                    .undelivered_since
                    .map(|at| records.now().timestamp.since(at)),
            });
        }
        if let Some(speaking) = &parts.speaking {
            show_supply(&metrics, &speaking.state());
        }
        if let Some(roadside) = &parts.roadside {
            show_roadside(&metrics, &roadside.state());
        }
        if let Some(end) = certificate_end {
            metrics.set_certificate_expiry("grpc_server", end.since(now.timestamp));
        }
        for (kind, class) in [("telemetry", Class::Telemetry), ("hazard", Class::Hazard)] {
            let dropped = &links.class(class).dropped;
            let sum =
                |reasons: &[LinkDrop]| reasons.iter().filter_map(|why| dropped.get(why)).sum();
            for (reason, counted) in REASONS {
                metrics.set_dropped(kind, reason, sum(counted));
            }
        }
    }
}

fn show_supply(metrics: &Metrics, state: &SpeakingState) {
    let preload = &state.preload;
    let problem = preload.problem.as_ref().map(|(problem, _)| problem.name());
    metrics.set_ticket_supply(&TicketSupply {
        requests: preload.requests,
        asked_for: preload.slots,
        requested: preload.tally.requests,
        received: preload.tally.tickets,
        bad: preload.tally.bad_tickets,
        refused: preload.tally.refused.clone(),
        problem,
    });
}

fn show_roadside(metrics: &Metrics, state: &RoadsideState) {
    let lost = state.lost.iter();
    metrics.set_roadside(&RoadsideStanding {
        units_known: state.units_known,
        units_dialled: state.units.len(),
        units_connected: state.units.iter().filter(|it| it.station.is_some()).count(),
        neighbours_dialled: state.neighbours,
        neighbours_connected: state.neighbours_connected,
        lost: lost
            .map(|(reason, count)| (reason.name(), *count))
            .collect(),
    });
}

fn show(metrics: &Metrics, readiness: &Readiness, now: Timestamp) {
    let doubt = readiness.not_ready.iter().find_map(|reason| match reason {
        NotReady::ClockDoubted(doubt) => Some(*doubt),
        NotReady::NoTicket | NotReady::Revoked { .. } | NotReady::ReservationPending => None,
    });
    let error = readiness
        .clock_error_ms
        .map(|error_ms| Duration::from_millis(error_ms.unsigned_abs()));
    metrics.set_clock_offset(doubt.or(error));
    metrics.set_load(readiness.load.name(), &Load::ALL.map(Load::name));
    metrics.set_tickets_remaining(readiness.tickets_left);
    let list_age = readiness.revocations_as_of.map(|as_of| now.since(as_of));
    metrics.set_revocation_list(readiness.revocations_next, list_age);
    let is_revoked = |reason: &NotReady| matches!(reason, NotReady::Revoked { .. });
    metrics.set_revoked(readiness.not_ready.iter().any(is_revoked));
    let left = readiness.tickets_until.map(|until| until.since(now));
    metrics.set_certificate_expiry("ticket", left.unwrap_or_default());
    metrics.set_state_silent(readiness.stack_silent_for.is_some());
}

const INTERVAL: Duration = Duration::from_secs(1);
/// The links' reasons under the names that operators know; what is malformed counts as refused.
const REASONS: [(DropReason, &[LinkDrop]); 3] = [
    (DropReason::Stale, &[LinkDrop::Expired]),
    (
        DropReason::Congestion,
        &[
            LinkDrop::Superseded,
            LinkDrop::QueueFull,
            LinkDrop::Oversize,
        ],
    ),
    (DropReason::RateLimit, &[LinkDrop::RateLimited]),
];
