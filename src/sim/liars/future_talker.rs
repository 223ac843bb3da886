use std::time::Duration;

use super::{Liar, Pen, Voice, claim};
use crate::message::MessageType;

/// Says what will be. Further ahead than even a station whose clock is wrong can believe.
#[derive(Default)]
pub(in crate::sim) struct FutureTalker {
    pen: Option<Pen>,
    spoken: u32,
}

impl Liar for FutureTalker {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        self.spoken += 1;
        let now = voice.now();
        let generated = now.timestamp.saturating_add(AHEAD);
        let pen = Pen::of(&mut self.pen, voice);
        if let Some(signed) = pen.sign(&claim(self.spoken), generated, now) {
            voice.say_lie(MessageType::Telemetry, &signed.bytes);
        }
    }
}

const AHEAD: Duration = Duration::from_secs(4);
