use bytes::{BufMut as _, Bytes, BytesMut};

use super::LinkError;
use crate::{id::StationId, time::Timestamp};

/// What two stations tell each other about the connection itself.
///
/// On the wire: one byte that names the frame, then its fields, big-endian, of fixed length.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ControlFrame {
    /// 1, or 8 if it is a roadside unit's: opens the connection, in both directions.
    Hello(HelloFrame),
    /// 2: asks for the ticket of a station whose message came with a digest that we do not know.
    TicketRequest(StationId),
    /// 3, or 9 if it is a roadside unit's: a ticket, which verifies by itself.
    Ticket(TicketBytes),
    /// 4: asks the side that dialled for a new connection, since our ticket changed.
    Rotate,
    /// 5: how much of the revocation list we know.
    ListNews(ListNews),
    /// 6: asks for what follows these many entries of the revocation list.
    ListRequest {
        /// How many of them we know.
        have: u64,
    },
    /// 7: the answer, at most [`LIST_UPDATE_LEN_MAX`] bytes, which proves itself.
    ListUpdate(Bytes),
    /// 10: what a car and a roadside unit tell each other of the road, at most
    /// [`ROADSIDE_LEN_MAX`] bytes, opaque here.
    Roadside(Bytes),
}

/// A ticket as it goes from station to station, not yet looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TicketBytes {
    /// A vehicle's, 120 bytes.
    Vehicle(Box<[u8; TICKET_LEN]>),
    /// A roadside unit's certificate, 177 bytes, and the ticket that the unit made by it.
    Unit(Box<[u8; UNIT_TICKET_LEN]>),
}

/// How much of the revocation list somebody knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListNews {
    /// Up to which entry, exclusive.
    pub next: u64,
    /// When the list ended there.
    pub as_of: Timestamp,
}

/// The first frame of a connection, from each side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HelloFrame {
    /// [`PROTOCOL_VERSION`] of the sender.
    pub version: u16,
    /// The ticket whose key the sender's TLS identity must be.
    pub ticket: TicketBytes,
}

/// The version of frames and envelopes that this code speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Most bytes of an update of the revocation list that go from station to station; a longer one, some
/// 800 entries, only a unit hands out.
pub const LIST_UPDATE_LEN_MAX: usize = 64 * 1024;

/// Most bytes that go at once between a car and a roadside unit about the road.
pub const ROADSIDE_LEN_MAX: usize = 4 * 1024;

/// Bytes of a ticket.
pub const TICKET_LEN: usize = 120;

/// Bytes of a roadside unit's certificate and one of its tickets.
pub const UNIT_TICKET_LEN: usize = 177 + TICKET_LEN;

impl TicketBytes {
    /// All of them.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Vehicle(ticket) => ticket.as_slice(),
            Self::Unit(ticket) => ticket.as_slice(),
        }
    }

    /// The ticket with these bytes, which tell by their number whose it is.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        if let Ok(ticket) = bytes.try_into() {
            return Some(Self::Vehicle(Box::new(ticket)));
        }
        let ticket = bytes.try_into().ok()?;
        Some(Self::Unit(Box::new(ticket)))
    }
}

impl ControlFrame {
    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(FRAME_LEN_MAX);
        match self {
            Self::Hello(hello) => {
                bytes.put_u8(match &hello.ticket {
                    TicketBytes::Vehicle(_) => HELLO,
                    TicketBytes::Unit(_) => UNIT_HELLO,
                });
                bytes.put_u16(hello.version);
                bytes.put_slice(hello.ticket.as_slice());
            }
            Self::TicketRequest(station) => {
                bytes.put_u8(TICKET_REQUEST);
                bytes.put_slice(station.as_bytes());
            }
            Self::Ticket(ticket) => {
                bytes.put_u8(match ticket {
                    TicketBytes::Vehicle(_) => TICKET,
                    TicketBytes::Unit(_) => UNIT_TICKET,
                });
                bytes.put_slice(ticket.as_slice());
            }
            Self::Rotate => bytes.put_u8(ROTATE),
            Self::ListNews(news) => {
                bytes.put_u8(LIST_NEWS);
                bytes.put_u64(news.next);
                bytes.put_u64(news.as_of.unix_ms());
            }
            Self::ListRequest { have } => {
                bytes.put_u8(LIST_REQUEST);
                bytes.put_u64(*have);
            }
            Self::ListUpdate(update) => {
                bytes.put_u8(LIST_UPDATE);
                bytes.put_slice(update);
            }
            Self::Roadside(notice) => {
                bytes.put_u8(ROADSIDE);
                bytes.put_slice(notice);
            }
        }
        bytes.freeze()
    }

    /// Whether a frame with these bytes is about the revocation list.
    pub(super) fn is_about_list(bytes: &[u8]) -> bool {
        let kinds = [LIST_NEWS, LIST_REQUEST, LIST_UPDATE];
        bytes.first().is_some_and(|kind| kinds.contains(kind))
    }

    /// Whether a frame with these bytes is an update of the revocation list.
    pub(super) fn is_list_update(bytes: &[u8]) -> bool {
        bytes.first() == Some(&LIST_UPDATE)
    }

    /// Whether a frame with these bytes is what a car and a roadside unit tell each other.
    pub(super) fn is_roadside(bytes: &[u8]) -> bool {
        bytes.first() == Some(&ROADSIDE)
    }

    /// Reads a whole frame; one byte too few or too many is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, LinkError> {
        let (&kind, body) = bytes.split_first().ok_or(LinkError::Malformed)?;
        match kind {
            HELLO | UNIT_HELLO => {
                let (version, ticket) = body.split_first_chunk().ok_or(LinkError::Malformed)?;
                Ok(Self::Hello(HelloFrame {
                    version: u16::from_be_bytes(*version),
                    ticket: ticket_of(kind == UNIT_HELLO, ticket)?,
                }))
            }
            TICKET_REQUEST => Ok(Self::TicketRequest(StationId::from_bytes(exact(body)?))),
            TICKET | UNIT_TICKET => Ok(Self::Ticket(ticket_of(kind == UNIT_TICKET, body)?)),
            ROTATE => exact::<0>(body).map(|_| Self::Rotate),
            LIST_NEWS => {
                let (next, as_of) = body.split_first_chunk().ok_or(LinkError::Malformed)?;
                let as_of = u64::from_be_bytes(exact(as_of)?);
                Ok(Self::ListNews(ListNews {
                    next: u64::from_be_bytes(*next),
                    as_of: Timestamp::from_unix_ms(as_of).ok_or(LinkError::Malformed)?,
                }))
            }
            LIST_REQUEST => Ok(Self::ListRequest {
                have: u64::from_be_bytes(exact(body)?),
            }),
            LIST_UPDATE => Ok(Self::ListUpdate(Bytes::copy_from_slice(body))),
            ROADSIDE => Ok(Self::Roadside(Bytes::copy_from_slice(body))),
            unknown => Err(LinkError::UnknownFrame(unknown)),
        }
    }
}

fn ticket_of(is_unit: bool, bytes: &[u8]) -> Result<TicketBytes, LinkError> {
    Ok(if is_unit {
        TicketBytes::Unit(Box::new(exact(bytes)?))
    } else {
        TicketBytes::Vehicle(Box::new(exact(bytes)?))
    })
}

fn exact<const LEN: usize>(bytes: &[u8]) -> Result<[u8; LEN], LinkError> {
    bytes.try_into().map_err(|_| LinkError::Malformed)
}

const HELLO: u8 = 1;
const TICKET_REQUEST: u8 = 2;
const TICKET: u8 = 3;
const ROTATE: u8 = 4;
const LIST_NEWS: u8 = 5;
const LIST_REQUEST: u8 = 6;
const LIST_UPDATE: u8 = 7;
const UNIT_HELLO: u8 = 8;
const UNIT_TICKET: u8 = 9;
const ROADSIDE: u8 = 10;

/// Most bytes of a control frame about the connection itself: a roadside unit's hello.
pub(super) const FRAME_LEN_MAX: usize = 1 + 2 + UNIT_TICKET_LEN;
