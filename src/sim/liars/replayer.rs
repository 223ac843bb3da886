use std::time::Duration;

use super::{Liar, Voice};
use crate::message::MessageType;

/// Says again what others said: at once, and long after.
pub(in crate::sim) struct Replayer;

impl Liar for Replayer {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        let now = voice.now().instant;
        let fresh = voice.overheard.latest(MessageType::Telemetry).take(AT_ONCE);
        let fresh: Vec<_> = fresh.cloned().collect();
        for heard in fresh {
            voice.say_again(heard.kind, &heard.bytes);
        }
        for _ in 0..LATER {
            let Some(heard) = voice.overheard.any(voice.choices).cloned() else {
                return;
            };
            if now.since(heard.at) >= LONG_AFTER || heard.kind == MessageType::Hazard {
                voice.say_again(heard.kind, &heard.bytes);
            }
        }
    }
}

const AT_ONCE: usize = 3;
const LATER: usize = 3;
const LONG_AFTER: Duration = Duration::from_secs(4);
