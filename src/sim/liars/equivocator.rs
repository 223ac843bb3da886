use super::{Liar, Pen, Voice, claim};
use crate::message::MessageType;

/// Signs different messages with one sequence: one for every other station, then both for all.
#[derive(Default)]
pub(in crate::sim) struct Equivocator {
    pens: [Option<Pen>; 2],
    spoken: u32,
}

impl Liar for Equivocator {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        self.spoken += 1;
        let now = voice.now();
        let [one, other] = &mut self.pens;
        let one = Pen::of(one, voice).sign(&claim(self.spoken), now.timestamp, now);
        let other = Pen::of(other, voice).sign(&claim(self.spoken + 5_000), now.timestamp, now);
        let (Some(one), Some(other)) = (one, other) else {
            return;
        };
        for (index, target) in voice.targets.iter().enumerate() {
            let both = if index % 2 == 0 {
                [&one, &other]
            } else {
                [&other, &one]
            };
            for signed in both {
                voice.tell_signed(*target, MessageType::Telemetry, &signed.bytes);
            }
        }
    }
}
