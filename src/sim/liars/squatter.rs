use bytes::Bytes;

use super::{Liar, Pen, Voice};
use crate::{
    crypto::{Context, SigningKey},
    message::{Hazard, HazardStatement, Message, MessageType, Termination, UpdateKey},
    security::Envelope,
    sim::Seed,
    time::Now,
};

/// Ends and changes others' hazards, and makes up hazards in others' names.
#[derive(Default)]
pub(in crate::sim) struct Squatter {
    pen: Option<Pen>,
}

impl Liar for Squatter {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        let Some(heard) = voice.overheard.latest(MessageType::Hazard).next() else {
            return;
        };
        let Some(seen) = hazard_of(&heard.bytes) else {
            return;
        };
        let now = voice.now();
        let key = Seed(0).signing_key(voice.name);
        let station = {
            let pen = Pen::of(&mut self.pen, voice);
            pen.signer().current(now).map(|own| own.station())
        };
        let Some(station) = station else {
            return;
        };
        let mine = Hazard {
            update: seen.update.saturating_add(1),
            detected: now.timestamp,
            update_key: Some(UpdateKey(*key.verifying_key().as_bytes())),
            ..seen
        };
        let ended = Hazard {
            termination: Some(Termination::Cancellation),
            ..mine
        };
        let renamed = Hazard { update: 0, ..mine };
        let statements = [
            // With the event's key named but not used.
            signed_update(
                Hazard {
                    update_key: seen.update_key,
                    ..ended
                },
                &key,
                station.as_bytes(),
            ),
            HazardStatement::unsigned(ended.clone()),
            HazardStatement::unsigned(renamed),
        ];
        for statement in statements {
            self.say(voice, statement, now, |voice, kind, bytes| {
                voice.say_lie(kind, bytes);
            });
        }
        // With its own key in the place of the event's: whoever has not heard of the event yet may
        // believe this, until its owner speaks.
        for hazard in [mine, ended] {
            let change = signed_update(hazard, &key, station.as_bytes());
            self.say(voice, change, now, |voice, kind, bytes| {
                voice.say_signed(kind, bytes);
            });
        }
    }
}

impl Squatter {
    fn say(
        &mut self,
        voice: &mut Voice<'_>,
        statement: HazardStatement,
        now: Now,
        say: fn(&mut Voice<'_>, MessageType, &Bytes),
    ) {
        let message = Message::Hazard(statement);
        let signed = Pen::of(&mut self.pen, voice).sign(&message, now.timestamp, now);
        if let Some(signed) = signed {
            say(voice, MessageType::Hazard, &signed.bytes);
        }
    }
}

/// The hazard in an envelope, if it holds one.
pub(super) fn hazard_of(bytes: &Bytes) -> Option<Hazard> {
    let envelope = Envelope::parse(bytes.clone()).ok()?;
    match Message::decode(envelope.kind(), envelope.payload()).ok()? {
        Message::Hazard(statement) => Some(statement.hazard),
        Message::Telemetry(_) => None,
    }
}

fn signed_update(hazard: Hazard, key: &SigningKey, station: &[u8]) -> HazardStatement {
    let body = hazard.encode();
    let signature = key.sign(Context::HazardUpdate, &[station, &body]);
    HazardStatement {
        hazard,
        body,
        update_signature: Some(*signature.as_bytes()),
    }
}
