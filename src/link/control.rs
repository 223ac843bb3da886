use bytes::{BufMut as _, Bytes, BytesMut};

use super::LinkError;
use crate::id::StationId;

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
        }
        bytes.freeze()
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

/// Most bytes of a control frame: a hello.
pub(super) const FRAME_LEN_MAX: usize = 1 + 2 + TICKET_LEN;
