use crate::id::DomainId;

/// What a station says to the group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Announcement {
    pub(super) domain: DomainId,
    /// Of the endpoint, at the address that the announcement comes from.
    pub(super) port: u16,
    /// Random, and new for every run of a station; the lower of two dials.
    pub(super) nonce: [u8; 8],
}

impl Announcement {
    pub(super) const LEN: usize = 17;

    /// Magic 4, version 1, domain 2, port 2, nonce 8; big-endian.
    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let fields = MAGIC
            .into_iter()
            .chain([VERSION])
            .chain(self.domain.0.to_be_bytes())
            .chain(self.port.to_be_bytes())
            .chain(self.nonce);
        for (byte, field) in bytes.iter_mut().zip(fields) {
            *byte = field;
        }
        bytes
    }

    /// `None` for anything else that is said to the group.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (magic, rest) = bytes.split_first_chunk()?;
        let (&[version], rest) = rest.split_first_chunk()?;
        let (domain, rest) = rest.split_first_chunk()?;
        let (port, rest) = rest.split_first_chunk()?;
        let port = u16::from_be_bytes(*port);
        (*magic == MAGIC && version == VERSION && port != 0).then_some(Self {
            domain: DomainId(u16::from_be_bytes(*domain)),
            port,
            nonce: rest.try_into().ok()?,
        })
    }
}

const MAGIC: [u8; 4] = *b"wysd";
const VERSION: u8 = 1;
