use std::ops::Range;

use crate::{
    crypto::Digest,
    id::{ChainId, ShardId},
    ledger::{
        Certificate, CertificateError, Committee, FinalityError, FinalizedHeader, Genesis, Header,
        Misconduct, MisconductError, Proposal, SignedVote, Vote, culprits,
        sample::{account, block, certify, genesis, key, vote_key},
    },
};

const SHARD: ShardId = ShardId(1);

fn proposal(payload: u8) -> Proposal {
    Proposal {
        epoch: 0,
        view: 300,
        parent_view: 5,
        payload: Digest::from_bytes([payload; 32]),
    }
}

fn signed(signer: u16, vote: Vote) -> SignedVote {
    let genesis = genesis(4);
    let bytes = vote.to_signed_bytes(genesis.chain(), SHARD);
    SignedVote {
        signer,
        vote,
        signature: vote_key(&genesis, signer).sign_raw(&bytes),
    }
}

// commonware-utils 2026.10 `union_unique`, commonware-codec `UInt`, commonware-consensus `Proposal`:
// by hand, for a namespace of 84 + 9 bytes, which one byte of length announces.
#[test]
fn votes_are_the_bytes_that_the_engine_signs() {
    let chain = ChainId::from_bytes([0xab; 32]);
    let namespace = format!("wayside/ledger/v1/{}/1", "ab".repeat(32));
    let tail = [&[0, 0xac, 0x02, 5][..], &[7; 32]].concat();
    let expected = |suffix: &str, tail: &[u8]| {
        let whole = format!("{namespace}{suffix}");
        [
            &[u8::try_from(whole.len()).unwrap()],
            whole.as_bytes(),
            tail,
        ]
        .concat()
    };
    let proposal = proposal(7);
    for (vote, bytes) in [
        (Vote::Finalize(proposal), expected("_FINALIZE", &tail)),
        (Vote::Notarize(proposal), expected("_NOTARIZE", &tail)),
        (
            Vote::Nullify {
                epoch: 0,
                view: 300,
            },
            expected("_NULLIFY", &[0, 0xac, 0x02]),
        ),
    ] {
        assert_eq!(vote.to_signed_bytes(chain, SHARD), bytes);
    }
}

#[test]
fn a_quorum_makes_a_header_final() {
    for operators in [1, 4, 7] {
        let genesis = genesis(operators);
        let header = block(&genesis, SHARD, 9).header;
        let certificate = certify(&genesis, &header);
        assert_eq!(
            certificate.verify(genesis.committee(), genesis.chain(), SHARD),
            Ok(())
        );
    }
}

#[test]
fn m16_votes_for_another_shard_ledger_or_epoch_do_not_count() {
    let genesis = genesis(4);
    let header = block(&genesis, SHARD, 9).header;
    let certificate = certify(&genesis, &header);
    let refused = |committee: &Committee, chain, shard| {
        certificate.verify(committee, chain, shard).unwrap_err()
    };
    let later = Committee::new(1, genesis.committee().keys().iter().copied());
    assert_eq!(
        refused(&later, genesis.chain(), SHARD),
        CertificateError::Epoch(0)
    );
    assert_eq!(
        refused(genesis.committee(), genesis.chain(), ShardId(0)),
        CertificateError::BadSignature(0)
    );
    assert_eq!(
        refused(genesis.committee(), ChainId::from_bytes([1; 32]), SHARD),
        CertificateError::BadSignature(0)
    );
    let strangers = Committee::new(0, (1..5).map(account));
    assert!(
        certificate
            .verify(&strangers, genesis.chain(), SHARD)
            .is_err()
    );
}

#[test]
fn votes_that_are_no_quorum_make_nothing_final() {
    let genesis = genesis(4);
    let good = certify(&genesis, &block(&genesis, SHARD, 9).header);
    let refused = |change: &dyn Fn(&mut Certificate)| {
        let mut certificate = good.clone();
        change(&mut certificate);
        certificate
            .verify(genesis.committee(), genesis.chain(), SHARD)
            .unwrap_err()
    };
    assert_eq!(
        refused(&|it| {
            it.signers.pop();
            it.signatures.pop();
        }),
        CertificateError::TooFew(2, 3)
    );
    assert_eq!(
        refused(&|it| it.signers[1] = 0),
        CertificateError::SignerOrder
    );
    assert_eq!(
        refused(&|it| it.signers.swap(0, 1)),
        CertificateError::SignerOrder
    );
    assert_eq!(
        refused(&|it| it.signers.push(3)),
        CertificateError::Counts(4, 3)
    );
    assert_eq!(
        refused(&|it| it.signers[2] = 4),
        CertificateError::UnknownSigner(4)
    );
    assert_eq!(
        refused(&|it| it.signers[2] = 3),
        CertificateError::BadSignature(3)
    );
    assert_eq!(
        refused(&|it| it.signatures.swap(0, 1)),
        CertificateError::BadSignature(0)
    );
    assert_eq!(
        refused(&|it| it.view += 1),
        CertificateError::BadSignature(0)
    );
}

#[test]
fn a_descendant_with_votes_makes_its_ancestors_final() {
    let genesis = genesis(4);
    let headers = linked(5);
    let finalized = FinalizedHeader {
        header: headers[0].clone(),
        link: headers[1..].to_vec(),
        certificate: certify(&genesis, &headers[4]),
    };
    let verify = |finalized: &FinalizedHeader| {
        finalized
            .verify(genesis.committee(), genesis.chain())
            .map(Header::digest)
    };
    assert_eq!(verify(&finalized), Ok(headers[0].digest()));

    let mut broken = finalized.clone();
    broken.link.remove(1);
    assert_eq!(verify(&broken), Err(FinalityError::BrokenLink(12)));
    let mut other = finalized.clone();
    other.header.state_root = Digest::from_bytes([9; 32]);
    assert_eq!(verify(&other), Err(FinalityError::BrokenLink(10)));
    let mut short = finalized.clone();
    short.link.pop();
    assert_eq!(verify(&short), Err(FinalityError::OtherPayload));
    let mut foreign = finalized.clone();
    foreign.header.chain = ChainId::from_bytes([3; 32]);
    assert_eq!(
        verify(&foreign),
        Err(FinalityError::ForeignChain(ChainId::from_bytes([3; 32])))
    );
    let mut later = finalized.clone();
    later.header.epoch = 1;
    assert_eq!(verify(&later), Err(FinalityError::Epoch(1)));
    let mut unknown = finalized;
    unknown.header.version = 2;
    assert_eq!(verify(&unknown), Err(FinalityError::Version));
}

fn linked(count: u64) -> Vec<Header> {
    let genesis = genesis(4);
    let mut headers: Vec<Header> = Vec::new();
    for height in 9..9 + count {
        let mut header = block(&genesis, SHARD, height).header;
        if let Some(last) = headers.last() {
            header.parent = last.digest();
        }
        headers.push(header);
    }
    headers
}

#[test]
fn l6_a_member_that_contradicts_itself_is_named() {
    let genesis = genesis(4);
    let nullify = Vote::Nullify {
        epoch: 0,
        view: 300,
    };
    for (one, other) in [
        (Vote::Notarize(proposal(1)), Vote::Notarize(proposal(2))),
        (Vote::Finalize(proposal(1)), Vote::Finalize(proposal(2))),
        (Vote::Finalize(proposal(1)), nullify),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let proof = Misconduct::new(SHARD, signed(2, one), signed(2, other));
            assert_eq!(proof.verify(genesis.committee(), genesis.chain()), Ok(2));
        }
    }
}

/// The votes of some members that a header is final, in a view.
fn certificate(genesis: &Genesis, payload: u8, view: u64, signers: Range<u16>) -> Certificate {
    let vote = Vote::Finalize(Proposal {
        view,
        ..proposal(payload)
    });
    let bytes = vote.to_signed_bytes(genesis.chain(), SHARD);
    let votes = signers.clone();
    let votes = votes.map(|signer| vote_key(genesis, signer).sign_raw(&bytes));
    let certificate = Certificate {
        epoch: 0,
        view,
        parent_view: 5,
        payload: Digest::from_bytes([payload; 32]),
        signatures: votes.collect(),
        signers: signers.collect(),
    };
    let verified = certificate.verify(genesis.committee(), genesis.chain(), SHARD);
    assert_eq!(verified, Ok(()));
    certificate
}

#[test]
fn l6_two_final_blocks_of_one_view_name_more_than_a_third_of_the_committee() {
    for (operators, quorum) in [(4, 3), (7, 5), (10, 7)] {
        let genesis = genesis(operators);
        let members = u16::from(operators);
        let one = certificate(&genesis, 1, 300, 0..quorum);
        let other = certificate(&genesis, 2, 300, members - quorum..members);
        let votes = one.votes().chain(other.votes());
        let named = culprits(SHARD, votes, genesis.committee(), genesis.chain());
        let both: Vec<_> = (members - quorum..quorum).collect();
        assert!(both.len() > usize::from((members - 1) / 3));
        assert_eq!(named.keys().copied().collect::<Vec<_>>(), both);
        for (signer, proof) in named {
            let verified = proof.verify(genesis.committee(), genesis.chain());
            assert_eq!(verified, Ok(signer));
        }
    }
}

#[test]
fn l6_a_view_that_passed_and_had_a_final_block_names_more_than_a_third_of_the_committee() {
    let genesis = genesis(4);
    let name = |votes: Vec<SignedVote>| {
        let named = culprits(SHARD, votes, genesis.committee(), genesis.chain());
        named.into_keys().collect::<Vec<_>>()
    };
    let one = certificate(&genesis, 1, 300, 0..3);
    let later = certificate(&genesis, 2, 301, 1..4);
    let nullify = Vote::Nullify {
        epoch: 0,
        view: 300,
    };
    let passed = (1..4).map(|signer| signed(signer, nullify));
    let both: Vec<_> = one.votes().chain(later.votes()).collect();
    assert!(name(both.clone()).is_empty());
    assert_eq!(name(both.into_iter().chain(passed).collect()), [1, 2]);
}

#[test]
fn forged_votes_name_nobody_and_hide_nobody() {
    let genesis = genesis(4);
    let one = signed(2, Vote::Finalize(proposal(1)));
    let other = signed(2, Vote::Finalize(proposal(2)));
    let forged = SignedVote { signer: 1, ..other };
    let mine = signed(1, Vote::Finalize(proposal(1)));
    let votes = [forged, mine.clone(), one.clone(), mine, one, other];
    let named = culprits(SHARD, votes, genesis.committee(), genesis.chain());
    assert_eq!(named.into_keys().collect::<Vec<_>>(), [2]);
}

#[test]
fn nobody_is_accused_of_what_honest_members_do() {
    let genesis = genesis(4);
    let verify = |proof: &Misconduct| proof.verify(genesis.committee(), genesis.chain());
    let nullify = Vote::Nullify {
        epoch: 0,
        view: 300,
    };
    let (one, other) = (proposal(1), proposal(2));
    for (first, second) in [
        (Vote::Notarize(one), nullify),
        (Vote::Notarize(one), Vote::Finalize(one)),
        (Vote::Finalize(one), Vote::Finalize(one)),
        (nullify, nullify),
    ] {
        let proof = Misconduct::new(SHARD, signed(2, first), signed(2, second));
        assert_eq!(verify(&proof), Err(MisconductError::NoContradiction));
    }
    let next = Proposal { view: 301, ..other };
    let good = Misconduct::new(
        SHARD,
        signed(2, Vote::Finalize(one)),
        signed(2, Vote::Finalize(other)),
    );
    let refused = |change: &dyn Fn(&mut Misconduct)| {
        let mut proof = good.clone();
        change(&mut proof);
        verify(&proof).unwrap_err()
    };
    assert_eq!(
        refused(&|it| it.second = signed(2, Vote::Finalize(next))),
        MisconductError::TwoRounds
    );
    assert_eq!(
        refused(&|it| it.second = signed(3, Vote::Finalize(other))),
        MisconductError::TwoSigners
    );
    assert_eq!(
        refused(&|it| std::mem::swap(&mut it.first, &mut it.second)),
        MisconductError::Order
    );
    assert_eq!(
        refused(&|it| it.shard = ShardId(0)),
        MisconductError::BadSignature(2)
    );
    assert_eq!(
        refused(&|it| {
            it.first.signer = 1;
            it.second.signer = 1;
        }),
        MisconductError::BadSignature(1)
    );
    assert_eq!(
        refused(&|it| it.second.signature = key(1).sign_raw(b"")),
        MisconductError::BadSignature(2)
    );
}
