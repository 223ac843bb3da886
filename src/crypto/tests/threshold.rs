use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::crypto::{
    Commitment, Context, KeyMaking, KeySeed, KeyShare, Nonces, SignatureShare, ThresholdError,
};

const TICKET: &[&[u8]] = &[b"what a ticket says"];

type Parts = BTreeMap<u16, Vec<u8>>;
type Secrets = BTreeMap<u16, Zeroizing<[u8; 32]>>;

fn makers(threshold: u16, members: u16) -> Vec<KeyMaking> {
    let maker = |place: u16| {
        let seed = KeySeed::from_bytes([place.to_be_bytes()[1]; 32]);
        KeyMaking::new(&seed, b"first key", place, threshold, members).unwrap()
    };
    (1..=members).map(maker).collect()
}

fn firsts(makers: &[KeyMaking], but: u16) -> Parts {
    let parts = (1..).zip(makers).filter(|(place, _)| *place != but);
    parts
        .map(|(place, it)| (place, it.first_part().to_vec()))
        .collect()
}

/// What all others have sent to one member.
fn seconds(makers: &[KeyMaking], to: u16) -> Secrets {
    let others = (1_u16..).zip(makers).filter(|(place, _)| *place != to);
    let part = |(place, it): (u16, &KeyMaking)| {
        let mut parts = it.second_parts(&firsts(makers, place)).unwrap();
        (place, parts.remove(&to).unwrap())
    };
    others.map(part).collect()
}

fn shares(threshold: u16, members: u16) -> Vec<KeyShare> {
    let makers = makers(threshold, members);
    let finish = |(place, it): (u16, &KeyMaking)| {
        it.finish(&firsts(&makers, place), &seconds(&makers, place))
            .unwrap()
    };
    (1..).zip(&makers).map(finish).collect()
}

type Commitments = BTreeMap<u16, Commitment>;

fn commit(signers: &[&KeyShare]) -> (Vec<Nonces>, Commitments) {
    let drawn = signers.iter().map(|it| (it.place(), it.commit()));
    let mut nonces = Vec::new();
    let mut commitments = BTreeMap::new();
    for (place, (of_place, commitment)) in drawn {
        nonces.push(of_place);
        commitments.insert(place, commitment);
    }
    (nonces, commitments)
}

fn sign(signers: &[&KeyShare]) -> (Commitments, BTreeMap<u16, SignatureShare>) {
    let (nonces, commitments) = commit(signers);
    let shares = signers.iter().zip(nonces).map(|(it, nonces)| {
        let share = it.sign(nonces, &commitments, Context::Ticket, TICKET);
        (it.place(), share.unwrap())
    });
    let shares = shares.collect();
    (commitments, shares)
}

#[test]
fn any_two_of_three_sign_and_the_signature_is_an_ordinary_one() {
    let all = shares(2, 3);
    let key = all[0].verifying_key();
    assert!(all.iter().all(|it| it.verifying_key() == key));
    for pair in [[0, 1], [0, 2], [1, 2]] {
        let signers = pair.map(|it| &all[it]);
        let (commitments, shares) = sign(&signers);
        let signature = signers[0].aggregate(&commitments, &shares, Context::Ticket, TICKET);
        let signature = signature.unwrap();
        assert!(key.verify(Context::Ticket, TICKET, &signature).is_ok());
        assert!(key.verify(Context::Message, TICKET, &signature).is_err());
    }
}

#[test]
fn one_of_three_cannot_sign() {
    let all = shares(2, 3);
    let (mut nonces, commitments) = commit(&[&all[0]]);
    let signed = all[0].sign(nonces.remove(0), &commitments, Context::Ticket, TICKET);
    assert_eq!(signed, Err(ThresholdError::Members));

    // Both commitments by one member, who has one share only.
    let (mut nonces, mut commitments) = commit(&[&all[0]]);
    let (_, own) = all[0].commit();
    commitments.insert(2, own);
    let share = all[0].sign(nonces.remove(0), &commitments, Context::Ticket, TICKET);
    let share = share.unwrap();
    let shares = [(1, share), (2, share)].into();
    let signature = all[0].aggregate(&commitments, &shares, Context::Ticket, TICKET);
    assert_eq!(signature, Err(ThresholdError::Culprits(vec![2])));
}

#[test]
fn whoever_gives_a_false_share_is_named() {
    let all = shares(2, 3);
    let signers = [&all[0], &all[2]];
    let (commitments, mut shares) = sign(&signers);
    let mut bytes = shares.get(&3).unwrap().to_bytes();
    bytes[0] ^= 1;
    shares.insert(3, SignatureShare::from_bytes(&bytes).unwrap());
    let signature = all[1].aggregate(&commitments, &shares, Context::Ticket, TICKET);
    assert_eq!(signature, Err(ThresholdError::Culprits(vec![3])));
}

#[test]
fn whoever_posts_what_cannot_be_is_named() {
    let makers = makers(2, 3);
    let mut false_first = firsts(&makers, 1);
    false_first.get_mut(&2).unwrap()[40] ^= 1;
    let parts = makers[0].second_parts(&false_first);
    assert_eq!(parts.err(), Some(ThresholdError::Culprits(vec![2])));
    let mut short = firsts(&makers, 1);
    short.get_mut(&3).unwrap().pop();
    let parts = makers[0].second_parts(&short);
    assert_eq!(parts.err(), Some(ThresholdError::Culprits(vec![3])));

    let mut false_second = seconds(&makers, 1);
    false_second.get_mut(&3).unwrap()[0] ^= 1;
    let share = makers[0].finish(&firsts(&makers, 1), &false_second);
    assert_eq!(share.err(), Some(ThresholdError::Culprits(vec![3])));
}

#[test]
fn a_member_that_begins_anew_from_its_seed_says_the_same() {
    let [one, other] = [makers(2, 3), makers(2, 3)];
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.first_part(), other.first_part());
    }
    let seed = KeySeed::from_bytes([1; 32]);
    let next = KeyMaking::new(&seed, b"second key", 1, 2, 3).unwrap();
    assert_ne!(one[0].first_part(), next.first_part(), "of another key");
}

#[test]
fn a_share_is_what_was_stored_and_nothing_else_is_one() {
    for share in shares(2, 3) {
        let bytes = share.to_bytes();
        let read = KeyShare::from_bytes(&bytes).unwrap();
        assert_eq!(
            (read.place(), read.threshold(), read.members()),
            (share.place(), 2, 3)
        );
        assert_eq!(*read.to_bytes(), *bytes);
        // All but the threshold, another of which only keeps this member from signing.
        for place in (0..39).filter(|place| *place != 4) {
            let mut changed = bytes.to_vec();
            changed[place] ^= 1;
            assert!(KeyShare::from_bytes(&changed).is_err(), "byte {place}");
        }
        assert!(KeyShare::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }
}

#[test]
fn m14_weak_commitments_are_refused() {
    let share = shares(2, 2).remove(0);
    let (_, commitment) = share.commit();
    let good = *commitment.as_bytes();
    assert_eq!(Commitment::from_bytes(&good), Ok(commitment));
    let identity: [u8; 32] = std::array::from_fn(|place| u8::from(place == 0));
    let order_four = [0; 32];
    // The sum of a key and a point of order 8 (`speccheck`, case 4).
    let torsioned = "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d";
    let torsioned = crate::id::bytes_from_hex(torsioned).unwrap();
    let no_point = [0xff; 32];
    for weak in [identity, order_four, torsioned, no_point] {
        for half in 0..2 {
            let mut bytes = good;
            bytes[32 * half..][..32].copy_from_slice(&weak);
            assert!(Commitment::from_bytes(&bytes).is_err(), "{weak:x?}");
        }
    }
}

#[test]
fn numbers_that_make_no_joint_key_are_refused() {
    let seed = KeySeed::from_bytes([1; 32]);
    for (place, threshold, members) in [(1, 1, 1), (1, 1, 3), (1, 4, 3), (4, 2, 3), (1, 2, 65)] {
        let making = KeyMaking::new(&seed, b"key", place, threshold, members);
        assert!(making.is_err(), "{place}: {threshold} of {members}");
    }
}
