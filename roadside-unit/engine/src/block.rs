use std::{fmt, sync::Arc};

use commonware_codec::{
    Buf, EncodeSize, Error as CodecError, FixedSize as _, Read, ReadExt as _, Write,
};
use commonware_consensus::{BoundedBlock, Heightable, types::Height};
use commonware_cryptography::{Digestible, sha256};
use commonware_runtime::BufMut;
use wayside::{crypto::Digest, ledger::Block};

/// The digest of a header, as the engine's type for 32 bytes; nothing is hashed with SHA-256.
pub(crate) type Payload = sha256::Digest;

/// A block as members send it to each other and store it.
///
/// What is voted on is the header's digest. That a block can be read means that its entries and
/// their outcomes are those that the header commits to, so nobody can pass on a final header with
/// another body.
#[derive(Clone)]
pub(crate) struct OrderedBlock {
    block: Arc<Block>,
    bytes: Arc<[u8]>,
    payload: Payload,
}

impl OrderedBlock {
    /// Wraps a block that was made here.
    pub(crate) fn new(block: Block) -> Self {
        Self {
            bytes: block.to_bytes().into(),
            payload: payload(&block.header.digest()),
            block: Arc::new(block),
        }
    }

    /// The block.
    pub(crate) fn block(&self) -> &Block {
        &self.block
    }

    /// The digest of its header.
    pub(crate) fn payload(&self) -> Payload {
        self.payload
    }
}

impl Write for OrderedBlock {
    fn write(&self, buf: &mut impl BufMut) {
        let length = u32::try_from(self.bytes.len());
        length.expect("a block is bounded by a u32").write(buf);
        buf.put_slice(&self.bytes);
    }
}

impl EncodeSize for OrderedBlock {
    fn encode_size(&self) -> usize {
        u32::SIZE + self.bytes.len()
    }
}

impl Read for OrderedBlock {
    /// The most bytes of a block.
    type Cfg = usize;

    fn read_cfg(buf: &mut impl Buf, length_max: &usize) -> Result<Self, CodecError> {
        let length = usize::try_from(u32::read(buf)?).unwrap_or(usize::MAX);
        if length > *length_max {
            return Err(CodecError::InvalidLength(length));
        }
        if buf.remaining() < length {
            return Err(CodecError::EndOfBuffer);
        }
        let mut bytes = vec![0; length];
        buf.copy_to_slice(&mut bytes);
        let block = Block::from_bytes(&bytes, *length_max)
            .map_err(|_| CodecError::Invalid("block", "not a canonical block"))?;
        Ok(Self {
            payload: payload(&block.header.digest()),
            block: Arc::new(block),
            bytes: bytes.into(),
        })
    }
}

impl Digestible for OrderedBlock {
    type Digest = Payload;

    fn digest(&self) -> Payload {
        self.payload
    }
}

impl Heightable for OrderedBlock {
    fn height(&self) -> Height {
        Height::new(self.block.header.height)
    }
}

impl commonware_consensus::Block for OrderedBlock {
    fn parent(&self) -> Payload {
        payload(&self.block.header.parent)
    }
}

impl BoundedBlock for OrderedBlock {
    fn max_encode_size(length_max: &usize) -> usize {
        u32::SIZE + length_max
    }
}

impl fmt::Debug for OrderedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedBlock")
            .field("height", &self.block.header.height)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// A header's digest as what is voted on.
pub(crate) fn payload(digest: &Digest) -> Payload {
    Payload::from(*digest.as_bytes())
}

/// What was voted on as a header's digest.
pub(crate) fn digest(payload: &Payload) -> Digest {
    Digest::from_bytes(payload.0)
}
