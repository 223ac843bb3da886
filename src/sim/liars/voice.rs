use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::{
    link::Transmit,
    message::MessageType,
    security::Wallet,
    sim::{Cast, Choices, NodeId, Road, witness::Witness},
    time::{Instant, Now},
};

/// What a liar can do at one moment: sign with its own ticket, and say something to each honest
/// station by its own connection.
pub(in crate::sim) struct Voice<'a> {
    pub(in crate::sim) name: &'static str,
    pub(in crate::sim) road: &'a mut Road,
    pub(in crate::sim) node: NodeId,
    pub(in crate::sim) targets: &'a [NodeId],
    pub(in crate::sim) cast: &'a Cast,
    pub(in crate::sim) witness: &'a mut Witness,
    pub(in crate::sim) choices: &'a mut Choices,
    pub(in crate::sim) overheard: &'a Overheard,
}

/// The latest messages of honest stations that a liar heard.
#[derive(Debug, Default)]
pub(in crate::sim) struct Overheard(VecDeque<Heard>);

/// One of them.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Heard {
    pub(in crate::sim) at: Instant,
    pub(in crate::sim) kind: MessageType,
    pub(in crate::sim) bytes: Bytes,
}

impl Overheard {
    pub(in crate::sim) fn push(&mut self, heard: Heard) {
        if self.0.len() >= OVERHEARD_MAX {
            self.0.pop_front();
        }
        self.0.push_back(heard);
    }

    /// The latest of a kind, the newest first.
    pub(super) fn latest(&self, kind: MessageType) -> impl Iterator<Item = &Heard> {
        self.0.iter().rev().filter(move |heard| heard.kind == kind)
    }

    /// One of them by chance.
    pub(super) fn any(&self, choices: &mut Choices) -> Option<&Heard> {
        let index = choices.below(self.0.len() as u64);
        self.0.get(usize::try_from(index).ok()?)
    }
}

impl Voice<'_> {
    pub(super) fn now(&self) -> Now {
        self.road.now()
    }

    /// The liar's own tickets.
    pub(super) fn wallet(&self) -> Wallet {
        self.cast.wallet(self.name, crate::security::Class::Car)
    }

    /// Says to everybody what the liar's own ticket signed.
    pub(super) fn say_signed(&mut self, kind: MessageType, bytes: &Bytes) {
        self.witness.note_signed(self.name, bytes);
        self.say(kind, bytes);
    }

    /// Says to everybody what nobody may take.
    pub(super) fn say_lie(&mut self, kind: MessageType, bytes: &Bytes) {
        self.witness.note_lie(self.name, bytes);
        self.say(kind, bytes);
    }

    /// Says to everybody again what was said before.
    pub(super) fn say_again(&mut self, kind: MessageType, bytes: &Bytes) {
        self.witness.note_noise(self.name);
        self.say(kind, bytes);
    }

    /// Sends everybody a frame that holds no envelope.
    pub(super) fn make_noise(&mut self, frame: &Transmit) {
        self.witness.note_noise(self.name);
        for target in self.targets {
            self.send(*target, frame.clone());
        }
    }

    /// Says something to one station that was signed.
    pub(super) fn tell_signed(&mut self, target: NodeId, kind: MessageType, bytes: &Bytes) {
        self.witness.note_signed(self.name, bytes);
        self.send(target, frame(kind, bytes));
    }

    fn say(&mut self, kind: MessageType, bytes: &Bytes) {
        for target in self.targets {
            self.send(*target, frame(kind, bytes));
        }
    }

    fn send(&mut self, target: NodeId, frame: Transmit) {
        if let Some(peer) = self.road.peer(self.node, target) {
            self.road.inject(self.node, peer, frame);
        }
    }
}

fn frame(kind: MessageType, bytes: &Bytes) -> Transmit {
    match kind {
        MessageType::Hazard => Transmit::hazard_stream(bytes, 0),
        MessageType::Telemetry => {
            let mut datagram = BytesMut::with_capacity(2 + bytes.len());
            // No envelope is longer than a datagram's length field can say.
            datagram.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
            datagram.put_slice(bytes);
            Transmit::Datagram(datagram.freeze())
        }
    }
}

const OVERHEARD_MAX: usize = 600;
