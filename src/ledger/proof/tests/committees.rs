use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        Bundle, BundleError, Certificate, Checkpoint, Committee, Committees, FinalityError,
        FinalizedHeader, Handover, HandoverError, Header, Key, Proposal, State, StateProofError,
        Value, Vote,
        sample::{account, block, certify, genesis, key},
        sample_chain::{Shard, shards},
    },
};

const GOVERNANCE: ShardId = ShardId::GOVERNANCE;

/// The committee of epoch 1: accounts 30 to 33.
fn next() -> Committee {
    Committee::new(1, (30..34).map(account))
}

/// A header of shard 0 whose state names committees.
fn naming(committees: &[Committee]) -> (Header, State) {
    let entries = committees.iter().map(|committee| {
        let key = Key::Committee(committee.epoch());
        (key, Some(Value::Committee(committee.clone())))
    });
    let state = State::new().apply(entries.collect());
    let mut header = block(&genesis(4), GOVERNANCE, 5).header;
    header.state_root = state.root();
    (header, state)
}

fn finalized(header: Header) -> FinalizedHeader {
    FinalizedHeader {
        certificate: certify(&genesis(4), &header),
        header,
        link: Vec::new(),
    }
}

fn handover() -> Handover {
    let (header, state) = naming(&[genesis(4).committee().clone(), next()]);
    Handover {
        finalized: finalized(header),
        committee: next(),
        proof: state.prove(&Key::Committee(1)),
    }
}

/// A header of epoch 1 with the votes of its committee.
fn of_next_epoch() -> FinalizedHeader {
    let genesis = genesis(4);
    let mut header = block(&genesis, ShardId(1), 50).header;
    header.epoch = 1;
    let proposal = Proposal {
        epoch: 1,
        view: 3,
        parent_view: 2,
        payload: header.digest(),
    };
    let bytes = Vote::Finalize(proposal).to_signed_bytes(genesis.chain(), ShardId(1));
    let mut votes: Vec<_> = (30..33)
        .map(|number| {
            let index = next().index(&account(number)).unwrap();
            (index, key(number).sign_raw(&bytes))
        })
        .collect();
    votes.sort_by_key(|(index, _)| *index);
    let (signers, signatures) = votes.into_iter().unzip();
    FinalizedHeader {
        header,
        link: Vec::new(),
        certificate: Certificate {
            epoch: 1,
            view: 3,
            parent_view: 2,
            payload: proposal.payload,
            signers,
            signatures,
        },
    }
}

#[test]
fn a_committee_hands_over_to_the_next() {
    let mut committees = Committees::of(&genesis(4));
    let later = of_next_epoch();
    assert_eq!(committees.verify(&later), Err(FinalityError::Epoch(1)));
    committees.follow(&handover()).unwrap();
    assert_eq!(committees.committee(1), Some(&next()));
    assert_eq!(committees.verify(&later), Ok(&later.header));
    // The same again says nothing new.
    committees.follow(&handover()).unwrap();
}

#[test]
fn l15_nobody_appoints_a_committee_but_the_one_before() {
    let refused = |change: &dyn Fn(&mut Handover)| {
        let mut handover = handover();
        change(&mut handover);
        Committees::of(&genesis(4)).follow(&handover).unwrap_err()
    };
    let strangers = Committee::new(1, (50..54).map(account));
    assert_eq!(
        refused(&|it| it.committee = strangers.clone()),
        HandoverError::State(StateProofError::OtherRoot)
    );
    assert_eq!(
        refused(&|it| it.committee = Committee::new(2, next().keys().iter().copied())),
        HandoverError::Epoch(2)
    );
    assert_eq!(
        refused(&|it| it.committee = Committee::new(0, next().keys().iter().copied())),
        HandoverError::Epoch(0)
    );
    assert!(matches!(
        refused(&|it| it.finalized.header.state_root = Digest::from_bytes([1; 32])),
        HandoverError::Finality(FinalityError::OtherPayload)
    ));
    assert!(matches!(
        refused(&|it| it.finalized = of_next_epoch()),
        HandoverError::Finality(FinalityError::Epoch(1))
    ));
    assert_eq!(
        refused(&|it| {
            let mut header = it.finalized.header.clone();
            header.shard = ShardId(1);
            it.finalized = finalized(header);
        }),
        HandoverError::ForeignShard(ShardId(1))
    );
}

#[test]
fn two_committees_for_one_epoch_are_refused() {
    let strangers = Committee::new(1, (50..54).map(account));
    let (header, state) = naming(std::slice::from_ref(&strangers));
    let other = Handover {
        finalized: finalized(header),
        committee: strangers,
        proof: state.prove(&Key::Committee(1)),
    };
    let mut committees = Committees::of(&genesis(4));
    committees.follow(&handover()).unwrap();
    assert_eq!(
        committees.follow(&other),
        Err(HandoverError::TwoCommittees(1))
    );
}

#[test]
fn a_hand_over_outside_the_bundles_past_is_refused() {
    let (governance, home) = shards();
    let mut bundle = home.bundle(&governance);
    bundle.handovers.push(handover());
    assert_eq!(
        bundle.verify(&genesis(4), None),
        Err(BundleError::HandoverElsewhere(1))
    );
}

/// Shard 0 whose first block names a committee for epoch 1, and then some more blocks.
fn governance_naming(committee: &Committee) -> (Shard, Handover) {
    let mut shard = Shard::new(GOVERNANCE);
    let key = Key::Committee(1);
    let named = Value::Committee(committee.clone());
    shard.state = shard.state.apply([(key.clone(), Some(named))].into());
    (0..6).for_each(|_| shard.push(Vec::new(), &[], &[]));
    let handover = Handover {
        finalized: shard.finalized(2),
        committee: committee.clone(),
        proof: shard.states[2].prove(&key),
    };
    (shard, handover)
}

#[test]
fn l8_of_two_committees_the_bundles_is_refused() {
    let (_, home) = shards();
    let strangers = Committee::new(1, (50..54).map(account));
    let (real, handover) = governance_naming(&next());
    let (forged, forgery) = governance_naming(&strangers);
    let checkpoint = Checkpoint {
        chain: real.genesis.chain(),
        handovers: vec![handover.clone()],
        shards: vec![real.trunk(6, &[]), home.trunk(12, &[])],
    };
    let bundle = |governance: &Shard, handover: &Handover| {
        let mut bundle = home.bundle(governance);
        bundle.governance = Some(governance.trunk(6, &[2]));
        bundle.handovers.push(handover.clone());
        bundle
    };
    let verify = |bundle: Bundle, checkpoint| bundle.verify(&genesis(4), checkpoint);
    let good = bundle(&real, &handover);
    assert!(verify(good, Some(&checkpoint)).unwrap().is_anchored());
    let bad = bundle(&forged, &forgery);
    assert!(!verify(bad.clone(), None).unwrap().is_anchored());
    assert_eq!(
        verify(bad, Some(&checkpoint)),
        Err(BundleError::Handover(HandoverError::TwoCommittees(1)))
    );
}
