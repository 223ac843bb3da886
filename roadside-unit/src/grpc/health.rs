use std::{sync::Arc, time::Duration};

use tokio::{select, time::interval};
use tonic_health::{ServingStatus, server::HealthReporter};
use wayside::id::ShardId;

use super::{
    desk::{Desk, is_far_behind},
    server::{ISSUING, LEDGER, ROAD, SERVICES},
};
use crate::relay::Relay;

/// Keeps what the health service tells up to date, until the unit stops.
///
/// The name of a shard is `wayside.ledger.v1.LedgerService/shard-0`. A shard serves while this unit
/// votes in it, if it has a vote, is not far behind, and its software knows the rules that the shard
/// follows; the services do while every shard does, and that of issuing while nothing is missing for it
/// (the log says what), where the unit has keys to issue with. That of the road serves while the relay
/// does, whatever the ledger; always, where the unit relays nothing.
pub(super) async fn keep_up((desk, relay): (Arc<Desk>, Option<Relay>), health: HealthReporter) {
    let mut draining = desk.draining.subscribe();
    let mut ticks = interval(LOOK_INTERVAL);
    loop {
        let stopping = *desk.draining.borrow();
        let mut whole = !stopping;
        for shard in desk.engine.shards() {
            let serves = !stopping && serves(&desk, shard);
            whole &= serves;
            let name = format!("{LEDGER}/shard-{shard}");
            health.set_service_status(name, status(serves)).await;
        }
        health.set_service_status("", status(whole)).await;
        for service in SERVICES {
            let serves = match service {
                ISSUING => whole && issues(&desk),
                ROAD => !stopping && relay.as_ref().is_none_or(Relay::is_ready),
                _ => whole,
            };
            health.set_service_status(service, status(serves)).await;
        }
        if stopping {
            return;
        }
        select! {
            _ = ticks.tick() => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }
}

fn serves(desk: &Desk, shard: ShardId) -> bool {
    let status = desk.engine.status(shard);
    status.is_some_and(|status| {
        (status.voting || !desk.is_validator())
            && !is_far_behind(&status)
            && !status.rules.has_stopped()
    })
}

/// Whether the unit issues for its operator, if it has keys for that.
fn issues(desk: &Desk) -> bool {
    let standing = desk.issuer.as_ref().map(|issuer| issuer.standing());
    standing.is_none_or(|standing| !standing.failed && standing.lacks.is_none())
}

fn status(serves: bool) -> ServingStatus {
    if serves {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

const LOOK_INTERVAL: Duration = Duration::from_millis(250);
