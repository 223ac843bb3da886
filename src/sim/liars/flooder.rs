use bytes::Bytes;

use super::{Liar, Pen, Voice};
use crate::{
    link::Transmit,
    message::{HazardStatement, Message, MessageType},
};

/// Sends noise by every way, and more hazards of its own than anybody can use.
#[derive(Default)]
pub(in crate::sim) struct Flooder {
    pen: Option<Pen>,
}

impl Liar for Flooder {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        self.invent_hazards(voice);
        for _ in 0..NOISE {
            let datagram = noise(voice, 2_000);
            voice.make_noise(&Transmit::Datagram(datagram));
            let stream = noise(voice, 10_000);
            voice.make_noise(&Transmit::HazardStream(stream));
            let control = noise(voice, 200);
            voice.make_noise(&Transmit::Control(control));
        }
    }
}

impl Flooder {
    /// They look like one that was heard, so that each could be true.
    fn invent_hazards(&mut self, voice: &mut Voice<'_>) {
        let heard = voice.overheard.latest(MessageType::Hazard).next();
        let Some(like) = heard.and_then(|heard| super::squatter::hazard_of(&heard.bytes)) else {
            return;
        };
        let now = voice.now();
        for _ in 0..HAZARDS {
            let pen = Pen::of(&mut self.pen, voice);
            let Some(hazard) = pen.hazard(&like, now) else {
                return;
            };
            let message = Message::Hazard(HazardStatement::unsigned(hazard));
            if let Some(signed) = pen.sign(&message, now.timestamp, now) {
                voice.say_signed(MessageType::Hazard, &signed.bytes);
            }
        }
    }
}

fn noise(voice: &mut Voice<'_>, len_max: u64) -> Bytes {
    let len = usize::try_from(voice.choices.below(len_max)).unwrap_or(0);
    let mut bytes = vec![0; len];
    voice.choices.fill(&mut bytes);
    bytes.into()
}

const NOISE: usize = 5;
const HAZARDS: usize = 3;
