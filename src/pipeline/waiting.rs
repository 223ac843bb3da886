use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use crate::{
    id::{PeerId, StationId},
    time::{Instant, Now},
};

/// Hazards whose signer's ticket was asked for. What a roadside unit signs does not bring its
/// certificate, and the two may come in either order.
#[derive(Debug, Default)]
pub(super) struct WaitingHazards(VecDeque<WaitingHazard>);

/// One of them.
#[derive(Debug)]
pub(super) struct WaitingHazard {
    pub(super) station: StationId,
    pub(super) peer: PeerId,
    pub(super) bytes: Bytes,
    pub(super) hops: u8,
    until: Instant,
}

impl WaitingHazards {
    /// Keeps a hazard that `peer` brought; at its share the oldest of that peer goes, at the bound the
    /// oldest of all.
    pub(super) fn push(
        &mut self,
        (station, peer): (StationId, PeerId),
        (bytes, hops): (Bytes, u8),
        now: Now,
    ) {
        self.0.retain(|waiting| waiting.until > now.instant);
        let theirs = |waiting: &WaitingHazard| waiting.peer == peer;
        if self.0.iter().filter(|waiting| theirs(waiting)).count() >= OF_ONE_PEER_MAX {
            let oldest = self.0.iter().position(theirs);
            oldest.and_then(|oldest| self.0.remove(oldest));
        } else if self.0.len() >= LEN_MAX {
            self.0.pop_front();
        }
        self.0.push_back(WaitingHazard {
            station,
            peer,
            bytes,
            hops,
            until: now.instant + WAIT_MAX,
        });
    }

    /// Those that `station` signed, in the order in which they came.
    pub(super) fn take(&mut self, station: StationId) -> Vec<WaitingHazard> {
        if self.0.iter().all(|waiting| waiting.station != station) {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.0);
        let (found, rest) = all
            .into_iter()
            .partition(|waiting| waiting.station == station);
        self.0 = rest;
        Vec::from(found)
    }
}

/// At most 8 KiB each.
const LEN_MAX: usize = 64;
const OF_ONE_PEER_MAX: usize = 8;
const WAIT_MAX: Duration = Duration::from_secs(10);
