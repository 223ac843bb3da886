use super::{Liar, Pen, Voice, claim};
use crate::{
    message::MessageType,
    security::{Class, SlotClock},
    sim::{Cast, Seed},
};

/// Signs with tickets that another domain's issuer made under this domain's number.
#[derive(Default)]
pub(in crate::sim) struct Forger {
    spoken: u32,
}

impl Liar for Forger {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        self.spoken += 1;
        let now = voice.now();
        let slots: SlotClock = voice.cast.domain().slots();
        // A new pen brings its ticket with its first message.
        let until = now.timestamp.saturating_add(slots.length());
        // No road's own seed is so high, or the two domains would have one issuer's key.
        let seed = Seed(u64::MAX - u64::from(self.spoken));
        let foreign = Cast::new(seed, slots, now.timestamp, until);
        let mut pen = Pen::new(foreign.wallet(voice.name, Class::Car), &[], now);
        if let Some(signed) = pen.sign(&claim(self.spoken), now.timestamp, now) {
            voice.say_lie(MessageType::Telemetry, &signed.bytes);
        }
        if let Some(signed) = pen.sign(&claim(self.spoken), now.timestamp, now) {
            voice.say_lie(MessageType::Telemetry, &signed.bytes);
        }
    }
}
