mod feed;
mod hazards;
mod merging;
mod objects;
mod queue;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Config, Object, Observed, World, WorldEvent};
use crate::{
    crypto::{Context, SigningKey},
    geo::{LocalFrame, Offset, Position},
    id::{ActionId, DomainId, StationId},
    message::{
        Cause, Hazard, HazardStatement, InformationQuality, Message, RelevanceRadius, Telemetry,
        UpdateKey, Validity,
    },
    plausibility::{judge_hazard, judge_telemetry},
    security::{
        Class, Credential, Issuer, IssuerKey, Permissions, Signer, SignerConfig, SlotClock,
        TicketOrder, TrustDomain, VerifiedMessage, Verifier, Wallet,
    },
    time::{Instant, Now, Timestamp},
    units::{Heading, Speed},
};

/// One receiver, with everything from the signature to its world.
struct Road {
    issuer: Issuer,
    slots: SlotClock,
    verifier: Verifier,
    world: World,
    now: Now,
}

/// Somebody who speaks under one ticket.
struct Speaker {
    signer: Signer,
    station: StationId,
}

impl Road {
    fn new(config: Config) -> Self {
        let key = SigningKey::from_seed(&[1; 32]);
        let issuer_key = IssuerKey {
            id: 1,
            key: key.verifying_key(),
            from: Timestamp::from_unix_ms(0).unwrap(),
            until: at_ms(1_000_000_000),
        };
        let slots = SlotClock::from_length_s(3_600).unwrap();
        let domain = TrustDomain::new(DomainId(1), slots, vec![issuer_key], true).unwrap();
        Self {
            issuer: Issuer::new(key, 1, &domain),
            slots,
            verifier: Verifier::new(crate::security::Config::default(), Arc::new(domain)),
            world: World::new(config),
            now: Now {
                instant: Instant::from_origin(Duration::from_secs(1_000)),
                timestamp: at_ms(0),
            },
        }
    }

    fn speaker(&self, seed: u8) -> Speaker {
        let key = SigningKey::from_seed(&[seed; 32]);
        let ticket = self.issuer.issue(&TicketOrder {
            class: Class::Car,
            permissions: Permissions::TELEMETRY | Permissions::HAZARD_SELF,
            slot: self.slots.slot_at(self.now.timestamp),
            linkage: [seed; 12],
            key: key.verifying_key(),
        });
        let station = ticket.station();
        let wallet = Wallet::new(self.slots, vec![Credential::new(ticket, key).unwrap()]);
        let config = SignerConfig {
            full_ticket_interval: Some(Duration::ZERO),
        };
        let mut signer = Signer::new(config, wallet, &[], self.now);
        while let Some(reservation) = signer.poll_reservation() {
            signer.handle_reserved(reservation);
        }
        Speaker { signer, station }
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
        self.world.handle_timeout(self.now);
    }

    fn say(&mut self, speaker: &mut Speaker, telemetry: Telemetry) -> Observed {
        let bytes = speaker.sign(&Message::Telemetry(telemetry), self.now);
        self.take(bytes)
    }

    fn report(&mut self, speaker: &mut Speaker, statement: HazardStatement) -> Observed {
        let bytes = speaker.sign(&Message::Hazard(statement), self.now);
        self.take(bytes)
    }

    fn update(&mut self, speaker: &mut Speaker, hazard: Hazard) -> Observed {
        let signed = speaker
            .signer
            .sign_update(hazard, self.now.timestamp, self.now)
            .unwrap();
        self.take(signed.bytes)
    }

    fn take(&mut self, bytes: Bytes) -> Observed {
        match self.verifier.handle_envelope(bytes, self.now).unwrap() {
            VerifiedMessage::Telemetry(verified) => {
                let record = self.world.record(verified.station());
                let judged = judge_telemetry(verified, record, self.world.surroundings());
                self.world.observe(judged, 0, self.now)
            }
            VerifiedMessage::Hazard(verified) => {
                let track = self.world.track(verified.station());
                let judged = judge_hazard(verified, track);
                self.world.observe_hazard(judged, 2, self.now)
            }
        }
    }

    fn events(&mut self) -> Vec<WorldEvent> {
        std::iter::from_fn(|| self.world.poll_event()).collect()
    }

    fn stations(&self) -> Vec<StationId> {
        self.world
            .objects()
            .map(|object| Object::station(object))
            .collect()
    }
}

impl Speaker {
    fn sign(&mut self, message: &Message, now: Now) -> Bytes {
        self.signer.sign(message, now.timestamp, now).unwrap().bytes
    }

    /// A first report of a breakdown.
    fn breakdown(&mut self, now: Now) -> Hazard {
        let (action, update_key) = self.signer.new_hazard(now).unwrap();
        Hazard {
            update_key: Some(update_key),
            ..hazard(action, now)
        }
    }

    /// Speaks of somebody else's event with a key of its own, signed as it should be.
    fn forged(&self, hazard: Hazard) -> HazardStatement {
        let key = SigningKey::from_seed(&[99; 32]);
        let hazard = Hazard {
            update_key: Some(UpdateKey(*key.verifying_key().as_bytes())),
            ..hazard
        };
        let body = hazard.encode();
        let parts: [&[u8]; 2] = [self.station.as_bytes(), &body];
        HazardStatement {
            update_signature: Some(*key.sign(Context::HazardUpdate, &parts).as_bytes()),
            hazard,
            body,
        }
    }
}

fn at_ms(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_600_000 + ms).unwrap()
}

fn place(east_m: f64) -> Position {
    let origin = Position::from_deg(44.49, 11.32).unwrap();
    LocalFrame::at(origin)
        .position(Offset {
            east_m,
            north_m: 0.0,
        })
        .unwrap()
}

/// 10 m/s to the east.
fn cruising(east_m: f64) -> Telemetry {
    Telemetry {
        speed: Speed::from_m_per_s(10.0),
        heading: Heading::from_deg(90.0),
        ..Telemetry::at(place(east_m))
    }
}

/// Valid for 30 s.
fn hazard(action: ActionId, now: Now) -> Hazard {
    Hazard {
        action,
        update: 0,
        cause: Cause::STATIONARY_VEHICLE_BREAKDOWN,
        detected: now.timestamp,
        position: place(0.0),
        altitude: None,
        heading: None,
        speed: None,
        relevance_radius: RelevanceRadius::from_m(1_000).unwrap(),
        relevance_direction: None,
        validity: Validity::from_ms(30_000).unwrap(),
        termination: None,
        quality: InformationQuality::from_level(3).unwrap(),
        update_key: None,
    }
}
