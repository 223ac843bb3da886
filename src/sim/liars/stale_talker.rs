use std::time::Duration;

use super::{Liar, Pen, Voice, claim};
use crate::message::MessageType;

/// Says what was. Longer ago than even a station whose clock is wrong can believe.
#[derive(Default)]
pub(in crate::sim) struct StaleTalker {
    pen: Option<Pen>,
    spoken: u32,
}

impl Liar for StaleTalker {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        self.spoken += 1;
        let now = voice.now();
        let generated = now.timestamp.saturating_sub(BEHIND);
        let pen = Pen::of(&mut self.pen, voice);
        if let Some(signed) = pen.sign(&claim(self.spoken), generated, now) {
            voice.say_lie(MessageType::Telemetry, &signed.bytes);
        }
    }
}

const BEHIND: Duration = Duration::from_secs(4);
