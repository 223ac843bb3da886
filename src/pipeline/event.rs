use std::time::Duration;

use bytes::Bytes;

use crate::{
    id::{ActionId, PeerId, StationId},
    message::MessageType,
    relay::{Load, Neighbour, Shed, UnitPlace},
    security::{Equivocation, Reservation},
    time::{Now, Timestamp},
    world::WorldEvent,
};

/// What a station tells its edge.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something stands against a station that the ledger has to decide on. Only units say so; cars
    /// hand what they find to units.
    Accused {
        /// Which station.
        station: StationId,
        /// What for.
        reason: &'static str,
        /// What stands against it, verified.
        accusation: Accusation,
    },
    /// A message of another station was taken into the world.
    Delivered(Delivery),
    /// The connection to this peer must be closed.
    Disconnect {
        /// Which connection.
        peer: PeerId,
        /// Why.
        reason: DisconnectReason,
    },
    /// One station signed two different messages with one sequence.
    Equivocation(Equivocation),
    /// An own message was signed and queued to every peer.
    Published {
        /// The id it was signed under.
        station: StationId,
        /// Its kind.
        kind: MessageType,
        /// Its generation time.
        generated: Timestamp,
        /// The signed bytes.
        bytes: Bytes,
    },
    /// A message arrived, before it was looked at; only if
    /// [`Config::report_received`](super::Config::report_received).
    Received {
        /// The connection it came by.
        peer: PeerId,
        /// When.
        received: Now,
        /// The bytes.
        bytes: Bytes,
    },
    /// A message was refused.
    Refused {
        /// The connection it came by, or `None` for one from a recording.
        peer: Option<PeerId>,
        /// What it said it was; `None` for a ticket, or where it said nothing that is known.
        kind: Option<MessageType>,
        /// The refusal's name.
        reason: &'static str,
    },
    /// Sequences must be written to durable storage, and
    /// [`Station::handle_reserved`](super::Station::handle_reserved) called then.
    Reserve(Reservation),
    /// What [`Self::HazardKept`] gave is not kept any more.
    HazardForgotten {
        /// Which event.
        action: ActionId,
        /// Who said that it is over; `None` for the event's own report.
        negated_by: Option<StationId>,
    },
    /// The newest report of an event that this unit keeps for others, or what somebody says against
    /// it: write it down in place of the last one, and give it to
    /// [`Station::restore_hazard`](super::Station::restore_hazard) after a restart, reports first.
    HazardKept {
        /// Which event.
        action: ActionId,
        /// Who says that it is over; `None` for the event's own report.
        negated_by: Option<StationId>,
        /// The ticket of its signer, 120 bytes, or 297 with a unit's certificate.
        signer: Bytes,
        /// The signed bytes.
        bytes: Bytes,
        /// How many stations had passed it on.
        hops: u8,
    },
    /// A unit named those nearest who may be called: the whole new list, which takes the place of the
    /// last one of this unit.
    Introduced {
        /// The unit's connection.
        peer: PeerId,
        /// Nearest first.
        neighbours: Vec<Neighbour>,
    },
    /// How much there is to do, compared with what can be done, is in another state now.
    LoadChanged(Load),
    /// More of the revocation list is known, or the same of a later time.
    ListAdvanced {
        /// Up to which entry, exclusive.
        next: u64,
        /// When the list ended there.
        as_of: Timestamp,
    },
    /// The ticket in use is no longer on the revocation list, or the next one is not.
    OwnReinstated,
    /// The ticket in use is on the revocation list: nothing is signed any more.
    OwnRevoked {
        /// The number of its entry.
        number: u64,
        /// When the last slot ends that the entry is for.
        until: Timestamp,
    },
    /// A station whose ticket is known is on the revocation list; it is disconnected and forgotten.
    PeerRevoked {
        /// Which station.
        station: StationId,
        /// The number of its entry.
        number: u64,
    },
    /// The peer asks for a new connection.
    Rotate {
        /// Which connection.
        peer: PeerId,
    },
    /// A peer says what it dropped that was for us.
    Shed {
        /// Which connection.
        peer: PeerId,
        /// How many for which reason.
        shed: Vec<Shed>,
    },
    /// The driving stack publishes again.
    StackResumed,
    /// The driving stack has not published for this long.
    StackSilent(Duration),
    /// Messages are signed under another ticket from now on.
    TicketChanged,
    /// A unit said where units are: the whole new list, which takes the place of its last one.
    UnitsTold {
        /// The unit's connection.
        peer: PeerId,
        /// The unit itself first, then those beside it.
        units: Vec<UnitPlace>,
    },
    /// The picture of the road changed.
    World(WorldEvent),
}

/// What stands against a station.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Accusation {
    /// Its own signed messages prove that it lied: the bytes of an
    /// [`Evidence`](crate::evidence::Evidence).
    Proof(Bytes),
    /// Another station speaks against it: the bytes of a
    /// [`Testimony`](crate::evidence::Testimony).
    Testimony(Bytes),
    /// This unit finds the same by what it hears itself.
    Seen,
}

/// A message on its way into the world.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who signed it.
    pub station: StationId,
    /// Its kind.
    pub kind: MessageType,
    /// When it was signed for.
    pub generated: Timestamp,
    /// The signed bytes.
    pub bytes: Bytes,
    /// How many stations passed it on, as the last of them said; 0 if its signer sent it to us.
    pub hops: u8,
    /// The checks that say it is implausible.
    pub flagged: Vec<&'static str>,
    /// How old the revocation list was by which its ticket was judged; `None` if there was none.
    pub revocation_age: Option<Duration>,
    /// Whether that list was older than it should be, or there was none.
    pub revocation_stale: bool,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DisconnectReason {
    /// It broke the rules of the connection itself.
    Protocol,
    /// It did not say hello, or with a ticket that is refused or not its TLS key's.
    Hello,
    /// It brought too many messages with wrong signatures or bytes.
    Offences,
    /// As many peers as allowed are connected, or as many connections of its ticket.
    PeersFull,
    /// Its ticket, or our own, is on the revocation list.
    Revoked,
    /// The key that signed its ticket was withdrawn, or it is a roadside unit of somebody who no
    /// longer keeps the ledger.
    IssuerWithdrawn,
    /// Its ticket is over; a connection ends with the ticket that opened it.
    TicketOver,
    /// Our own ticket changed while the connection was made.
    Rotated,
}

impl DisconnectReason {
    /// Its name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Hello => "hello",
            Self::Offences => "offences",
            Self::PeersFull => "peers_full",
            Self::Revoked => "revoked",
            Self::IssuerWithdrawn => "issuer_withdrawn",
            Self::TicketOver => "ticket_over",
            Self::Rotated => "rotated",
        }
    }
}
