mod budget;
mod clock;
mod domain;
mod envelope;
mod golden;
mod hazard;
mod linkage;
mod mutations;
mod replay;
mod restart;
mod revocation;
mod signer;
mod ticket;
mod unit_certificate;
mod unit_ticket;
mod verifier;
mod wallet;
mod window;

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Budget, Config, Credential, Refusal, Signer, VerifiedMessage, Verifier,
    envelope::Header,
    sample::{self, Authority, start},
};
use crate::{
    message::{Message, MessageType, Telemetry},
    time::{Now, Timestamp},
    units::Speed,
};

/// Signs telemetry whose content is told apart by `speed_mm_per_s`.
fn telemetry(signer: &mut Signer, speed_mm_per_s: u32, now: Now) -> Bytes {
    let message = Message::Telemetry(Telemetry {
        speed: Speed::from_mm_per_s(speed_mm_per_s),
        ..sample::cruising()
    });
    signer.sign(&message, now.timestamp, now).unwrap().bytes
}

/// What becomes of bytes: a message or the reason of a refusal.
fn outcome(verifier: &mut Verifier, bytes: &Bytes, now: Now) -> Result<(), Refusal> {
    verifier.handle_envelope(bytes.clone(), now).map(drop)
}

/// What was verified, as telemetry.
fn spoken(verifier: &mut Verifier, bytes: &Bytes, now: Now) -> Telemetry {
    match verifier.handle_envelope(bytes.clone(), now) {
        Ok(VerifiedMessage::Telemetry(verified)) => verified.into_message(),
        other => panic!("{other:?}"),
    }
}

/// An envelope as only a holder of a ticket who keeps no rules can make it.
#[derive(Clone, Copy)]
struct Forged {
    kind: MessageType,
    full_ticket: bool,
    generated: Timestamp,
    sequence: u32,
}

impl Forged {
    fn telemetry(now: Now, sequence: u32) -> Self {
        Self {
            kind: MessageType::Telemetry,
            full_ticket: true,
            generated: now.timestamp,
            sequence,
        }
    }

    fn seal(self, credential: &Credential, payload: &[u8]) -> Bytes {
        let header = Header {
            kind: self.kind,
            ticket: credential.ticket(),
            full_ticket: self.full_ticket,
            generated: self.generated,
            sequence: self.sequence,
        };
        header.seal(payload, credential.key()).unwrap()
    }
}

/// A receiver with budgets that no test exhausts, so that each refusal is by its own check.
fn tireless(authority: &Authority) -> Verifier {
    let budget = Budget::new(1_000_000, 1_000_000);
    let config = Config {
        telemetry_budget: budget,
        hazard_budget: budget,
        ticket_budget: budget,
        hazard_ticket_budget: budget,
        ..Config::default()
    };
    Verifier::new(config, Arc::clone(&authority.domain))
}

/// The ticket of vehicle 1 at the start.
fn credential(authority: &Authority) -> Credential {
    let slot = authority.domain.slots().slot_at(start().timestamp);
    authority.credential(1, slot)
}
