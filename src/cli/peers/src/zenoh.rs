use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use zenoh::{Config, Session, qos::CongestionControl};

use crate::{
    certificates::{self, AUTHORITY, CERTIFICATE, KEY},
    part::{Log, Part, Product, Role, Stage, free_port},
};

/// zenoh over QUIC: a router, a receiver, or senders.
pub(crate) async fn set(part: &Part) -> anyhow::Result<Stage> {
    let is_listening = part.address.is_none();
    if is_listening {
        certificates::write(&part.folder)?;
    }
    let address = part.address.map_or_else(free_port, Ok)?;
    let end = End {
        mode: match (part.product, part.role) {
            (Product::ZenohRouter, Role::Relay) => "router",
            (Product::ZenohRouter, _) => "client",
            (Product::Zenoh | Product::Mosquitto, _) => "peer",
        },
        is_listening,
        address,
        folder: &part.folder,
    };
    let log = Log::default();
    let stage = match part.role {
        Role::Relay => Stage {
            kept: Box::new(end.open().await?),
            ..Stage::of(log)
        },
        Role::Receiver => {
            let session = end.open().await?;
            let heard = log.clone();
            let subscriber = session
                .declare_subscriber("bench/telemetry/*")
                .callback(move |sample| heard.note_payload(&sample.payload().to_bytes()))
                .await
                .map_err(|error| anyhow!("{error}"))?;
            Stage {
                kept: Box::new((session, subscriber)),
                ..Stage::of(log)
            }
        }
        Role::Sender => end.send(part.connections, log).await?,
    };
    Ok(Stage {
        address: is_listening.then_some(address),
        ..stage
    })
}

/// One end of a connection.
struct End<'a> {
    mode: &'static str,
    is_listening: bool,
    address: SocketAddr,
    folder: &'a Path,
}

impl End<'_> {
    async fn send(&self, connections: usize, log: Log) -> anyhow::Result<Stage> {
        let mut sessions = Vec::new();
        for _ in 0..connections {
            sessions.push(self.open().await?);
        }
        let mut publishers = Vec::new();
        for (car, session) in (0..100).zip(sessions.iter().cycle()) {
            let publisher = session
                .declare_publisher(format!("bench/telemetry/{car}"))
                .congestion_control(CongestionControl::Block)
                .await
                .map_err(|error| anyhow!("{error}"))?;
            publishers.push(publisher);
        }
        let publishers = Arc::new(publishers);
        Ok(Stage {
            send: Some(Arc::new(move |car, payload| {
                let publishers = publishers.clone();
                Box::pin(async move {
                    if let Some(publisher) = publishers.get(car) {
                        // What is not sent shows as a message that never arrives.
                        let _ = publisher.put(payload).await;
                    }
                })
            })),
            kept: Box::new(sessions),
            ..Stage::of(log)
        })
    }

    async fn open(&self) -> anyhow::Result<Session> {
        let mut config = Config::default();
        let mut set = |key: &str, value: serde_json::Value| {
            let done = config.insert_json5(key, &value.to_string());
            done.map_err(|error| anyhow!("{key}: {error}"))
        };
        let endpoint = format!("quic/localhost:{}", self.address.port());
        let file = |name| certificates::path(self.folder, name);
        set("mode", self.mode.into())?;
        set("scouting/multicast/enabled", false.into())?;
        set("scouting/gossip/enabled", false.into())?;
        set(
            "transport/link/tls/root_ca_certificate",
            file(AUTHORITY)?.into(),
        )?;
        if self.is_listening {
            set("transport/link/tls/listen_private_key", file(KEY)?.into())?;
            set(
                "transport/link/tls/listen_certificate",
                file(CERTIFICATE)?.into(),
            )?;
            set("listen/endpoints", vec![endpoint].into())?;
        } else {
            set("listen/endpoints", serde_json::json!([]))?;
            set("connect/endpoints", vec![endpoint].into())?;
        }
        let opened = zenoh::open(config).await;
        opened
            .map_err(|error| anyhow!("{error}"))
            .context("zenoh does not open")
    }
}
