use super::Voice;
use crate::{
    geo::Position,
    message::{Hazard, Message, Telemetry},
    security::{Reservation, Signed, Signer, SignerConfig, Wallet},
    time::{Now, Timestamp},
    units::{Heading, Speed},
};

/// Signs without any of a station's scruples.
pub(super) struct Pen(Signer);

impl Pen {
    /// A pen that goes on after a journal, true or not.
    pub(super) fn new(wallet: Wallet, journal: &[Reservation], now: Now) -> Self {
        let mut pen = Self(Signer::new(SignerConfig::default(), wallet, journal, now));
        pen.reserve();
        pen
    }

    /// The pen of a liar, made anew where there is none yet.
    pub(super) fn of<'a>(pen: &'a mut Option<Self>, voice: &Voice<'_>) -> &'a mut Self {
        let now = voice.now();
        let pen = pen.get_or_insert_with(|| Self::new(voice.wallet(), &[], now));
        pen.0.handle_timeout(now);
        pen.reserve();
        pen
    }

    /// Signs; `None` where no ticket counts at that time.
    pub(super) fn sign(&mut self, message: &Message, at: Timestamp, now: Now) -> Option<Signed> {
        let signed = self.0.sign(message, at, now).ok();
        self.reserve();
        signed
    }

    /// A hazard like another, with a name of its own.
    pub(super) fn hazard(&mut self, like: &Hazard, now: Now) -> Option<Hazard> {
        let named = self.0.new_hazard(now).ok();
        self.reserve();
        let (action, update_key) = named?;
        Some(Hazard {
            action,
            update: 0,
            detected: now.timestamp,
            update_key: Some(update_key),
            ..like.clone()
        })
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.0
    }

    fn reserve(&mut self) {
        while let Some(reservation) = self.0.poll_reservation() {
            self.0.handle_reserved(reservation);
        }
    }
}

/// A state that could be true, but is not; different for each number.
pub(super) fn claim(number: u32) -> Message {
    let north_e7 = 480_000_000 + i32::try_from(number % 10_000).unwrap_or(0) * 10;
    let place = Position::from_e7(north_e7, 110_000_000).expect("in Bavaria");
    Message::Telemetry(Telemetry {
        speed: Speed::from_m_per_s(10.0),
        heading: Heading::from_deg(90.0),
        ..Telemetry::at(place)
    })
}
