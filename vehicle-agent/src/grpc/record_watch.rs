use std::sync::Arc;

use tokio::{select, sync::broadcast, time::timeout};
use tonic::{Code, Status};
use wayside::{
    rpc::{
        self,
        record::v1::{SnapshotEnd, WatchResponse, watch_response::Event},
    },
    serve::Inlet,
};

use super::{records::to_wire, refusal::stopping, server::Inner};
use crate::{
    ledger::{Records, RecordsChange},
    outbox::RecordId,
};

/// Sends every record that waits, and then every change, until the client goes or is too slow.
pub(super) async fn watch(agent: Arc<Inner>, records: Records, inlet: Inlet<WatchResponse>) {
    let mut changes = records.subscribe();
    let mut draining = agent.draining.subscribe();
    let waiting = records.look(|outbox| {
        let waiting = outbox.entries().filter(|entry| !entry.is_done());
        waiting.map(|entry| entry.id).collect::<Vec<_>>()
    });
    for id in waiting {
        if !tell(&agent, &records, &inlet, id).await {
            return inlet.fail(too_slow());
        }
    }
    let end = WatchResponse {
        event: Some(Event::SnapshotEnd(SnapshotEnd {})),
    };
    if !send(&agent, &inlet, end).await {
        return inlet.fail(too_slow());
    }
    loop {
        let change = select! {
            change = changes.recv() => change,
            () = inlet.items.closed() => return,
            _ = draining.wait_for(|draining| *draining) => return inlet.fail(stopping()),
        };
        let is_told = match change {
            Ok(RecordsChange::Durable(id) | RecordsChange::Changed(id)) => {
                tell(&agent, &records, &inlet, id).await
            }
            // Its client was told, and nobody else knew of it.
            Ok(RecordsChange::NotTaken(_)) => true,
            Err(broadcast::error::RecvError::Lagged(_)) => false,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if !is_told {
            return inlet.fail(too_slow());
        }
    }
}

/// Sends a record as it is now; whether the client took it in time.
async fn tell(
    agent: &Inner,
    records: &Records,
    inlet: &Inlet<WatchResponse>,
    id: RecordId,
) -> bool {
    let Some(state) = records.with_entry(|outbox| outbox.entry(id), to_wire) else {
        return true;
    };
    let response = WatchResponse {
        event: Some(Event::State(state)),
    };
    send(agent, inlet, response).await
}

async fn send(agent: &Inner, inlet: &Inlet<WatchResponse>, response: WatchResponse) -> bool {
    let sent = timeout(
        agent.limits.slow_subscriber_timeout,
        inlet.items.send(response),
    );
    matches!(sent.await, Ok(Ok(())))
}

fn too_slow() -> Status {
    rpc::refusal(
        Code::ResourceExhausted,
        "SUBSCRIBER_TOO_SLOW",
        "nothing was read for too long",
    )
}
