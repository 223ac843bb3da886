use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::{
        Anchor, Bundle, BundleError, Checkpoint, Completeness, FileError, Genesis, Head, Outcome,
        Path, ProofError, Report, StateProofError, TrunkError, Unanchored,
        sample::{account, genesis},
        sample_chain::{HOME, checkpoint, shards, vehicle},
    },
};

fn bundle() -> Bundle {
    let (governance, home) = shards();
    home.bundle(&governance)
}

fn verify(bundle: Bundle) -> Result<Report, BundleError> {
    bundle.verify(&genesis(4), None)
}

fn refused(change: impl FnOnce(&mut Bundle)) -> BundleError {
    let mut bundle = bundle();
    change(&mut bundle);
    verify(bundle).unwrap_err()
}

#[test]
fn a_bundle_proves_a_vehicles_whole_history() {
    let bundle = Bundle::from_bytes(&bundle().to_bytes()).unwrap();
    let report = verify(bundle).unwrap();
    assert_eq!(report.vehicle, vehicle());
    assert_eq!(report.state.odometer.km, 120);
    let places: Vec<_> = report.records.iter().map(|it| it.block.height).collect();
    assert_eq!(places, [2, 5, 5, 9]);
    let refusals = report
        .records
        .iter()
        .map(|it| it.outcome != Outcome::Applied);
    assert_eq!(refusals.collect::<Vec<_>>(), [false, true, false, false]);
    assert_eq!(report.records[0].signers, [account(2), account(3)]);
    assert_eq!((report.as_of.shard, report.as_of.height), (HOME, 12));
    assert_eq!(report.completeness, Completeness::State);
    assert_eq!(report.anchor, Anchor::Unanchored(Unanchored::NoCheckpoint));
    assert!(!report.development);
}

#[test]
fn a_report_on_a_development_ledger_says_so() {
    // Whatever is in the bundle: the genesis decides.
    let mut content = genesis(4).content().clone();
    content.development = true;
    let development = Genesis::new(content).unwrap();
    assert_ne!(development.chain(), genesis(4).chain());
    assert_eq!(
        bundle().verify(&development, None),
        Err(BundleError::ForeignChain(genesis(4).chain()))
    );
    assert!(genesis(1).development);
}

#[test]
fn a_history_is_complete_by_a_snapshot_too() {
    let (governance, mut home) = shards();
    (0..4).for_each(|_| home.push(Vec::new(), &[], &[]));
    let mut bundle = home.bundle(&governance);
    bundle.head = Head::of_snapshot(&home.states[15], 16, vehicle()).unwrap();
    let report = verify(bundle.clone()).unwrap();
    assert_eq!(report.completeness, Completeness::Snapshot);
    assert_eq!(report.as_of.height, 16);

    let refused = |head: Head| {
        let bundle = Bundle {
            head,
            ..bundle.clone()
        };
        verify(bundle).unwrap_err()
    };
    let Head::Snapshot { vehicle, path, .. } = bundle.head.clone() else {
        unreachable!()
    };
    let at = |height| Head::Snapshot {
        height,
        vehicle: vehicle.clone(),
        path: path.clone(),
    };
    assert_eq!(refused(at(12)), BundleError::NoHeader(12));
    assert_eq!(refused(at(9)), BundleError::NoSnapshot(9));
    let mut sold = vehicle.clone();
    sold.owner = account(1);
    let path = path.clone();
    assert!(matches!(
        refused(Head::Snapshot {
            height: 16,
            vehicle: sold,
            path
        }),
        BundleError::Snapshot(_)
    ));
}

#[test]
fn a_history_from_which_records_were_left_out_is_refused() {
    for index in 0..4 {
        assert_eq!(
            refused(|it| {
                it.records.remove(index);
            }),
            BundleError::Incomplete {
                found: 3,
                expected: 4
            }
        );
    }
    assert_eq!(
        refused(|it| it.records.clear()),
        BundleError::Incomplete {
            found: 0,
            expected: 4
        }
    );
}

#[test]
fn a_history_with_foreign_or_swapped_records_is_refused() {
    let (governance, home) = shards();
    let foreign = home.entry_proof(9, 1);
    assert_eq!(
        refused(|it| {
            it.records[3].entry = foreign.entry.clone();
            it.records[3].path = foreign.path.clone();
        }),
        BundleError::Incomplete {
            found: 4,
            expected: 4
        }
    );
    assert_eq!(refused(|it| it.records.swap(1, 2)), BundleError::Order(2));
    assert_eq!(refused(|it| it.records.swap(0, 3)), BundleError::Order(1));
    assert_eq!(
        refused(|it| it.records[3] = it.records[2].clone()),
        BundleError::Incomplete {
            found: 4,
            expected: 4
        }
    );
    assert_eq!(
        refused(|it| it.records[3].height = 8),
        BundleError::NoHeader(8)
    );
    assert!(matches!(
        refused(|it| it.records[3].height = 12),
        BundleError::Record(3, ProofError::Path(_))
    ));
    assert!(matches!(
        refused(|it| it.records[1].outcome = 0),
        BundleError::Record(1, ProofError::Path(_))
    ));
    assert!(verify(home.bundle(&governance)).is_ok());
}

#[test]
fn another_state_of_the_vehicle_is_refused() {
    let other_root = BundleError::State(StateProofError::OtherRoot);
    assert_eq!(
        refused(|it| {
            let Head::State { vehicle, .. } = &mut it.head else {
                unreachable!()
            };
            vehicle.owner = account(1);
        }),
        other_root
    );
    assert_eq!(refused(|it| it.vehicle.commitment = [1; 32]), other_root);
    // The head of an older state under a newer header.
    let (governance, home) = shards();
    let mut later = shards().1;
    later.push(Vec::new(), &[], &[]);
    let mut bundle = later.bundle(&governance);
    bundle.head = home.bundle(&governance).head;
    assert_eq!(verify(bundle), Err(other_root));
}

#[test]
fn headers_that_are_not_of_one_final_past_are_refused() {
    let trunk = |shard: u16, error| BundleError::Trunk(ShardId(shard), error);
    assert_eq!(
        refused(|it| it.home.earlier.swap(0, 1)),
        trunk(1, TrunkError::Order(2))
    );
    assert_eq!(
        refused(|it| it.home.earlier[1].header.time = genesis(4).created),
        trunk(1, TrunkError::OtherHistory(5))
    );
    assert_eq!(
        refused(|it| it.home.earlier[1].path = it.home.earlier[0].path.clone()),
        trunk(1, TrunkError::OtherHistory(5))
    );
    assert_eq!(
        refused(|it| it.home.earlier[1].path = Path {
            index: 0,
            count: 1,
            siblings: Vec::new()
        }),
        trunk(1, TrunkError::OtherHistory(5))
    );
    assert_eq!(
        refused(|it| it.home.earlier[1].header.shard = ShardId(0)),
        trunk(1, TrunkError::ForeignShard(ShardId(0)))
    );
    assert_eq!(
        refused(|it| it.home.earlier[1].header.chain = ChainId::from_bytes([0; 32])),
        trunk(1, TrunkError::ForeignChain(ChainId::from_bytes([0; 32])))
    );
    assert_eq!(
        refused(|it| it.home.earlier[1].header.state_version = 2),
        trunk(1, TrunkError::Version(5))
    );
    assert_eq!(
        refused(|it| it.home = it.governance.clone().unwrap()),
        trunk(1, TrunkError::ForeignShard(ShardId(0)))
    );
    assert_eq!(
        refused(|it| it.governance = Some(it.home.clone())),
        trunk(0, TrunkError::ForeignShard(ShardId(1)))
    );
    assert_eq!(refused(|it| it.governance = None), BundleError::Governance);
    assert!(matches!(
        refused(|it| it.home.newest.header.state_root = Digest::from_bytes([0; 32])),
        BundleError::Trunk(ShardId(1), TrunkError::Finality(_))
    ));
}

// The issue of all proofs: nothing in a bundle is there without being checked.
#[test]
fn a_bundle_with_any_byte_changed_is_refused() {
    let bytes = bundle().to_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1 << (index % 8);
        let verified = Bundle::from_bytes(&changed).and_then(verify);
        assert!(verified.is_err(), "byte {index} is not checked");
    }
}

#[test]
fn a_bundle_with_bytes_missing_or_too_many_is_refused() {
    let bytes = bundle().to_bytes();
    for length in 0..bytes.len() {
        assert!(Bundle::from_bytes(&bytes[..length]).is_err());
    }
    let longer = [&*bytes, &[0]].concat();
    assert!(matches!(
        Bundle::from_bytes(&longer),
        Err(BundleError::File(FileError::Malformed(_)))
    ));
}

#[test]
fn a_checkpoint_with_any_byte_changed_is_refused() {
    let (governance, home) = shards();
    let bytes = checkpoint(&[&governance, &home], &[3]).to_bytes();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1 << (index % 8);
        let verified = Checkpoint::from_bytes(&changed).and_then(|it| it.verify(&genesis(4)));
        assert!(verified.is_err(), "byte {index} is not checked");
    }
}
