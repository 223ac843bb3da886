use std::{collections::BTreeMap, ops::AddAssign};

use super::Class;

/// What passed a link, and what did not and why.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LinkCounters {
    /// Datagrams' messages.
    pub telemetry: ClassCounters,
    /// Hazard streams.
    pub hazard: ClassCounters,
    /// Control frames.
    pub control: ClassCounters,
}

/// What passed of one class.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClassCounters {
    /// Handed to the wire.
    pub sent: u64,
    /// Taken from the peer.
    pub received: u64,
    /// Dropped; of what is dropped unread, a whole datagram counts once.
    pub dropped: BTreeMap<DropReason, u64>,
}

/// Why a message was dropped without being looked at.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DropReason {
    /// Outbound: it waited longer than it was worth.
    Expired,
    /// Outbound: a newer message of the same signer took its place.
    Superseded,
    /// The queue was full: outbound, or inbound before the peer's hello.
    QueueFull,
    /// It is larger than its way allows.
    Oversize,
    /// Inbound: the peer sends more than it may.
    RateLimited,
    /// Inbound: the frame cannot be read.
    Malformed,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Expired,
        Self::Superseded,
        Self::QueueFull,
        Self::Oversize,
        Self::RateLimited,
        Self::Malformed,
    ];

    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::QueueFull => "queue_full",
            Self::Oversize => "oversize",
            Self::RateLimited => "rate_limited",
            Self::Malformed => "malformed",
        }
    }
}

impl LinkCounters {
    /// The counters of one class.
    pub fn class(&self, class: Class) -> &ClassCounters {
        match class {
            Class::Telemetry => &self.telemetry,
            Class::Hazard => &self.hazard,
            Class::Control => &self.control,
        }
    }

    pub(super) fn count_sent(&mut self, class: Class) {
        self.class_mut(class).sent += 1;
    }

    pub(super) fn count_received(&mut self, class: Class) {
        self.class_mut(class).received += 1;
    }

    pub(super) fn count_dropped(&mut self, class: Class, reason: DropReason) {
        *self.class_mut(class).dropped.entry(reason).or_default() += 1;
    }

    fn class_mut(&mut self, class: Class) -> &mut ClassCounters {
        match class {
            Class::Telemetry => &mut self.telemetry,
            Class::Hazard => &mut self.hazard,
            Class::Control => &mut self.control,
        }
    }
}

impl ClassCounters {
    /// What was dropped for one reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped.get(&reason).copied().unwrap_or_default()
    }
}

impl AddAssign<&Self> for LinkCounters {
    fn add_assign(&mut self, other: &Self) {
        for class in Class::ALL {
            let (own, other) = (self.class_mut(class), other.class(class));
            own.sent += other.sent;
            own.received += other.received;
            for (reason, count) in &other.dropped {
                *own.dropped.entry(*reason).or_default() += count;
            }
        }
    }
}
