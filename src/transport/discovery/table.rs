use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::frame::Announcement;
use crate::time::Instant;

/// The stations heard of, and which of them we dial.
#[derive(Debug)]
pub(super) struct Table {
    own: Announcement,
    candidates_max: usize,
    candidates: BTreeMap<SocketAddr, Candidate>,
}

#[derive(Debug)]
struct Candidate {
    nonce: [u8; 8],
    heard: Instant,
    /// Whether it was decided who dials, with the own nonce of now.
    is_judged: bool,
}

impl Table {
    pub(super) fn new(own: Announcement, candidates_max: usize) -> Self {
        Self {
            own,
            candidates_max,
            candidates: BTreeMap::new(),
        }
    }

    /// Takes another name: who dials is decided anew with everybody.
    pub(super) fn begin_anew(&mut self, own: Announcement) {
        self.own = own;
        for candidate in self.candidates.values_mut() {
            candidate.is_judged = false;
        }
    }

    /// Takes an announcement; returns the address to dial if it is new and ours to dial.
    pub(super) fn handle_announcement(
        &mut self,
        announcement: Announcement,
        mut address: SocketAddr,
        now: Instant,
    ) -> Option<SocketAddr> {
        if announcement.domain != self.own.domain || announcement.nonce == self.own.nonce {
            return None;
        }
        address.set_port(announcement.port);
        let candidate = Candidate {
            nonce: announcement.nonce,
            heard: now,
            is_judged: true,
        };
        if let Some(known) = self.candidates.get_mut(&address) {
            let is_restarted = known.nonce != candidate.nonce || !known.is_judged;
            *known = candidate;
            if !is_restarted {
                return None;
            }
        } else if self.candidates.len() >= self.candidates_max {
            return None;
        } else {
            self.candidates.insert(address, candidate);
        }
        (self.own.nonce < announcement.nonce).then_some(address)
    }

    /// Forgets who has not been heard of for a while; returns their addresses.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<SocketAddr> {
        let mut silent = Vec::new();
        self.candidates.retain(|address, candidate| {
            let is_heard = now.since(candidate.heard) <= SILENCE_MAX;
            if !is_heard {
                silent.push(*address);
            }
            is_heard
        });
        silent
    }
}

/// Five lost announcements in a row.
const SILENCE_MAX: Duration = Duration::from_secs(5);
