use bytes::{BufMut as _, Bytes, BytesMut};

use super::LinkError;
use crate::{id::StationId, time::Timestamp};

/// What two stations tell each other about the connection itself.
///
/// On the wire: one byte that names the frame, then its fields, big-endian, of fixed length.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ControlFrame {
    /// 1: opens the connection, in both directions.
    Hello(HelloFrame),
    /// 2: asks for the ticket of a station whose message came with a digest that we do not know.
    TicketRequest(StationId),
    /// 3: a ticket of 120 bytes, which verifies by itself.
    Ticket(Box<[u8; TICKET_LEN]>),
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
    pub ticket: Box<[u8; TICKET_LEN]>,
}

/// The version of frames and envelopes that this code speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Most bytes of an update of the revocation list that go from station to station; a longer one, some
/// 800 entries, only a unit hands out.
pub const LIST_UPDATE_LEN_MAX: usize = 64 * 1024;

/// Bytes of a ticket.
pub const TICKET_LEN: usize = 120;

impl ControlFrame {
    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(FRAME_LEN_MAX);
        match self {
            Self::Hello(hello) => {
                bytes.put_u8(HELLO);
                bytes.put_u16(hello.version);
                bytes.put_slice(hello.ticket.as_slice());
            }
            Self::TicketRequest(station) => {
                bytes.put_u8(TICKET_REQUEST);
                bytes.put_slice(station.as_bytes());
            }
            Self::Ticket(ticket) => {
                bytes.put_u8(TICKET);
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

    /// Reads a whole frame; one byte too few or too many is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, LinkError> {
        let (&kind, body) = bytes.split_first().ok_or(LinkError::Malformed)?;
        match kind {
            HELLO => {
                let (version, ticket) = body.split_first_chunk().ok_or(LinkError::Malformed)?;
                Ok(Self::Hello(HelloFrame {
                    version: u16::from_be_bytes(*version),
                    ticket: Box::new(exact(ticket)?),
                }))
            }
            TICKET_REQUEST => Ok(Self::TicketRequest(StationId::from_bytes(exact(body)?))),
            TICKET => Ok(Self::Ticket(Box::new(exact(body)?))),
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
            unknown => Err(LinkError::UnknownFrame(unknown)),
        }
    }
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

/// Most bytes of a control frame that was not asked for: a hello.
pub(super) const FRAME_LEN_MAX: usize = 1 + 2 + TICKET_LEN;
