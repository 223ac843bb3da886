use bytes::{Bytes, BytesMut};

use super::{Liar, Voice};
use crate::message::MessageType;

/// Passes on what it heard, with one bit changed.
pub(in crate::sim) struct BitFlipper;

impl Liar for BitFlipper {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        // Of what is fresh, so that time alone does not betray it.
        let telemetry = voice.overheard.latest(MessageType::Telemetry).take(FLIPS);
        let hazards = voice.overheard.latest(MessageType::Hazard).take(FLIPS);
        let fresh: Vec<_> = telemetry.chain(hazards).cloned().collect();
        for heard in fresh {
            let bit = voice.choices.below(heard.bytes.len() as u64 * 8);
            voice.say_lie(heard.kind, &flipped(&heard.bytes, bit));
        }
    }
}

fn flipped(bytes: &Bytes, bit: u64) -> Bytes {
    let mut bytes = BytesMut::from(bytes.as_ref());
    let byte = usize::try_from(bit / 8).ok();
    if let Some(byte) = byte.and_then(|byte| bytes.get_mut(byte)) {
        *byte ^= 1 << (bit % 8);
    }
    bytes.freeze()
}

const FLIPS: usize = 3;
