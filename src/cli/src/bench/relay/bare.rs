//! QUIC alone: datagrams in, datagrams out.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use bytes::Bytes;
use quinn::{Connection, Endpoint};

use super::part::Part;
use crate::bench::{
    agents::tls,
    payload,
    stage::{Log, Stage, lock},
};

/// Passes each payload on to all who asked.
pub(super) fn relay() -> anyhow::Result<Stage> {
    let endpoint = Endpoint::server(tls::server(&[7; 32])?, loopback())?;
    let address = endpoint.local_addr()?;
    let asked: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else {
                    return;
                };
                while let Ok(datagram) = connection.read_datagram().await {
                    if datagram == ASKING {
                        lock(&asked).push(connection.clone());
                        continue;
                    }
                    for receiver in lock(&asked).iter() {
                        // What does not arrive shows in the receiver's count.
                        let _ = receiver.send_datagram(datagram.clone());
                    }
                }
            });
        }
    });
    Ok(Stage {
        address: Some(address),
        kept: Box::new(endpoint),
        ..Stage::of(Log::default())
    })
}

/// Asks, and counts what comes.
pub(super) async fn receive(part: &Part) -> anyhow::Result<Stage> {
    let (endpoint, connection) = connect(part).await?;
    connection.send_datagram(Bytes::from_static(ASKING))?;
    let log = Log::default();
    let heard = log.clone();
    tokio::spawn(async move {
        while let Ok(datagram) = connection.read_datagram().await {
            if let Some((who, which)) = payload::names(&datagram) {
                heard.note(who, which);
            }
        }
    });
    Ok(Stage {
        kept: Box::new(endpoint),
        ..Stage::of(log)
    })
}

/// Sends payloads that name themselves.
pub(super) async fn send(part: &Part) -> anyhow::Result<Stage> {
    let (mut endpoints, mut connections) = (Vec::new(), Vec::new());
    for _ in 0..part.cars {
        let (endpoint, connection) = connect(part).await?;
        endpoints.push(endpoint);
        connections.push(connection);
    }
    let log = Log::default();
    let sent = log.clone();
    let mut sequence = 0;
    let publish = move |car: usize| {
        let who = car as u64;
        sequence += 1;
        sent.note(who, sequence);
        if let Some(connection) = connections.get(car % connections.len()) {
            // A connection that is gone shows as messages that never arrive.
            let _ = connection.send_datagram(payload::named(who, sequence));
        }
    };
    Ok(Stage {
        publish: Some(Box::new(publish)),
        kept: Box::new(endpoints),
        ..Stage::of(log)
    })
}

async fn connect(part: &Part) -> anyhow::Result<(Endpoint, Connection)> {
    let relay = part.unit.context("a relay")?;
    let endpoint = Endpoint::client(loopback())?;
    let connecting = endpoint.connect_with(tls::client(None)?, relay, "bench.invalid")?;
    Ok((endpoint, connecting.await?))
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

const ASKING: &[u8] = b"all";
