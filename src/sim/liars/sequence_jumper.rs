use super::{Liar, Pen, Voice, claim};
use crate::{id::StationId, message::MessageType, security::Reservation};

/// Goes to the end of its sequences with each ticket's second message, and locks itself out.
#[derive(Default)]
pub(in crate::sim) struct SequenceJumper {
    pen: Option<(StationId, Pen)>,
    spoken: u32,
}

impl Liar for SequenceJumper {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        self.spoken += 1;
        let now = voice.now();
        let mut honest = Pen::new(voice.wallet(), &[], now);
        let Some(station) = honest.signer().current(now).map(|own| own.station()) else {
            return;
        };
        if self.pen.as_ref().is_none_or(|(known, _)| *known != station) {
            let end = Reservation {
                station,
                telemetry_until: u32::MAX - STEPS,
                hazard_until: 0,
            };
            self.pen = Some((station, Pen::new(voice.wallet(), &[end], now)));
            if let Some(signed) = honest.sign(&claim(self.spoken), now.timestamp, now) {
                voice.say_signed(MessageType::Telemetry, &signed.bytes);
            }
        }
        let jump = self
            .pen
            .as_mut()
            .and_then(|(_, pen)| pen.sign(&claim(self.spoken), now.timestamp, now));
        if let Some(signed) = jump {
            voice.say_signed(MessageType::Telemetry, &signed.bytes);
        }
    }
}

/// What it can still say after the jump.
const STEPS: u32 = 20;
