use std::io::{self, Read};

use wayside::id::{ChainId, ShardId};

use super::RestoreError;

/// One part of a backup. Those of a shard stand together, from its beginning to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// A shard of a ledger begins.
    Begin(ChainId, ShardId),
    /// How the next committee followed the one before.
    Handover(Vec<u8>),
    /// The manifest of a snapshot, if blocks before it are missing.
    Manifest(Vec<u8>),
    /// The snapshot's next chunk.
    Chunk(Vec<u8>),
    /// The next block.
    Block(Vec<u8>),
    /// The votes that made the block before it, and all above the last votes, final.
    Votes(Vec<u8>),
    /// The shard has ended, after so many blocks.
    End(u64),
}

impl Part {
    /// As it stands in the file: a kind, a length, and so many bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Begin(chain, shard) => {
                let mut body = MAGIC.to_vec();
                body.extend_from_slice(chain.as_bytes());
                body.extend_from_slice(&shard.0.to_le_bytes());
                (BEGIN, body)
            }
            Self::Handover(bytes) => (HANDOVER, bytes.clone()),
            Self::Manifest(bytes) => (MANIFEST, bytes.clone()),
            Self::Chunk(bytes) => (CHUNK, bytes.clone()),
            Self::Block(bytes) => (BLOCK, bytes.clone()),
            Self::Votes(bytes) => (VOTES, bytes.clone()),
            Self::End(count) => (END, count.to_le_bytes().to_vec()),
        };
        let length = u32::try_from(body.len()).expect("a part is bounded by a u32");
        [&[kind], &length.to_le_bytes()[..], &body].concat()
    }
}

/// Reads the parts of a backup, one after the other.
pub(crate) struct PartReader<R> {
    source: R,
}

impl<R: Read> PartReader<R> {
    /// Reads from the beginning of `source`.
    pub(crate) fn new(source: R) -> Self {
        Self { source }
    }

    /// The next part; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, RestoreError> {
        let mut kind = [0; 1];
        if self.source.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.source.read_exact(&mut length).map_err(cut)?;
        let length = u64::from(u32::from_le_bytes(length));
        if length > LENGTH_MAX {
            return Err(RestoreError::Malformed);
        }
        let mut body = Vec::new();
        let mut bounded = self.source.by_ref().take(length);
        bounded.read_to_end(&mut body)?;
        if u64::try_from(body.len()).ok() != Some(length) {
            return Err(RestoreError::Cut);
        }
        part(kind, body).map(Some).ok_or(RestoreError::Malformed)
    }
}

fn part([kind]: [u8; 1], body: Vec<u8>) -> Option<Part> {
    match kind {
        BEGIN => {
            let body = body.strip_prefix(MAGIC)?;
            let (chain, shard) = body.split_first_chunk::<32>()?;
            let shard = u16::from_le_bytes(shard.try_into().ok()?);
            let chain = ChainId::from_bytes(*chain);
            Some(Part::Begin(chain, ShardId(shard)))
        }
        HANDOVER => Some(Part::Handover(body)),
        MANIFEST => Some(Part::Manifest(body)),
        CHUNK => Some(Part::Chunk(body)),
        BLOCK => Some(Part::Block(body)),
        VOTES => Some(Part::Votes(body)),
        END => Some(Part::End(u64::from_le_bytes(body.try_into().ok()?))),
        _ => None,
    }
}

fn cut(error: io::Error) -> RestoreError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        RestoreError::Cut
    } else {
        RestoreError::Read(error)
    }
}

/// Names the format and its version.
const MAGIC: &[u8] = b"wayside backup 1\n";

const BEGIN: u8 = 0;
const MANIFEST: u8 = 1;
const CHUNK: u8 = 2;
const BLOCK: u8 = 3;
const VOTES: u8 = 4;
const END: u8 = 5;
const HANDOVER: u8 = 6;

/// Above every block, manifest and chunk.
const LENGTH_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_survive_the_file_and_a_cut_one_is_told() {
        let chain = ChainId::from_bytes([7; 32]);
        let parts = [
            Part::Begin(chain, ShardId(3)),
            Part::Handover(vec![9]),
            Part::Manifest(vec![1]),
            Part::Chunk(Vec::new()),
            Part::Block(vec![2; 300]),
            Part::Votes(vec![3]),
            Part::End(1),
        ];
        let bytes: Vec<u8> = parts.iter().flat_map(Part::to_bytes).collect();
        let mut reader = PartReader::new(bytes.as_slice());
        for part in parts {
            assert_eq!(reader.next().unwrap(), Some(part));
        }
        assert_eq!(reader.next().unwrap(), None);

        let mut cut = PartReader::new(&bytes[..bytes.len() - 1]);
        let error = loop {
            match cut.next() {
                Ok(part) => assert!(part.is_some()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, RestoreError::Cut));
    }

    #[test]
    fn claims_of_length_cost_no_memory() {
        let claim = [BLOCK, 0xff, 0xff, 0xff, 0xff];
        let refused = PartReader::new(claim.as_slice()).next();
        assert!(matches!(refused, Err(RestoreError::Malformed)));
        let claim = [BLOCK, 0xff, 0xff, 0xff, 0x03];
        let refused = PartReader::new(claim.as_slice()).next();
        assert!(matches!(refused, Err(RestoreError::Cut)));
        let foreign = PartReader::new([9, 0, 0, 0, 0].as_slice()).next();
        assert!(matches!(foreign, Err(RestoreError::Malformed)));
    }
}
