//! A hundred signers behind one link, as a relay carries what it hears to one listener.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use quinn::{Connection, Endpoint};
use wayside::{
    link::{ControlFrame, HelloFrame, Link, PROTOCOL_VERSION, TicketBytes, Transmit},
    message::Message,
    security::{Signer, SignerConfig},
    transport::Clock,
};

use super::{part::Part, stations::link_config, tls};
use crate::bench::{
    stage::{Log, Stage, lock},
    station::name_of,
    traffic::{CARS, Traffic},
};

/// Connects and says hello under a ticket of its own.
pub(super) async fn send(part: &Part) -> anyhow::Result<Stage> {
    let receiver = part.receiver.context("a receiver")?;
    let traffic = Traffic::since(part.start_unix_ms)?;
    let clock = Clock::system();
    let now = clock.now();
    let wallet = traffic.named_wallet("carrier");
    let own = wallet.credential_at(now.timestamp).context("a ticket")?;
    let endpoint = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let config = tls::client(Some(&own.key().to_seed()))?;
    let connection = endpoint
        .connect_with(config, receiver, "bench.invalid")?
        .await?;
    let mut link = Link::new(link_config(part), now);
    link.queue_control(&ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: TicketBytes::Vehicle(Box::new(*own.ticket().as_bytes())),
    }));
    while let Some(transmit) = link.poll_transmit(now) {
        if let Transmit::Control(frame) = transmit {
            let (mut stream, _) = connection.open_bi().await?;
            stream.write_all(&frame).await?;
            stream.finish()?;
        }
    }
    let signers = (0..CARS)
        .map(|car| Signer::new(SignerConfig::default(), traffic.wallet(car), &[], now))
        .collect();
    let log = Log::default();
    let carrier = Arc::new(Mutex::new(Carrier {
        traffic,
        clock: clock.clone(),
        signers,
        link,
        connection,
        log: log.clone(),
    }));
    if !part.tick.is_zero() {
        tokio::spawn(flush_at_ticks(carrier.clone(), clock, part.tick));
    }
    let publish = move |car: usize| lock(&carrier).publish(car);
    Ok(Stage {
        publish: Some(Box::new(publish)),
        kept: Box::new(endpoint),
        ..Stage::of(log)
    })
}

struct Carrier {
    traffic: Traffic,
    clock: Clock,
    signers: Vec<Signer>,
    link: Link,
    connection: Connection,
    log: Log,
}

impl Carrier {
    fn publish(&mut self, car: usize) {
        let now = self.clock.now();
        let telemetry = self.traffic.telemetry(car, now.timestamp);
        let (Some(telemetry), Some(signer)) = (telemetry, self.signers.get_mut(car)) else {
            return;
        };
        while let Some(reservation) = signer.poll_reservation() {
            signer.handle_reserved(reservation);
        }
        let message = Message::Telemetry(telemetry);
        if let Some(own) = signer.current(now) {
            self.log
                .note(name_of(own.station()), now.timestamp.unix_ms());
        }
        // What is not signed or sent shows as a message that never arrives.
        let Ok(signed) = signer.sign(&message, now.timestamp, now) else {
            return;
        };
        let expires = now.instant + EXPIRY;
        self.link
            .queue_telemetry(signed.station, (signed.bytes, 0), expires, now);
        self.flush();
    }

    fn flush(&mut self) {
        let now = self.clock.now();
        while let Some(transmit) = self.link.poll_transmit(now) {
            if let Transmit::Datagram(bytes) = transmit {
                let _ = self.connection.send_datagram(bytes);
            }
        }
    }
}

/// Sends at each tick what waits for it, in one wake-up.
async fn flush_at_ticks(carrier: Arc<Mutex<Carrier>>, clock: Clock, tick: Duration) {
    let mut next = clock.now().instant + tick;
    loop {
        clock.sleep_until(next).await;
        next = next + tick;
        lock(&carrier).flush();
    }
}

const EXPIRY: Duration = Duration::from_millis(500);
