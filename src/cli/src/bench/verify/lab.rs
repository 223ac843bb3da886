use std::{hint::black_box, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use wayside::{
    crypto::{Signature, VerifyingKey},
    id::StationId,
    message::Message,
    pipeline::{self, Station},
    plausibility::judge_telemetry,
    security::{
        Config, Envelope, Refusal, Signer, SignerConfig, Ticket, VerifiedMessage, Verifier, Wallet,
    },
    time::{Instant, Now, Timestamp},
    world::{self, World},
};

use super::neighbours::Neighbours;
use crate::bench::{
    rounds::Spent,
    traffic::{CARS, INTERVAL, Traffic},
};

/// A hundred signers, and receivers that each hear all of them, in virtual time.
pub(super) struct Lab {
    traffic: Traffic,
    now: Now,
    signers: Vec<Signer>,
    /// By the order of the signers, with the keys kept as a receiver keeps them.
    keys: Vec<(StationId, VerifyingKey)>,
    tickets: Vec<Ticket>,
    verifier: Verifier,
    world: World,
    neighbours: Neighbours,
    station: Station,
}

impl Lab {
    pub(super) fn new() -> anyhow::Result<Self> {
        let now = Now {
            instant: Instant::from_origin(Duration::from_secs(1_000)),
            timestamp: Timestamp::from_unix_ms(START_UNIX_MS).context("a moment in range")?,
        };
        let traffic = Traffic::new(now.timestamp)?;
        let mut keys = Vec::new();
        let mut tickets = Vec::new();
        for car in 0..CARS {
            let wallet = traffic.wallet(car);
            let credential = wallet.credential_at(now.timestamp).context("a ticket")?;
            keys.push((credential.station(), credential.key().verifying_key()));
            tickets.push(credential.ticket().clone());
        }
        let signers = (0..CARS)
            .map(|car| Signer::new(SignerConfig::default(), traffic.wallet(car), &[], now));
        let nobody = Wallet::new(traffic.cast.domain().slots(), Vec::new());
        Ok(Self {
            now,
            signers: signers.collect(),
            keys,
            tickets,
            verifier: Verifier::new(Config::default(), traffic.cast.domain()),
            world: World::new(world::Config::default()),
            neighbours: Neighbours::new()?,
            station: Station::new(
                pipeline::Config::default(),
                traffic.cast.domain(),
                nobody,
                &[],
                now,
            ),
            traffic,
        })
    }

    /// Lets every car speak ten times, and hands what they say to each case in turn.
    pub(super) fn run_round(&mut self) -> anyhow::Result<Spent> {
        let mut spent = Spent::default();
        for _ in 0..STEPS {
            self.now = self.now.after(INTERVAL);
            let messages = self.sign(&mut spent)?;
            self.verify_bare(&messages, &mut spent)?;
            spent.on("parse", CARS, || {
                messages
                    .iter()
                    .all(|bytes| black_box(Envelope::parse(bytes.clone())).is_ok())
            });
            self.verify_and_observe(&messages, &mut spent)?;
            self.receive(&messages, &mut spent)?;
            self.refuse(&messages, &mut spent)?;
        }
        let domain = self.traffic.cast.domain();
        let admitted = spent.on("admit_ticket", CARS, || {
            self.tickets
                .iter()
                .all(|ticket| domain.admit(ticket).is_ok())
        });
        ensure!(admitted, "a ticket was refused");
        Ok(spent)
    }

    fn sign(&mut self, spent: &mut Spent) -> anyhow::Result<Vec<Bytes>> {
        let now = self.now;
        let mut said = Vec::with_capacity(CARS);
        for car in 0..CARS {
            let telemetry = self.traffic.telemetry(car, now.timestamp);
            said.push(Message::Telemetry(telemetry.context("a car's telemetry")?));
        }
        for signer in &mut self.signers {
            while let Some(reservation) = signer.poll_reservation() {
                signer.handle_reserved(reservation);
            }
        }
        let signers = &mut self.signers;
        let signed = spent.on("sign", CARS, || {
            let pairs = signers.iter_mut().zip(&said);
            pairs
                .map(|(signer, message)| signer.sign(message, now.timestamp, now))
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(signed.into_iter().map(|signed| signed.bytes).collect())
    }

    /// The signatures as they stand in the envelopes, without anything else.
    fn verify_bare(&self, messages: &[Bytes], spent: &mut Spent) -> anyhow::Result<()> {
        let mut prepared = Vec::with_capacity(CARS);
        for (bytes, (station, key)) in messages.iter().zip(&self.keys) {
            let (signed, signature) = bytes.split_last_chunk().context("a signature")?;
            let prefixed = [MESSAGE_CONTEXT, station.as_bytes(), signed].concat();
            prepared.push((key, prefixed, Signature::from_bytes(*signature)));
        }
        let verified = spent.on("bare_verify_strict", CARS, || {
            prepared
                .iter()
                .all(|(key, message, signature)| key.verify_raw(message, signature).is_ok())
        });
        ensure!(verified, "a signature did not verify");
        Ok(())
    }

    fn verify_and_observe(&mut self, messages: &[Bytes], spent: &mut Spent) -> anyhow::Result<()> {
        let (now, verifier, world) = (self.now, &mut self.verifier, &mut self.world);
        let verified = spent.on("verifier", CARS, || {
            messages
                .iter()
                .map(|bytes| verifier.handle_envelope(bytes.clone(), now))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let mut telemetry = Vec::with_capacity(CARS);
        for message in verified {
            match message {
                VerifiedMessage::Telemetry(verified) => telemetry.push(verified),
                VerifiedMessage::Hazard(_) => anyhow::bail!("no car reports a hazard"),
            }
        }
        let judged = spent.on("plausibility", CARS, || {
            telemetry
                .into_iter()
                .map(|verified| {
                    let record = world.record(verified.station());
                    judge_telemetry(verified, record, world.surroundings())
                })
                .collect::<Vec<_>>()
        });
        spent.on("world", CARS, || {
            for judged in judged {
                world.observe(judged, 0, now);
                while world.poll_event().is_some() {}
            }
        });
        ensure!(world.objects_len() == CARS, "a car is not in the picture");
        let own = self.traffic.telemetry(0, now.timestamp);
        let own = own.context("a car's telemetry")?;
        self.neighbours.assess(world, &own, now.timestamp, spent)
    }

    fn receive(&mut self, messages: &[Bytes], spent: &mut Spent) -> anyhow::Result<()> {
        let (now, station) = (self.now, &mut self.station);
        spent.on("receive_path", CARS, || {
            if station.poll_timeout().is_some_and(|due| due <= now.instant) {
                station.handle_timeout(now);
            }
            for bytes in messages {
                station.handle_message(bytes.clone(), now);
                while let Some(event) = station.poll_event() {
                    black_box(event);
                }
                black_box(station.poll_timeout());
            }
        });
        let refused = &station.counters().refused;
        ensure!(refused.is_empty(), "messages were refused: {refused:?}");
        Ok(())
    }

    fn refuse(&mut self, messages: &[Bytes], spent: &mut Spent) -> anyhow::Result<()> {
        let (now, verifier) = (self.now, &mut self.verifier);
        let all_duplicates = spent.on("refuse_duplicate", CARS, || {
            messages.iter().all(|bytes| {
                let refused = verifier.handle_envelope(bytes.clone(), now);
                matches!(refused, Err(Refusal::Duplicate(_)))
            })
        });
        ensure!(all_duplicates, "a repeat was not refused as one");
        let garbage: Vec<Bytes> = messages.iter().map(|bytes| garbage(bytes)).collect();
        let all_refused = spent.on("refuse_garbage", CARS, || {
            garbage
                .iter()
                .all(|bytes| verifier.handle_envelope(bytes.clone(), now).is_err())
        });
        ensure!(all_refused, "garbage was taken");
        Ok(())
    }
}

/// A message of the same length from a signer that nobody knows.
fn garbage(message: &[u8]) -> Bytes {
    let noise = message.iter().enumerate().map(|(index, byte)| match index {
        1..=8 => byte ^ 0x5a,
        _ => *byte,
    });
    noise.collect()
}

/// The bytes that every signed message begins with, as the table in [`wayside::crypto`] says.
const MESSAGE_CONTEXT: &[u8] = b"wayside/msg/v1\0";
/// Times that each car speaks in a round.
const STEPS: usize = 10;
/// 2027-01-15, in the middle of a slot.
const START_UNIX_MS: u64 = 1_800_000_100_000;
