//! Drives of one car, signed, for the tests of this and later modules.

use std::time::Duration;

use super::{Evidence, STRETCHES, Testimony, stretch::Said};
use crate::{
    geo::{LocalFrame, Offset, Position},
    message::{Message, Telemetry},
    plausibility::Check,
    security::{
        Credential, Envelope, Signer, SignerConfig, SlotClock, Ticket, Wallet, sample::reserve,
    },
    time::{Instant, Now, Timestamp},
    units::{Heading, Speed},
};

/// What a car says of itself, ten times a second, under one ticket.
pub(crate) struct Drive {
    pub(crate) signer: Signer,
    pub(crate) credential: Credential,
    pub(crate) now: Now,
}

impl Drive {
    pub(crate) fn new(credential: Credential, slots: SlotClock, from: Timestamp) -> Self {
        let now = Now {
            instant: Instant::from_origin(Duration::from_secs(1_000)),
            timestamp: from,
        };
        let ticket = credential.ticket().clone();
        let key = crate::crypto::SigningKey::from_seed(&credential.key().to_seed());
        let kept = Credential::new(ticket, key).unwrap();
        let wallet = Wallet::new(slots, vec![credential]);
        let mut signer = Signer::new(SignerConfig::default(), wallet, &[], now);
        reserve(&mut signer);
        Self {
            signer,
            credential: kept,
            now,
        }
    }

    /// Says something, and drives on for a tenth of a second.
    pub(crate) fn say(&mut self, telemetry: Telemetry) -> Envelope {
        let message = Message::Telemetry(telemetry);
        let signed = self.signer.sign(&message, self.now.timestamp, self.now);
        reserve(&mut self.signer);
        self.now = self.now.after(Duration::from_millis(100));
        Envelope::parse(signed.unwrap().bytes).unwrap()
    }

    /// What the car says against another one about a message.
    pub(crate) fn testimony(&self, accused: &Ticket, said: &Envelope) -> Testimony {
        let witness = (self.credential.ticket(), self.credential.key());
        let check = Check::DuplicateContent;
        Testimony::new(witness, accused, check, said.bytes()).unwrap()
    }

    /// Evidence of so many messages that follow each other, every `step`-th of them.
    pub(crate) fn evidence(&mut self, step: usize, said: impl Fn(usize) -> Telemetry) -> Evidence {
        let all: Vec<_> = (0..STRETCHES * LEN * step)
            .map(|index| self.say(said(index)))
            .step_by(step)
            .map(|envelope| Said::of(&envelope).unwrap())
            .collect();
        let stretches: Vec<_> = all.chunks(LEN).map(<[Said]>::to_vec).collect();
        Evidence::of_stretches(self.credential.ticket(), &stretches).unwrap()
    }

    /// Evidence against a car that says for eleven seconds that it drives at 20 m/s, and stands.
    pub(crate) fn lie(&mut self) -> Evidence {
        self.evidence(4, |_| at(0.0, 20.0))
    }

    /// The same words of one that does drive.
    pub(crate) fn truth(&mut self) -> Evidence {
        self.evidence(4, |index| {
            at(2.0 * f64::from(u16::try_from(index).unwrap()), 20.0)
        })
    }
}

/// So many metres north of the middle, and northward at a speed.
pub(crate) fn at(north_m: f64, speed: f64) -> Telemetry {
    let frame = LocalFrame::at(Position::from_deg(44.49, 11.32).unwrap());
    let position = frame.position(Offset {
        east_m: 0.0,
        north_m,
    });
    Telemetry {
        speed: Speed::from_m_per_s(speed),
        heading: Heading::from_deg(0.0),
        ..Telemetry::at(position.unwrap())
    }
}

const LEN: usize = 9;
