use bytes::{Bytes, BytesMut};

use super::{Liar, Voice};
use crate::{
    message::MessageType,
    security::{Envelope, EnvelopeSigner, TICKET_LEN},
    time::Timestamp,
};

/// Says things in others' names with signatures that are none, so that what verifying them may
/// cost is spent when they speak themselves.
pub(in crate::sim) struct Impersonator;

impl Liar for Impersonator {
    fn speak(&mut self, voice: &mut Voice<'_>) {
        let now = voice.now().timestamp;
        for kind in [MessageType::Hazard, MessageType::Telemetry] {
            let Some(heard) = voice.overheard.latest(kind).next().cloned() else {
                continue;
            };
            for ahead in 1..=AT_ONCE {
                if let Some(lie) = renewed(&heard.bytes, now, ahead) {
                    voice.say_lie(kind, &lie);
                }
            }
        }
    }
}

/// The same words with a later time and sequence, which their signature does not cover.
fn renewed(bytes: &Bytes, at: Timestamp, ahead: u32) -> Option<Bytes> {
    let envelope = Envelope::parse(bytes.clone()).ok()?;
    let signer_len = match envelope.signer() {
        EnvelopeSigner::Station(station) => station.as_bytes().len(),
        EnvelopeSigner::Ticket(_) => TICKET_LEN,
    };
    let sequence = envelope.sequence().checked_add(ahead)?;
    let [_, _, time @ ..] = at.unix_ms().to_be_bytes();
    let header = time.into_iter().chain(sequence.to_be_bytes());
    let mut renewed = BytesMut::from(bytes.as_ref());
    let fields = renewed.get_mut(1 + signer_len..)?;
    for (field, value) in fields.iter_mut().zip(header) {
        *field = value;
    }
    Some(renewed.freeze())
}

/// As many as a link lets through.
const AT_ONCE: u32 = 5;
