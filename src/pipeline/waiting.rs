use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    id::{PeerId, StationId},
    message::MessageType,
    time::{Instant, Now},
};

/// Messages whose signer's ticket was asked for. What a roadside unit signs does not bring its
/// certificate, and what it passes on may come before the ticket that it hands over.
#[derive(Debug)]
pub(super) struct Waiting {
    hazards: Queue,
    /// Apart, so that nobody's telemetry takes the place of a hazard.
    telemetry: Queue,
}

/// One of them.
#[derive(Debug)]
pub(super) struct WaitingMessage {
    pub(super) station: StationId,
    pub(super) peer: PeerId,
    pub(super) bytes: Bytes,
    pub(super) hops: u8,
    until: Instant,
}

#[derive(Debug)]
struct Queue {
    messages: VecDeque<WaitingMessage>,
    len_max: usize,
    of_one_peer_max: usize,
    wait_max: Duration,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            // At most 8 KiB each.
            hazards: Queue {
                messages: VecDeque::new(),
                len_max: 256,
                of_one_peer_max: 32,
                wait_max: Duration::from_secs(10),
            },
            // At most 1 100 bytes each; what is older is soon followed by newer.
            telemetry: Queue {
                messages: VecDeque::new(),
                len_max: 256,
                of_one_peer_max: 64,
                wait_max: Duration::from_secs(1),
            },
        }
    }
}

impl Waiting {
    /// Keeps a message that `peer` brought; at its share the oldest of that peer goes, at the bound
    /// the oldest of whichever peer has most: nobody's flood takes the place of what another brought.
    pub(super) fn push(
        &mut self,
        kind: MessageType,
        (station, peer): (StationId, PeerId),
        (bytes, hops): (Bytes, u8),
        now: Now,
    ) {
        let queue = match kind {
            MessageType::Hazard => &mut self.hazards,
            MessageType::Telemetry => &mut self.telemetry,
        };
        queue.push(
            WaitingMessage {
                station,
                peer,
                bytes,
                hops,
                until: now.instant + queue.wait_max,
            },
            now,
        );
    }

    /// Those that `station` signed, hazards first, in the order in which they came.
    pub(super) fn take(&mut self, station: StationId) -> Vec<WaitingMessage> {
        let mut taken = self.hazards.take(station);
        taken.extend(self.telemetry.take(station));
        taken
    }
}

impl Queue {
    fn push(&mut self, message: WaitingMessage, now: Now) {
        self.messages.retain(|waiting| waiting.until > now.instant);
        let mut counts: BTreeMap<PeerId, usize> = BTreeMap::new();
        for waiting in &self.messages {
            *counts.entry(waiting.peer).or_default() += 1;
        }
        let theirs = counts.get(&message.peer).copied().unwrap_or(0);
        let loser = if theirs >= self.of_one_peer_max {
            Some(message.peer)
        } else if self.messages.len() >= self.len_max {
            let most = counts.iter().max_by_key(|(_, count)| **count);
            most.map(|(peer, _)| *peer)
        } else {
            None
        };
        if let Some(loser) = loser {
            let oldest = self.messages.iter().position(|it| it.peer == loser);
            oldest.and_then(|oldest| self.messages.remove(oldest));
        }
        self.messages.push_back(message);
    }

    fn take(&mut self, station: StationId) -> Vec<WaitingMessage> {
        if self
            .messages
            .iter()
            .all(|waiting| waiting.station != station)
        {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.messages);
        let (found, rest) = all
            .into_iter()
            .partition(|waiting| waiting.station == station);
        self.messages = rest;
        Vec::from(found)
    }
}
