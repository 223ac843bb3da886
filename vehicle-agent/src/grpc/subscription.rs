use std::sync::Arc;

use tokio::{
    select,
    sync::{broadcast, watch},
    time::sleep,
};
use tonic::{Code, Status};
use wayside::{
    rpc::{self, FieldError, FieldProblem, Moment},
    telemetry::DropReason,
    world::{Delivery, Feed, FeedConfig, FeedError, FeedEvent, WorldEvent},
};

use super::{hub::OwnSighting, refusal::stopping, server::Inner};
use wayside::serve::{Inlet, OpenStream, Outlet, outlet};

/// Converts one delivery for the client.
pub(super) type Convert<T> = fn(&Delivery, &Moment<'_>) -> Option<T>;

/// Opens one client's view of the world.
pub(super) fn subscribe<T: Send + 'static>(
    agent: &Arc<Inner>,
    mut config: FeedConfig,
    open: OpenStream,
    convert: Convert<T>,
) -> Result<Outlet<T>, Status> {
    config.heartbeat_interval = Some(agent.limits.heartbeat_interval);
    // Within one call, so that no change falls between the snapshot and the first event.
    let (feed, events) = agent
        .handle
        .call(|station, now| {
            let own = station.own_state().map(|own| own.telemetry.position);
            let snapshot = station.world().snapshot();
            let events = agent.hub.subscribe();
            Feed::new(config, &snapshot, own, now).map(|feed| (feed, events))
        })
        .map_err(refused)?;
    let inbox = Inbox {
        agent: Arc::clone(agent),
        feed,
        events,
        own: agent.hub.own(),
        draining: agent.draining.subscribe(),
    };
    let (inlet, outlet) = outlet(open);
    tokio::spawn(run(inbox, inlet, convert));
    Ok(outlet)
}

/// Why a subscription ends.
enum End {
    Overflow,
    TooSlow,
    Stopping,
    ClientGone,
}

/// A feed with everything that goes into it.
struct Inbox {
    agent: Arc<Inner>,
    feed: Feed,
    events: broadcast::Receiver<WorldEvent>,
    own: watch::Receiver<Option<OwnSighting>>,
    draining: watch::Receiver<bool>,
}

async fn run<T>(mut inbox: Inbox, inlet: Inlet<T>, convert: Convert<T>) {
    let end = pump(&mut inbox, &inlet, convert).await;
    let status = match end {
        End::ClientGone => return,
        End::Overflow => rpc::refusal(
            Code::ResourceExhausted,
            "SUBSCRIBER_OVERFLOW",
            "the buffer ran over, and the subscription asked to end then",
        ),
        End::TooSlow => rpc::refusal(
            Code::ResourceExhausted,
            "SUBSCRIBER_TOO_SLOW",
            "nothing was read for too long",
        ),
        End::Stopping => stopping(),
    };
    inlet.fail(status);
}

async fn pump<T>(inbox: &mut Inbox, inlet: &Inlet<T>, convert: Convert<T>) -> End {
    let patience = inbox.agent.limits.slow_subscriber_timeout;
    loop {
        // The place for an item comes before the item, so that what waits for a slow reader waits
        // in the feed, which keeps the latest and counts the rest.
        let permit = select! {
            permit = inlet.items.reserve() => match permit {
                Ok(permit) => permit,
                Err(_) => return End::ClientGone,
            },
            end = inbox.absorb() => return end,
            () = sleep(patience) => return End::TooSlow,
        };
        let item = select! {
            delivery = inbox.next() => match delivery {
                Ok(delivery) => {
                    inbox.note(&delivery);
                    convert(&delivery, &inbox.moment())
                }
                Err(end) => return end,
            },
            () = inlet.items.closed() => return End::ClientGone,
        };
        if let Some(item) = item {
            permit.send(item);
        }
    }
}

impl Inbox {
    /// Takes events while the client does not read; returns only at the end.
    async fn absorb(&mut self) -> End {
        loop {
            if let Err(end) = self.take().await {
                return end;
            }
        }
    }

    /// The next thing to tell.
    async fn next(&mut self) -> Result<Delivery, End> {
        loop {
            self.take_waiting();
            let now = self.agent.handle.clock().now();
            if let Some(delivery) = self.feed.poll_event(now) {
                return match delivery.event {
                    FeedEvent::Closed => Err(End::Overflow),
                    FeedEvent::Object(_)
                    | FeedEvent::ObjectRemoved { .. }
                    | FeedEvent::Hazard(_)
                    | FeedEvent::HazardRemoved { .. }
                    | FeedEvent::SnapshotEnd { .. }
                    | FeedEvent::Gap { .. }
                    | FeedEvent::Heartbeat => Ok(delivery),
                };
            }
            let Some(due) = self.feed.poll_timeout() else {
                return Err(End::Overflow);
            };
            let agent = Arc::clone(&self.agent);
            select! {
                taken = self.take() => taken?,
                () = agent.handle.clock().sleep_until(due) => {}
            }
        }
    }

    /// Waits for one thing that goes into the feed.
    async fn take(&mut self) -> Result<(), End> {
        select! {
            event = self.events.recv() => {
                let now = self.agent.handle.clock().now();
                match event {
                    Ok(event) => self.feed.handle_event(&event, now),
                    Err(broadcast::error::RecvError::Lagged(lost)) => self.feed.handle_lost(lost),
                    Err(broadcast::error::RecvError::Closed) => return Err(End::Stopping),
                }
            }
            Ok(()) = self.own.changed() => {
                let own = *self.own.borrow_and_update();
                if let Some(own) = own {
                    self.feed.handle_own_position(own.position);
                }
            }
            _ = self.draining.wait_for(|draining| *draining) => return Err(End::Stopping),
        }
        Ok(())
    }

    /// Takes all events that are there already.
    fn take_waiting(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self
                    .feed
                    .handle_event(&event, self.agent.handle.clock().now()),
                Err(broadcast::error::TryRecvError::Lagged(lost)) => self.feed.handle_lost(lost),
                Err(
                    broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed,
                ) => return,
            }
        }
    }

    /// Counts what a subscriber missed.
    fn note(&self, delivery: &Delivery) {
        if let FeedEvent::Gap { dropped, .. } = delivery.event {
            let metrics = &self.agent.metrics;
            metrics.count_dropped("telemetry", DropReason::SlowReader, dropped);
        }
    }

    fn moment(&self) -> Moment<'_> {
        let now = self.agent.handle.clock().now();
        let own = *self.own.borrow();
        Moment {
            delivered: now.timestamp,
            ready: self.agent.readiness.borrow().can_sign,
            own_state_age: own.map(|own| now.instant.since(own.told)),
            own: own
                .and_then(|own| own.motion.at(now.timestamp))
                .map(|own| self.agent.assessor.view(own)),
        }
    }
}

fn refused(error: FeedError) -> Status {
    let (field, range) = match error {
        FeedError::BufferTooLong(_) => ("buffer_size", "at most 1 000"),
        FeedError::HeartbeatZero => ("heartbeat_interval", "above zero"),
    };
    FieldError::new(field, FieldProblem::OutOfRange(range)).into()
}
