use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport,
};
use tokio::time::sleep;

use crate::{
    certificates::{self, AUTHORITY, CERTIFICATE, KEY},
    part::{Log, Part, Role, Stage, free_port},
};

/// mosquitto over TLS, QoS 0: its broker, a subscriber, or senders.
pub(crate) async fn set(part: &Part) -> anyhow::Result<Stage> {
    let log = Log::default();
    let broker = || part.address.context("a broker");
    match part.role {
        Role::Relay => start_broker(&part.folder, log).await,
        Role::Receiver => receive(&part.folder, broker()?, log).await,
        Role::Sender => send(part, broker()?, log).await,
    }
}

async fn start_broker(folder: &Path, log: Log) -> anyhow::Result<Stage> {
    certificates::write(folder)?;
    let address = free_port()?;
    let file = |name| certificates::path(folder, name);
    let config = format!(
        "user root\nallow_anonymous true\npersistence false\nlog_dest none\n\
         max_queued_messages 100000\nset_tcp_nodelay true\nlistener {} 127.0.0.1\n\
         certfile {}\nkeyfile {}\n",
        address.port(),
        file(CERTIFICATE)?,
        file(KEY)?,
    );
    let place = file("mosquitto.conf")?;
    fs::write(&place, config)?;
    // Whoever measures may end this process with a signal that it cannot pass on.
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "mosquitto", "-c", &place])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start mosquitto; is it installed?")?;
    for _ in 0..100 {
        if tokio::task::spawn_blocking(move || std::net::TcpStream::connect(address))
            .await?
            .is_ok()
        {
            return Ok(Stage {
                address: Some(address),
                measured: Some(child.id()),
                kept: Box::new(child),
                ..Stage::of(log)
            });
        }
        sleep(Duration::from_millis(50)).await;
    }
    bail!("mosquitto does not listen; is it installed?")
}

async fn receive(folder: &Path, broker: SocketAddr, log: Log) -> anyhow::Result<Stage> {
    let (client, mut events) = connect(folder, broker, "receiver")?;
    client
        .subscribe("bench/telemetry/+", QoS::AtMostOnce)
        .await?;
    until(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await?;
    let heard = log.clone();
    tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(Packet::Publish(published)) = event {
                heard.note_payload(&published.payload);
            }
        }
    });
    Ok(Stage {
        kept: Box::new(client),
        ..Stage::of(log)
    })
}

async fn send(part: &Part, broker: SocketAddr, log: Log) -> anyhow::Result<Stage> {
    let mut clients = Vec::new();
    for number in 0..part.connections {
        let (client, mut events) = connect(&part.folder, broker, &format!("sender-{number}"))?;
        until(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await?;
        tokio::spawn(async move { while events.poll().await.is_ok() {} });
        clients.push(client);
    }
    let clients = Arc::new(clients);
    let topics: Arc<Vec<String>> = Arc::new(
        (0..100)
            .map(|car| format!("bench/telemetry/{car}"))
            .collect(),
    );
    Ok(Stage {
        send: Some(Arc::new(move |car, payload| {
            let (clients, topics) = (clients.clone(), topics.clone());
            Box::pin(async move {
                let client = clients.get(car % clients.len());
                if let (Some(client), Some(topic)) = (client, topics.get(car)) {
                    // What is not sent shows as a message that never arrives.
                    let _ = client.publish(topic, QoS::AtMostOnce, false, payload).await;
                }
            })
        })),
        ..Stage::of(log)
    })
}

fn connect(
    folder: &Path,
    broker: SocketAddr,
    name: &str,
) -> anyhow::Result<(AsyncClient, EventLoop)> {
    let mut options = MqttOptions::new(name, "localhost", broker.port());
    options.set_keep_alive(Duration::from_secs(30));
    options.set_transport(Transport::Tls(TlsConfiguration::Simple {
        ca: fs::read(folder.join(AUTHORITY))?,
        alpn: None,
        client_auth: None,
    }));
    Ok(AsyncClient::new(options, REQUESTS_MAX))
}

/// Waits for a packet of the broker.
async fn until(events: &mut EventLoop, wanted: impl Fn(&Packet) -> bool) -> anyhow::Result<()> {
    loop {
        if let Event::Incoming(packet) = events.poll().await?
            && wanted(&packet)
        {
            return Ok(());
        }
    }
}

/// Requests that wait for the connection; at the bound senders wait.
const REQUESTS_MAX: usize = 1_000;
