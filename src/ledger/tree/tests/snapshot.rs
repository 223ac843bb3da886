use super::numbers;
use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        FinalizedHeader, Genesis, Header, Snapshot, SnapshotError, SnapshotManifest, Tree,
        sample::{block, certify, genesis},
    },
};

const SHARD: ShardId = ShardId(1);
const HEIGHT: u64 = 8;

type State = Tree<u32, u64>;

/// A manifest of a state, as the committee of four makes it final.
fn manifest(state: &State) -> SnapshotManifest {
    let genesis = genesis(4);
    let mut base = block(&genesis, SHARD, HEIGHT - 1).header;
    base.state_root = state.root();
    let mut header = block(&genesis, SHARD, HEIGHT).header;
    header.parent = base.digest();
    header.snapshot_root = Some(state.snapshot_root());
    SnapshotManifest::new(state, base, finalized(&genesis, header))
}

fn finalized(genesis: &Genesis, header: Header) -> FinalizedHeader {
    FinalizedHeader {
        certificate: certify(genesis, &header),
        header,
        link: Vec::new(),
    }
}

fn begin(manifest: SnapshotManifest) -> Result<Snapshot<u32, u64>, SnapshotError> {
    let genesis = genesis(4);
    Snapshot::new(manifest, genesis.committee(), genesis.chain(), SHARD)
}

fn begun(state: &State) -> Snapshot<u32, u64> {
    begin(manifest(state)).unwrap()
}

#[test]
fn a_snapshot_makes_the_same_state() {
    for count in [0, 1, 255, 256, 257, 3_000] {
        let state = numbers(count);
        let bytes = manifest(&state).to_bytes();
        let mut snapshot = begin(SnapshotManifest::from_bytes(&bytes).unwrap()).unwrap();
        // In whatever order, and some of them twice.
        for (index, chunk) in state
            .snapshot_chunks()
            .enumerate()
            .collect::<Vec<_>>()
            .iter()
            .rev()
        {
            assert_eq!(snapshot.missing(), Some(0));
            snapshot.add(*index, chunk).unwrap();
            snapshot.add(*index, chunk).unwrap();
        }
        assert_eq!(snapshot.missing(), None);
        let (installed, base) = snapshot.install().unwrap();
        assert_eq!(installed, state);
        assert_eq!(installed.len(), state.len());
        assert_eq!(base.height, HEIGHT - 1);
    }
}

#[test]
fn l9_a_snapshot_that_no_committee_made_final_is_refused() {
    let state = numbers(600);
    let good = manifest(&state);
    let refused = |change: &dyn Fn(&mut SnapshotManifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        begin(manifest).unwrap_err()
    };
    assert_eq!(
        refused(&|it| it.chunks[1] = Digest::from_bytes([1; 32])),
        SnapshotError::OtherChunks
    );
    assert_eq!(refused(&|it| it.count += 1), SnapshotError::OtherChunks);
    assert_eq!(
        refused(&|it| {
            it.chunks.pop();
        }),
        SnapshotError::OtherChunks
    );
    assert_eq!(
        refused(&|it| it.chunks.push(it.chunks[0])),
        SnapshotError::OtherChunks
    );
    assert_eq!(
        refused(&|it| it.base.state_root = Digest::from_bytes([1; 32])),
        SnapshotError::OtherBase
    );
    assert_eq!(
        refused(&|it| it.finalized = finalized(&genesis(4), it.base.clone())),
        SnapshotError::NoSnapshot(HEIGHT - 1)
    );
    assert!(matches!(
        refused(&|it| it.finalized.header.snapshot_root = Some(numbers(1).snapshot_root())),
        SnapshotError::Finality(_)
    ));
    assert!(matches!(
        refused(&|it| it.finalized.header.height += 4),
        SnapshotError::Finality(_)
    ));
    // The valid snapshot of another shard.
    let mut header = good.finalized.header.clone();
    header.shard = ShardId(0);
    assert_eq!(
        refused(&|it| it.finalized = finalized(&genesis(4), header.clone())),
        SnapshotError::ForeignShard(ShardId(0))
    );
}

#[test]
fn l9_a_chunk_that_is_not_the_manifests_is_refused_before_it_is_kept() {
    let state = numbers(600);
    let chunks: Vec<_> = state.snapshot_chunks().collect();
    assert_eq!(chunks.len(), 3);
    let mut snapshot = begun(&state);
    for (index, chunk) in chunks.iter().enumerate() {
        for place in (0..chunk.len()).step_by(7) {
            let mut changed = chunk.clone();
            changed[place] ^= 1;
            assert!(snapshot.add(index, &changed).is_err());
        }
        assert!(snapshot.add(index, &chunk[..chunk.len() - 1]).is_err());
        assert!(snapshot.add(index, &[chunk, &[0][..]].concat()).is_err());
        assert_eq!(
            snapshot.add((index + 1) % 3, chunk),
            Err(SnapshotError::OtherChunk((index + 1) % 3))
        );
    }
    assert_eq!(
        snapshot.add(3, &chunks[0]),
        Err(SnapshotError::UnknownChunk(3))
    );
    assert_eq!(snapshot.missing(), Some(0));
}

#[test]
fn l9_a_snapshot_without_all_its_chunks_is_not_installed() {
    let state = numbers(600);
    for missing in 0..3 {
        let mut snapshot = begun(&state);
        for (index, chunk) in state.snapshot_chunks().enumerate() {
            if index != missing {
                snapshot.add(index, &chunk).unwrap();
            }
        }
        assert_eq!(
            snapshot.install().unwrap_err(),
            SnapshotError::Missing(missing)
        );
    }
}

// A count of entries that never come must not be answered with memory.
#[test]
fn l9_a_chunk_that_claims_more_than_it_has_is_refused() {
    let mut snapshot = begun(&numbers(600));
    let claim = u32::MAX.to_le_bytes();
    assert!(matches!(
        snapshot.add(0, &claim),
        Err(SnapshotError::Malformed(_))
    ));
    assert!(matches!(
        snapshot.add(0, &vec![0; (32 << 20) + 1]),
        Err(SnapshotError::TooLong(_))
    ));
}

#[test]
fn l9_a_committee_whose_roots_disagree_is_not_followed() {
    let state = numbers(600);
    let genesis = genesis(4);
    let mut manifest = manifest(&state);
    manifest.base.state_root = numbers(599).root();
    let mut header = manifest.finalized.header.clone();
    header.parent = manifest.base.digest();
    manifest.finalized = finalized(&genesis, header);
    let mut snapshot = begin(manifest).unwrap();
    for (index, chunk) in state.snapshot_chunks().enumerate() {
        snapshot.add(index, &chunk).unwrap();
    }
    assert_eq!(snapshot.install().unwrap_err(), SnapshotError::OtherState);
}

#[test]
fn every_byte_of_a_manifest_counts() {
    let bytes = manifest(&numbers(300)).to_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 0x10;
        let refused = SnapshotManifest::from_bytes(&changed).and_then(begin);
        assert!(refused.is_err(), "byte {index} is not checked");
    }
}
