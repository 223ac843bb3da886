use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        Anchor, Bundle, BundleError, Checkpoint, CheckpointError, Relation, Report, TrunkError,
        Unanchored,
        sample::genesis,
        sample_chain::{HOME, Shard, checkpoint, reading, shards},
    },
};

fn verify(bundle: &Bundle, checkpoint: &Checkpoint) -> Result<Report, BundleError> {
    bundle.clone().verify(&genesis(4), Some(checkpoint))
}

fn anchor(bundle: &Bundle, checkpoint: &Checkpoint) -> Anchor {
    verify(bundle, checkpoint).unwrap().anchor
}

/// Both shards, some blocks later.
fn later(blocks: usize) -> (Shard, Shard) {
    let (mut governance, mut home) = shards();
    for _ in 0..blocks {
        governance.push(Vec::new(), &[], &[]);
        home.push(vec![(reading(900), 0)], &[], &[]);
    }
    (governance, home)
}

#[test]
fn a_checkpoint_of_the_same_blocks_anchors() {
    let (governance, home) = shards();
    let bundle = home.bundle(&governance);
    let report = verify(&bundle, &checkpoint(&[&governance, &home], &[])).unwrap();
    let Anchor::Anchored(points) = &report.anchor else {
        panic!("{:?}", report.anchor)
    };
    let heights: Vec<_> = points.iter().map(|it| (it.shard.0, it.height)).collect();
    assert_eq!(heights, [(0, 6), (1, 12)]);
    assert!(report.is_anchored());
}

#[test]
fn a_newer_checkpoint_that_leads_to_the_bundle_anchors() {
    let (governance, home) = shards();
    let bundle = home.bundle(&governance);
    let (later_governance, later_home) = later(9);
    let mut checkpoint = checkpoint(&[&later_governance], &[6]);
    let home = later_home.trunk(later_home.height(), &[12]);
    checkpoint.shards.push(home);
    assert!(verify(&bundle, &checkpoint).unwrap().is_anchored());
}

#[test]
fn an_older_checkpoint_that_the_bundle_leads_to_anchors() {
    let (governance, home) = later(9);
    let mut bundle = home.bundle(&governance);
    let (old_governance, old_home) = shards();
    let checkpoint = checkpoint(&[&old_governance, &old_home], &[]);
    assert_eq!(
        anchor(&bundle, &checkpoint),
        Anchor::Unanchored(Unanchored::NotLinked {
            shard: ShardId::GOVERNANCE,
            bundle: 15,
            checkpoint: 6
        })
    );
    bundle.governance = Some(governance.trunk(15, &[6]));
    assert_eq!(
        anchor(&bundle, &checkpoint),
        Anchor::Unanchored(Unanchored::NotLinked {
            shard: HOME,
            bundle: 21,
            checkpoint: 12
        })
    );
    bundle.home = home.trunk(21, &[2, 5, 9, 12]);
    assert!(verify(&bundle, &checkpoint).unwrap().is_anchored());
}

#[test]
fn a_checkpoint_without_the_home_shard_does_not_anchor() {
    let (governance, home) = shards();
    let bundle = home.bundle(&governance);
    assert_eq!(
        anchor(&bundle, &checkpoint(&[&governance], &[])),
        Anchor::Unanchored(Unanchored::NoShard(HOME))
    );
    assert_eq!(
        anchor(&bundle, &checkpoint(&[&home], &[])),
        Anchor::Unanchored(Unanchored::NoShard(ShardId::GOVERNANCE))
    );
}

/// [`HOME`] as the same keys might sign it again, without the record at height 9.
pub(super) fn fork() -> Shard {
    let mut fork = Shard::new(HOME);
    for height in 1..=12_u64 {
        let entries = vec![(reading(10 * height), 0)];
        let records: &[usize] = if [2, 5].contains(&height) { &[0] } else { &[] };
        fork.push(entries, records, &[]);
    }
    fork
}

#[test]
fn l8_a_past_that_retired_keys_made_up_is_refused_by_a_checkpoint() {
    let (governance, honest) = shards();
    let bundle = fork().bundle(&governance);
    // By itself it contradicts nothing: the keys are the right ones.
    let report = bundle.clone().verify(&genesis(4), None).unwrap();
    assert!(!report.is_anchored());
    assert_eq!(report.records.len(), 2);

    for earlier in [&[][..], &[2, 9]] {
        let checkpoint = checkpoint(&[&governance], &[]);
        let home = honest.trunk(12, earlier);
        let checkpoint = Checkpoint {
            shards: [checkpoint.shards, vec![home]].concat(),
            ..checkpoint
        };
        assert_eq!(
            verify(&bundle, &checkpoint),
            Err(BundleError::Contradiction(HOME))
        );
    }
}

#[test]
fn l8_a_fork_that_leads_elsewhere_is_refused_at_whatever_height_both_show() {
    let (governance, _) = shards();
    let (_, later_home) = later(5);
    let bundle = fork().bundle(&governance);
    let mut checkpoint = checkpoint(&[&governance], &[]);
    checkpoint.shards.push(later_home.trunk(17, &[5]));
    assert_eq!(
        verify(&bundle, &checkpoint),
        Err(BundleError::Contradiction(HOME))
    );
    checkpoint.shards[1] = later_home.trunk(17, &[4]);
    assert!(!verify(&bundle, &checkpoint).unwrap().is_anchored());
}

#[test]
fn a_false_checkpoint_is_no_anchor() {
    let (governance, home) = shards();
    let bundle = home.bundle(&governance);
    let good = checkpoint(&[&governance, &home], &[]);
    assert_eq!(good.verify(&genesis(4)).unwrap().len(), 2);
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        match verify(&bundle, &checkpoint) {
            Err(BundleError::Checkpoint(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&|it| it.shards.reverse()), CheckpointError::Order);
    assert_eq!(
        refused(&|it| it.shards.push(it.shards[1].clone())),
        CheckpointError::Order
    );
    assert_eq!(
        refused(&|it| it.chain = genesis(5).chain()),
        CheckpointError::ForeignChain(genesis(5).chain())
    );
    assert!(matches!(
        refused(&|it| it.shards[1].newest.header.time = genesis(4).created),
        CheckpointError::Trunk(HOME, TrunkError::Finality(_))
    ));
    assert!(matches!(
        refused(&|it| it.shards[0].newest.header.state_root = Digest::from_bytes([1; 32])),
        CheckpointError::Trunk(ShardId::GOVERNANCE, TrunkError::Finality(_))
    ));
}

#[test]
fn two_checkpoints_show_one_past_or_two_or_are_not_linked() {
    let (governance, home) = shards();
    let (_, later_home) = later(5);
    let old = checkpoint(&[&governance, &home], &[]);
    let with_home = |home| Checkpoint {
        shards: vec![governance.trunk(6, &[]), home],
        ..old.clone()
    };
    for (home, relation) in [
        (home.trunk(12, &[]), Relation::OnePast),
        (later_home.trunk(17, &[12]), Relation::OnePast),
        (later_home.trunk(17, &[4]), Relation::NotLinked),
        (fork().trunk(12, &[]), Relation::Contradiction),
    ] {
        let other = with_home(home);
        let relations = other.relations(&old, &genesis(4)).unwrap();
        assert_eq!(
            relations.into_iter().collect::<Vec<_>>(),
            [(ShardId::GOVERNANCE, Relation::OnePast), (HOME, relation)]
        );
        // Whichever of the two is asked.
        let relations = old.relations(&other, &genesis(4)).unwrap();
        assert_eq!(relations.get(&HOME), Some(&relation));
    }
    let mut unsigned = old.clone();
    unsigned.shards[1].newest.certificate.signatures.clear();
    assert!(matches!(
        unsigned.relations(&old, &genesis(4)),
        Err(CheckpointError::Trunk(HOME, _))
    ));
}

#[test]
fn a_vehicle_at_home_in_shard_0_needs_no_other_headers() {
    let (governance, home) = shards();
    let mut bundle = home.bundle(&governance);
    bundle.vehicle.home = ShardId::GOVERNANCE;
    assert!(matches!(
        bundle.clone().verify(&genesis(4), None),
        Err(BundleError::Trunk(
            ShardId::GOVERNANCE,
            TrunkError::ForeignShard(HOME)
        ))
    ));
    bundle.home = governance.trunk(6, &[]);
    assert_eq!(
        bundle.verify(&genesis(4), None),
        Err(BundleError::Governance)
    );
}
